/* SPDX-License-Identifier: MIT */
/*
 * Hashed directories (ext4 layout, "Hash Tree Directories"). Their index blocks are disguised as linear ones: the root hides behind a
 * long ".." record, an interior node behind one unused record. A name that is added without its place in the index would be an
 * error, so the index is given up first: the flag goes, and with metadata checksums each index block becomes a plain directory
 * block with the tail that such blocks carry. The directory stays correct for every other implementation.
 */
#include "ext4/ext4_internal.h"

#define DOT_RECORD 12u
#define DOTDOT_RECORD 12u

static void block_linearize(struct ext4_inode *dir, struct ext4_buffer *b, bool root)
{
	struct ext4 *fs = dir->fs;
	uint32_t kept = root ? DOT_RECORD : 0;
	struct ext4_dirent *last = (struct ext4_dirent *)(b->data + kept);
	if (!root && (last->inode != 0 || last->record_length != fs->block_size)) {
		return; /* a leaf */
	}
	uint32_t used = kept + (root ? DOTDOT_RECORD : 8);
	memset(b->data + used, 0, fs->block_size - used);
	ext4_dir_block_init(fs, b->data, kept);
	ext4_buffer_dirty(fs, b);
}

int ext4_dir_linearize(struct ext4_inode *dir)
{
	struct ext4 *fs = dir->fs;
	if (!(dir->flags & EXT4_FL_INDEX)) {
		return 0;
	}
	uint64_t blocks = dir->size >> fs->block_shift;
	for (uint64_t i = 0; fs->metadata_csum && i < blocks; i++) {
		struct ext4_mapping m;
		struct ext4_buffer *b;
		int error = ext4_map(dir, i, 1, 0, &m);
		if (!error && m.state != EXT4_MAPPED) {
			error = ext4_corrupt(fs, "directory %u has a hole", dir->number);
		}
		error = error ? error : ext4_buffer_get(fs, m.block, EXT4_BUFFER_DIR, dir->checksum_seed, &b);
		if (error) {
			return error;
		}
		block_linearize(dir, b, i == 0);
		ext4_buffer_put(b);
	}
	dir->flags &= ~(uint32_t)EXT4_FL_INDEX;
	ext4_inode_dirty(dir);
	return 0;
}
