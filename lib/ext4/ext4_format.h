/* SPDX-License-Identifier: MIT */
/* ext4 on disk, little-endian (kernel.org, "ext4 Data Structures and Algorithms": super block, group descriptors, inodes, extents,
 * directories). Everything here is what mke2fs writes; sizes are asserted. */
#ifndef EXT4_FORMAT_H
#define EXT4_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define EXT4_MAGIC 0xef53
#define EXT4_SUPER_OFFSET 1024

enum ext4_state { EXT4_STATE_VALID = 1, EXT4_STATE_ERROR = 2, EXT4_STATE_ORPHANS = 4 };

enum ext4_compat {
	EXT4_COMPAT_HAS_JOURNAL = 0x4, EXT4_COMPAT_RESIZE_INODE = 0x10, EXT4_COMPAT_DIR_INDEX = 0x20,
	EXT4_COMPAT_SPARSE_SUPER2 = 0x200,
};
enum ext4_incompat {
	EXT4_INCOMPAT_FILETYPE = 0x2, EXT4_INCOMPAT_RECOVER = 0x4, EXT4_INCOMPAT_META_BG = 0x10,
	EXT4_INCOMPAT_EXTENTS = 0x40, EXT4_INCOMPAT_64BIT = 0x80, EXT4_INCOMPAT_FLEX_BG = 0x200,
	EXT4_INCOMPAT_CSUM_SEED = 0x2000, EXT4_INCOMPAT_LARGEDIR = 0x4000,
};
enum ext4_ro_compat {
	EXT4_RO_SPARSE_SUPER = 0x1, EXT4_RO_LARGE_FILE = 0x2, EXT4_RO_BTREE_DIR = 0x4, EXT4_RO_HUGE_FILE = 0x8,
	EXT4_RO_GDT_CSUM = 0x10, EXT4_RO_DIR_NLINK = 0x20, EXT4_RO_EXTRA_ISIZE = 0x40, EXT4_RO_BIGALLOC = 0x200,
	EXT4_RO_METADATA_CSUM = 0x400,
};

struct ext4_super {
	uint32_t inodes_count, blocks_count_lo, reserved_blocks_lo, free_blocks_lo, free_inodes, first_data_block;
	uint32_t log_block_size, log_cluster_size, blocks_per_group, clusters_per_group, inodes_per_group;
	uint32_t mount_time, write_time;
	uint16_t mount_count, max_mount_count, magic, state, errors, minor_revision;
	uint32_t last_check, check_interval, creator_os, revision;
	uint16_t reserved_uid, reserved_gid;
	uint32_t first_inode;
	uint16_t inode_size, block_group;
	uint32_t compat, incompat, ro_compat;
	uint8_t uuid[16];
	char volume[16], last_mounted[64];
	uint32_t algorithms;
	uint8_t prealloc_blocks, prealloc_dir_blocks;
	uint16_t reserved_gdt_blocks;
	uint8_t journal_uuid[16];
	uint32_t journal_inode, journal_device, last_orphan, hash_seed[4];
	uint8_t hash_version, journal_backup_type;
	uint16_t descriptor_size;
	uint32_t default_mount_options, first_meta_bg, make_time, journal_blocks[17];
	uint32_t blocks_count_hi, reserved_blocks_hi, free_blocks_hi;
	uint16_t min_extra_isize, want_extra_isize;
	uint32_t flags;
	uint16_t raid_stride, mmp_interval;
	uint64_t mmp_block;
	uint32_t raid_stripe_width;
	uint8_t log_groups_per_flex, checksum_type, encryption_level, reserved_pad;
	uint64_t kilobytes_written;
	uint8_t snapshot_and_errors[204];
	uint32_t backup_groups[2];
	uint8_t encryption[28];
	uint32_t checksum_seed;
	uint8_t reserved[392];
	uint32_t checksum;
};
_Static_assert(sizeof(struct ext4_super) == 1024, "super block");
_Static_assert(offsetof(struct ext4_super, backup_groups) == 0x24c, "super block");
_Static_assert(offsetof(struct ext4_super, checksum_seed) == 0x270, "super block");

/* The high half counts only with 64BIT. */
static inline uint64_t ext4_super_blocks(const struct ext4_super *s)
{
	return s->blocks_count_lo | (s->incompat & EXT4_INCOMPAT_64BIT ? (uint64_t)s->blocks_count_hi << 32 : 0);
}

