/* SPDX-License-Identifier: MIT */
/* See ext4_image.h. File data is copied straight to and from the image where ext4_map() says; that is what a page cache does. */
#include "tests/fake/ext4_image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char scratch[64];

const char *image_scratch(void)
{
	if (!scratch[0]) {
		snprintf(scratch, sizeof(scratch), "/tmp/ext4-test-XXXXXX");
		if (!mkdtemp(scratch)) {
			abort();
		}
	}
	return scratch;
}

void image_cleanup(void)
{
	char command[128];
	if (scratch[0]) {
		snprintf(command, sizeof(command), "rm -rf %s", scratch);
		if (system(command) != 0) {
			fprintf(stderr, "cannot remove %s\n", scratch);
		}
	}
}

static int io_read(void *context, uint64_t offset, void *buffer, uint32_t bytes)
{
	struct ext4_image *image = context;
	if (offset + bytes > image->size) {
		return -EIO;
	}
	memcpy(buffer, image->bytes + offset, bytes);
	return 0;
}

static int io_write(void *context, uint64_t offset, const void *buffer, uint32_t bytes)
{
	struct ext4_image *image = context;
	if (offset + bytes > image->size) {
		return -EIO;
	}
	if (image->fail_after && --image->fail_after == 0) {
		image->fail_after = 1;
		return -EIO;
	}
	memcpy(image->bytes + offset, buffer, bytes);
	return 0;
}

static int io_flush(void *context)
{
	return 0;
}

static void *io_alloc(void *context, uint32_t bytes)
{
	return malloc(bytes);
}

static void io_free(void *context, void *buffer, uint32_t bytes)
{
	free(buffer);
}

static uint64_t io_wall(void *context)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void image_make(struct ext4_image *image, uint64_t size, const char *options, const char *tree)
{
	char command[512];
	memset(image, 0, sizeof(*image));
	snprintf(command, sizeof(command), "cd %s && rm -f image && truncate -s %llu image && /sbin/mke2fs -q -F %s %s %s image",
		 image_scratch(), (unsigned long long)size, options, tree ? "-d" : "", tree ? tree : "");
	if (system(command) != 0) {
		fprintf(stderr, "failed: %s\n", command);
		abort();
	}
	snprintf(command, sizeof(command), "%s/image", image_scratch());
	image->bytes = malloc(size);
	image->size = size;
	FILE *file = fopen(command, "r");
	if (!file || fread(image->bytes, 1, size, file) != size) {
		abort();
	}
	fclose(file);
}

int image_mount(struct ext4_image *image, bool read_only)
{
	struct ext4_io io = { image, image->size, false, io_read, io_write, io_flush, io_alloc, io_free, io_wall };
	return ext4_mount(&io, read_only, &image->fs, image->why, sizeof(image->why));
}

int image_unmount(struct ext4_image *image)
{
	int error = ext4_unmount(image->fs);
	image->fs = NULL;
	return error;
}

void image_free(struct ext4_image *image)
{
	free(image->bytes);
	memset(image, 0, sizeof(*image));
}

int image_check(const struct ext4_image *image)
{
	char command[256];
	snprintf(command, sizeof(command), "%s/image", image_scratch());
	FILE *file = fopen(command, "w");
	if (!file || fwrite(image->bytes, 1, image->size, file) != image->size || fclose(file) != 0) {
		abort();
	}
	snprintf(command, sizeof(command), "/sbin/e2fsck -fn %s/image > %s/e2fsck.txt 2>&1", scratch, scratch);
	int status = system(command);
	if (status != 0) {
		snprintf(command, sizeof(command), "head -40 %s/e2fsck.txt >&2", scratch);
		if (system(command) != 0) {
			fprintf(stderr, "no output of e2fsck\n");
		}
	}
	return status;
}

/* The directory that holds the last name of the path, and that name. */
static int parent_find(struct ext4_image *image, const char *path, struct ext4_inode **dir, const char **name)
{
	const char *slash = strrchr(path, '/');
	char head[512];
	*name = slash ? slash + 1 : path;
	snprintf(head, sizeof(head), "%.*s", slash ? (int)(slash - path) : 0, path);
	int error = image_find(image, head, dir);
	if (!error && ((*dir)->mode & S_IFMT) != S_IFDIR) {
		ext4_iput(*dir);
		error = -ENOTDIR;
	}
	return error;
}

int image_find(struct ext4_image *image, const char *path, struct ext4_inode **out)
{
	struct ext4_inode *at;
	int error = ext4_iget(image->fs, EXT4_ROOT_INODE, &at);
	while (!error && *path) {
		size_t length = strcspn(path, "/");
		uint32_t number;
		error = ext4_lookup(at, path, length, &number);
		ext4_iput(at);
		error = error ? error : ext4_iget(image->fs, number, &at);
		path += length + (path[length] == '/');
	}
	*out = error ? NULL : at;
	return error;
}

