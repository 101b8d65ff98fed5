/* SPDX-License-Identifier: MIT */
/*
 * The ext2/ext3/ext4 file system as a component: no static state, all I/O through struct ext4_io, so that the same
 * object code runs in the guest kernel and in host tests and tools. It keeps names, inodes, allocation and the map
 * from file blocks to disk blocks; file data is the caller's (a page cache, or a test's buffer).
 *
 * The caller serializes all calls on one file system. Metadata is written back by ext4_sync(); after it (and until the
 * next change) the image is marked clean and e2fsck finds nothing. The journal of an ext3/ext4 image is neither
 * used nor touched; an image that needs recovery mounts read-only.
 * Source: the ext4 disk layout (kernel.org, "ext4 Data Structures and Algorithms"), docs/filesystem.md.
 */
#ifndef BULKHEAD_EXT4_H
#define BULKHEAD_EXT4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

#define EXT4_ROOT_INODE 2u
#define EXT4_NAME_MAX 255u

struct ext4;

/** The disk below. Offsets and sizes are bytes, multiples of 512 where the block size allows; errors negative errno. */
struct ext4_io {
	void *context;
	uint64_t bytes;
	bool read_only;
	int (*read)(void *context, uint64_t offset, void *buffer, uint32_t bytes);
	int (*write)(void *context, uint64_t offset, const void *buffer, uint32_t bytes);
	int (*flush)(void *context); /* what was written is on stable storage */
	void *(*buffer_alloc)(void *context, uint32_t bytes); /* memory that read and write can use; at most 4096 */
	void (*buffer_free)(void *context, void *buffer, uint32_t bytes);
	uint64_t (*wall_ns)(void *context);
};

struct ext4_time {
	int64_t seconds;
	uint32_t nanoseconds;
};

/* An inode in memory, one per number, alive while referenced. The caller may change mode (permission bits), uid, gid,
 * size and times, and then calls ext4_inode_dirty(). */
struct ext4_inode {
	struct ext4 *fs;
	struct list hash_link, dirty_link;
	uint32_t number, references, generation, flags;
	uint32_t mode, uid, gid, links;
	uint32_t major, minor; /* device files */
	uint64_t size, sectors; /* bytes; 512-byte sectors allocated */
	struct ext4_time atime, mtime, ctime, crtime;
	uint32_t checksum_seed;
	bool dirty, orphan;
	uint64_t goal; /* disk block behind the last one allocated, or 0 */
	uint32_t next_orphan;
	uint8_t *raw; /* the disk's bytes; i_block is kept here only */
};

enum ext4_map_state { EXT4_HOLE, EXT4_MAPPED, EXT4_UNWRITTEN };
struct ext4_mapping {
	enum ext4_map_state state; /* an unwritten block has a place but reads as zero */
	uint64_t block; /* disk block, if not a hole */
	uint32_t count; /* file blocks this holds for, at least 1 */
	bool fresh; /* allocated or made written by this call: its old content on disk means nothing */
};
#define EXT4_MAP_CREATE 1u /* allocate; the answer is EXT4_MAPPED */
#define EXT4_MAP_PREALLOCATE 2u /* allocate holes as unwritten, leave the rest */

struct ext4_statistics {
	uint64_t blocks, free_blocks, available_blocks, inodes, free_inodes;
	uint32_t block_size;
	uint64_t id;
};

/** Mount. Writes a reason into `why` on failure, or a remark (read-only because...) on success; "" if there is none.
 *  -EINVAL: not a file system that this component can read; -EIO: corrupt or I/O error; -ENOMEM. */
int ext4_mount(const struct ext4_io *io, bool read_only, struct ext4 **fs, char *why, size_t why_size);
/** Write everything and mark clean; frees fs. All inodes must have been put. */
int ext4_unmount(struct ext4 *fs);
int ext4_sync(struct ext4 *fs);
bool ext4_is_read_only(const struct ext4 *fs);
uint32_t ext4_block_size(const struct ext4 *fs);
void ext4_statistics(const struct ext4 *fs, struct ext4_statistics *out);

int ext4_iget(struct ext4 *fs, uint32_t number, struct ext4_inode **inode);
/** Drop a reference; at the last one an inode without links is freed with its blocks. */
void ext4_iput(struct ext4_inode *inode);
void ext4_inode_dirty(struct ext4_inode *inode);

/** -ENOENT if there is no such name. type: EXT4_FT_*, 0 where the image does not store it. */
int ext4_lookup(struct ext4_inode *dir, const char *name, size_t length, uint32_t *number);
/** Names from *offset on; emit returns false to stop before that name. */
int ext4_readdir(struct ext4_inode *dir, uint64_t *offset,
		 bool (*emit)(void *context, const char *name, unsigned length, uint32_t number, unsigned type),
		 void *context);
struct ext4_owner {
	uint32_t uid, gid;
};
/** Any kind of file but symbolic links; mode holds type and permissions. *inode is referenced. */
int ext4_create(struct ext4_inode *dir, const char *name, size_t length, uint32_t mode, uint32_t major,
		uint32_t minor, struct ext4_owner owner, struct ext4_inode **inode);
int ext4_symlink(struct ext4_inode *dir, const char *name, size_t length, const char *target, struct ext4_owner owner,
		 struct ext4_inode **inode);
int ext4_link(struct ext4_inode *dir, const char *name, size_t length, struct ext4_inode *inode);
int ext4_unlink(struct ext4_inode *dir, const char *name, size_t length);
int ext4_rmdir(struct ext4_inode *dir, const char *name, size_t length);
/** Replaces an existing target as rename(2) says. The caller has checked that no directory moves below itself. */
int ext4_rename(struct ext4_inode *from, const char *from_name, size_t from_length, struct ext4_inode *to,
		const char *to_name, size_t to_length);
/** Either gets the other's name. The caller has checked that neither is below the other. */
int ext4_exchange(struct ext4_inode *from, const char *from_name, size_t from_length, struct ext4_inode *to,
		  const char *to_name, size_t to_length);
/** Length of the target, at most size bytes written, no NUL. */
int ext4_readlink(struct ext4_inode *inode, char *target, size_t size);

/** Where file blocks [block, block + max) begin. -ENOSPC, -EFBIG, -EROFS with a flag; -EIO if corrupt. */
int ext4_map(struct ext4_inode *inode, uint64_t block, uint32_t max, unsigned flags, struct ext4_mapping *out);
/** Set the size and free what lies behind it; the caller zeroes the rest of the last block. */
int ext4_truncate(struct ext4_inode *inode, uint64_t size);
/** File blocks [first, end) become a hole. -EOPNOTSUPP: not a file of extents. */
int ext4_punch(struct ext4_inode *inode, uint64_t first, uint64_t end);

#endif
