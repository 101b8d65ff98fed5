/* SPDX-License-Identifier: MIT */
/*
 * The end of an inode: the last reference frees it if it has no links left. While it is open without a link it is on the orphan
 * list (super.last_orphan, then each inode's dtime field), which a mount after a crash works off.
 */
#include "ext4/ext4_internal.h"

#define ORPHANS_MAX 65536u

int ext4_orphan_add(struct ext4_inode *inode)
{
	struct ext4 *fs = inode->fs;
	if (inode->orphan) {
		return 0;
	}
	inode->orphan = true;
	inode->next_orphan = fs->super.last_orphan;
	fs->super.last_orphan = inode->number;
	ext4_inode_dirty(inode);
	return 0;
}

static struct ext4_inode *inode_cached(struct ext4 *fs, uint32_t number)
{
	list_for_each(node, &fs->inode_buckets[number % EXT4_INODE_BUCKETS]) {
		struct ext4_inode *inode = container_of(node, struct ext4_inode, hash_link);
		if (inode->number == number) {
			return inode;
		}
	}
	return NULL;
}

/* Every orphan of a mounted file system is in memory, because only references keep it one. */
int ext4_orphan_remove(struct ext4_inode *inode)
{
	struct ext4 *fs = inode->fs;
	if (!inode->orphan) {
		return 0;
	}
	inode->orphan = false;
	if (fs->super.last_orphan == inode->number) {
		fs->super.last_orphan = inode->next_orphan;
		return 0;
	}
	uint32_t number = fs->super.last_orphan;
	for (unsigned i = 0; i < ORPHANS_MAX && number; i++) {
		struct ext4_inode *before = inode_cached(fs, number);
		if (!before) {
			break;
		}
		if (before->next_orphan == inode->number) {
			before->next_orphan = inode->next_orphan;
			ext4_inode_dirty(before);
			return 0;
		}
		number = before->next_orphan;
	}
	return ext4_corrupt(fs, "inode %u is missing on the orphan list", inode->number);
}

/* A block of extended attributes is shared by reference count. */
static void attributes_free(struct ext4_inode *inode)
{
	struct ext4 *fs = inode->fs;
	struct ext4_disk_inode *d = ext4_inode_raw(inode);
	uint64_t block = d->file_acl_lo | (fs->has_64bit ? (uint64_t)d->file_acl_hi << 32 : 0);
	struct ext4_buffer *b;
	if (block == 0 || ext4_buffer_get(fs, block, EXT4_BUFFER_PLAIN, 0, &b)) {
		return;
	}
	struct ext4_xattr_header *h = (struct ext4_xattr_header *)b->data;
	if (h->magic != EXT4_XATTR_MAGIC || h->references == 0) {
		ext4_corrupt(fs, "inode %u: bad extended attribute block", inode->number);
	} else if (h->references == 1) {
		ext4_buffer_put(b);
		b = NULL;
		ext4_inode_block_free(inode, block, 1, true);
	} else {
		h->references--;
		if (fs->metadata_csum) {
			h->checksum = 0;
			h->checksum = ext4_crc32c(fs, ext4_crc32c(fs, fs->checksum_seed, &block, 8), b->data, fs->block_size);
		}
		ext4_buffer_dirty(fs, b);
	}
	ext4_buffer_put(b);
	d->file_acl_lo = 0;
	d->file_acl_hi = 0;
}

static void inode_delete(struct ext4_inode *inode)
{
	struct ext4 *fs = inode->fs;
	struct ext4_time now;
	bool directory = ext4_is_dir(inode);
	ext4_truncate(inode, 0);
	attributes_free(inode);
	ext4_orphan_remove(inode);
	ext4_now(fs, &now);
	ext4_inode_raw(inode)->dtime = (uint32_t)now.seconds;
	inode->size = 0;
	ext4_inode_dirty(inode);
	ext4_inodes_write(fs);
	ext4_inode_number_free(fs, inode->number, directory);
}

void ext4_iput(struct ext4_inode *inode)
{
	struct ext4 *fs = inode->fs;
	if (--inode->references > 0) {
		return;
	}
	if (inode->links == 0 && !fs->read_only) {
		inode->references = 1;
		inode_delete(inode);
		inode->references = 0;
	}
	if (inode->dirty && ext4_inodes_write(fs) != 0) {
		env_log("ext4: inode %u could not be written", inode->number);
	}
	ext4_inode_discard(inode);
}

void ext4_orphans_recover(struct ext4 *fs)
{
	uint32_t number = fs->super.last_orphan, freed = 0;
	fs->super.last_orphan = 0;
	for (; number && freed < ORPHANS_MAX; freed++) {
		struct ext4_inode *inode;
		if (number < fs->super.first_inode || number > fs->super.inodes_count || !ext4_inode_in_use(fs, number) ||
		    ext4_inode_load(fs, number, &inode) != 0) {
			ext4_corrupt(fs, "bad orphan list at inode %u", number);
			break;
		}
		number = ext4_inode_raw(inode)->dtime;
		if (inode->links > 0) { /* a truncation that was cut off */
			ext4_inode_raw(inode)->dtime = 0;
			ext4_truncate(inode, inode->size);
		}
		ext4_inode_dirty(inode);
		ext4_iput(inode);
	}
	if (freed) {
		env_log("ext4: %u orphaned inodes cleared", freed);
	}
}
