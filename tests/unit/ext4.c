/* SPDX-License-Identifier: MIT */
/*
 * lib/ext4 against three judges: mke2fs makes the images, a directory of the host is the model that receives the same
 * operations, and e2fsck must find nothing afterwards. Every image flavour runs every test.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "ext4/ext4_format.h"
#include "tests/fake/ext4_image.h"

#define IMAGE_SIZE (24ull << 20)

static const char *const flavours[] = {
	"-t ext4 -b 4096",
	"-t ext4 -b 1024",
	"-t ext4 -b 2048 -O ^64bit",
	"-t ext4 -b 1024 -I 128 -O ^extra_isize,^metadata_csum,uninit_bg",
	"-t ext4 -b 4096 -O ^has_journal,metadata_csum,metadata_csum_seed,^flex_bg",
	"-t ext4 -b 1024 -O meta_bg,^resize_inode,sparse_super2",
	"-t ext3 -b 1024",
	"-t ext2 -b 4096 -I 128",
	"-t ext2 -b 1024 -O ^dir_index,^filetype",
};
#define FLAVOURS (sizeof(flavours) / sizeof(flavours[0]))

static uint32_t seed = 1;

static uint32_t dice(uint32_t sides)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % sides;
}

static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void shell(const char *format, ...)
{
	char command[1024];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	assert_int_equal(system(command), 0);
}

static void source_tree(const char *dir)
{
	shell("mkdir -p %s/a/b/c %s/many && cd %s && echo hello > hello && head -c 3000000 /dev/urandom > big && "
	      "head -c 5000 /dev/urandom > a/small && : > a/empty && truncate -s 5000000 a/sparse && "
	      "printf x | dd of=a/sparse bs=1 seek=3333333 conv=notrunc status=none && ln -s short a/fast && "
	      "ln -s $(printf 'long/%%.0s' $(seq 40)) a/slow && ln big a/b/hardlink && chmod 4711 hello && mkfifo a/fifo && "
	      "for i in $(seq 1500); do : > many/a-rather-long-file-name-$i; done",
	      dir, dir, dir);
}

static void test_read(void **state)
{
	char tree[128];
	snprintf(tree, sizeof(tree), "%s/tree", image_scratch());
	source_tree(tree);
	for (unsigned i = 0; i < FLAVOURS; i++) {
		struct ext4_image image;
		image_make(&image, IMAGE_SIZE, flavours[i], tree);
		assert_int_equal(image_mount(&image, true), 0);
		assert_string_equal(image.why, "");
		if (image_compare(&image, tree)) {
			fail_msg("%s", flavours[i]);
		}
		assert_int_equal(image_unmount(&image), 0);
		image_free(&image);
	}
	shell("rm -rf %s", tree);
}

struct both {
	struct ext4_image image;
	char model[128];
};

static void random_path(char *path, size_t size)
{
	static const char *const dirs[] = { "", "", "d0/", "d1/", "d0/d2/", "d1/d3/", "d0/d2/d4/" };
	static const char *const names[] = { "f%u", "d%u", "a-longer-file-name-that-takes-space-in-the-block-%u" };
	char name[80];
	uint32_t kind = dice(4);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(name, sizeof(name), names[kind == 3 ? 0 : kind], dice(kind == 1 ? 5 : 12));
#pragma GCC diagnostic pop
	snprintf(path, size, "%s%s", dirs[dice(7)], name);
}

static int model_write(const char *path, const void *data, size_t bytes, uint64_t offset)
{
	int fd = open(path, O_WRONLY);
	if (fd < 0) {
		return -errno;
	}
	assert_int_equal(pwrite(fd, data, bytes, (off_t)offset), bytes);
	close(fd);
	return 0;
}

static int both_write(struct both *b, const char *path, const char *host)
{
	static uint8_t data[150000];
	size_t bytes = dice(3) ? dice(9000) + 1 : dice(sizeof(data)) + 1;
	uint64_t offset = dice(4) ? dice(20000) : dice(1000000);
	struct ext4_inode *inode;
	int error = image_find(&b->image, path, &inode);
	struct stat st;
	if (error || (inode->mode & S_IFMT) != S_IFREG) {
		assert_int_equal(lstat(host, &st) == 0 && S_ISREG(st.st_mode), 0);
		if (!error) {
			ext4_iput(inode);
		}
		return 0;
	}
	for (size_t i = 0; i < bytes; i++) {
		data[i] = (uint8_t)dice(256);
	}
	long n = image_pwrite(&b->image, inode, data, bytes, offset);
	ext4_iput(inode);
	assert_int_equal(n, bytes);
	assert_int_equal(model_write(host, data, bytes, offset), 0);
	return 0;
}

/* A name that paths lead through must not become a symbolic link: the host would follow it, the image does not. */
static bool is_dir_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return (slash ? slash[1] : path[0]) == 'd';
}

