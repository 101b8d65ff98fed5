/* SPDX-License-Identifier: MIT */
/* The extent tree's walker, shared by mapping (extent.c) and by the code that changes the tree (extent_tree.c). */
#ifndef EXT4_EXTENT_INTERNAL_H
#define EXT4_EXTENT_INTERNAL_H

#include "ext4/ext4_internal.h"

/* One node on the way from the root (level 0, in the inode) to the leaf (level `depth`). */
struct ext4_extent_level {
	struct ext4_buffer *buffer; /* NULL: the root */
	struct ext4_extent_header *header;
	int index; /* the entry followed or found; -1: before the first */
};
struct ext4_extent_path {
	struct ext4_extent_level levels[EXT4_EXTENT_MAX_DEPTH + 1];
	int depth;
};

/** The path to the last extent that starts at or before `block`. Every node on it has been checked. */
int ext4_extent_find(struct ext4_inode *inode, uint32_t block, struct ext4_extent_path *path);
/** The first file block behind the path's position that an extent or a neighbouring subtree may cover. */
uint64_t ext4_extent_next(const struct ext4_extent_path *path);
void ext4_extent_path_put(struct ext4_extent_path *path);
/** See to room for so many more entries in the path's leaf, which becomes the one of `block` then; on an error the path is put. */
int ext4_extent_room(struct ext4_inode *inode, uint32_t block, unsigned entries, struct ext4_extent_path *path);
/** Insert an extent that overlaps none, merged with the one before where it continues it. */
int ext4_extent_insert(struct ext4_inode *inode, uint32_t block, uint64_t start, uint32_t length, bool unwritten);
void ext4_extent_level_dirty(struct ext4_inode *inode, struct ext4_extent_level *level);

static inline struct ext4_extent *ext4_extent_at(struct ext4_extent_header *h, int index)
{
	return (struct ext4_extent *)(h + 1) + index;
}
static inline struct ext4_extent_index *ext4_index_at(struct ext4_extent_header *h, int index)
{
	return (struct ext4_extent_index *)(h + 1) + index;
}
static inline uint64_t ext4_extent_start(const struct ext4_extent *e)
{
	return e->start_lo | (uint64_t)e->start_hi << 32;
}
static inline bool ext4_extent_unwritten(const struct ext4_extent *e)
{
	return e->length > EXT4_EXTENT_MAX_LENGTH;
}
static inline uint32_t ext4_extent_length(const struct ext4_extent *e)
{
	return ext4_extent_unwritten(e) ? e->length - EXT4_EXTENT_MAX_LENGTH : e->length;
}
static inline void ext4_extent_set(struct ext4_extent *e, uint32_t block, uint64_t start, uint32_t length, bool unwritten)
{
	e->block = block;
	e->start_lo = (uint32_t)start;
	e->start_hi = (uint16_t)(start >> 32);
	e->length = (uint16_t)(unwritten ? length + EXT4_EXTENT_MAX_LENGTH : length);
}

#endif
