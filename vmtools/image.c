/* SPDX-License-Identifier: MIT */
/*
 * See image.h. mke2fs -d copies the tree; what has to be added (busybox, mount points) is a second tree of our own, laid over
 * the first by debugfs, so that the user's directory is only read. Files keep their owners as mke2fs -d sees them.
 */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "compile.h"
#include "ext4/ext4_format.h"
#include "say.h"
#include "spawn.h"

#define BUSYBOX "/bin/busybox"
#define PATH_SIZE 512
#define BLOCK 4096ull
#define MOUNT_POINTS 3
#define BLOCK_KIB_LOG_MAX 6u /* blocks of 64 KiB */

static uint64_t tree_bytes, tree_files;

static int count_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	tree_files++;
	tree_bytes += BLOCK + (S_ISREG(st->st_mode) ? ((uint64_t)st->st_size + BLOCK - 1) / BLOCK * BLOCK : 0);
	return 0;
}

static bool exists_below(const char *dir, const char *name)
{
	char path[PATH_SIZE];
	struct stat st;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return lstat(path, &st) == 0;
}

/*
 * The debugfs commands that add directories which the root does not have: those on which the guest kernel mounts (the first ones), and,
 * around busybox, all of them.
 */
static void write_directories(FILE *script, const char *dir, bool all)
{
	static const char *const names[] = { "dev", "proc", "tmp", "bin", "sbin", "usr", "usr/bin", "usr/sbin", "etc", "root", "sys",
					     "mnt", "var", "home", "run" };
	for (size_t i = 0; i < (all ? sizeof(names) / sizeof(names[0]) : MOUNT_POINTS); i++) {
		if (!dir || !exists_below(dir, names[i])) {
			fprintf(script, "mkdir %s\nset_inode_field %s mode 04%s\n", names[i], names[i],
				strcmp(names[i], "tmp") == 0 ? "1777" : "0755");
		}
	}
}

/* `busybox --list-full` names the applets as "bin/ls"; each becomes a symbolic link to /bin/busybox. */
static int write_applets(FILE *script, const char *dir)
{
	FILE *list = popen(BUSYBOX " --list-full", "re");
	char line[128];
	unsigned count = 0;
	while (list && fgets(line, sizeof(line), list)) {
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, "bin/busybox") != 0 && (!dir || !exists_below(dir, line))) {
			fprintf(script, "symlink %s /bin/busybox\n", line);
			count++;
		}
	}
	if (!list || pclose(list) != 0 || count == 0) {
		return fail(VMCTL_HOST, "%s does not list its applets: run \"apt-get install busybox-static\" as root", BUSYBOX);
	}
	return 0;
}

/* Text files beside busybox, where the directory has none. */
static void write_texts(FILE *script, const char *scratch, const char *dir)
{
	static const struct { const char *name, *text; } files[] = {
		{ "etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n" },
		{ "etc/group", "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n" },
		{ "etc/hostname", "bulkhead\n" },
		{ "etc/motd", "This is Bulkhead. Ctrl-] opens the hypervisor's console.\n" },
	};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[PATH_SIZE];
		snprintf(path, sizeof(path), "%s/text%zu", scratch, i);
		FILE *file = dir && exists_below(dir, files[i].name) ? NULL : fopen(path, "we");
		if (file) {
			fputs(files[i].text, file);
			fclose(file);
			fprintf(script, "write %s %s\n", path, files[i].name);
		}
	}
}

/* Name servers are the kernel's to know (docs/drivers.md), and this machine's own name needs none. */
static void write_network(FILE *script, const char *scratch, const char *dir)
{
	if (!dir || !exists_below(dir, "etc/resolv.conf")) {
		fprintf(script, "symlink etc/resolv.conf /proc/net/pnp\n");
	}
	char path[PATH_SIZE];
	snprintf(path, sizeof(path), "%s/hosts", scratch);
	FILE *hosts = dir && exists_below(dir, "etc/hosts") ? NULL : fopen(path, "we");
	if (hosts) {
		fputs("127.0.0.1\tlocalhost bulkhead\n::1\tlocalhost\n", hosts);
		fclose(hosts);
		fprintf(script, "write %s etc/hosts\n", path);
	}
}

