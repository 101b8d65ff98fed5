/* SPDX-License-Identifier: MIT */
/*
 * Metadata checksums (ext4 layout: "Checksums"): crc32c without final inversion for metadata_csum, crc16 of group
 * descriptors for gdt_csum (uninit_bg). Buffers are sealed when they are written and verified when they are read, so
 * the code that edits them needs no thought of checksums.
 */
#include "ext4/ext4_internal.h"

void ext4_crc_init(struct ext4 *fs)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;
		for (int bit = 0; bit < 8; bit++) {
			crc = (crc >> 1) ^ ((crc & 1) ? 0x82f63b78u : 0);
		}
		fs->crc_table[i] = crc;
	}
}

uint32_t ext4_crc32c(const struct ext4 *fs, uint32_t crc, const void *data, size_t bytes)
{
	const uint8_t *p = data;
	for (; bytes > 0; bytes--, p++) {
		crc = fs->crc_table[(crc ^ *p) & 255] ^ (crc >> 8);
	}
	return crc;
}

static uint16_t crc16(uint16_t crc, const void *data, size_t bytes)
{
	const uint8_t *p = data;
	for (; bytes > 0; bytes--, p++) {
		crc ^= *p;
		for (int bit = 0; bit < 8; bit++) {
			crc = (uint16_t)((crc >> 1) ^ ((crc & 1) ? 0xa001 : 0));
		}
	}
	return crc;
}

uint32_t ext4_super_checksum(const struct ext4 *fs, const struct ext4_super *super)
{
	return ext4_crc32c(fs, ~0u, super, offsetof(struct ext4_super, checksum));
}

uint16_t ext4_group_checksum(const struct ext4 *fs, uint32_t group, const struct ext4_group *g)
{
	const size_t at = offsetof(struct ext4_group, checksum), behind = at + 2;
	const uint8_t *raw = (const uint8_t *)g;
	if (fs->metadata_csum) {
		uint16_t zero = 0;
		uint32_t crc = ext4_crc32c(fs, fs->checksum_seed, &group, 4);
		crc = ext4_crc32c(fs, crc, raw, at);
		crc = ext4_crc32c(fs, crc, &zero, 2);
		return (uint16_t)ext4_crc32c(fs, crc, raw + behind, fs->descriptor_size - behind);
	}
	uint16_t crc = crc16(0xffff, fs->super.uuid, 16);
	crc = crc16(crc, &group, 4);
	crc = crc16(crc, raw, at);
	return fs->has_64bit ? crc16(crc, raw + behind, fs->descriptor_size - behind) : crc;
}

uint32_t ext4_inode_seed(const struct ext4 *fs, uint32_t number, uint32_t generation)
{
	return ext4_crc32c(fs, ext4_crc32c(fs, fs->checksum_seed, &number, 4), &generation, 4);
}

uint32_t ext4_inode_checksum(const struct ext4 *fs, uint32_t seed, const uint8_t *raw, bool *has_high)
{
	const size_t low = offsetof(struct ext4_disk_inode, checksum_lo), high = offsetof(struct ext4_disk_inode, checksum_hi);
	const struct ext4_disk_inode *d = (const struct ext4_disk_inode *)raw;
	const uint16_t zero = 0;
	uint32_t crc = ext4_crc32c(fs, seed, raw, low);
	crc = ext4_crc32c(fs, crc, &zero, 2);
	crc = ext4_crc32c(fs, crc, raw + low + 2, EXT4_OLD_INODE_SIZE - low - 2);
	*has_high = fs->inode_size > EXT4_OLD_INODE_SIZE && d->extra_isize >= high + 2 - EXT4_OLD_INODE_SIZE;
	if (fs->inode_size > EXT4_OLD_INODE_SIZE) {
		crc = ext4_crc32c(fs, crc, raw + EXT4_OLD_INODE_SIZE, high - EXT4_OLD_INODE_SIZE);
		crc = ext4_crc32c(fs, crc, *has_high ? (const void *)&zero : raw + high, 2);
		crc = ext4_crc32c(fs, crc, raw + high + 2, fs->inode_size - high - 2);
	}
	return crc;
}

static struct ext4_dir_tail *dir_tail(struct ext4 *fs, struct ext4_buffer *b)
{
	return (struct ext4_dir_tail *)(b->data + fs->block_size - sizeof(struct ext4_dir_tail));
}

static bool dir_has_tail(const struct ext4_dir_tail *tail)
{
	return tail->inode == 0 && tail->record_length == sizeof(*tail) && tail->name_length == 0 &&
	       tail->type == EXT4_DIR_TAIL_TYPE;
}

