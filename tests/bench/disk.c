/* SPDX-License-Identifier: MIT */
/*
 * Lines that read from the disk. Each block of the file is read at most once, random blocks in an order that no read-ahead guesses, so
 * every read goes to the disk with no help from any cache control: [0, 32) MiB random at depth 1, [32, 64) random at depth 32,
 * [64, 96) in order.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"

#define DEPTH 32
#define REGION_BLOCKS (32 * MIB / BLOCK) /* a power of two */
#define STRIDE 4099 /* odd, so multiples of it visit every block of a region once */

static int file_open(void)
{
	int fd = open(file_name, O_RDONLY);
	if (fd < 0) {
		die(file_name);
	}
	return fd;
}

/* Read blocks first, first + step, ... of the region that starts at `region` bytes, `count` of them, in the scattered order. */
static void read_scattered(long region, long first, long step, long count)
{
	char block[BLOCK];
	int fd = file_open();
	for (long i = 0; i < count; i++) {
		long at = (first + i * step) * STRIDE % REGION_BLOCKS;
		if (pread(fd, block, BLOCK, region + at * BLOCK) != BLOCK) {
			die("random read");
		}
	}
	close(fd);
}

static void random_read_1(long ops)
{
	read_scattered(0, 0, 1, ops);
}

/* DEPTH processes read side by side; they start when the pipe that they wait on is closed. */
static void random_read_32(long ops)
{
	pid_t children[DEPTH];
	int gate[2];
	char byte;
	if (pipe(gate) != 0) {
		die("pipe");
	}
	for (long i = 0; i < DEPTH; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			close(gate[1]);
			if (read(gate[0], &byte, 1) != 0) {
				_exit(1);
			}
			read_scattered(32 * MIB, i, DEPTH, ops / DEPTH);
			_exit(0);
		}
	}
	close(gate[0]);
	close(gate[1]);
	for (long i = 0; i < DEPTH; i++) {
		wait_for(children[i]);
	}
}

static void sequential_read(long ops)
{
	char *buffer = malloc(MIB);
	int fd = file_open();
	for (long i = 0; i < ops; i++) {
		if (!buffer || pread(fd, buffer, MIB, 64 * MIB + i % 32 * MIB) != MIB) {
			die("sequential read");
		}
	}
	close(fd);
	free(buffer);
}

const struct line disk_lines[] = {
	{ "random-read-4k-depth-1", 2048, random_read_1 },
	{ "random-read-4k-depth-32", 4096, random_read_32 },
	{ "sequential-read-1m", 32, sequential_read },
	{ 0 },
};