int image_create(struct ext4_image *image, const char *path, uint32_t mode)
{
	struct ext4_inode *dir, *inode;
	const char *name;
	int error = parent_find(image, path, &dir, &name);
	if (error) {
		return error;
	}
	error = ext4_create(dir, name, strlen(name), mode, 0, 0, (struct ext4_owner){ geteuid(), getegid() }, &inode);
	if (!error) {
		ext4_iput(inode);
	}
	ext4_iput(dir);
	return error;
}

int image_symlink(struct ext4_image *image, const char *path, const char *target)
{
	struct ext4_inode *dir, *inode;
	const char *name;
	int error = parent_find(image, path, &dir, &name);
	if (error) {
		return error;
	}
	error = ext4_symlink(dir, name, strlen(name), target, (struct ext4_owner){ 0, 0 }, &inode);
	if (!error) {
		ext4_iput(inode);
	}
	ext4_iput(dir);
	return error;
}

int image_link(struct ext4_image *image, const char *path, const char *other)
{
	struct ext4_inode *dir, *inode;
	const char *name;
	int error = image_find(image, path, &inode);
	if (error) {
		return error;
	}
	error = parent_find(image, other, &dir, &name);
	if (!error) {
		error = ext4_link(dir, name, strlen(name), inode);
		ext4_iput(dir);
	}
	ext4_iput(inode);
	return error;
}

static int by_name(struct ext4_image *image, const char *path, int (*act)(struct ext4_inode *, const char *, size_t))
{
	struct ext4_inode *dir;
	const char *name;
	int error = parent_find(image, path, &dir, &name);
	if (!error) {
		error = act(dir, name, strlen(name));
		ext4_iput(dir);
	}
	return error;
}

int image_unlink(struct ext4_image *image, const char *path)
{
	return by_name(image, path, ext4_unlink);
}

int image_rmdir(struct ext4_image *image, const char *path)
{
	return by_name(image, path, ext4_rmdir);
}

static int names_change(struct ext4_image *image, const char *from, const char *to,
			int (*change)(struct ext4_inode *, const char *, size_t, struct ext4_inode *, const char *, size_t))
{
	struct ext4_inode *a, *b;
	const char *from_name, *to_name;
	int error = parent_find(image, from, &a, &from_name);
	if (error) {
		return error;
	}
	error = parent_find(image, to, &b, &to_name);
	if (!error) {
		error = change(a, from_name, strlen(from_name), b, to_name, strlen(to_name));
		ext4_iput(b);
	}
	ext4_iput(a);
	return error;
}

int image_rename(struct ext4_image *image, const char *from, const char *to)
{
	return names_change(image, from, to, ext4_rename);
}

int image_exchange(struct ext4_image *image, const char *from, const char *to)
{
	return names_change(image, from, to, ext4_exchange);
}

int image_truncate(struct ext4_image *image, const char *path, uint64_t size)
{
	struct ext4_inode *inode;
	int error = image_find(image, path, &inode);
	if (error) {
		return error;
	}
	uint32_t block_size = ext4_block_size(image->fs);
	struct ext4_mapping m;
	if (size < inode->size && size % block_size && ext4_map(inode, size / block_size, 1, 0, &m) == 0 && m.state == EXT4_MAPPED) {
		memset(image->bytes + m.block * block_size + size % block_size, 0, block_size - size % block_size);
	}
	error = ext4_truncate(inode, size);
	ext4_iput(inode);
	return error;
}

int image_punch(struct ext4_image *image, const char *path, uint64_t first, uint64_t end)
{
	struct ext4_inode *inode;
	int error = image_find(image, path, &inode);
	if (!error) {
		error = ext4_punch(inode, first, end);
		ext4_iput(inode);
	}
	return error;
}

long image_pwrite(struct ext4_image *image, struct ext4_inode *inode, const void *data, size_t bytes, uint64_t offset)
{
	uint32_t block_size = ext4_block_size(image->fs);
	size_t done = 0;
	while (done < bytes) {
		struct ext4_mapping m;
		uint64_t at = offset + done;
		int error = ext4_map(inode, at / block_size, (uint32_t)((at % block_size + bytes - done + block_size - 1) / block_size),
				     EXT4_MAP_CREATE, &m);
		if (error && done == 0) {
			return error;
		}
		if (error) {
			bytes = done;
			break;
		}
		if (m.fresh) {
			memset(image->bytes + m.block * block_size, 0, (size_t)m.count * block_size);
		}
		size_t n = (size_t)m.count * block_size - at % block_size;
		n = n < bytes - done ? n : bytes - done;
		memcpy(image->bytes + m.block * block_size + at % block_size, (const char *)data + done, n);
		done += n;
	}
	if (offset + bytes > inode->size) {
		inode->size = offset + bytes;
		ext4_inode_dirty(inode);
	}
	return (long)done;
}