/* The checksum lies behind the room for `max` entries; 0 if that is not in the block. */
static uint32_t extent_tail_offset(struct ext4 *fs, struct ext4_buffer *b)
{
	const struct ext4_extent_header *h = (const struct ext4_extent_header *)b->data;
	uint32_t offset = sizeof(*h) + (uint32_t)h->max * sizeof(struct ext4_extent);
	return offset + 4 <= fs->block_size ? offset : 0;
}

static void bitmap_seal(struct ext4 *fs, struct ext4_buffer *b)
{
	struct ext4_group *g = ext4_group(fs, b->seed);
	bool blocks = b->kind == EXT4_BUFFER_BLOCK_BITMAP;
	uint32_t bytes = (blocks ? fs->super.clusters_per_group : fs->super.inodes_per_group) / 8;
	uint32_t crc = ext4_crc32c(fs, fs->checksum_seed, b->data, bytes);
	*(blocks ? &g->block_bitmap_csum_lo : &g->inode_bitmap_csum_lo) = (uint16_t)crc;
	if (fs->descriptor_size >= 64) {
		*(blocks ? &g->block_bitmap_csum_hi : &g->inode_bitmap_csum_hi) = (uint16_t)(crc >> 16);
	}
	ext4_group_dirty(fs, b->seed);
}

void ext4_buffer_seal(struct ext4 *fs, struct ext4_buffer *b)
{
	if (!fs->metadata_csum) {
		return;
	}
	switch (b->kind) {
	case EXT4_BUFFER_PLAIN:
		break;
	case EXT4_BUFFER_DIR:
		if (dir_has_tail(dir_tail(fs, b))) {
			dir_tail(fs, b)->checksum = ext4_crc32c(fs, b->seed, b->data, fs->block_size - sizeof(struct ext4_dir_tail));
		}
		break;
	case EXT4_BUFFER_EXTENT: {
		uint32_t offset = extent_tail_offset(fs, b);
		uint32_t crc = ext4_crc32c(fs, b->seed, b->data, offset);
		if (offset) {
			memcpy(b->data + offset, &crc, 4);
		}
		break;
	}
	case EXT4_BUFFER_BLOCK_BITMAP:
	case EXT4_BUFFER_INODE_BITMAP:
		bitmap_seal(fs, b);
		break;
	}
}

static int bitmap_verify(struct ext4 *fs, struct ext4_buffer *b)
{
	const struct ext4_group *g = ext4_group(fs, b->seed);
	bool blocks = b->kind == EXT4_BUFFER_BLOCK_BITMAP;
	uint32_t bytes = (blocks ? fs->super.clusters_per_group : fs->super.inodes_per_group) / 8;
	uint32_t crc = ext4_crc32c(fs, fs->checksum_seed, b->data, bytes);
	uint32_t stored = blocks ? g->block_bitmap_csum_lo : g->inode_bitmap_csum_lo;
	if (fs->descriptor_size >= 64) {
		stored |= (uint32_t)(blocks ? g->block_bitmap_csum_hi : g->inode_bitmap_csum_hi) << 16;
	} else {
		crc &= 0xffff;
	}
	return crc == stored ? 0 : ext4_corrupt(fs, "%s bitmap of group %u: bad checksum", blocks ? "block" : "inode", b->seed);
}

int ext4_buffer_verify(struct ext4 *fs, struct ext4_buffer *b)
{
	if (!fs->metadata_csum) {
		return 0;
	}
	uint32_t stored = 0, offset;
	switch (b->kind) {
	case EXT4_BUFFER_PLAIN:
		return 0;
	case EXT4_BUFFER_DIR:
		/* Index blocks of hashed directories have no tail; they are read as unused entries. */
		if (dir_has_tail(dir_tail(fs, b)) &&
		    dir_tail(fs, b)->checksum != ext4_crc32c(fs, b->seed, b->data, fs->block_size - sizeof(struct ext4_dir_tail))) {
			return ext4_corrupt(fs, "directory block %llu: bad checksum", (unsigned long long)b->block);
		}
		return 0;
	case EXT4_BUFFER_EXTENT:
		offset = extent_tail_offset(fs, b);
		if (offset) {
			memcpy(&stored, b->data + offset, 4);
		}
		if (!offset || stored != ext4_crc32c(fs, b->seed, b->data, offset)) {
			return ext4_corrupt(fs, "extent block %llu: bad checksum", (unsigned long long)b->block);
		}
		return 0;
	default:
		return bitmap_verify(fs, b);
	}
}