enum ext4_group_flags { EXT4_GROUP_INODE_UNINIT = 1, EXT4_GROUP_BLOCK_UNINIT = 2, EXT4_GROUP_INODE_ZEROED = 4 };

struct ext4_group { /* the second half only where the descriptor size is 64 */
	uint32_t block_bitmap_lo, inode_bitmap_lo, inode_table_lo;
	uint16_t free_blocks_lo, free_inodes_lo, used_dirs_lo, flags;
	uint32_t exclude_bitmap_lo;
	uint16_t block_bitmap_csum_lo, inode_bitmap_csum_lo, itable_unused_lo, checksum;
	uint32_t block_bitmap_hi, inode_bitmap_hi, inode_table_hi;
	uint16_t free_blocks_hi, free_inodes_hi, used_dirs_hi, itable_unused_hi;
	uint32_t exclude_bitmap_hi;
	uint16_t block_bitmap_csum_hi, inode_bitmap_csum_hi;
	uint32_t reserved;
};
_Static_assert(sizeof(struct ext4_group) == 64, "group descriptor");

enum ext4_inode_flags {
	EXT4_FL_INDEX = 0x1000, EXT4_FL_HUGE_FILE = 0x40000, EXT4_FL_EXTENTS = 0x80000, EXT4_FL_EA_INODE = 0x200000,
	EXT4_FL_INLINE_DATA = 0x10000000, EXT4_FL_IMMUTABLE = 0x10, EXT4_FL_APPEND = 0x20,
};

struct ext4_disk_inode {
	uint16_t mode, uid;
	uint32_t size_lo, atime, ctime, mtime, dtime;
	uint16_t gid, links;
	uint32_t blocks_lo, flags, version, block[15], generation, file_acl_lo, size_hi, fragment;
	uint16_t blocks_hi, file_acl_hi, uid_hi, gid_hi, checksum_lo, reserved;
	/* from here on only in inodes of more than 128 bytes, up to extra_isize */
	uint16_t extra_isize, checksum_hi;
	uint32_t ctime_extra, mtime_extra, atime_extra, crtime, crtime_extra, version_hi, project;
};
_Static_assert(sizeof(struct ext4_disk_inode) == 160, "inode");
_Static_assert(offsetof(struct ext4_disk_inode, extra_isize) == 128, "inode");
#define EXT4_OLD_INODE_SIZE 128

#define EXT4_S_IFMT 0170000
#define EXT4_S_IFDIR 0040000
#define EXT4_S_IFREG 0100000
#define EXT4_S_IFLNK 0120000
#define EXT4_S_IFCHR 0020000
#define EXT4_S_IFBLK 0060000
#define EXT4_S_IFIFO 0010000
#define EXT4_S_IFSOCK 0140000

#define EXT4_EXTENT_MAGIC 0xf30a
#define EXT4_EXTENT_MAX_LENGTH 32768u /* above: an unwritten extent of length - 32768 */
#define EXT4_EXTENT_MAX_DEPTH 5

struct ext4_extent_header {
	uint16_t magic, entries, max, depth;
	uint32_t generation;
};
struct ext4_extent {
	uint32_t block;
	uint16_t length, start_hi;
	uint32_t start_lo;
};
struct ext4_extent_index {
	uint32_t block, leaf_lo;
	uint16_t leaf_hi, unused;
};

struct ext4_dirent {
	uint32_t inode;
	uint16_t record_length;
	uint8_t name_length, type;
	char name[];
};
struct ext4_dir_tail { /* looks like an unused entry; only with metadata_csum */
	uint32_t inode;
	uint16_t record_length;
	uint8_t name_length, type; /* 0, 0xde */
	uint32_t checksum;
};
#define EXT4_DIR_TAIL_TYPE 0xde
enum ext4_file_type { EXT4_FT_UNKNOWN, EXT4_FT_REG, EXT4_FT_DIR, EXT4_FT_CHR, EXT4_FT_BLK, EXT4_FT_FIFO, EXT4_FT_SOCK, EXT4_FT_LNK };

struct ext4_xattr_header {
	uint32_t magic, references, blocks, hash, checksum;
};
#define EXT4_XATTR_MAGIC 0xea020000u

#endif