long image_pread(struct ext4_image *image, struct ext4_inode *inode, void *data, size_t bytes, uint64_t offset)
{
	uint32_t block_size = ext4_block_size(image->fs);
	size_t done = 0;
	bytes = offset >= inode->size ? 0 : bytes < inode->size - offset ? bytes : inode->size - offset;
	while (done < bytes) {
		struct ext4_mapping m;
		uint64_t at = offset + done;
		int error = ext4_map(inode, at / block_size, 1u << 16, 0, &m);
		if (error) {
			return error;
		}
		size_t n = (size_t)m.count * block_size - at % block_size;
		n = n < bytes - done ? n : bytes - done;
		if (m.state == EXT4_MAPPED) {
			memcpy((char *)data + done, image->bytes + m.block * block_size + at % block_size, n);
		} else {
			memset((char *)data + done, 0, n);
		}
		done += n;
	}
	return (long)done;
}

static int compare_file(struct ext4_image *image, struct ext4_inode *inode, const char *path, uint64_t size)
{
	char *ours = malloc(size + 1), *theirs = malloc(size + 1);
	FILE *file = fopen(path, "r");
	bool same = file && fread(theirs, 1, size, file) == size && image_pread(image, inode, ours, size, 0) == (long)size &&
		    memcmp(ours, theirs, size) == 0;
	if (file) {
		fclose(file);
	}
	free(ours);
	free(theirs);
	return !same;
}

struct counter {
	unsigned names;
};

static bool emit_count(void *context, const char *name, unsigned length, uint32_t number, unsigned type)
{
	((struct counter *)context)->names++;
	return true;
}

static int compare_tree(struct ext4_image *image, const char *inside, const char *outside);

static int compare_one(struct ext4_image *image, const char *inside, const char *outside)
{
	struct stat st;
	struct ext4_inode *inode;
	char ours[4096], theirs[4096];
	int bad = 0;
	if (lstat(outside, &st) != 0 || image_find(image, inside, &inode) != 0) {
		fprintf(stderr, "missing: %s\n", inside);
		return 1;
	}
	if (inode->mode != st.st_mode || (!S_ISDIR(st.st_mode) && inode->links != st.st_nlink)) {
		fprintf(stderr, "%s: mode %o links %u, expected %o %u\n", inside, inode->mode, inode->links, st.st_mode, (unsigned)st.st_nlink);
		bad = 1;
	}
	if (S_ISREG(st.st_mode)) {
		bad |= inode->size != (uint64_t)st.st_size || compare_file(image, inode, outside, (uint64_t)st.st_size);
	} else if (S_ISLNK(st.st_mode)) {
		long n = readlink(outside, theirs, sizeof(theirs));
		bad |= ext4_readlink(inode, ours, sizeof(ours)) != n || memcmp(ours, theirs, (size_t)n) != 0;
	}
	ext4_iput(inode);
	if (bad) {
		fprintf(stderr, "differs: %s\n", inside);
	}
	return bad + (S_ISDIR(st.st_mode) ? compare_tree(image, inside, outside) : 0);
}

static int compare_tree(struct ext4_image *image, const char *inside, const char *outside)
{
	DIR *d = opendir(outside);
	struct dirent *e;
	int bad = 0;
	unsigned names = 0;
	while (d && (e = readdir(d)) != NULL) {
		char a[700], b[700];
		names++;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
			continue;
		}
		snprintf(a, sizeof(a), "%s%s%s", inside, *inside ? "/" : "", e->d_name);
		snprintf(b, sizeof(b), "%s/%s", outside, e->d_name);
		bad += compare_one(image, a, b);
	}
	closedir(d);
	struct ext4_inode *dir;
	struct counter counter = { 0 };
	uint64_t offset = 0;
	if (image_find(image, inside, &dir) != 0) {
		return bad + 1;
	}
	int error = ext4_readdir(dir, &offset, emit_count, &counter);
	ext4_iput(dir);
	names += *inside ? 0 : 1; /* lost+found */
	if (error || counter.names != names) {
		fprintf(stderr, "%s: %u names, expected %u\n", inside, counter.names, names);
		bad++;
	}
	return bad;
}

int image_compare(struct ext4_image *image, const char *directory)
{
	return compare_tree(image, "", directory);
}
