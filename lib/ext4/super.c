/* SPDX-License-Identifier: MIT */
/*
 * Mounting, the super block, group descriptors, sync. The super block and all descriptors stay in memory; counts on disk are
 * brought up to date by ext4_sync(), which writes buffers first, then descriptors (they carry the bitmaps' checksums), then the
 * super block as "valid". The first change after that marks it not valid again.
 * What this component does not know it refuses: unknown incompatible features by name, unknown ro_compat ones by read-only.
 */
#include "ext4/ext4_internal.h"

#include <stdarg.h>

#include "base/format.h"

#define SUPPORTED_INCOMPAT                                                                         \
	(EXT4_INCOMPAT_FILETYPE | EXT4_INCOMPAT_RECOVER | EXT4_INCOMPAT_META_BG | EXT4_INCOMPAT_EXTENTS |          \
	 EXT4_INCOMPAT_64BIT | EXT4_INCOMPAT_FLEX_BG | EXT4_INCOMPAT_CSUM_SEED | EXT4_INCOMPAT_LARGEDIR)
#define SUPPORTED_RO                                                                               \
	(EXT4_RO_SPARSE_SUPER | EXT4_RO_LARGE_FILE | EXT4_RO_BTREE_DIR | EXT4_RO_HUGE_FILE | EXT4_RO_GDT_CSUM |    \
	 EXT4_RO_DIR_NLINK | EXT4_RO_EXTRA_ISIZE | EXT4_RO_METADATA_CSUM)
#define COMPLAINTS_MAX 32u

struct feature {
	uint32_t bit;
	const char *name;
};
static const struct feature incompat_names[] = {
	{ 0x1, "compression" }, { 0x8, "journal_dev" }, { 0x100, "mmp" }, { 0x400, "ea_inode" }, { 0x1000, "dirdata" },
	{ 0x8000, "inline_data" }, { 0x10000, "encrypt" }, { 0x20000, "casefold" }, { 0, NULL },
};
static const struct feature ro_names[] = {
	{ 0x80, "has_snapshot" }, { 0x100, "quota" }, { 0x200, "bigalloc" }, { 0x800, "replica" }, { 0x1000, "read-only" },
	{ 0x2000, "project" }, { 0x8000, "verity" }, { 0x10000, "orphan_present" }, { 0, NULL },
};

static const char *feature_name(const struct feature *names, uint32_t bits)
{
	for (; names->name; names++) {
		if (bits & names->bit) {
			return names->name;
		}
	}
	return "unknown";
}

int ext4_corrupt(struct ext4 *fs, const char *format, ...)
{
	fs->corrupt = true;
	if (fs->complaints < COMPLAINTS_MAX) {
		char text[160];
		va_list arguments;
		va_start(arguments, format);
		format_text_va(text, sizeof(text), format, arguments);
		va_end(arguments);
		env_log("ext4: corrupt file system: %s", text);
		fs->complaints++;
	}
	return -EIO;
}

void ext4_now(struct ext4 *fs, struct ext4_time *now)
{
	uint64_t ns = fs->io.wall_ns(fs->io.context);
	now->seconds = (int64_t)(ns / 1000000000u);
	now->nanoseconds = (uint32_t)(ns % 1000000000u);
}

struct ext4_group *ext4_group(struct ext4 *fs, uint32_t group)
{
	return (struct ext4_group *)(fs->groups + (size_t)group * fs->descriptor_size);
}

void ext4_group_dirty(struct ext4 *fs, uint32_t group)
{
	fs->gdt_dirty[group / fs->descriptors_per_block] = true;
}

