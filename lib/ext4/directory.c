/* SPDX-License-Identifier: MIT */
/*
 * Directories as a list of records (ext4 layout, "Linear Directories"). A hashed directory reads as a linear one, since its index
 * blocks look like unused records; before a name is added its index is given up (htree.c). Each record is checked before it is used.
 */
#include "ext4/ext4_internal.h"

#define RECORD_MIN 12u

static uint32_t record_need(size_t name_length)
{
	return (uint32_t)((8 + name_length + 3) & ~3u);
}

uint32_t ext4_dir_space(const struct ext4 *fs)
{
	return fs->block_size - (fs->metadata_csum ? (uint32_t)sizeof(struct ext4_dir_tail) : 0);
}

unsigned ext4_dir_type(uint32_t mode)
{
	switch (mode & EXT4_S_IFMT) {
	case EXT4_S_IFREG:
		return EXT4_FT_REG;
	case EXT4_S_IFDIR:
		return EXT4_FT_DIR;
	case EXT4_S_IFCHR:
		return EXT4_FT_CHR;
	case EXT4_S_IFBLK:
		return EXT4_FT_BLK;
	case EXT4_S_IFIFO:
		return EXT4_FT_FIFO;
	case EXT4_S_IFSOCK:
		return EXT4_FT_SOCK;
	case EXT4_S_IFLNK:
		return EXT4_FT_LNK;
	default:
		return EXT4_FT_UNKNOWN;
	}
}

static int dir_block(struct ext4_inode *dir, uint64_t block, struct ext4_buffer **b)
{
	struct ext4_mapping m;
	int error = ext4_map(dir, block, 1, 0, &m);
	if (error) {
		return error;
	}
	if (m.state != EXT4_MAPPED) {
		return ext4_corrupt(dir->fs, "directory %u has a hole", dir->number);
	}
	return ext4_buffer_get(dir->fs, m.block, EXT4_BUFFER_DIR, dir->checksum_seed, b);
}

static bool is_tail(const struct ext4 *fs, const struct ext4_dirent *e, uint32_t offset)
{
	return fs->metadata_csum && offset == ext4_dir_space(fs) && e->inode == 0 && e->record_length == 12 && e->type == EXT4_DIR_TAIL_TYPE;
}

/* The record at `offset`, or NULL and *error 0 (end of the block) or -EIO. */
static struct ext4_dirent *record_at(struct ext4_inode *dir, struct ext4_buffer *b, uint32_t offset, int *error)
{
	struct ext4 *fs = dir->fs;
	*error = 0;
	if (offset >= fs->block_size) {
		return NULL;
	}
	struct ext4_dirent *e = (struct ext4_dirent *)(b->data + offset);
	if (offset + RECORD_MIN > fs->block_size || e->record_length < RECORD_MIN || e->record_length % 4 != 0 ||
	    e->record_length > fs->block_size - offset || (e->inode && record_need(e->name_length) > e->record_length) ||
	    e->inode > fs->super.inodes_count) {
		*error = ext4_corrupt(fs, "directory %u: bad record in block %llu at %u", dir->number,
				      (unsigned long long)b->block, offset);
		return NULL;
	}
	return is_tail(fs, e, offset) ? NULL : e;
}

/* Find a name in one block; *before is the record in front of it, if any. */
static int block_find(struct ext4_inode *dir, struct ext4_buffer *b, const char *name, size_t length, struct ext4_dirent **entry,
		      struct ext4_dirent **before)
{
	int error;
	struct ext4_dirent *e;
	*before = NULL;
	for (uint32_t offset = 0; (e = record_at(dir, b, offset, &error)) != NULL; offset += e->record_length) {
		if (e->inode && e->name_length == length && memcmp(e->name, name, length) == 0) {
			*entry = e;
			return 0;
		}
		*before = e;
	}
	return error ? error : -ENOENT;
}

static int dir_search(struct ext4_inode *dir, const char *name, size_t length, struct ext4_buffer **buffer,
		      struct ext4_dirent **entry, struct ext4_dirent **before)
{
	uint64_t blocks = dir->size >> dir->fs->block_shift;
	*buffer = NULL;
	for (uint64_t i = 0; i < blocks; i++) {
		struct ext4_buffer *b;
		int error = dir_block(dir, i, &b);
		if (error) {
			return error;
		}
		error = block_find(dir, b, name, length, entry, before);
		if (error == 0) {
			*buffer = b;
			return 0;
		}
		ext4_buffer_put(b);
		if (error != -ENOENT) {
			return error;
		}
	}
	return -ENOENT;
}

