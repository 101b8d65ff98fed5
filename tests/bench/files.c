/* SPDX-License-Identifier: MIT */
/*
 * Lines of files that need no disk: names and blocks are in the caches before the clock starts. The path that is walked has four
 * parts, the file is of LARGE_BYTES, and what is created is gone before it has to be written back.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

#define DIRECTORY "/a/b/c"
#define SMALL DIRECTORY "/file"
#define ON_TMPFS "/tmp/file"
#define LARGE_BYTES MIB

static int file = -1;
static char *buffer;

static void fill(const char *path, long bytes)
{
	char block[BLOCK];
	memset(block, 'x', sizeof(block));
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	for (long done = 0; done < bytes; done += BLOCK) {
		if (fd < 0 || write(fd, block, BLOCK) != BLOCK) {
			die(path);
		}
	}
	close(fd);
}

static void small_file(void)
{
	struct stat st;
	mkdir("/a", 0755);
	mkdir("/a/b", 0755);
	mkdir(DIRECTORY, 0755);
	if (stat(SMALL, &st) != 0 || st.st_size != LARGE_BYTES) {
		fill(SMALL, LARGE_BYTES);
		sync(); /* that nobody has to write it back while the clock runs */
	}
}

static void open_close(long ops)
{
	for (long i = 0; i < ops; i++) {
		int fd = open(SMALL, O_RDONLY);
		if (fd < 0 || close(fd) != 0) {
			die(SMALL);
		}
	}
}

static void stat_path(long ops)
{
	struct stat st;
	for (long i = 0; i < ops; i++) {
		if (stat(SMALL, &st) != 0) {
			die(SMALL);
		}
	}
}

static void open_cached(void)
{
	small_file();
	file = open(SMALL, O_RDONLY);
	buffer = malloc(LARGE_BYTES);
	if (file < 0 || !buffer || pread(file, buffer, LARGE_BYTES, 0) != LARGE_BYTES) {
		die(SMALL);
	}
}

static void close_cached(void)
{
	close(file);
	free(buffer);
}

static void pread_cached(long ops, long bytes)
{
	for (long i = 0; i < ops; i++) {
		if (pread(file, buffer, (size_t)bytes, (i * bytes) % LARGE_BYTES) != bytes) {
			die("pread");
		}
	}
}

static void pread_4k(long ops)
{
	pread_cached(ops, BLOCK);
}

static void pread_1m(long ops)
{
	pread_cached(ops, LARGE_BYTES);
}

/* One operation makes a file, writes a block to it, and removes it. */
static void create_unlink(long ops, const char *path)
{
	static const char block[BLOCK] = "x";
	for (long i = 0; i < ops; i++) {
		int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
		if (fd < 0 || write(fd, block, BLOCK) != BLOCK || close(fd) != 0 || unlink(path) != 0) {
			die(path);
		}
	}
}

static void create_ext4(long ops)
{
	create_unlink(ops, DIRECTORY "/new");
}

static void create_tmpfs(long ops)
{
	create_unlink(ops, ON_TMPFS);
}

/* Once without the clock: what has to be read from the disk for it is in memory then. */
static void warm_ext4(void)
{
	small_file();
	create_ext4(1);
}

const struct line file_lines[] = {
	{ "open-close", 10000, open_close, small_file },
	{ "stat", 10000, stat_path, small_file },
	{ "pread-4k-cached", 10000, pread_4k, open_cached, close_cached },
	{ "pread-1m-cached", 100, pread_1m, open_cached, close_cached },
	{ "create-unlink-ext4", 1000, create_ext4, warm_ext4 },
	{ "create-unlink-tmpfs", 2000, create_tmpfs },
	{ 0 },
};
