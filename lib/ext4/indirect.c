/* SPDX-License-Identifier: MIT */
/*
 * From file blocks to disk blocks by the classic map of ext2 and ext3: 12 direct blocks, then trees of one, two and
 * three levels of indirect blocks (ext4 layout, "Direct/Indirect Block Addressing"). Block numbers have 32 bits.
 */
#include "ext4/ext4_internal.h"

#define DIRECT 12u

struct route {
	int depth; /* levels of indirect blocks */
	uint32_t steps[4]; /* index in i_block, then in each indirect block */
};

static int route_find(struct ext4 *fs, uint64_t block, struct route *r)
{
	uint64_t per = fs->block_size / 4;
	if (block < DIRECT) {
		*r = (struct route){ 0, { (uint32_t)block } };
		return 0;
	}
	block -= DIRECT;
	uint64_t span = per;
	for (int depth = 1; depth <= 3; depth++, span *= per) {
		if (block < span) {
			r->depth = depth;
			r->steps[0] = DIRECT + (uint32_t)depth - 1;
			for (int i = depth; i > 0; i--) {
				r->steps[i] = (uint32_t)(block % per);
				block /= per;
			}
			return 0;
		}
		block -= span;
	}
	return -EFBIG;
}

static int slot_fill(struct ext4_inode *inode, uint64_t goal, bool metadata, uint32_t *slot, uint64_t *block)
{
	uint32_t count;
	int error = ext4_inode_block_alloc(inode, goal, 1, block, &count);
	if (error) {
		return error;
	}
	if (*block > UINT32_MAX) {
		ext4_inode_block_free(inode, *block, 1, false);
		return -ENOSPC;
	}
	if (metadata) {
		struct ext4_buffer *b;
		error = ext4_buffer_new(inode->fs, *block, EXT4_BUFFER_PLAIN, 0, &b);
		if (error) {
			ext4_inode_block_free(inode, *block, 1, false);
			return error;
		}
		ext4_buffer_put(b);
	}
	*slot = (uint32_t)*block;
	return 0;
}

/* How many file blocks from this slot on have consecutive disk blocks (or are holes, like the first). */
static uint32_t run_length(const uint32_t *slots, uint32_t index, uint32_t end, uint32_t max)
{
	uint32_t n = 1;
	while (n < max && index + n < end &&
	       (slots[index] ? slots[index + n] == slots[index] + n : slots[index + n] == 0)) {
		n++;
	}
	return n;
}

int ext4_indirect_map(struct ext4_inode *inode, uint64_t block, uint32_t max, unsigned flags, struct ext4_mapping *out)
{
	struct ext4 *fs = inode->fs;
	struct route r;
	memset(out, 0, sizeof(*out));
	out->count = 1;
	int error = route_find(fs, block, &r);
	if (error) {
		return flags ? error : 0;
	}
	if (flags & EXT4_MAP_PREALLOCATE) {
		return -EOPNOTSUPP;
	}
	struct ext4_buffer *b = NULL;
	uint32_t *slots = ext4_inode_raw(inode)->block, end = DIRECT;
	for (int level = 0;; level++) {
		uint32_t *slot = &slots[r.steps[level]];
		bool last = level == r.depth;
		if (*slot == 0 && flags) {
			uint64_t goal = r.steps[level] > 0 && slots[r.steps[level] - 1] ? slots[r.steps[level] - 1] + 1ull : 0, fresh;
			error = slot_fill(inode, goal, !last, slot, &fresh);
			if (error) {
				break;
			}
			out->fresh = true;
			if (b) {
				ext4_buffer_dirty(fs, b);
			}
			ext4_inode_dirty(inode);
		}
		if (*slot && !ext4_block_valid(fs, *slot, 1)) {
			error = ext4_corrupt(fs, "inode %u: bad block %u in its map", inode->number, *slot);
			break;
		}
		if (last || *slot == 0) {
			out->state = *slot ? EXT4_MAPPED : EXT4_HOLE;
			out->block = *slot;
			if (last) {
				out->count = run_length(slots, r.steps[level], end, out->fresh ? 1 : max);
			}
			break;
		}
		struct ext4_buffer *next;
		error = ext4_buffer_get(fs, *slot, EXT4_BUFFER_PLAIN, 0, &next);
		ext4_buffer_put(b);
		b = next;
		if (error) {
			break;
		}
		slots = (uint32_t *)b->data;
		end = fs->block_size / 4;
		out->fresh = false;
	}
	ext4_buffer_put(b);
	if (!error && out->state == EXT4_MAPPED && !ext4_block_valid(fs, out->block, out->count)) {
		out->count = 1;
	}
	return error;
}

/* Free what the subtree at *slot holds from file block `first` (counted from the subtree's start) on. */
static int subtree_truncate(struct ext4_inode *inode, uint32_t *slot, int depth, uint64_t first)
{
	struct ext4 *fs = inode->fs;
	if (*slot == 0) {
		return 0;
	}
	int result = 0;
	if (depth > 0) {
		struct ext4_buffer *b;
		result = ext4_buffer_get(fs, *slot, EXT4_BUFFER_PLAIN, 0, &b);
		if (result) {
			return result;
		}
		uint64_t per = fs->block_size / 4, span = 1;
		for (int i = 1; i < depth; i++) {
			span *= per;
		}
		uint32_t *slots = (uint32_t *)b->data;
		for (uint64_t i = first / span; i < per; i++) {
			uint64_t inside = i == first / span ? first % span : 0;
			result = subtree_truncate(inode, &slots[i], depth - 1, inside);
			if (result) {
				break;
			}
		}
		ext4_buffer_dirty(fs, b);
		ext4_buffer_put(b);
		if (result) {
			return result; /* a block freed twice: the map is corrupt, and going on may never end */
		}
	}
	if (first == 0) {
		int error = ext4_inode_block_free(inode, *slot, 1, depth > 0 || ext4_data_is_metadata(inode));
		*slot = 0;
		result = result ? result : error;
	}
	return result;
}

int ext4_indirect_truncate(struct ext4_inode *inode, uint64_t first)
{
	uint32_t *slots = ext4_inode_raw(inode)->block;
	uint64_t per = inode->fs->block_size / 4, start = DIRECT, span = per;
	int result = 0;
	for (uint64_t i = first; i < DIRECT; i++) {
		int error = subtree_truncate(inode, &slots[i], 0, 0);
		result = result ? result : error;
	}
	for (int depth = 1; depth <= 3; depth++, start += span, span *= per) {
		if (first < start + span) {
			int error = subtree_truncate(inode, &slots[DIRECT + depth - 1], depth, first > start ? first - start : 0);
			result = result ? result : error;
		}
	}
	ext4_inode_dirty(inode);
	return result;
}
