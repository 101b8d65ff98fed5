/* SPDX-License-Identifier: MIT */
/*
 * Block bitmaps. A run of blocks near a goal: at the goal if it is free, else the first run in the goal's group that is long
 * enough, else that group's longest, else the next group. Counts in descriptor and super block change together with the bits.
 */
#include "ext4/ext4_internal.h"

static bool bit_get(const uint8_t *map, uint32_t bit)
{
	return map[bit / 8] >> (bit % 8) & 1;
}

static void bits_set(uint8_t *map, uint32_t bit, uint32_t count)
{
	for (; count > 0; count--, bit++) {
		map[bit / 8] |= (uint8_t)(1u << (bit % 8));
	}
}

static uint32_t group_free(const struct ext4 *fs, const struct ext4_group *g)
{
	return g->free_blocks_lo | (fs->descriptor_size >= 64 ? (uint32_t)g->free_blocks_hi << 16 : 0);
}

static void group_set_free(const struct ext4 *fs, struct ext4_group *g, uint32_t count)
{
	g->free_blocks_lo = (uint16_t)count;
	if (fs->descriptor_size >= 64) {
		g->free_blocks_hi = (uint16_t)(count >> 16);
	}
}

/* Mark [start, start + count) as used as far as it lies in this group. */
static void mark_own(struct ext4 *fs, uint32_t group, uint8_t *map, uint64_t start, uint32_t count)
{
	uint64_t first = ext4_group_first_block(fs, group);
	uint64_t end = first + ext4_group_block_count(fs, group);
	for (; count > 0; count--, start++) {
		if (start >= first && start < end) {
			bits_set(map, (uint32_t)(start - first), 1);
		}
	}
}

/* A group whose bitmap was never written (uninit_bg): only its fixed structures are used. */
static int bitmap_build(struct ext4 *fs, uint32_t group, struct ext4_buffer **out)
{
	struct ext4_group *g = ext4_group(fs, group);
	int error = ext4_buffer_new(fs, ext4_block_bitmap(fs, g), EXT4_BUFFER_BLOCK_BITMAP, group, out);
	if (error) {
		return error;
	}
	uint8_t *map = (*out)->data;
	uint32_t table = (fs->super.inodes_per_group * fs->inode_size + fs->block_size - 1) >> fs->block_shift;
	uint32_t count = ext4_group_block_count(fs, group);
	mark_own(fs, group, map, ext4_group_first_block(fs, group), ext4_group_base_blocks(fs, group));
	mark_own(fs, group, map, ext4_block_bitmap(fs, g), 1);
	mark_own(fs, group, map, ext4_inode_bitmap(fs, g), 1);
	mark_own(fs, group, map, ext4_inode_table(fs, g), table);
	bits_set(map, count, fs->block_size * 8 - count);
	g->flags &= (uint16_t)~EXT4_GROUP_BLOCK_UNINIT;
	ext4_group_dirty(fs, group);
	return 0;
}

static int bitmap_get(struct ext4 *fs, uint32_t group, struct ext4_buffer **out)
{
	struct ext4_group *g = ext4_group(fs, group);
	if (g->flags & EXT4_GROUP_BLOCK_UNINIT) {
		return bitmap_build(fs, group, out);
	}
	int error = ext4_buffer_get(fs, ext4_block_bitmap(fs, g), EXT4_BUFFER_BLOCK_BITMAP, group, out);
	if (error) {
		return error;
	}
	uint64_t own = ext4_block_bitmap(fs, g), first = ext4_group_first_block(fs, group);
	if (own >= first && own - first < ext4_group_block_count(fs, group) && !bit_get((*out)->data, (uint32_t)(own - first))) {
		ext4_buffer_put(*out);
		*out = NULL;
		return ext4_corrupt(fs, "block bitmap of group %u does not cover itself", group);
	}
	return 0;
}

/* The first clear bit from `bit` on, or `end`. */
static uint32_t bit_next_clear(const uint8_t *map, uint32_t bit, uint32_t end)
{
	while (bit < end) {
		if (bit % 8 == 0 && map[bit / 8] == 0xff) {
			bit += 8;
			continue;
		}
		if (!bit_get(map, bit)) {
			return bit;
		}
		bit++;
	}
	return end;
}

static uint32_t run_length(const uint8_t *map, uint32_t bit, uint32_t end, uint32_t want)
{
	uint32_t n = 0;
	while (bit + n < end && n < want && !bit_get(map, bit + n)) {
		n++;
	}
	return n;
}

static uint32_t run_find(const uint8_t *map, uint32_t goal, uint32_t end, uint32_t want, uint32_t *length)
{
	uint32_t best = end, best_length = run_length(map, goal, end, want);
	if (best_length > 0) {
		*length = best_length;
		return goal;
	}
	for (int pass = 0; pass < 2 && best_length < want; pass++) {
		uint32_t bit = pass == 0 ? goal : 0, stop = pass == 0 ? end : goal;
		while (best_length < want && (bit = bit_next_clear(map, bit, stop)) < stop) {
			uint32_t n = run_length(map, bit, end, want);
			if (n > best_length) {
				best_length = n;
				best = bit;
			}
			bit += n;
		}
	}
	*length = best_length;
	return best;
}