int ext4_dir_find(struct ext4_inode *dir, const char *name, size_t length, struct ext4_buffer **buffer, struct ext4_dirent **entry)
{
	struct ext4_dirent *before;
	return dir_search(dir, name, length, buffer, entry, &before);
}

int ext4_lookup(struct ext4_inode *dir, const char *name, size_t length, uint32_t *number)
{
	struct ext4_buffer *b;
	struct ext4_dirent *e;
	if (!ext4_is_dir(dir)) {
		return -ENOTDIR;
	}
	int error = ext4_dir_find(dir, name, length, &b, &e);
	if (!error) {
		*number = e->inode;
		ext4_buffer_put(b);
	}
	return error;
}

static unsigned record_type(const struct ext4 *fs, const struct ext4_dirent *e)
{
	return (fs->super.incompat & EXT4_INCOMPAT_FILETYPE) && e->type <= EXT4_FT_LNK ? e->type : EXT4_FT_UNKNOWN;
}

/* An offset that a program kept may point into the middle of a record by now: records are walked from the block's start. */
static int block_emit(struct ext4_inode *dir, struct ext4_buffer *b, uint64_t *offset,
		      bool (*emit)(void *, const char *, unsigned, uint32_t, unsigned), void *context)
{
	uint64_t base = *offset & ~(uint64_t)(dir->fs->block_size - 1);
	int error;
	struct ext4_dirent *e;
	for (uint32_t at = 0; (e = record_at(dir, b, at, &error)) != NULL; at += e->record_length) {
		if (base + at < *offset) {
			continue;
		}
		if (e->inode && e->name_length > 0 && !emit(context, e->name, e->name_length, e->inode, record_type(dir->fs, e))) {
			return 1;
		}
		*offset = base + at + e->record_length;
	}
	*offset = base + dir->fs->block_size;
	return error;
}

int ext4_readdir(struct ext4_inode *dir, uint64_t *offset,
		 bool (*emit)(void *context, const char *name, unsigned length, uint32_t number, unsigned type), void *context)
{
	if (!ext4_is_dir(dir)) {
		return -ENOTDIR;
	}
	while (*offset < dir->size) {
		struct ext4_buffer *b;
		int error = dir_block(dir, *offset >> dir->fs->block_shift, &b);
		if (error) {
			return error;
		}
		error = block_emit(dir, b, offset, emit, context);
		ext4_buffer_put(b);
		if (error) {
			return error > 0 ? 0 : error;
		}
	}
	return 0;
}

static void record_set(struct ext4 *fs, struct ext4_dirent *e, const char *name, size_t length, uint32_t number, uint32_t mode)
{
	e->inode = number;
	e->name_length = (uint8_t)length;
	e->type = (fs->super.incompat & EXT4_INCOMPAT_FILETYPE) ? (uint8_t)ext4_dir_type(mode) : 0;
	memcpy(e->name, name, length);
}

void ext4_dir_block_init(struct ext4 *fs, uint8_t *data, uint32_t first_length)
{
	((struct ext4_dirent *)(data + first_length))->record_length = (uint16_t)(ext4_dir_space(fs) - first_length);
	if (fs->metadata_csum) {
		struct ext4_dir_tail *tail = (struct ext4_dir_tail *)(data + ext4_dir_space(fs));
		*tail = (struct ext4_dir_tail){ .record_length = sizeof(*tail), .type = EXT4_DIR_TAIL_TYPE };
	}
}

/* Put the name into free space of this block. -ENOSPC if there is none. */
static int block_add(struct ext4_inode *dir, struct ext4_buffer *b, const char *name, size_t length, uint32_t number, uint32_t mode)
{
	uint32_t need = record_need(length);
	int error;
	struct ext4_dirent *e;
	for (uint32_t offset = 0; (e = record_at(dir, b, offset, &error)) != NULL; offset += e->record_length) {
		uint32_t used = e->inode ? record_need(e->name_length) : 0;
		if (e->record_length < used + need) {
			continue;
		}
		struct ext4_dirent *fresh = (struct ext4_dirent *)((uint8_t *)e + used);
		if (used) {
			fresh->record_length = (uint16_t)(e->record_length - used);
			e->record_length = (uint16_t)used;
		}
		record_set(dir->fs, fresh, name, length, number, mode);
		ext4_buffer_dirty(dir->fs, b);
		return 0;
	}
	return error ? error : -ENOSPC;
}

