/* SPDX-License-Identifier: MIT */
/* Shared between the files of lib/ext4: the mounted file system, metadata buffers, and who calls whom. */
#ifndef EXT4_INTERNAL_H
#define EXT4_INTERNAL_H

#include "abi/errno.h"
#include "base/string.h"
#include "env/env.h"
#include "ext4/ext4.h"
#include "ext4/ext4_format.h"

#define EXT4_BUFFER_BUCKETS 256u
#define EXT4_BUFFER_LIMIT 1024u /* buffers kept beyond this are written and dropped, least recently used first */
#define EXT4_INODE_BUCKETS 64u

/* What is in a metadata block: says how it is sealed (checksummed) before it is written and verified after it is read. */
enum ext4_buffer_kind {
	EXT4_BUFFER_PLAIN, EXT4_BUFFER_DIR, EXT4_BUFFER_EXTENT, EXT4_BUFFER_BLOCK_BITMAP, EXT4_BUFFER_INODE_BITMAP,
};

struct ext4_buffer {
	struct list hash_link, lru_link;
	uint64_t block;
	uint8_t *data;
	uint32_t references;
	bool dirty;
	enum ext4_buffer_kind kind;
	uint32_t seed; /* checksum seed of the owning inode; bitmaps: the group */
};

struct ext4 {
	struct ext4_io io;
	struct ext4_super super; /* counts are kept in free_blocks and super.free_inodes */
	bool read_only, clean_on_disk, metadata_csum, gdt_csum, has_64bit, corrupt;
	uint32_t block_size, block_shift, inode_size, group_count, descriptor_size, descriptors_per_block, checksum_seed;
	uint32_t extra_isize; /* for new inodes */
	uint64_t block_count, free_blocks;
	uint8_t *groups; /* all descriptors, gdt_blocks * block_size bytes */
	uint32_t gdt_blocks;
	bool *gdt_dirty;
	struct list buffer_buckets[EXT4_BUFFER_BUCKETS], buffer_lru; /* head: most recent */
	uint32_t buffer_count;
	struct list inode_buckets[EXT4_INODE_BUCKETS], dirty_inodes;
	uint32_t complaints;
	uint32_t crc_table[256];
};

