/* SPDX-License-Identifier: MIT */
/*
 * From file blocks to disk blocks by the extent tree (ext4 layout, "Extent Tree"). A node is checked once, when its block comes
 * onto a path: magic, depth, counts, order, and that extents stay inside the file system; so the code behind never meets a
 * malformed node, and the depth bounds every walk.
 */
#include "ext4/extent_internal.h"

static int node_check(struct ext4_inode *inode, struct ext4_extent_header *h, uint32_t bytes, int depth)
{
	struct ext4 *fs = inode->fs;
	uint32_t room = (bytes - sizeof(*h)) / sizeof(struct ext4_extent);
	if (h->magic != EXT4_EXTENT_MAGIC || h->depth > EXT4_EXTENT_MAX_DEPTH || (depth >= 0 && h->depth != depth) ||
	    h->max == 0 || h->max > room || h->entries > h->max || (h->depth > 0 && h->entries == 0)) {
		return ext4_corrupt(fs, "inode %u: bad extent node", inode->number);
	}
	uint64_t next = 0;
	for (int i = 0; i < h->entries; i++) {
		if (h->depth > 0) {
			uint32_t block = ext4_index_at(h, i)->block;
			if (i > 0 && block < next) {
				return ext4_corrupt(fs, "inode %u: extent index out of order", inode->number);
			}
			next = (uint64_t)block + 1;
			continue;
		}
		struct ext4_extent *e = ext4_extent_at(h, i);
		uint32_t length = ext4_extent_length(e);
		if (length == 0 || e->block < next || (uint64_t)e->block + length > 1ull << 32 ||
		    !ext4_block_valid(fs, ext4_extent_start(e), length)) {
			return ext4_corrupt(fs, "inode %u: bad extent at block %u", inode->number, e->block);
		}
		next = (uint64_t)e->block + length;
	}
	return 0;
}