/* A new block at the end, one unused record long. */
static int dir_grow(struct ext4_inode *dir, struct ext4_buffer **b)
{
	struct ext4_mapping m;
	int error = ext4_map(dir, dir->size >> dir->fs->block_shift, 1, EXT4_MAP_CREATE, &m);
	if (error) {
		return error;
	}
	error = ext4_buffer_new(dir->fs, m.block, EXT4_BUFFER_DIR, dir->checksum_seed, b);
	if (error) {
		return error;
	}
	ext4_dir_block_init(dir->fs, (*b)->data, 0);
	dir->size += dir->fs->block_size;
	ext4_inode_dirty(dir);
	return 0;
}

int ext4_dir_add(struct ext4_inode *dir, const char *name, size_t length, uint32_t number, uint32_t mode)
{
	if (length == 0 || length > EXT4_NAME_MAX) {
		return length ? -ENAMETOOLONG : -ENOENT;
	}
	int error = ext4_dir_linearize(dir);
	uint64_t blocks = dir->size >> dir->fs->block_shift;
	/* Names are mostly added to the last block, so look there first. */
	for (uint64_t i = 0; !error && i < blocks; i++) {
		struct ext4_buffer *b;
		error = dir_block(dir, i == 0 ? blocks - 1 : i - 1, &b);
		if (error) {
			return error;
		}
		error = block_add(dir, b, name, length, number, mode);
		ext4_buffer_put(b);
		if (error != -ENOSPC) {
			return error;
		}
		error = 0;
	}
	struct ext4_buffer *b;
	error = error ? error : dir_grow(dir, &b);
	if (!error) {
		error = block_add(dir, b, name, length, number, mode);
		ext4_buffer_put(b);
	}
	return error;
}

int ext4_dir_remove(struct ext4_inode *dir, const char *name, size_t length)
{
	struct ext4_buffer *b;
	struct ext4_dirent *e, *before;
	int error = dir_search(dir, name, length, &b, &e, &before);
	if (error) {
		return error;
	}
	if (before) {
		before->record_length = (uint16_t)(before->record_length + e->record_length);
	}
	e->inode = 0;
	ext4_buffer_dirty(dir->fs, b);
	ext4_buffer_put(b);
	return 0;
}

int ext4_dir_replace(struct ext4_inode *dir, const char *name, size_t length, uint32_t number, uint32_t mode)
{
	struct ext4_buffer *b;
	struct ext4_dirent *e;
	int error = ext4_dir_linearize(dir);
	error = error ? error : ext4_dir_find(dir, name, length, &b, &e);
	if (error) {
		return error;
	}
	e->inode = number;
	if (dir->fs->super.incompat & EXT4_INCOMPAT_FILETYPE) {
		e->type = (uint8_t)ext4_dir_type(mode);
	}
	ext4_buffer_dirty(dir->fs, b);
	ext4_buffer_put(b);
	return 0;
}

static bool emit_is_dot(void *context, const char *name, unsigned length, uint32_t number, unsigned type)
{
	bool dot = name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.'));
	*(bool *)context = dot;
	return dot;
}

int ext4_dir_is_empty(struct ext4_inode *dir)
{
	uint64_t offset = 0;
	bool only_dots = true;
	int error = ext4_readdir(dir, &offset, emit_is_dot, &only_dots);
	return error ? error : only_dots ? 0 : -ENOTEMPTY;
}

int ext4_dir_init(struct ext4_inode *dir, uint32_t parent)
{
	struct ext4_buffer *b;
	int error = dir_grow(dir, &b);
	if (error) {
		return error;
	}
	struct ext4_dirent *dot = (struct ext4_dirent *)b->data;
	struct ext4_dirent *dotdot = (struct ext4_dirent *)(b->data + RECORD_MIN);
	record_set(dir->fs, dot, ".", 1, dir->number, EXT4_S_IFDIR);
	dot->record_length = RECORD_MIN;
	ext4_dir_block_init(dir->fs, b->data, RECORD_MIN);
	record_set(dir->fs, dotdot, "..", 2, parent, EXT4_S_IFDIR);
	ext4_buffer_put(b);
	return 0;
}