/* super.c */
struct ext4_group *ext4_group(struct ext4 *fs, uint32_t group);
void ext4_group_dirty(struct ext4 *fs, uint32_t group);
/** The image is about to change: mark it not clean on disk, once until the next sync. */
void ext4_modified(struct ext4 *fs);
/** Log what is wrong and answer -EIO. */
int ext4_corrupt(struct ext4 *fs, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ext4_now(struct ext4 *fs, struct ext4_time *now);

/* layout.c: where the fixed structures are */
bool ext4_group_has_super(const struct ext4 *fs, uint32_t group);
uint64_t ext4_group_first_block(const struct ext4 *fs, uint32_t group);
uint32_t ext4_group_block_count(const struct ext4 *fs, uint32_t group);
uint64_t ext4_descriptor_block(const struct ext4 *fs, uint32_t index);
/** Blocks at the start of the group that hold a super block and descriptors. */
uint32_t ext4_group_base_blocks(const struct ext4 *fs, uint32_t group);
uint64_t ext4_block_bitmap(const struct ext4 *fs, const struct ext4_group *g);
uint64_t ext4_inode_bitmap(const struct ext4 *fs, const struct ext4_group *g);
uint64_t ext4_inode_table(const struct ext4 *fs, const struct ext4_group *g);

/* checksum.c */
void ext4_crc_init(struct ext4 *fs);
uint32_t ext4_crc32c(const struct ext4 *fs, uint32_t crc, const void *data, size_t bytes);
uint32_t ext4_super_checksum(const struct ext4 *fs, const struct ext4_super *super);
uint16_t ext4_group_checksum(const struct ext4 *fs, uint32_t group, const struct ext4_group *g);
uint32_t ext4_inode_seed(const struct ext4 *fs, uint32_t number, uint32_t generation);
/** Over the raw inode as if its checksum fields were zero; *has_high: it stores 32 bits. */
uint32_t ext4_inode_checksum(const struct ext4 *fs, uint32_t seed, const uint8_t *raw, bool *has_high);
void ext4_buffer_seal(struct ext4 *fs, struct ext4_buffer *b);
int ext4_buffer_verify(struct ext4 *fs, struct ext4_buffer *b);

/* buffer.c */
int ext4_buffer_get(struct ext4 *fs, uint64_t block, enum ext4_buffer_kind kind, uint32_t seed, struct ext4_buffer **out);
/** A block whose old content means nothing: zeroed, dirty. */
int ext4_buffer_new(struct ext4 *fs, uint64_t block, enum ext4_buffer_kind kind, uint32_t seed, struct ext4_buffer **out);
void ext4_buffer_put(struct ext4_buffer *b); /* NULL is allowed */
void ext4_buffer_dirty(struct ext4 *fs, struct ext4_buffer *b);
/** The block was freed: drop it without writing. */
void ext4_buffer_forget(struct ext4 *fs, uint64_t block);
int ext4_buffers_write(struct ext4 *fs);
void ext4_buffers_free(struct ext4 *fs);

/* block_alloc.c */
int ext4_block_alloc(struct ext4 *fs, uint64_t goal, uint32_t want, uint64_t *block, uint32_t *count);
int ext4_block_free(struct ext4 *fs, uint64_t block, uint32_t count, bool metadata);
bool ext4_block_valid(const struct ext4 *fs, uint64_t block, uint64_t count);
/** One block for the inode's own metadata or data, accounted in i_blocks. */
int ext4_inode_block_alloc(struct ext4_inode *inode, uint64_t goal, uint32_t want, uint64_t *block, uint32_t *count);
int ext4_inode_block_free(struct ext4_inode *inode, uint64_t block, uint32_t count, bool metadata);
uint64_t ext4_inode_goal(struct ext4_inode *inode);

/* inode_alloc.c */
int ext4_inode_alloc(struct ext4 *fs, struct ext4_inode *parent, uint32_t mode, uint32_t *number);
int ext4_inode_number_free(struct ext4 *fs, uint32_t number, bool directory);
bool ext4_inode_in_use(struct ext4 *fs, uint32_t number);

/* inode.c */
struct ext4_disk_inode *ext4_inode_raw(struct ext4_inode *inode);
int ext4_inode_new(struct ext4 *fs, struct ext4_inode *parent, uint32_t mode, struct ext4_owner owner, struct ext4_inode **out);
int ext4_inodes_write(struct ext4 *fs); /* all dirty inodes into their buffers */
/** Read and check any inode; the caller knows that it is in use. */
int ext4_inode_load(struct ext4 *fs, uint32_t number, struct ext4_inode **out);
void ext4_inode_discard(struct ext4_inode *inode);

/* orphan.c */
int ext4_orphan_add(struct ext4_inode *inode);
int ext4_orphan_remove(struct ext4_inode *inode);
void ext4_orphans_recover(struct ext4 *fs);

/* extent.c, extent_tree.c, indirect.c */
int ext4_extent_map(struct ext4_inode *inode, uint64_t block, uint32_t max, unsigned flags, struct ext4_mapping *out);
int ext4_extent_truncate(struct ext4_inode *inode, uint64_t first);
int ext4_extent_punch(struct ext4_inode *inode, uint64_t first, uint64_t end);
int ext4_indirect_map(struct ext4_inode *inode, uint64_t block, uint32_t max, unsigned flags, struct ext4_mapping *out);
int ext4_indirect_truncate(struct ext4_inode *inode, uint64_t first);

/* directory.c */
int ext4_dir_find(struct ext4_inode *dir, const char *name, size_t length, struct ext4_buffer **buffer, struct ext4_dirent **entry);
int ext4_dir_add(struct ext4_inode *dir, const char *name, size_t length, uint32_t number, uint32_t mode);
int ext4_dir_remove(struct ext4_inode *dir, const char *name, size_t length);
int ext4_dir_replace(struct ext4_inode *dir, const char *name, size_t length, uint32_t number, uint32_t mode);
int ext4_dir_is_empty(struct ext4_inode *dir); /* 0, -ENOTEMPTY, -EIO */
int ext4_dir_init(struct ext4_inode *dir, uint32_t parent); /* "." and ".." */
int ext4_dir_linearize(struct ext4_inode *dir); /* htree.c */
unsigned ext4_dir_type(uint32_t mode);
/** Bytes of a directory block that entries may use. */
uint32_t ext4_dir_space(const struct ext4 *fs);
void ext4_dir_block_init(struct ext4 *fs, uint8_t *data, uint32_t first_length);

static inline bool ext4_is_dir(const struct ext4_inode *inode)
{
	return (inode->mode & EXT4_S_IFMT) == EXT4_S_IFDIR;
}

/* Directory and symbolic link blocks go through metadata buffers, file data does not. */
static inline bool ext4_data_is_metadata(const struct ext4_inode *inode)
{
	return (inode->mode & EXT4_S_IFMT) != EXT4_S_IFREG;
}

#endif