/* A hole, or several small ones, in whole blocks; not in files without extents. */
static void both_punch(struct both *b, const char *path, const char *host, uint64_t size)
{
	uint64_t block = ext4_block_size(b->image.fs), blocks = (size + block - 1) / block;
	int fd = open(host, O_RDWR);
	assert_true(fd >= 0);
	for (uint32_t holes = 1 + dice(8); holes > 0; holes--) {
		uint64_t first = dice((uint32_t)blocks), count = 1 + dice(dice(2) ? 3 : (uint32_t)blocks);
		int ours = image_punch(&b->image, path, first, first + count);
		if (ours == -EOPNOTSUPP) {
			break;
		}
		int theirs = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(first * block), (off_t)(count * block)) ? -errno : 0;
		if (ours != theirs) {
			fail_msg("a hole of %llu blocks at %llu in %s: %d, expected %d", (unsigned long long)count, (unsigned long long)first, path,
				 ours, theirs);
		}
	}
	close(fd);
}

static void both_step(struct both *b, unsigned step)
{
	char path[160], other[160], host[320], host_other[320];
	int ours = 0, theirs = 0;
	struct stat st;
	random_path(path, sizeof(path));
	random_path(other, sizeof(other));
	snprintf(host, sizeof(host), "%s/%s", b->model, path);
	snprintf(host_other, sizeof(host_other), "%s/%s", b->model, other);
	uint32_t kind = dice(12);
	switch (kind) {
	case 0:
	case 1:
		ours = image_create(&b->image, path, S_IFREG | 0644);
		theirs = mknod(host, S_IFREG | 0644, 0) ? -errno : 0;
		break;
	case 2:
		ours = image_create(&b->image, path, S_IFDIR | 0755);
		theirs = mkdir(host, 0755) ? -errno : 0;
		break;
	case 3:
		ours = image_rmdir(&b->image, path);
		theirs = rmdir(host) ? -errno : 0;
		break;
	case 4:
		ours = image_unlink(&b->image, path);
		theirs = unlink(host) ? -errno : 0;
		break;
	case 5:
		if ((strncmp(path, other, strlen(path)) == 0 && other[strlen(path)] == '/') ||
		    (strncmp(path, other, strlen(other)) == 0 && path[strlen(other)] == '/')) {
			return; /* a directory below itself is the caller's check */
		}
		if (lstat(host, &st) == 0 && S_ISLNK(st.st_mode) && is_dir_name(other)) {
			return;
		}
		if (dice(3) == 0 && !is_dir_name(path) && !is_dir_name(other)) {
			ours = image_exchange(&b->image, path, other);
			theirs = renameat2(AT_FDCWD, host, AT_FDCWD, host_other, RENAME_EXCHANGE) ? -errno : 0;
			break;
		}
		ours = image_rename(&b->image, path, other);
		theirs = rename(host, host_other) ? -errno : 0;
		break;
	case 6:
		if (lstat(host, &st) == 0 && (S_ISDIR(st.st_mode) || (S_ISLNK(st.st_mode) && is_dir_name(other)))) {
			return;
		}
		ours = image_link(&b->image, path, other);
		theirs = link(host, host_other) ? -errno : 0;
		break;
	case 7: {
		char target[200];
		memset(target, 'x', sizeof(target));
		target[1 + dice(150)] = '\0';
		if (is_dir_name(path)) {
			return;
		}
		ours = image_symlink(&b->image, path, target);
		theirs = symlink(target, host) ? -errno : 0;
		break;
	}
	case 8: {
		uint64_t size = dice(2) ? dice(30000) : dice(600000);
		if (lstat(host, &st) != 0 || !S_ISREG(st.st_mode)) {
			return;
		}
		if (dice(2) && st.st_size > 0) {
			both_punch(b, path, host, (uint64_t)st.st_size);
			return;
		}
		ours = image_truncate(&b->image, path, size);
		theirs = truncate(host, (off_t)size) ? -errno : 0;
		break;
	}
	default:
		both_write(b, path, host);
		break;
	}
	if (ours != theirs && !(ours == -ENOTEMPTY && theirs == -EEXIST)) {
		fail_msg("step %u, operation %u on %s and %s: %d, expected %d", step, kind, path, other, ours, theirs);
	}
}