static int entry_search(struct ext4_extent_header *h, uint32_t block)
{
	int low = 0, high = h->entries; /* entries below `low` start at or before the block */
	while (low < high) {
		int middle = (low + high) / 2;
		uint32_t start = h->depth ? ext4_index_at(h, middle)->block : ext4_extent_at(h, middle)->block;
		if (start <= block) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low - 1;
}

void ext4_extent_path_put(struct ext4_extent_path *path)
{
	for (int i = 0; i <= path->depth; i++) {
		ext4_buffer_put(path->levels[i].buffer);
		path->levels[i].buffer = NULL;
	}
}

int ext4_extent_find(struct ext4_inode *inode, uint32_t block, struct ext4_extent_path *path)
{
	memset(path, 0, sizeof(*path));
	struct ext4_extent_header *h = (struct ext4_extent_header *)ext4_inode_raw(inode)->block;
	int error = node_check(inode, h, sizeof(ext4_inode_raw(inode)->block), -1);
	if (error) {
		return error;
	}
	int depth = h->depth;
	path->levels[0] = (struct ext4_extent_level){ .header = h, .index = entry_search(h, block) };
	for (int level = 1; level <= depth; level++) {
		struct ext4_extent_level *above = &path->levels[level - 1];
		if (above->index < 0) {
			above->index = 0;
		}
		struct ext4_extent_index *x = ext4_index_at(above->header, above->index);
		struct ext4_buffer *b;
		error = ext4_buffer_get(inode->fs, x->leaf_lo | (uint64_t)x->leaf_hi << 32, EXT4_BUFFER_EXTENT,
					inode->checksum_seed, &b);
		if (!error) {
			path->levels[level].buffer = b;
			path->depth = level;
			h = (struct ext4_extent_header *)b->data;
			error = node_check(inode, h, inode->fs->block_size, depth - level);
		}
		if (error) {
			ext4_extent_path_put(path);
			return error;
		}
		path->levels[level].header = h;
		path->levels[level].index = entry_search(h, block);
	}
	return 0;
}

uint64_t ext4_extent_next(const struct ext4_extent_path *path)
{
	for (int i = path->depth; i >= 0; i--) {
		struct ext4_extent_header *h = path->levels[i].header;
		int next = path->levels[i].index + 1;
		if (next < h->entries) {
			return h->depth ? ext4_index_at(h, next)->block : ext4_extent_at(h, next)->block;
		}
	}
	return 1ull << 32;
}

static void answer(struct ext4_mapping *out, enum ext4_map_state state, uint64_t block, uint64_t count, uint32_t max)
{
	out->state = state;
	out->block = block;
	out->count = (uint32_t)(count < max ? count : max);
	out->fresh = false;
}

/*
 * Blocks [block, block + count) of the unwritten extent `e` become written: e keeps what lies before, the rest is inserted. Room for it
 * is made first, so that a full disk leaves the extent as it was.
 */
static int extent_convert(struct ext4_inode *inode, struct ext4_extent_path *path, uint32_t block, uint32_t count)
{
	struct ext4_extent_level *leaf = &path->levels[path->depth];
	struct ext4_extent *e = ext4_extent_at(leaf->header, leaf->index);
	uint32_t first = e->block, length = ext4_extent_length(e), before = block - first, behind = length - before - count;
	uint64_t start = ext4_extent_start(e);
	int error = ext4_extent_room(inode, block, (before > 0) + (behind > 0), path);
	if (error) {
		return error;
	}
	leaf = &path->levels[path->depth];
	e = ext4_extent_at(leaf->header, leaf->index);
	if (before > 0) {
		ext4_extent_set(e, first, start, before, true);
	} else {
		ext4_extent_set(e, first, start, count, false);
	}
	ext4_extent_level_dirty(inode, leaf);
	ext4_extent_path_put(path);
	error = before > 0 ? ext4_extent_insert(inode, block, start + before, count, false) : 0;
	if (!error && behind > 0) {
		error = ext4_extent_insert(inode, block + count, start + before + count, behind, true);
	}
	return error;
}

static int hole_fill(struct ext4_inode *inode, struct ext4_extent_path *path, uint32_t block, uint32_t count, unsigned flags,
		     struct ext4_mapping *out)
{
	struct ext4_extent_level *leaf = &path->levels[path->depth];
	uint64_t goal = 0, start;
	bool unwritten = flags & EXT4_MAP_PREALLOCATE;
	if (leaf->index >= 0) {
		struct ext4_extent *e = ext4_extent_at(leaf->header, leaf->index);
		goal = ext4_extent_start(e) + (block - e->block);
	}
	ext4_extent_path_put(path);
	count = count < EXT4_EXTENT_MAX_LENGTH - 1 ? count : EXT4_EXTENT_MAX_LENGTH - 1;
	int error = ext4_inode_block_alloc(inode, goal, count, &start, &count);
	if (error) {
		return error;
	}
	error = ext4_extent_insert(inode, block, start, count, unwritten);
	if (error) {
		ext4_inode_block_free(inode, start, count, false);
		return error;
	}
	answer(out, unwritten ? EXT4_UNWRITTEN : EXT4_MAPPED, start, count, count);
	out->fresh = true;
	return 0;
}

int ext4_extent_map(struct ext4_inode *inode, uint64_t block, uint32_t max, unsigned flags, struct ext4_mapping *out)
{
	if (block >= UINT32_MAX) {
		if (flags) {
			return -EFBIG;
		}
		answer(out, EXT4_HOLE, 0, max, max);
		return 0;
	}
	struct ext4_extent_path path;
	int error = ext4_extent_find(inode, (uint32_t)block, &path);
	if (error) {
		return error;
	}
	struct ext4_extent_level *leaf = &path.levels[path.depth];
	struct ext4_extent *e = leaf->index >= 0 ? ext4_extent_at(leaf->header, leaf->index) : NULL;
	if (!e || block - e->block >= ext4_extent_length(e)) {
		uint64_t hole = ext4_extent_next(&path) - block;
		if (hole == 0) { /* an index promised what its leaf does not hold */
			ext4_extent_path_put(&path);
			return ext4_corrupt(inode->fs, "inode %u: extent index and leaf disagree", inode->number);
		}
		hole = hole < max ? hole : max;
		if (flags) {
			return hole_fill(inode, &path, (uint32_t)block, (uint32_t)hole, flags, out);
		}
		answer(out, EXT4_HOLE, 0, hole, max);
		ext4_extent_path_put(&path);
		return 0;
	}
	uint32_t offset = (uint32_t)block - e->block;
	bool unwritten = ext4_extent_unwritten(e);
	answer(out, unwritten ? EXT4_UNWRITTEN : EXT4_MAPPED, ext4_extent_start(e) + offset, ext4_extent_length(e) - offset, max);
	if (unwritten && (flags & EXT4_MAP_CREATE)) {
		out->state = EXT4_MAPPED;
		out->fresh = true;
		return extent_convert(inode, &path, (uint32_t)block, out->count);
	}
	ext4_extent_path_put(&path);
	return 0;
}
