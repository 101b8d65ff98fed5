/* SPDX-License-Identifier: MIT */
/*
 * Changing the extent tree. Insertion makes room from the top down: while the leaf is full, the lowest full node whose parent
 * has room is split, or the root grows by a level; then the walk starts anew, so each step is small and leaves a valid tree.
 * Truncation takes extents off the right edge.
 */
#include "ext4/extent_internal.h"

void ext4_extent_level_dirty(struct ext4_inode *inode, struct ext4_extent_level *level)
{
	if (level->buffer) {
		ext4_buffer_dirty(inode->fs, level->buffer);
	} else {
		ext4_inode_dirty(inode);
	}
}

static uint16_t node_room(const struct ext4 *fs)
{
	return (uint16_t)((fs->block_size - sizeof(struct ext4_extent_header)) / sizeof(struct ext4_extent));
}

static int node_new(struct ext4_inode *inode, uint16_t depth, struct ext4_buffer **out, uint64_t *block)
{
	uint32_t count;
	uint64_t goal = inode->goal;
	int error = ext4_inode_block_alloc(inode, goal, 1, block, &count);
	if (error) {
		return error;
	}
	error = ext4_buffer_new(inode->fs, *block, EXT4_BUFFER_EXTENT, inode->checksum_seed, out);
	if (error) {
		ext4_inode_block_free(inode, *block, 1, true);
		return error;
	}
	struct ext4_extent_header *h = (struct ext4_extent_header *)(*out)->data;
	*h = (struct ext4_extent_header){ .magic = EXT4_EXTENT_MAGIC, .max = node_room(inode->fs), .depth = depth };
	return 0;
}

static void index_set(struct ext4_extent_index *x, uint32_t first, uint64_t block)
{
	x->block = first;
	x->leaf_lo = (uint32_t)block;
	x->leaf_hi = (uint16_t)(block >> 32);
	x->unused = 0;
}

/* The root's entries move into a new block, which becomes its only child. */
static int root_grow(struct ext4_inode *inode)
{
	struct ext4_extent_header *root = (struct ext4_extent_header *)ext4_inode_raw(inode)->block;
	struct ext4_buffer *b;
	uint64_t block;
	if (root->depth >= EXT4_EXTENT_MAX_DEPTH) {
		return -EFBIG;
	}
	int error = node_new(inode, root->depth, &b, &block);
	if (error) {
		return error;
	}
	struct ext4_extent_header *child = (struct ext4_extent_header *)b->data;
	child->entries = root->entries;
	memcpy(child + 1, root + 1, root->entries * sizeof(struct ext4_extent));
	ext4_buffer_dirty(inode->fs, b);
	ext4_buffer_put(b);
	root->depth++;
	root->entries = 1;
	index_set(ext4_index_at(root, 0), ext4_extent_at(child, 0)->block, block);
	ext4_inode_dirty(inode);
	return 0;
}

/* Split the full node at `level` in two; its parent has room. A node that is appended to keeps all but its last entry. */
static int node_split(struct ext4_inode *inode, struct ext4_extent_path *path, int level)
{
	struct ext4_extent_level *node = &path->levels[level], *parent = &path->levels[level - 1];
	struct ext4_extent_header *h = node->header, *p = parent->header;
	int keep = node->index >= h->entries - 1 ? h->entries - 1 : h->entries / 2;
	struct ext4_buffer *b;
	uint64_t block;
	int error = node_new(inode, h->depth, &b, &block);
	if (error) {
		return error;
	}
	struct ext4_extent_header *right = (struct ext4_extent_header *)b->data;
	right->entries = (uint16_t)(h->entries - keep);
	memcpy(right + 1, ext4_extent_at(h, keep), right->entries * sizeof(struct ext4_extent));
	h->entries = (uint16_t)keep;
	int at = parent->index + 1;
	memmove(ext4_index_at(p, at + 1), ext4_index_at(p, at), (size_t)(p->entries - at) * sizeof(struct ext4_extent_index));
	index_set(ext4_index_at(p, at), ext4_extent_at(right, 0)->block, block);
	p->entries++;
	ext4_buffer_dirty(inode->fs, b);
	ext4_buffer_put(b);
	ext4_extent_level_dirty(inode, node);
	ext4_extent_level_dirty(inode, parent);
	return 0;
}

/* Make room somewhere on the path; the caller walks again. */
static int room_make(struct ext4_inode *inode, struct ext4_extent_path *path)
{
	int level = path->depth;
	while (level > 0 && path->levels[level - 1].header->entries >= path->levels[level - 1].header->max) {
		level--;
	}
	if (level == 0 || path->levels[level].header->entries < 2) {
		return root_grow(inode);
	}
	return node_split(inode, path, level);
}

