/* SPDX-License-Identifier: MIT */
/* Extent tree or classic map, decided by the inode's flag; truncation. */
#include "ext4/ext4_internal.h"

static bool has_map(const struct ext4_inode *inode)
{
	uint32_t type = inode->mode & EXT4_S_IFMT;
	bool fast_link = type == EXT4_S_IFLNK && inode->size < sizeof(((struct ext4_disk_inode *)0)->block) &&
			 !(inode->flags & EXT4_FL_EXTENTS);
	return type == EXT4_S_IFREG || type == EXT4_S_IFDIR || (type == EXT4_S_IFLNK && !fast_link);
}

static uint64_t block_limit(const struct ext4_inode *inode)
{
	if (inode->flags & EXT4_FL_EXTENTS) {
		return UINT32_MAX;
	}
	uint64_t per = inode->fs->block_size / 4;
	return 12 + per + per * per + per * per * per;
}

int ext4_map(struct ext4_inode *inode, uint64_t block, uint32_t max, unsigned flags, struct ext4_mapping *out)
{
	if (!has_map(inode)) {
		return -EINVAL;
	}
	if (flags && inode->fs->read_only) {
		return -EROFS;
	}
	if (flags && block >= block_limit(inode)) {
		return -EFBIG;
	}
	max = max ? max : 1;
	return inode->flags & EXT4_FL_EXTENTS ? ext4_extent_map(inode, block, max, flags, out)
					      : ext4_indirect_map(inode, block, max, flags, out);
}

int ext4_truncate(struct ext4_inode *inode, uint64_t size)
{
	struct ext4 *fs = inode->fs;
	if (fs->read_only) {
		return -EROFS;
	}
	if (!has_map(inode)) {
		return 0;
	}
	uint64_t first = (size + fs->block_size - 1) >> fs->block_shift;
	if (first > block_limit(inode)) {
		return -EFBIG;
	}
	int error = inode->flags & EXT4_FL_EXTENTS ? ext4_extent_truncate(inode, first) : ext4_indirect_truncate(inode, first);
	inode->size = size;
	inode->goal = 0;
	ext4_inode_dirty(inode);
	return error;
}

int ext4_punch(struct ext4_inode *inode, uint64_t first, uint64_t end)
{
	if (inode->fs->read_only) {
		return -EROFS;
	}
	if (!has_map(inode) || !(inode->flags & EXT4_FL_EXTENTS)) {
		return -EOPNOTSUPP;
	}
	end = end < UINT32_MAX ? end : UINT32_MAX;
	inode->goal = 0;
	ext4_inode_dirty(inode);
	return ext4_extent_punch(inode, first, end);
}