static int super_write(struct ext4 *fs)
{
	uint8_t *block = fs->io.buffer_alloc(fs->io.context, fs->block_size);
	if (!block) {
		return -ENOMEM;
	}
	struct ext4_time now;
	ext4_now(fs, &now);
	fs->super.write_time = (uint32_t)now.seconds;
	fs->super.free_blocks_lo = (uint32_t)fs->free_blocks;
	if (fs->has_64bit) {
		fs->super.free_blocks_hi = (uint32_t)(fs->free_blocks >> 32);
	}
	if (fs->metadata_csum) {
		fs->super.checksum = ext4_super_checksum(fs, &fs->super);
	}
	/* The super block is bytes 1024..2047, whatever the block size. */
	uint64_t at = EXT4_SUPER_OFFSET / fs->block_size * fs->block_size;
	int error = fs->io.read(fs->io.context, at, block, fs->block_size);
	if (!error) {
		memcpy(block + EXT4_SUPER_OFFSET - at, &fs->super, sizeof(fs->super));
		error = fs->io.write(fs->io.context, at, block, fs->block_size);
	}
	fs->io.buffer_free(fs->io.context, block, fs->block_size);
	return error;
}

void ext4_modified(struct ext4 *fs)
{
	if (!fs->clean_on_disk) {
		return;
	}
	fs->clean_on_disk = false;
	fs->super.state &= (uint16_t)~EXT4_STATE_VALID;
	int error = super_write(fs);
	if (error) {
		env_log("ext4: cannot write the super block: error %d", -error);
	}
}

static int descriptors_write(struct ext4 *fs)
{
	uint8_t *block = fs->io.buffer_alloc(fs->io.context, fs->block_size);
	int result = block ? 0 : -ENOMEM;
	for (uint32_t i = 0; block && i < fs->gdt_blocks; i++) {
		if (!fs->gdt_dirty[i]) {
			continue;
		}
		uint32_t first = i * fs->descriptors_per_block;
		for (uint32_t group = first; group < fs->group_count && group < first + fs->descriptors_per_block; group++) {
			if (fs->metadata_csum || fs->gdt_csum) {
				struct ext4_group *g = ext4_group(fs, group);
				g->checksum = ext4_group_checksum(fs, group, g);
			}
		}
		memcpy(block, fs->groups + (size_t)i * fs->block_size, fs->block_size);
		int error = fs->io.write(fs->io.context, ext4_descriptor_block(fs, i) << fs->block_shift, block, fs->block_size);
		fs->gdt_dirty[i] = error != 0;
		result = result ? result : error;
	}
	if (block) {
		fs->io.buffer_free(fs->io.context, block, fs->block_size);
	}
	return result;
}

int ext4_sync(struct ext4 *fs)
{
	if (fs->read_only || (fs->clean_on_disk && list_empty(&fs->dirty_inodes))) {
		return 0;
	}
	int error = ext4_inodes_write(fs);
	int next = ext4_buffers_write(fs);
	error = error ? error : next;
	next = descriptors_write(fs);
	error = error ? error : next;
	if (!error) {
		error = fs->io.flush(fs->io.context);
	}
	if (fs->corrupt) {
		fs->super.state |= EXT4_STATE_ERROR;
	}
	if (!error && fs->super.last_orphan == 0) { /* else a file without a name is open: work for the next mount */
		fs->super.state |= EXT4_STATE_VALID;
	}
	next = super_write(fs);
	error = error ? error : next;
	if (!error) {
		error = fs->io.flush(fs->io.context);
	}
	fs->clean_on_disk = !error;
	return error;
}

static int refuse(char *why, size_t size, int error, const char *format, ...) __attribute__((format(printf, 4, 5)));
static int refuse(char *why, size_t size, int error, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	format_text_va(why, size, format, arguments);
	va_end(arguments);
	return error;
}