/* Lower the keys above when an extent starts before everything in its subtree. */
static void keys_lower(struct ext4_inode *inode, struct ext4_extent_path *path, uint32_t block)
{
	for (int level = path->depth - 1; level >= 0; level--) {
		struct ext4_extent_index *x = ext4_index_at(path->levels[level].header, path->levels[level].index);
		if (x->block <= block) {
			break;
		}
		x->block = block;
		ext4_extent_level_dirty(inode, &path->levels[level]);
	}
}

static bool try_merge(struct ext4_extent_level *leaf, uint32_t block, uint64_t start, uint32_t length, bool unwritten)
{
	if (leaf->index < 0) {
		return false;
	}
	struct ext4_extent *e = ext4_extent_at(leaf->header, leaf->index);
	uint32_t have = ext4_extent_length(e), limit = EXT4_EXTENT_MAX_LENGTH - 1;
	if (ext4_extent_unwritten(e) != unwritten || e->block + have != block || ext4_extent_start(e) + have != start ||
	    have + length > limit) {
		return false;
	}
	ext4_extent_set(e, e->block, ext4_extent_start(e), have + length, unwritten);
	return true;
}

int ext4_extent_room(struct ext4_inode *inode, uint32_t block, unsigned entries, struct ext4_extent_path *path)
{
	for (int tries = 0; tries < 4 * EXT4_EXTENT_MAX_DEPTH + 4; tries++) {
		struct ext4_extent_header *h = path->levels[path->depth].header;
		if (h->entries + entries <= h->max) {
			return 0;
		}
		int error = room_make(inode, path);
		ext4_extent_path_put(path);
		error = error ? error : ext4_extent_find(inode, block, path);
		if (error) {
			return error;
		}
	}
	ext4_extent_path_put(path);
	return ext4_corrupt(inode->fs, "inode %u: no room can be made in the extent tree", inode->number);
}

int ext4_extent_insert(struct ext4_inode *inode, uint32_t block, uint64_t start, uint32_t length, bool unwritten)
{
	for (int tries = 0; tries < 4 * EXT4_EXTENT_MAX_DEPTH + 4; tries++) {
		struct ext4_extent_path path;
		int error = ext4_extent_find(inode, block, &path);
		if (error) {
			return error;
		}
		struct ext4_extent_level *leaf = &path.levels[path.depth];
		struct ext4_extent_header *h = leaf->header;
		if (try_merge(leaf, block, start, length, unwritten)) {
			ext4_extent_level_dirty(inode, leaf);
			ext4_extent_path_put(&path);
			return 0;
		}
		if (h->entries < h->max) {
			int at = leaf->index + 1;
			memmove(ext4_extent_at(h, at + 1), ext4_extent_at(h, at), (size_t)(h->entries - at) * sizeof(struct ext4_extent));
			ext4_extent_set(ext4_extent_at(h, at), block, start, length, unwritten);
			h->entries++;
			ext4_extent_level_dirty(inode, leaf);
			keys_lower(inode, &path, block);
			ext4_extent_path_put(&path);
			return 0;
		}
		error = room_make(inode, &path);
		ext4_extent_path_put(&path);
		if (error) {
			return error;
		}
	}
	return ext4_corrupt(inode->fs, "inode %u: no room can be made in the extent tree", inode->number);
}

/* What the node at that level begins with has changed: so do the keys that say so above it. */
static void keys_raise(struct ext4_inode *inode, struct ext4_extent_path *path, int level)
{
	for (; level > 0 && path->levels[level].header->entries > 0; level--) {
		struct ext4_extent_header *h = path->levels[level].header;
		struct ext4_extent_level *parent = &path->levels[level - 1];
		uint32_t block = h->depth ? ext4_index_at(h, 0)->block : ext4_extent_at(h, 0)->block;
		struct ext4_extent_index *x = ext4_index_at(parent->header, parent->index);
		if (x->block == block) {
			return;
		}
		x->block = block;
		ext4_extent_level_dirty(inode, parent);
		if (parent->index > 0) {
			return;
		}
	}
}

/* The leaf at the path's end is empty: free it and its index entry, and so on upwards. */
static void node_prune(struct ext4_inode *inode, struct ext4_extent_path *path)
{
	int level = path->depth;
	for (; level > 0 && path->levels[level].header->entries == 0; level--) {
		struct ext4_extent_level *parent = &path->levels[level - 1];
		uint64_t block = path->levels[level].buffer->block;
		ext4_buffer_put(path->levels[level].buffer);
		path->levels[level].buffer = NULL;
		ext4_inode_block_free(inode, block, 1, true);
		struct ext4_extent_header *p = parent->header;
		int at = parent->index;
		memmove(ext4_index_at(p, at), ext4_index_at(p, at + 1),
			(size_t)(p->entries - at - 1) * sizeof(struct ext4_extent_index));
		p->entries--;
		ext4_extent_level_dirty(inode, parent);
	}
	keys_raise(inode, path, level);
	struct ext4_extent_header *root = path->levels[0].header;
	if (root->entries == 0) {
		root->depth = 0;
		ext4_inode_dirty(inode);
	}
}