static void test_random(void **state)
{
	for (unsigned i = 0; i < FLAVOURS; i++) {
		struct both b;
		seed = 7 + i;
		snprintf(b.model, sizeof(b.model), "%s/model", image_scratch());
		shell("rm -rf %s && mkdir %s", b.model, b.model);
		image_make(&b.image, IMAGE_SIZE, flavours[i], NULL);
		assert_int_equal(image_mount(&b.image, false), 0);
		for (unsigned step = 0; step < 1500; step++) {
			both_step(&b, step);
			if (step % 400 == 399) {
				assert_int_equal(ext4_sync(b.image.fs), 0);
				if (image_check(&b.image)) {
					fail_msg("%s: e2fsck after step %u", flavours[i], step);
				}
			}
		}
		assert_int_equal(image_compare(&b.image, b.model), 0);
		assert_int_equal(image_unmount(&b.image), 0);
		assert_int_equal(image_check(&b.image), 0);
		assert_int_equal(image_mount(&b.image, false), 0);
		assert_int_equal(image_compare(&b.image, b.model), 0);
		assert_int_equal(image_unmount(&b.image), 0);
		image_free(&b.image);
		shell("rm -rf %s", b.model);
	}
}

/* Names into a directory that mke2fs did not hash and that e2fsck -D did; many files; then all gone again. */
static void test_many_names(void **state)
{
	for (unsigned i = 0; i < FLAVOURS; i++) {
		struct ext4_image image;
		char path[64];
		struct ext4_statistics before, after;
		image_make(&image, IMAGE_SIZE, flavours[i], NULL);
		assert_int_equal(image_mount(&image, false), 0);
		ext4_statistics(image.fs, &before);
		assert_int_equal(image_create(&image, "dir", S_IFDIR | 0755), 0);
		for (unsigned n = 0; n < 600; n++) {
			snprintf(path, sizeof(path), "dir/some-name-of-middling-length-%u", n);
			assert_int_equal(image_create(&image, path, S_IFREG | 0600), 0);
		}
		assert_int_equal(image_unmount(&image), 0);
		assert_int_equal(image_check(&image), 0);
		shell("/sbin/e2fsck -fyD %s/image > /dev/null 2>&1; test $? -le 1", image_scratch());
		snprintf(path, sizeof(path), "%s/image", image_scratch());
		FILE *file = fopen(path, "r");
		assert_int_equal(fread(image.bytes, 1, image.size, file), image.size);
		fclose(file);
		assert_int_equal(image_mount(&image, false), 0);
		assert_int_equal(image_create(&image, "dir/one-more", S_IFREG | 0600), 0);
		assert_int_equal(image_unmount(&image), 0);
		assert_int_equal(image_check(&image), 0);
		assert_int_equal(image_mount(&image, false), 0);
		assert_int_equal(image_rmdir(&image, "dir"), -ENOTEMPTY);
		for (unsigned n = 0; n < 600; n++) {
			snprintf(path, sizeof(path), "dir/some-name-of-middling-length-%u", n);
			assert_int_equal(image_unlink(&image, path), 0);
		}
		assert_int_equal(image_unlink(&image, "dir/one-more"), 0);
		assert_int_equal(image_rmdir(&image, "dir"), 0);
		ext4_statistics(image.fs, &after);
		assert_int_equal(after.free_blocks, before.free_blocks);
		assert_int_equal(after.free_inodes, before.free_inodes);
		assert_int_equal(image_unmount(&image), 0);
		assert_int_equal(image_check(&image), 0);
		image_free(&image);
	}
}