/* What the root lacks: mount points, and, where it has no shell, busybox and its surroundings. */
static int add_missing(const char *dir, const char *output, const char *scratch)
{
	bool busybox = !dir || !exists_below(dir, "bin/sh");
	if (busybox && access(BUSYBOX, X_OK) != 0) {
		return fail(VMCTL_HOST, "%s is not installed: run \"apt-get install busybox-static\" as root", BUSYBOX);
	}
	char path[PATH_SIZE];
	snprintf(path, sizeof(path), "%s/image.debugfs", scratch);
	FILE *script = fopen(path, "we");
	if (!script) {
		return fail(VMCTL_HOST, "%s can't be written: %s", path, strerror(errno));
	}
	int status = 0;
	write_directories(script, dir, busybox);
	if (busybox) {
		fprintf(script, "write " BUSYBOX " bin/busybox\nset_inode_field bin/busybox mode 0100755\n");
		status = write_applets(script, dir);
		write_texts(script, scratch, dir);
	}
	if (busybox || exists_below(dir, "etc")) {
		write_network(script, scratch, dir);
	}
	fclose(script);
	const char *const debugfs[] = { "debugfs", "-w", "-f", path, output, NULL };
	return status ? status : spawn_run(debugfs, "e2fsprogs");
}

int image_make(const char *dir, const char *output, uint64_t slack, const char *scratch)
{
	struct stat st;
	tree_bytes = tree_files = 0;
	if (dir && stat(dir, &st) != 0) {
		return fail(VMCTL_IMAGE, "directory %s can't be opened: %s", dir, strerror(errno));
	}
	if (dir && !S_ISDIR(st.st_mode)) {
		return fail(VMCTL_IMAGE, "%s is not a directory", dir);
	}
	if (dir && nftw(dir, count_entry, 32, FTW_PHYS) != 0) {
		return fail(VMCTL_IMAGE, "%s can't be read: %s", dir, strerror(errno));
	}
	/* Group descriptors, bitmaps and inode tables take about 2% of the blocks at 16 KiB a node; the rest of the factor is air. */
	uint64_t bytes = tree_bytes + tree_bytes / 16 + slack + slack / 16 + (4ull << 20) + tree_files * 256;
	char blocks[32], inodes[32];
	snprintf(blocks, sizeof(blocks), "%llu", (unsigned long long)(bytes / BLOCK));
	snprintf(inodes, sizeof(inodes), "%llu", (unsigned long long)(tree_files + bytes / 16384 + 1024));
	unlink(output);
	const char *argv[24] = { "mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-b", "4096", "-m", "0", "-L", "bulkhead-root",
				 "-N", inodes, "-E", "lazy_itable_init=1,root_owner=0:0" };
	unsigned n = 17;
	if (dir) {
		argv[n++] = "-d";
		argv[n++] = dir;
	}
	argv[n++] = output;
	argv[n++] = blocks;
	int status = spawn_run(argv, "e2fsprogs");
	return status ? status : add_missing(dir, output, scratch);
}

int image_check(const char *image)
{
	struct ext4_super super;
	struct stat st;
	int fd = open(image, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return fail(VMCTL_IMAGE, "root image %s can't be opened: %s", image, strerror(errno));
	}
	bool good = pread(fd, &super, sizeof(super), EXT4_SUPER_OFFSET) == sizeof(super) && super.magic == EXT4_MAGIC;
	bool regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	close(fd);
	if (!good) {
		return fail(VMCTL_IMAGE, "root %s is neither a directory nor an ext4 file system", image);
	}
	uint64_t blocks = ext4_super_blocks(&super);
	/* A super block with more wrong in it is the guest's to judge. */
	if (regular && super.log_block_size <= BLOCK_KIB_LOG_MAX && blocks > (uint64_t)st.st_size >> (10 + super.log_block_size)) {
		return fail(VMCTL_IMAGE, "root image %s is cut short: its file system has %llu KiB, the file %llu KiB", image,
			    (unsigned long long)blocks << super.log_block_size, (unsigned long long)st.st_size >> 10);
	}
	return 0;
}

int image_overlay(const char *base, const char *output)
{
	char *absolute = realpath(base, NULL);
	if (!absolute) {
		return fail(VMCTL_IMAGE, "root image %s can't be opened: %s", base, strerror(errno));
	}
	const char *const argv[] = { "qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", absolute, output, NULL };
	int status = spawn_run(argv, "qemu-utils");
	free(absolute);
	return status;
}