static int super_read(struct ext4 *fs, char *why, size_t size)
{
	if (fs->io.bytes < 2 * EXT4_SUPER_OFFSET) {
		return refuse(why, size, -EINVAL, "too small for an ext4 file system (%llu bytes)", (unsigned long long)fs->io.bytes);
	}
	uint8_t *block = fs->io.buffer_alloc(fs->io.context, 1024);
	if (!block) {
		return refuse(why, size, -ENOMEM, "no memory");
	}
	int error = fs->io.read(fs->io.context, EXT4_SUPER_OFFSET, block, 1024);
	memcpy(&fs->super, block, sizeof(fs->super));
	fs->io.buffer_free(fs->io.context, block, 1024);
	if (error) {
		return refuse(why, size, error, "cannot read the super block: error %d", -error);
	}
	const struct ext4_super *s = &fs->super;
	if (s->magic != EXT4_MAGIC) {
		return refuse(why, size, -EINVAL, "bad ext4 superblock magic 0x%04x", s->magic);
	}
	if (s->revision > 1) {
		return refuse(why, size, -EINVAL, "unknown ext4 revision %u", s->revision);
	}
	if (s->revision == 0) { /* the original ext2: fixed values, no features */
		fs->super.inode_size = EXT4_OLD_INODE_SIZE;
		fs->super.first_inode = 11;
		fs->super.compat = fs->super.incompat = fs->super.ro_compat = 0;
	}
	uint32_t unknown = s->incompat & ~(uint32_t)SUPPORTED_INCOMPAT;
	if (unknown) {
		return refuse(why, size, -EINVAL, "incompatible feature not supported: %s (0x%x)",
			      feature_name(incompat_names, unknown), unknown);
	}
	fs->metadata_csum = s->ro_compat & EXT4_RO_METADATA_CSUM;
	fs->gdt_csum = s->ro_compat & EXT4_RO_GDT_CSUM;
	if (fs->metadata_csum && s->checksum_type != 1) {
		return refuse(why, size, -EINVAL, "unknown metadata checksum type %u", s->checksum_type);
	}
	if (fs->metadata_csum && s->checksum != ext4_super_checksum(fs, s)) {
		return refuse(why, size, -EIO, "bad superblock checksum 0x%08x", s->checksum);
	}
	return 0;
}

static int geometry_check(struct ext4 *fs, char *why, size_t size)
{
	const struct ext4_super *s = &fs->super;
	if (s->log_block_size > 2) {
		return refuse(why, size, -EINVAL, "block size 2^%u not supported (1, 2 and 4 KiB are)", s->log_block_size + 10);
	}
	fs->block_shift = 10 + s->log_block_size;
	fs->block_size = 1024u << s->log_block_size;
	fs->has_64bit = s->incompat & EXT4_INCOMPAT_64BIT;
	fs->block_count = ext4_super_blocks(s);
	fs->free_blocks = s->free_blocks_lo | (fs->has_64bit ? (uint64_t)s->free_blocks_hi << 32 : 0);
	fs->descriptor_size = fs->has_64bit ? s->descriptor_size : 32;
	fs->inode_size = s->inode_size;
	bool bigalloc = s->ro_compat & EXT4_RO_BIGALLOC;
	if (fs->descriptor_size != 32 && fs->descriptor_size != 64) {
		return refuse(why, size, -EINVAL, "group descriptor size %u not supported", fs->descriptor_size);
	}
	if (fs->inode_size < EXT4_OLD_INODE_SIZE || fs->inode_size > fs->block_size || (fs->inode_size & (fs->inode_size - 1))) {
		return refuse(why, size, -EIO, "bad inode size %u", fs->inode_size);
	}
	if (s->blocks_per_group == 0 || s->inodes_per_group == 0 || s->inodes_per_group > fs->block_size * 8 ||
	    (s->inodes_per_group % 8) != 0 || (s->blocks_per_group % 8) != 0 ||
	    (!bigalloc && (s->blocks_per_group > fs->block_size * 8 || s->clusters_per_group != s->blocks_per_group))) {
		return refuse(why, size, -EIO, "bad group geometry: %u blocks, %u inodes a group", s->blocks_per_group,
			      s->inodes_per_group);
	}
	if (s->first_data_block != (fs->block_size == 1024 && !bigalloc ? 1u : 0u) || fs->block_count <= s->first_data_block + 1 ||
	    fs->block_count > fs->io.bytes >> fs->block_shift) {
		return refuse(why, size, -EIO, "bad size: %llu blocks of %u bytes on a device of %llu bytes",
			      (unsigned long long)fs->block_count, fs->block_size, (unsigned long long)fs->io.bytes);
	}
	uint64_t groups = (fs->block_count - s->first_data_block + s->blocks_per_group - 1) / s->blocks_per_group;
	if (groups > UINT32_MAX / s->inodes_per_group || groups * s->inodes_per_group != s->inodes_count) {
		return refuse(why, size, -EIO, "bad inode count %u for %llu groups", s->inodes_count, (unsigned long long)groups);
	}
	fs->group_count = (uint32_t)groups;
	fs->descriptors_per_block = fs->block_size / fs->descriptor_size;
	fs->gdt_blocks = (fs->group_count + fs->descriptors_per_block - 1) / fs->descriptors_per_block;
	fs->checksum_seed = (s->incompat & EXT4_INCOMPAT_CSUM_SEED) ? s->checksum_seed : ext4_crc32c(fs, ~0u, s->uuid, 16);
	fs->extra_isize = fs->inode_size > EXT4_OLD_INODE_SIZE ? sizeof(struct ext4_disk_inode) - EXT4_OLD_INODE_SIZE : 0;
	if (s->first_inode < 11 || s->first_inode > s->inodes_per_group) {
		return refuse(why, size, -EIO, "bad first inode %u", s->first_inode);
	}
	return 0;
}