/* Every other block: as many extents as possible, so the tree grows; then the disk fills up; then truncation in steps. */
static void test_fragments_and_full_disk(void **state)
{
	for (unsigned i = 0; i < FLAVOURS; i++) {
		struct ext4_image image;
		struct ext4_inode *inode;
		struct ext4_statistics before, after;
		static uint8_t block[65536];
		image_make(&image, IMAGE_SIZE, flavours[i], NULL);
		assert_int_equal(image_mount(&image, false), 0);
		ext4_statistics(image.fs, &before);
		uint32_t size = before.block_size;
		assert_int_equal(image_create(&image, "holes", S_IFREG | 0600), 0);
		assert_int_equal(image_find(&image, "holes", &inode), 0);
		for (unsigned n = 2000; n > 0; n--) {
			memset(block, (int)n, size);
			assert_int_equal(image_pwrite(&image, inode, block, size, (uint64_t)n * 2 * size), size);
		}
		for (unsigned n = 1; n <= 2000; n++) {
			assert_int_equal(image_pread(&image, inode, block, size, (uint64_t)n * 2 * size), size);
			assert_int_equal(block[size - 1], (uint8_t)n);
		}
		assert_int_equal(ext4_sync(image.fs), 0);
		assert_int_equal(image_check(&image), 0);
		assert_int_equal(image_create(&image, "full", S_IFREG | 0600), 0);
		struct ext4_inode *full;
		assert_int_equal(image_find(&image, "full", &full), 0);
		long n;
		for (uint64_t at = 0; (n = image_pwrite(&image, full, block, sizeof(block), at)) > 0; at += (uint64_t)n) {
		}
		assert_int_equal(n, -ENOSPC);
		assert_int_equal(image_create(&image, "no-room-for-a-directory", S_IFDIR | 0700), -ENOSPC);
		ext4_iput(full);
		assert_int_equal(ext4_sync(image.fs), 0);
		assert_int_equal(image_check(&image), 0);
		assert_int_equal(image_unlink(&image, "full"), 0);
		for (unsigned left = 4000; left > 0; left -= 400) {
			assert_int_equal(image_truncate(&image, "holes", (uint64_t)left * size), 0);
		}
		/* Unlinked while open: the blocks stay until the last reference goes. */
		assert_int_equal(image_unlink(&image, "holes"), 0);
		assert_int_equal(image_pwrite(&image, inode, block, size, 0), size);
		ext4_iput(inode);
		ext4_statistics(image.fs, &after);
		assert_int_equal(after.free_blocks, before.free_blocks);
		assert_int_equal(image_unmount(&image), 0);
		assert_int_equal(image_check(&image), 0);
		image_free(&image);
	}
}

static void test_unwritten(void **state)
{
	struct ext4_image image;
	struct ext4_inode *inode;
	struct ext4_mapping m;
	uint8_t block[4096], zero[4096] = { 0 };
	image_make(&image, IMAGE_SIZE, flavours[0], NULL);
	assert_int_equal(image_mount(&image, false), 0);
	assert_int_equal(image_create(&image, "f", S_IFREG | 0600), 0);
	assert_int_equal(image_find(&image, "f", &inode), 0);
	assert_int_equal(ext4_map(inode, 0, 100, EXT4_MAP_PREALLOCATE, &m), 0);
	assert_int_equal(m.state, EXT4_UNWRITTEN);
	assert_int_equal(m.count, 100);
	inode->size = 100 * 4096;
	ext4_inode_dirty(inode);
	memset(block, 0x5a, sizeof(block));
	assert_int_equal(image_pwrite(&image, inode, block, 4096, 50 * 4096), 4096);
	assert_int_equal(image_pwrite(&image, inode, block, 4096, 0), 4096);
	assert_int_equal(image_pwrite(&image, inode, block, 4096, 99 * 4096), 4096);
	for (unsigned n = 0; n < 100; n++) {
		uint8_t got[4096];
		assert_int_equal(image_pread(&image, inode, got, 4096, n * 4096ull), 4096);
		assert_memory_equal(got, n == 0 || n == 50 || n == 99 ? block : zero, 4096);
	}
	ext4_iput(inode);
	assert_int_equal(image_unmount(&image), 0);
	assert_int_equal(image_check(&image), 0);
	image_free(&image);
}

