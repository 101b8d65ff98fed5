/* SPDX-License-Identifier: MIT */
/* Where the fixed structures of each block group lie (ext4 layout: "Block Groups", "Meta Block Groups", sparse_super). */
#include "ext4/ext4_internal.h"

static bool is_power_of(uint32_t n, uint32_t base)
{
	while (n > 1 && n % base == 0) {
		n /= base;
	}
	return n == 1;
}

bool ext4_group_has_super(const struct ext4 *fs, uint32_t group)
{
	if (group == 0) {
		return true;
	}
	if (fs->super.compat & EXT4_COMPAT_SPARSE_SUPER2) {
		return group == fs->super.backup_groups[0] || group == fs->super.backup_groups[1];
	}
	if (!(fs->super.ro_compat & EXT4_RO_SPARSE_SUPER)) {
		return true;
	}
	return is_power_of(group, 3) || is_power_of(group, 5) || is_power_of(group, 7);
}

uint64_t ext4_group_first_block(const struct ext4 *fs, uint32_t group)
{
	return fs->super.first_data_block + (uint64_t)group * fs->super.blocks_per_group;
}

uint32_t ext4_group_block_count(const struct ext4 *fs, uint32_t group)
{
	uint64_t left = fs->block_count - ext4_group_first_block(fs, group);
	return left < fs->super.blocks_per_group ? (uint32_t)left : fs->super.blocks_per_group;
}

static bool uses_meta_bg(const struct ext4 *fs, uint32_t descriptor_block)
{
	return (fs->super.incompat & EXT4_INCOMPAT_META_BG) && descriptor_block >= fs->super.first_meta_bg;
}

uint64_t ext4_descriptor_block(const struct ext4 *fs, uint32_t index)
{
	if (!uses_meta_bg(fs, index)) {
		return (uint64_t)fs->super.first_data_block + 1 + index;
	}
	uint32_t group = index * fs->descriptors_per_block;
	return ext4_group_first_block(fs, group) + (ext4_group_has_super(fs, group) ? 1 : 0);
}

uint32_t ext4_group_base_blocks(const struct ext4 *fs, uint32_t group)
{
	uint32_t blocks = ext4_group_has_super(fs, group) ? 1 : 0;
	uint32_t meta_block = group / fs->descriptors_per_block;
	if (uses_meta_bg(fs, meta_block)) {
		uint32_t place = group % fs->descriptors_per_block;
		return blocks + (place == 0 || place == 1 || place == fs->descriptors_per_block - 1);
	}
	if (blocks) {
		uint32_t descriptors = (fs->super.incompat & EXT4_INCOMPAT_META_BG) ? fs->super.first_meta_bg : fs->gdt_blocks;
		blocks += descriptors + fs->super.reserved_gdt_blocks;
	}
	return blocks;
}

static uint64_t join(const struct ext4 *fs, uint32_t low, uint32_t high)
{
	return fs->descriptor_size >= 64 ? (uint64_t)high << 32 | low : low;
}

uint64_t ext4_block_bitmap(const struct ext4 *fs, const struct ext4_group *g)
{
	return join(fs, g->block_bitmap_lo, fs->descriptor_size >= 64 ? g->block_bitmap_hi : 0);
}

uint64_t ext4_inode_bitmap(const struct ext4 *fs, const struct ext4_group *g)
{
	return join(fs, g->inode_bitmap_lo, fs->descriptor_size >= 64 ? g->inode_bitmap_hi : 0);
}

uint64_t ext4_inode_table(const struct ext4 *fs, const struct ext4_group *g)
{
	return join(fs, g->inode_table_lo, fs->descriptor_size >= 64 ? g->inode_table_hi : 0);
}

bool ext4_block_valid(const struct ext4 *fs, uint64_t block, uint64_t count)
{
	return block > fs->super.first_data_block && count <= fs->block_count && block <= fs->block_count - count;
}