static int group_check(struct ext4 *fs, uint32_t group, char *why, size_t size)
{
	const struct ext4_group *g = ext4_group(fs, group);
	uint32_t table_blocks = (fs->super.inodes_per_group * fs->inode_size + fs->block_size - 1) >> fs->block_shift;
	if ((fs->metadata_csum || fs->gdt_csum) && g->checksum != ext4_group_checksum(fs, group, g)) {
		return refuse(why, size, -EIO, "group %u: bad descriptor checksum 0x%04x", group, g->checksum);
	}
	if (!ext4_block_valid(fs, ext4_block_bitmap(fs, g), 1) || !ext4_block_valid(fs, ext4_inode_bitmap(fs, g), 1) ||
	    !ext4_block_valid(fs, ext4_inode_table(fs, g), table_blocks)) {
		return refuse(why, size, -EIO, "group %u: descriptor points outside the file system", group);
	}
	return 0;
}

static int groups_read(struct ext4 *fs, char *why, size_t size)
{
	fs->groups = env_alloc((size_t)fs->gdt_blocks * fs->block_size);
	fs->gdt_dirty = env_alloc(fs->gdt_blocks * sizeof(bool));
	uint8_t *block = fs->io.buffer_alloc(fs->io.context, fs->block_size);
	int error = fs->groups && fs->gdt_dirty && block ? 0 : refuse(why, size, -ENOMEM, "no memory");
	for (uint32_t i = 0; !error && i < fs->gdt_blocks; i++) {
		uint64_t at = ext4_descriptor_block(fs, i);
		if (!ext4_block_valid(fs, at, 1)) {
			error = refuse(why, size, -EIO, "group descriptors lie outside the file system");
			break;
		}
		error = fs->io.read(fs->io.context, at << fs->block_shift, block, fs->block_size);
		if (error) {
			refuse(why, size, error, "cannot read group descriptors: error %d", -error);
			break;
		}
		memcpy(fs->groups + (size_t)i * fs->block_size, block, fs->block_size);
	}
	for (uint32_t group = 0; !error && group < fs->group_count; group++) {
		error = group_check(fs, group, why, size);
	}
	if (block) {
		fs->io.buffer_free(fs->io.context, block, fs->block_size);
	}
	return error;
}