/* A crash with an unlinked open file: the next mount frees it. */
static void test_orphan(void **state)
{
	struct ext4_image image, copy;
	struct ext4_inode *one, *two;
	uint8_t block[4096] = { 1 };
	image_make(&image, IMAGE_SIZE, flavours[1], NULL);
	assert_int_equal(image_mount(&image, false), 0);
	assert_int_equal(image_create(&image, "one", S_IFREG | 0600), 0);
	assert_int_equal(image_create(&image, "two", S_IFREG | 0600), 0);
	assert_int_equal(image_find(&image, "one", &one), 0);
	assert_int_equal(image_find(&image, "two", &two), 0);
	assert_int_equal(image_pwrite(&image, one, block, 4096, 0), 4096);
	assert_int_equal(image_unlink(&image, "one"), 0);
	assert_int_equal(image_unlink(&image, "two"), 0);
	assert_int_equal(ext4_sync(image.fs), 0);
	copy = image;
	copy.bytes = malloc(image.size);
	memcpy(copy.bytes, image.bytes, image.size);
	assert_int_equal(image_mount(&copy, false), 0);
	assert_int_equal(image_unmount(&copy), 0);
	assert_int_equal(image_check(&copy), 0);
	image_free(&copy);
	ext4_iput(one);
	ext4_iput(two);
	assert_int_equal(image_unmount(&image), 0);
	assert_int_equal(image_check(&image), 0);
	image_free(&image);
}

static struct ext4_super *super_of(struct ext4_image *image)
{
	return (struct ext4_super *)(image->bytes + EXT4_SUPER_OFFSET);
}

static void test_refusals(void **state)
{
	struct ext4_image image;
	const char *plain = "-t ext4 -b 4096 -O ^metadata_csum";
	image_make(&image, IMAGE_SIZE, plain, NULL);
	super_of(&image)->magic = 0x1234;
	assert_int_equal(image_mount(&image, false), -EINVAL);
	assert_string_equal(image.why, "bad ext4 superblock magic 0x1234");
	super_of(&image)->magic = EXT4_MAGIC;
	super_of(&image)->incompat |= 0x8000;
	assert_int_equal(image_mount(&image, false), -EINVAL);
	assert_non_null(strstr(image.why, "inline_data"));
	super_of(&image)->incompat &= ~0x8000u;
	super_of(&image)->incompat |= EXT4_INCOMPAT_RECOVER;
	assert_int_equal(image_mount(&image, false), 0);
	assert_true(ext4_is_read_only(image.fs));
	assert_non_null(strstr(image.why, "needs recovery"));
	assert_int_equal(image_create(&image, "x", S_IFREG), -EROFS);
	assert_int_equal(image_unmount(&image), 0);
	super_of(&image)->incompat &= ~(uint32_t)EXT4_INCOMPAT_RECOVER;
	super_of(&image)->ro_compat |= 0x100;
	assert_int_equal(image_mount(&image, false), 0);
	assert_true(ext4_is_read_only(image.fs));
	assert_non_null(strstr(image.why, "quota"));
	assert_int_equal(image_unmount(&image), 0);
	super_of(&image)->ro_compat &= ~0x100u;
	super_of(&image)->blocks_per_group = 0;
	assert_int_equal(image_mount(&image, false), -EIO);
	image_free(&image);

	image_make(&image, IMAGE_SIZE, flavours[0], NULL);
	super_of(&image)->free_inodes ^= 1;
	assert_int_equal(image_mount(&image, false), -EIO);
	assert_non_null(strstr(image.why, "checksum"));
	image_free(&image);
}

static bool emit_all(void *context, const char *name, unsigned length, uint32_t number, unsigned type)
{
	return true;
}