/* Take one extent, or the part of it behind `first`, off the end. 1: there may be more. */
static int truncate_step(struct ext4_inode *inode, uint64_t first)
{
	struct ext4_extent_path path;
	int error = ext4_extent_find(inode, UINT32_MAX, &path);
	if (error) {
		return error;
	}
	struct ext4_extent_level *leaf = &path.levels[path.depth];
	int more = 0;
	if (leaf->header->entries > 0) {
		struct ext4_extent *e = ext4_extent_at(leaf->header, leaf->header->entries - 1);
		uint32_t length = ext4_extent_length(e);
		uint64_t start = ext4_extent_start(e);
		if (e->block >= first) {
			leaf->header->entries--;
			more = 1;
			error = ext4_inode_block_free(inode, start, length, ext4_data_is_metadata(inode));
		} else if (e->block + (uint64_t)length > first) {
			uint32_t keep = (uint32_t)(first - e->block);
			ext4_extent_set(e, e->block, start, keep, ext4_extent_unwritten(e));
			error = ext4_inode_block_free(inode, start + keep, length - keep, ext4_data_is_metadata(inode));
		}
		ext4_extent_level_dirty(inode, leaf);
	}
	if (leaf->header->entries == 0 && path.depth > 0) {
		node_prune(inode, &path);
		more = 1;
	}
	ext4_extent_path_put(&path);
	return error ? error : more; /* blocks freed twice: the tree is corrupt, and going on may never end */
}

int ext4_extent_truncate(struct ext4_inode *inode, uint64_t first)
{
	int more;
	do {
		more = truncate_step(inode, first);
	} while (more > 0);
	return more;
}

/* The extent at the path's end loses [from, to), which lies in it. The path is put. */
static int extent_cut(struct ext4_inode *inode, struct ext4_extent_path *path, uint32_t from, uint32_t to)
{
	struct ext4_extent_level *leaf = &path->levels[path->depth];
	struct ext4_extent *e = ext4_extent_at(leaf->header, leaf->index);
	uint32_t first = e->block, length = ext4_extent_length(e), before = from - first, behind = first + length - to;
	uint64_t start = ext4_extent_start(e);
	bool unwritten = ext4_extent_unwritten(e);
	int error = before && behind ? ext4_extent_room(inode, from, 1, path) : 0;
	if (error) {
		return error;
	}
	leaf = &path->levels[path->depth];
	e = ext4_extent_at(leaf->header, leaf->index);
	if (before) {
		ext4_extent_set(e, first, start, before, unwritten);
	} else if (behind) {
		ext4_extent_set(e, to, start + (to - first), behind, unwritten);
	} else {
		leaf->header->entries--;
		memmove(e, e + 1, (size_t)(leaf->header->entries - leaf->index) * sizeof(*e));
	}
	ext4_extent_level_dirty(inode, leaf);
	if (leaf->header->entries == 0 && path->depth > 0) {
		node_prune(inode, path);
	} else if (!before && leaf->index == 0) {
		keys_raise(inode, path, path->depth);
	}
	ext4_extent_path_put(path);
	if (before && behind) {
		error = ext4_extent_insert(inode, to, start + (to - first), behind, unwritten);
	}
	int freed = ext4_inode_block_free(inode, start + before, to - from, ext4_data_is_metadata(inode));
	return error ? error : freed;
}

int ext4_extent_punch(struct ext4_inode *inode, uint64_t first, uint64_t end)
{
	int error = 0;
	while (!error && first < end) {
		struct ext4_extent_path path;
		error = ext4_extent_find(inode, (uint32_t)first, &path);
		if (error) {
			return error;
		}
		struct ext4_extent_level *leaf = &path.levels[path.depth];
		struct ext4_extent *e = leaf->index >= 0 ? ext4_extent_at(leaf->header, leaf->index) : NULL;
		uint64_t behind = e ? e->block + (uint64_t)ext4_extent_length(e) : 0;
		if (first < behind) {
			behind = behind < end ? behind : end;
			error = extent_cut(inode, &path, (uint32_t)first, (uint32_t)behind);
			first = behind;
		} else {
			uint64_t next = ext4_extent_next(&path);
			ext4_extent_path_put(&path);
			if (next <= first) { /* an index promised what its leaf does not hold */
				return ext4_corrupt(inode->fs, "inode %u: extent index and leaf disagree", inode->number);
			}
			first = next;
		}
	}
	return error;
}
