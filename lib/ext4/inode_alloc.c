/* SPDX-License-Identifier: MIT */
/*
 * Inode bitmaps. Files go to their directory's group; a directory to its parent's while that has more free inodes than the average,
 * else to the emptiest group. Within a group always the lowest free inode, so an inode table is used from its start without gaps:
 * what lies behind itable_unused need not have been initialized (uninit_bg).
 */
#include "ext4/ext4_internal.h"

static uint32_t join16(const struct ext4 *fs, uint16_t low, uint16_t high)
{
	return low | (fs->descriptor_size >= 64 ? (uint32_t)high << 16 : 0);
}

static uint32_t group_free_inodes(const struct ext4 *fs, const struct ext4_group *g)
{
	return join16(fs, g->free_inodes_lo, fs->descriptor_size >= 64 ? g->free_inodes_hi : 0);
}

static void counts_change(struct ext4 *fs, uint32_t group, int inodes, int directories)
{
	struct ext4_group *g = ext4_group(fs, group);
	bool wide = fs->descriptor_size >= 64;
	uint32_t free_inodes = group_free_inodes(fs, g) + (uint32_t)inodes;
	uint32_t dirs = join16(fs, g->used_dirs_lo, wide ? g->used_dirs_hi : 0) + (uint32_t)directories;
	g->free_inodes_lo = (uint16_t)free_inodes;
	g->used_dirs_lo = (uint16_t)dirs;
	if (wide) {
		g->free_inodes_hi = (uint16_t)(free_inodes >> 16);
		g->used_dirs_hi = (uint16_t)(dirs >> 16);
	}
	fs->super.free_inodes += (uint32_t)inodes;
	ext4_group_dirty(fs, group);
}

static int bitmap_get(struct ext4 *fs, uint32_t group, struct ext4_buffer **out)
{
	struct ext4_group *g = ext4_group(fs, group);
	if (!(g->flags & EXT4_GROUP_INODE_UNINIT)) {
		return ext4_buffer_get(fs, ext4_inode_bitmap(fs, g), EXT4_BUFFER_INODE_BITMAP, group, out);
	}
	int error = ext4_buffer_new(fs, ext4_inode_bitmap(fs, g), EXT4_BUFFER_INODE_BITMAP, group, out);
	if (error) {
		return error;
	}
	uint32_t used = fs->super.inodes_per_group / 8;
	memset((*out)->data + used, 0xff, fs->block_size - used);
	g->flags &= (uint16_t)~EXT4_GROUP_INODE_UNINIT;
	ext4_group_dirty(fs, group);
	return 0;
}

static uint32_t group_choose(struct ext4 *fs, struct ext4_inode *parent, bool directory)
{
	uint32_t home = parent ? (parent->number - 1) / fs->super.inodes_per_group : 0;
	uint32_t average = fs->super.free_inodes / fs->group_count;
	if (!directory || group_free_inodes(fs, ext4_group(fs, home)) > average) {
		return home;
	}
	uint32_t best = home;
	for (uint32_t group = 0; group < fs->group_count; group++) {
		if (group_free_inodes(fs, ext4_group(fs, group)) > group_free_inodes(fs, ext4_group(fs, best))) {
			best = group;
		}
	}
	return best;
}

static void unused_shrink(struct ext4 *fs, struct ext4_group *g, uint32_t bit)
{
	bool wide = fs->descriptor_size >= 64;
	uint32_t unused = join16(fs, g->itable_unused_lo, wide ? g->itable_unused_hi : 0);
	uint32_t behind = fs->super.inodes_per_group - bit - 1;
	if (unused > behind) {
		g->itable_unused_lo = (uint16_t)behind;
		if (wide) {
			g->itable_unused_hi = (uint16_t)(behind >> 16);
		}
	}
}

static int group_alloc(struct ext4 *fs, uint32_t group, bool directory, uint32_t *number)
{
	struct ext4_group *g = ext4_group(fs, group);
	if (group_free_inodes(fs, g) == 0 || fs->super.free_inodes == 0) {
		return -ENOSPC;
	}
	struct ext4_buffer *b;
	int error = bitmap_get(fs, group, &b);
	if (error) {
		return error;
	}
	uint32_t bit = group == 0 ? fs->super.first_inode - 1 : 0;
	while (bit < fs->super.inodes_per_group && (b->data[bit / 8] >> (bit % 8) & 1)) {
		bit += bit % 8 == 0 && b->data[bit / 8] == 0xff ? 8 : 1;
	}
	if (bit >= fs->super.inodes_per_group) {
		ext4_buffer_put(b);
		ext4_corrupt(fs, "group %u: free inode count disagrees with the bitmap", group);
		return -ENOSPC;
	}
	b->data[bit / 8] |= (uint8_t)(1u << (bit % 8));
	ext4_buffer_dirty(fs, b);
	ext4_buffer_put(b);
	if (fs->metadata_csum || fs->gdt_csum) {
		unused_shrink(fs, g, bit);
	}
	counts_change(fs, group, -1, directory ? 1 : 0);
	*number = group * fs->super.inodes_per_group + bit + 1;
	return 0;
}

int ext4_inode_alloc(struct ext4 *fs, struct ext4_inode *parent, uint32_t mode, uint32_t *number)
{
	bool directory = (mode & EXT4_S_IFMT) == EXT4_S_IFDIR;
	uint32_t group = group_choose(fs, parent, directory);
	for (uint32_t i = 0; i < fs->group_count; i++) {
		int error = group_alloc(fs, (group + i) % fs->group_count, directory, number);
		if (error != -ENOSPC) {
			return error;
		}
	}
	return -ENOSPC;
}

int ext4_inode_number_free(struct ext4 *fs, uint32_t number, bool directory)
{
	uint32_t group = (number - 1) / fs->super.inodes_per_group, bit = (number - 1) % fs->super.inodes_per_group;
	struct ext4_buffer *b;
	int error = bitmap_get(fs, group, &b);
	if (error) {
		return error;
	}
	bool was_set = b->data[bit / 8] >> (bit % 8) & 1;
	if (was_set) {
		b->data[bit / 8] &= (uint8_t)~(1u << (bit % 8));
		ext4_buffer_dirty(fs, b);
		counts_change(fs, group, 1, directory ? -1 : 0);
	}
	ext4_buffer_put(b);
	return was_set ? 0 : ext4_corrupt(fs, "inode %u freed twice", number);
}

bool ext4_inode_in_use(struct ext4 *fs, uint32_t number)
{
	uint32_t group = (number - 1) / fs->super.inodes_per_group, bit = (number - 1) % fs->super.inodes_per_group;
	if (ext4_group(fs, group)->flags & EXT4_GROUP_INODE_UNINIT) {
		return false;
	}
	struct ext4_buffer *b;
	if (bitmap_get(fs, group, &b)) {
		return false;
	}
	bool used = b->data[bit / 8] >> (bit % 8) & 1;
	ext4_buffer_put(b);
	return used;
}