/* Touch everything in a damaged image; only memory safety and an end are asked for (the sanitizers watch). */
static void walk(struct ext4_image *image, struct ext4_inode *dir, unsigned depth)
{
	static const char *const names[] = { "a", "b", "c", "many", "hello", "big", "small", "sparse", "slow", "fast", "hardlink" };
	static uint8_t data[70000];
	uint64_t offset = 0;
	ext4_readdir(dir, &offset, emit_all, NULL);
	for (unsigned i = 0; depth < 4 && i < sizeof(names) / sizeof(names[0]); i++) {
		uint32_t number;
		struct ext4_inode *inode;
		if (ext4_lookup(dir, names[i], strlen(names[i]), &number) || ext4_iget(image->fs, number, &inode)) {
			continue;
		}
		uint32_t type = inode->mode & S_IFMT;
		if (type == S_IFREG) {
			struct ext4_mapping m;
			image_pread(image, inode, data, sizeof(data), 0);
			ext4_map(inode, dice(1u << 20), 100, 0, &m);
			ext4_map(inode, dice(1u << 12), 4, EXT4_MAP_CREATE, &m);
		} else if (type == S_IFDIR) {
			walk(image, inode, depth + 1);
		} else if (type == S_IFLNK) {
			ext4_readlink(inode, (char *)data, sizeof(data));
		}
		ext4_iput(inode);
	}
	image_create(image, "fresh", S_IFREG | 0600);
	image_create(image, "a/fresh", S_IFDIR | 0700);
	image_unlink(image, "big");
	image_rename(image, "a/b", "moved");
	image_truncate(image, "a/sparse", 1000);
}

static void test_damage(void **state)
{
	char tree[128];
	snprintf(tree, sizeof(tree), "%s/tree", image_scratch());
	source_tree(tree);
	const char *const kinds[] = { "-t ext4 -b 1024 -O ^metadata_csum,^has_journal", "-t ext2 -b 1024", "-t ext4 -b 4096 -O ^has_journal" };
	for (unsigned kind = 0; kind < 3; kind++) {
		struct ext4_image image;
		image_make(&image, IMAGE_SIZE, kinds[kind], tree);
		uint8_t *pristine = malloc(image.size);
		memcpy(pristine, image.bytes, image.size);
		for (unsigned round = 0; round < 60; round++) {
			memcpy(image.bytes, pristine, image.size);
			seed = round * 31 + kind;
			/* Metadata is at the start: super block, descriptors, bitmaps, inode tables, first directories. */
			uint32_t span = round % 3 == 0 ? 8192 : round % 3 == 1 ? 400000 : (uint32_t)image.size;
			for (unsigned hit = 0; hit < 1 + round * 4; hit++) {
				image.bytes[1024 + dice(span - 1024)] = (uint8_t)dice(256);
			}
			if (image_mount(&image, false) == 0) {
				struct ext4_inode *root;
				if (ext4_iget(image.fs, EXT4_ROOT_INODE, &root) == 0) {
					walk(&image, root, 0);
					ext4_iput(root);
				}
				image_unmount(&image);
			}
		}
		free(pristine);
		image_free(&image);
	}
	shell("rm -rf %s", tree);
}

static void test_write_errors(void **state)
{
	struct ext4_image image;
	image_make(&image, IMAGE_SIZE, flavours[0], NULL);
	assert_int_equal(image_mount(&image, false), 0);
	assert_int_equal(image_create(&image, "f", S_IFREG | 0600), 0);
	image.fail_after = 1;
	assert_int_equal(ext4_sync(image.fs), -EIO);
	image.fail_after = 0;
	assert_int_equal(ext4_sync(image.fs), 0);
	assert_int_equal(image_unmount(&image), 0);
	assert_int_equal(image_check(&image), 0);
	image_free(&image);
}

int main(void)
{
	umask(0);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read), cmocka_unit_test(test_random), cmocka_unit_test(test_many_names),
		cmocka_unit_test(test_fragments_and_full_disk), cmocka_unit_test(test_unwritten), cmocka_unit_test(test_orphan),
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_damage), cmocka_unit_test(test_write_errors),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	image_cleanup();
	return failed;
}
