/* SPDX-License-Identifier: MIT */
/* An ext4 image in memory for the unit tests: made by mke2fs, reached by path names, judged by e2fsck. */
#ifndef FAKE_EXT4_IMAGE_H
#define FAKE_EXT4_IMAGE_H

#include "ext4/ext4.h"

struct ext4_image {
	uint8_t *bytes;
	uint64_t size;
	struct ext4 *fs; /* NULL: not mounted */
	char why[160];
	unsigned fail_after; /* I/O errors from the n-th write on; 0: never */
};

/** A directory of its own for this test program; removed by image_cleanup(). */
const char *image_scratch(void);
void image_cleanup(void);
/** mke2fs with these options; `tree` NULL or a directory to copy in. Fails the test if mke2fs does. */
void image_make(struct ext4_image *image, uint64_t size, const char *options, const char *tree);
int image_mount(struct ext4_image *image, bool read_only);
int image_unmount(struct ext4_image *image);
void image_free(struct ext4_image *image);
/** e2fsck -fn: its exit status; prints what it found when that is not 0. */
int image_check(const struct ext4_image *image);

/* By path, relative to the root, without a leading slash. 0 or negative errno. */
int image_find(struct ext4_image *image, const char *path, struct ext4_inode **inode);
int image_create(struct ext4_image *image, const char *path, uint32_t mode);
int image_symlink(struct ext4_image *image, const char *path, const char *target);
int image_link(struct ext4_image *image, const char *path, const char *other);
int image_unlink(struct ext4_image *image, const char *path);
int image_rmdir(struct ext4_image *image, const char *path);
int image_rename(struct ext4_image *image, const char *from, const char *to);
int image_exchange(struct ext4_image *image, const char *from, const char *to);
int image_truncate(struct ext4_image *image, const char *path, uint64_t size);
int image_punch(struct ext4_image *image, const char *path, uint64_t first, uint64_t end); /* blocks */
long image_pwrite(struct ext4_image *image, struct ext4_inode *inode, const void *data, size_t bytes, uint64_t offset);
long image_pread(struct ext4_image *image, struct ext4_inode *inode, void *data, size_t bytes, uint64_t offset);
/** Compare the whole image with a directory of the host; the number of differences, each printed. */
int image_compare(struct ext4_image *image, const char *directory);

#endif