static void read_only_decide(struct ext4 *fs, bool asked, char *why, size_t size)
{
	uint32_t unknown = fs->super.ro_compat & ~(uint32_t)SUPPORTED_RO;
	fs->read_only = asked || fs->io.read_only;
	if (fs->read_only) {
		return;
	}
	fs->read_only = true;
	if (fs->super.incompat & EXT4_INCOMPAT_RECOVER) {
		refuse(why, size, 0, "the journal needs recovery (run e2fsck): read-only");
	} else if (unknown) {
		refuse(why, size, 0, "feature not supported for writing: %s (0x%x): read-only", feature_name(ro_names, unknown), unknown);
	} else if (fs->super.state & EXT4_STATE_ERROR) {
		refuse(why, size, 0, "the file system is marked as having errors (run e2fsck): read-only");
	} else {
		fs->read_only = false;
	}
}

static void fs_free(struct ext4 *fs)
{
	ext4_buffers_free(fs);
	if (fs->groups) {
		env_free(fs->groups, (size_t)fs->gdt_blocks * fs->block_size);
	}
	if (fs->gdt_dirty) {
		env_free(fs->gdt_dirty, fs->gdt_blocks * sizeof(bool));
	}
	env_free(fs, sizeof(*fs));
}

int ext4_mount(const struct ext4_io *io, bool read_only, struct ext4 **out, char *why, size_t why_size)
{
	why[0] = '\0';
	struct ext4 *fs = env_alloc(sizeof(*fs));
	if (!fs) {
		return refuse(why, why_size, -ENOMEM, "no memory");
	}
	fs->io = *io;
	for (unsigned i = 0; i < EXT4_BUFFER_BUCKETS; i++) {
		list_init(&fs->buffer_buckets[i]);
	}
	for (unsigned i = 0; i < EXT4_INODE_BUCKETS; i++) {
		list_init(&fs->inode_buckets[i]);
	}
	list_init(&fs->buffer_lru);
	list_init(&fs->dirty_inodes);
	ext4_crc_init(fs);
	int error = super_read(fs, why, why_size);
	error = error ? error : geometry_check(fs, why, why_size);
	error = error ? error : groups_read(fs, why, why_size);
	if (error) {
		fs_free(fs);
		return error;
	}
	read_only_decide(fs, read_only, why, why_size);
	fs->clean_on_disk = fs->super.state & EXT4_STATE_VALID;
	if (!fs->read_only) {
		struct ext4_time now;
		ext4_now(fs, &now);
		fs->super.mount_time = (uint32_t)now.seconds;
		fs->super.mount_count++;
		ext4_orphans_recover(fs);
	}
	*out = fs;
	return 0;
}

int ext4_unmount(struct ext4 *fs)
{
	int error = ext4_sync(fs);
	fs_free(fs);
	return error;
}

bool ext4_is_read_only(const struct ext4 *fs)
{
	return fs->read_only;
}

uint32_t ext4_block_size(const struct ext4 *fs)
{
	return fs->block_size;
}

void ext4_statistics(const struct ext4 *fs, struct ext4_statistics *out)
{
	const struct ext4_super *s = &fs->super;
	uint64_t reserved = s->reserved_blocks_lo | (fs->has_64bit ? (uint64_t)s->reserved_blocks_hi << 32 : 0);
	uint32_t table = (s->inodes_per_group * fs->inode_size + fs->block_size - 1) >> fs->block_shift;
	uint64_t overhead = (uint64_t)fs->group_count * (table + 2) + s->first_data_block;
	for (uint32_t group = 0; group < fs->group_count; group++) {
		overhead += ext4_group_base_blocks(fs, group);
	}
	out->blocks = fs->block_count - (overhead < fs->block_count ? overhead : 0);
	out->free_blocks = fs->free_blocks;
	out->available_blocks = fs->free_blocks > reserved ? fs->free_blocks - reserved : 0;
	out->inodes = s->inodes_count;
	out->free_inodes = s->free_inodes;
	out->block_size = fs->block_size;
	memcpy(&out->id, s->uuid, sizeof(out->id));
}