static int group_alloc(struct ext4 *fs, uint32_t group, uint32_t goal, uint32_t want, uint64_t *block, uint32_t *count)
{
	struct ext4_group *g = ext4_group(fs, group);
	uint32_t end = ext4_group_block_count(fs, group), length = 0;
	if (group_free(fs, g) == 0) {
		return -ENOSPC;
	}
	struct ext4_buffer *b;
	int error = bitmap_get(fs, group, &b);
	if (error) {
		return error;
	}
	uint32_t bit = run_find(b->data, goal, end, want, &length);
	if (length == 0 || length > group_free(fs, g) || length > fs->free_blocks) {
		ext4_buffer_put(b);
		ext4_corrupt(fs, "group %u: free block count disagrees with the bitmap", group);
		return -ENOSPC;
	}
	*block = ext4_group_first_block(fs, group) + bit;
	if (!ext4_block_valid(fs, *block, length)) {
		ext4_buffer_put(b);
		return ext4_corrupt(fs, "group %u: the bitmap calls fixed blocks free", group);
	}
	bits_set(b->data, bit, length);
	ext4_buffer_dirty(fs, b);
	ext4_buffer_put(b);
	group_set_free(fs, g, group_free(fs, g) - length);
	ext4_group_dirty(fs, group);
	fs->free_blocks -= length;
	*count = length;
	return 0;
}

int ext4_block_alloc(struct ext4 *fs, uint64_t goal, uint32_t want, uint64_t *block, uint32_t *count)
{
	if (!ext4_block_valid(fs, goal, 1)) {
		goal = fs->super.first_data_block;
	}
	uint64_t offset = goal - fs->super.first_data_block;
	uint32_t group = (uint32_t)(offset / fs->super.blocks_per_group);
	uint32_t bit = (uint32_t)(offset % fs->super.blocks_per_group);
	int result = -ENOSPC;
	for (uint32_t i = 0; i < fs->group_count; i++) {
		int error = group_alloc(fs, group, bit, want, block, count);
		if (error == 0 || error == -ENOMEM) {
			return error;
		}
		result = error == -EIO ? error : result;
		group = (group + 1) % fs->group_count;
		bit = 0;
	}
	return result;
}

static int group_release(struct ext4 *fs, uint32_t group, uint32_t bit, uint32_t count)
{
	struct ext4_group *g = ext4_group(fs, group);
	struct ext4_buffer *b;
	int error = bitmap_get(fs, group, &b);
	if (error) {
		return error;
	}
	uint32_t freed = 0;
	for (uint32_t i = bit; i < bit + count; i++) {
		if (bit_get(b->data, i)) {
			b->data[i / 8] &= (uint8_t)~(1u << (i % 8));
			freed++;
		}
	}
	ext4_buffer_dirty(fs, b);
	ext4_buffer_put(b);
	group_set_free(fs, g, group_free(fs, g) + freed);
	ext4_group_dirty(fs, group);
	fs->free_blocks += freed;
	return freed == count ? 0 : ext4_corrupt(fs, "group %u: freeing blocks that are free", group);
}

int ext4_block_free(struct ext4 *fs, uint64_t block, uint32_t count, bool metadata)
{
	if (count == 0 || !ext4_block_valid(fs, block, count)) {
		return ext4_corrupt(fs, "freeing %u blocks at %llu, outside the file system", count, (unsigned long long)block);
	}
	for (uint32_t i = 0; metadata && i < count; i++) {
		ext4_buffer_forget(fs, block + i);
	}
	int result = 0;
	while (count > 0) {
		uint64_t offset = block - fs->super.first_data_block;
		uint32_t group = (uint32_t)(offset / fs->super.blocks_per_group);
		uint32_t bit = (uint32_t)(offset % fs->super.blocks_per_group);
		uint32_t n = fs->super.blocks_per_group - bit;
		n = n < count ? n : count;
		int error = group_release(fs, group, bit, n);
		result = result ? result : error;
		block += n;
		count -= n;
	}
	return result;
}

uint64_t ext4_inode_goal(struct ext4_inode *inode)
{
	if (inode->goal) {
		return inode->goal;
	}
	return ext4_group_first_block(inode->fs, (inode->number - 1) / inode->fs->super.inodes_per_group);
}

int ext4_inode_block_alloc(struct ext4_inode *inode, uint64_t goal, uint32_t want, uint64_t *block, uint32_t *count)
{
	int error = ext4_block_alloc(inode->fs, goal ? goal : ext4_inode_goal(inode), want, block, count);
	if (!error) {
		inode->sectors += (uint64_t)*count << (inode->fs->block_shift - 9);
		inode->goal = *block + *count;
		ext4_inode_dirty(inode);
	}
	return error;
}

int ext4_inode_block_free(struct ext4_inode *inode, uint64_t block, uint32_t count, bool metadata)
{
	uint64_t sectors = (uint64_t)count << (inode->fs->block_shift - 9);
	inode->sectors -= sectors < inode->sectors ? sectors : inode->sectors;
	ext4_inode_dirty(inode);
	return ext4_block_free(inode->fs, block, count, metadata);
}
