/* SPDX-License-Identifier: MIT */
/*
 * Inodes in memory: one struct per number. Fields are decoded at load and encoded when the inode is written into its
 * table block (sync, last put); the raw bytes keep what this component does not interpret. An inode without links that
 * is still referenced is on the on-disk orphan list, so that e2fsck or the next mount frees it after a crash.
 */
#include "ext4/ext4_internal.h"

struct ext4_disk_inode *ext4_inode_raw(struct ext4_inode *inode)
{
	return (struct ext4_disk_inode *)inode->raw;
}

static int table_get(struct ext4 *fs, uint32_t number, struct ext4_buffer **b, uint8_t **raw)
{
	uint32_t group = (number - 1) / fs->super.inodes_per_group;
	uint64_t offset = (uint64_t)((number - 1) % fs->super.inodes_per_group) * fs->inode_size;
	uint64_t block = ext4_inode_table(fs, ext4_group(fs, group)) + (offset >> fs->block_shift);
	int error = ext4_buffer_get(fs, block, EXT4_BUFFER_PLAIN, 0, b);
	if (!error) {
		*raw = (*b)->data + (offset & (fs->block_size - 1));
	}
	return error;
}

/* Extra time bits: 2 bits of epoch, 30 bits of nanoseconds (ext4 layout, "Inode Timestamps"). */
static void time_decode(struct ext4_time *t, uint32_t seconds, uint32_t extra)
{
	t->seconds = (int64_t)(int32_t)seconds + ((int64_t)(extra & 3) << 32);
	t->nanoseconds = extra >> 2;
	if (t->nanoseconds >= 1000000000u) {
		t->nanoseconds = 0;
	}
}

static uint32_t time_extra(const struct ext4_time *t)
{
	uint32_t epoch = (uint32_t)((t->seconds - (int64_t)(int32_t)t->seconds) >> 32) & 3;
	return epoch | t->nanoseconds << 2;
}

/* Does the inode on disk have the field that ends `end` bytes into struct ext4_disk_inode? */
static bool has_field(const struct ext4_inode *inode, size_t end)
{
	return inode->fs->inode_size > EXT4_OLD_INODE_SIZE &&
	       end <= (size_t)EXT4_OLD_INODE_SIZE + ext4_inode_raw((struct ext4_inode *)inode)->extra_isize;
}
#define HAS(inode, field)                                                                          \
	has_field(inode, offsetof(struct ext4_disk_inode, field) + sizeof(((struct ext4_disk_inode *)0)->field))

static void device_decode(struct ext4_inode *inode)
{
	const struct ext4_disk_inode *d = ext4_inode_raw(inode);
	uint32_t type = inode->mode & EXT4_S_IFMT;
	if (type != EXT4_S_IFCHR && type != EXT4_S_IFBLK) {
		return;
	}
	if (d->block[0]) {
		inode->major = d->block[0] >> 8 & 0xff;
		inode->minor = d->block[0] & 0xff;
	} else {
		inode->major = d->block[1] >> 8 & 0xfff;
		inode->minor = (d->block[1] & 0xff) | (d->block[1] >> 12 & 0xfff00);
	}
}

static void inode_decode(struct ext4_inode *inode)
{
	const struct ext4_disk_inode *d = ext4_inode_raw(inode);
	inode->mode = d->mode;
	inode->uid = d->uid | (uint32_t)d->uid_hi << 16;
	inode->gid = d->gid | (uint32_t)d->gid_hi << 16;
	inode->links = d->links;
	inode->flags = d->flags;
	inode->generation = d->generation;
	inode->size = d->size_lo | (uint64_t)d->size_hi << 32;
	inode->sectors = d->blocks_lo | (uint64_t)d->blocks_hi << 32;
	if ((inode->fs->super.ro_compat & EXT4_RO_HUGE_FILE) && (d->flags & EXT4_FL_HUGE_FILE)) {
		inode->sectors <<= inode->fs->block_shift - 9;
	}
	time_decode(&inode->ctime, d->ctime, HAS(inode, ctime_extra) ? d->ctime_extra : 0);
	time_decode(&inode->mtime, d->mtime, HAS(inode, mtime_extra) ? d->mtime_extra : 0);
	time_decode(&inode->atime, d->atime, HAS(inode, atime_extra) ? d->atime_extra : 0);
	if (HAS(inode, crtime_extra)) {
		time_decode(&inode->crtime, d->crtime, d->crtime_extra);
	} else {
		inode->crtime = inode->ctime;
	}
	inode->checksum_seed = ext4_inode_seed(inode->fs, inode->number, inode->generation);
	device_decode(inode);
}

static void inode_encode(struct ext4_inode *inode)
{
	struct ext4_disk_inode *d = ext4_inode_raw(inode);
	struct ext4 *fs = inode->fs;
	d->mode = (uint16_t)inode->mode;
	d->uid = (uint16_t)inode->uid;
	d->uid_hi = (uint16_t)(inode->uid >> 16);
	d->gid = (uint16_t)inode->gid;
	d->gid_hi = (uint16_t)(inode->gid >> 16);
	d->links = (uint16_t)inode->links;
	d->generation = inode->generation;
	d->size_lo = (uint32_t)inode->size;
	d->size_hi = (uint32_t)(inode->size >> 32);
	uint64_t blocks = inode->sectors;
	inode->flags &= ~(uint32_t)EXT4_FL_HUGE_FILE;
	if (blocks >> 48) {
		blocks >>= fs->block_shift - 9;
		inode->flags |= EXT4_FL_HUGE_FILE;
	}
	d->flags = inode->flags;
	d->blocks_lo = (uint32_t)blocks;
	d->blocks_hi = (uint16_t)(blocks >> 32);
	d->atime = (uint32_t)inode->atime.seconds;
	d->ctime = (uint32_t)inode->ctime.seconds;
	d->mtime = (uint32_t)inode->mtime.seconds;
	if (HAS(inode, ctime_extra)) {
		d->ctime_extra = time_extra(&inode->ctime);
	}
	if (HAS(inode, mtime_extra)) {
		d->mtime_extra = time_extra(&inode->mtime);
	}
	if (HAS(inode, atime_extra)) {
		d->atime_extra = time_extra(&inode->atime);
	}
	if (HAS(inode, crtime_extra)) {
		d->crtime = (uint32_t)inode->crtime.seconds;
		d->crtime_extra = time_extra(&inode->crtime);
	}
	/* A deleted inode's dtime is the time, or the next orphan's number while it waits to be freed. */
	if (inode->orphan) {
		d->dtime = inode->next_orphan;
	} else if (inode->links > 0) {
		d->dtime = 0;
	}
	if (inode->size > INT32_MAX && !(fs->super.ro_compat & EXT4_RO_LARGE_FILE)) {
		fs->super.ro_compat |= EXT4_RO_LARGE_FILE;
	}
	if (fs->metadata_csum) {
		bool high;
		uint32_t crc = ext4_inode_checksum(fs, inode->checksum_seed, inode->raw, &high);
		d->checksum_lo = (uint16_t)crc;
		if (high) {
			d->checksum_hi = (uint16_t)(crc >> 16);
		}
	}
}

static int inode_write(struct ext4_inode *inode)
{
	struct ext4_buffer *b;
	uint8_t *raw;
	int error = table_get(inode->fs, inode->number, &b, &raw);
	if (error) {
		return error;
	}
	inode_encode(inode);
	memcpy(raw, inode->raw, inode->fs->inode_size);
	ext4_buffer_dirty(inode->fs, b);
	ext4_buffer_put(b);
	list_remove(&inode->dirty_link);
	inode->dirty = false;
	return 0;
}

void ext4_inode_dirty(struct ext4_inode *inode)
{
	if (!inode->dirty && !inode->fs->read_only) {
		ext4_modified(inode->fs);
		inode->dirty = true;
		list_push_back(&inode->fs->dirty_inodes, &inode->dirty_link);
	}
}

int ext4_inodes_write(struct ext4 *fs)
{
	int result = 0;
	list_for_each_safe(node, &fs->dirty_inodes) {
		int error = inode_write(container_of(node, struct ext4_inode, dirty_link));
		result = result ? result : error;
	}
	return result;
}

static int inode_check(struct ext4_inode *inode)
{
	struct ext4 *fs = inode->fs;
	const struct ext4_disk_inode *d = ext4_inode_raw(inode);
	uint32_t type = inode->mode & EXT4_S_IFMT;
	if (fs->inode_size > EXT4_OLD_INODE_SIZE &&
	    (d->extra_isize > fs->inode_size - EXT4_OLD_INODE_SIZE || d->extra_isize % 4 != 0)) {
		return ext4_corrupt(fs, "inode %u: bad extra size %u", inode->number, d->extra_isize);
	}
	if (fs->metadata_csum) {
		bool high;
		uint32_t seed = ext4_inode_seed(fs, inode->number, d->generation);
		uint32_t crc = ext4_inode_checksum(fs, seed, inode->raw, &high);
		uint32_t stored = d->checksum_lo | (high ? (uint32_t)d->checksum_hi << 16 : 0);
		if (stored != (high ? crc : crc & 0xffff)) {
			return ext4_corrupt(fs, "inode %u: bad checksum", inode->number);
		}
	}
	if (type != EXT4_S_IFDIR && type != EXT4_S_IFREG && type != EXT4_S_IFLNK && type != EXT4_S_IFCHR &&
	    type != EXT4_S_IFBLK && type != EXT4_S_IFIFO && type != EXT4_S_IFSOCK) {
		return ext4_corrupt(fs, "inode %u: unknown file type 0%o", inode->number, (unsigned)inode->mode);
	}
	if (inode->flags & EXT4_FL_INLINE_DATA) {
		return ext4_corrupt(fs, "inode %u: inline data without the feature", inode->number);
	}
	if (inode->size > INT64_MAX || (type == EXT4_S_IFDIR && (inode->size % fs->block_size || inode->size >> 31))) {
		return ext4_corrupt(fs, "inode %u: impossible size %llu", inode->number, (unsigned long long)inode->size);
	}
	return 0;
}

static struct ext4_inode *inode_make(struct ext4 *fs, uint32_t number)
{
	struct ext4_inode *inode = env_alloc(sizeof(*inode));
	uint8_t *raw = env_alloc(fs->inode_size < sizeof(struct ext4_disk_inode) ? sizeof(struct ext4_disk_inode) : fs->inode_size);
	if (!inode || !raw) {
		env_free(inode, sizeof(*inode));
		env_free(raw, fs->inode_size);
		return NULL;
	}
	inode->fs = fs;
	inode->number = number;
	inode->references = 1;
	inode->raw = raw;
	list_init(&inode->dirty_link);
	list_init(&inode->hash_link);
	return inode;
}

void ext4_inode_discard(struct ext4_inode *inode)
{
	struct ext4 *fs = inode->fs;
	list_remove(&inode->hash_link);
	list_remove(&inode->dirty_link);
	env_free(inode->raw, fs->inode_size < sizeof(struct ext4_disk_inode) ? sizeof(struct ext4_disk_inode) : fs->inode_size);
	env_free(inode, sizeof(*inode));
}

int ext4_inode_load(struct ext4 *fs, uint32_t number, struct ext4_inode **out)
{
	struct ext4_buffer *b;
	uint8_t *raw;
	struct ext4_inode *inode = inode_make(fs, number);
	if (!inode) {
		return -ENOMEM;
	}
	int error = table_get(fs, number, &b, &raw);
	if (!error) {
		memcpy(inode->raw, raw, fs->inode_size);
		ext4_buffer_put(b);
		inode_decode(inode);
		error = inode_check(inode);
	}
	if (error) {
		ext4_inode_discard(inode);
		return error;
	}
	list_push_front(&fs->inode_buckets[number % EXT4_INODE_BUCKETS], &inode->hash_link);
	*out = inode;
	return 0;
}

int ext4_iget(struct ext4 *fs, uint32_t number, struct ext4_inode **out)
{
	*out = NULL;
	if (number == 0 || number > fs->super.inodes_count || (number < fs->super.first_inode && number != EXT4_ROOT_INODE)) {
		return ext4_corrupt(fs, "a reference to inode %u", number);
	}
	list_for_each(node, &fs->inode_buckets[number % EXT4_INODE_BUCKETS]) {
		struct ext4_inode *inode = container_of(node, struct ext4_inode, hash_link);
		if (inode->number == number) {
			inode->references++;
			*out = inode;
			return 0;
		}
	}
	int error = ext4_inode_load(fs, number, out);
	if (!error && ((*out)->links == 0 || (number == EXT4_ROOT_INODE && !ext4_is_dir(*out)))) {
		ext4_inode_discard(*out);
		*out = NULL;
		return ext4_corrupt(fs, "inode %u has a name, but is not a file", number);
	}
	return error;
}

int ext4_inode_new(struct ext4 *fs, struct ext4_inode *parent, uint32_t mode, struct ext4_owner owner, struct ext4_inode **out)
{
	uint32_t number;
	*out = NULL;
	int error = ext4_inode_alloc(fs, parent, mode, &number);
	if (error) {
		return error;
	}
	struct ext4_inode *inode = inode_make(fs, number);
	if (!inode) {
		ext4_inode_number_free(fs, number, (mode & EXT4_S_IFMT) == EXT4_S_IFDIR);
		return -ENOMEM;
	}
	struct ext4_disk_inode *d = ext4_inode_raw(inode);
	inode->mode = mode;
	inode->uid = owner.uid;
	inode->gid = owner.gid;
	inode->links = 1;
	env_random(&inode->generation, sizeof(inode->generation));
	d->extra_isize = (uint16_t)fs->extra_isize;
	ext4_now(fs, &inode->crtime);
	inode->atime = inode->mtime = inode->ctime = inode->crtime;
	inode->checksum_seed = ext4_inode_seed(fs, number, inode->generation);
	uint32_t type = mode & EXT4_S_IFMT;
	if ((fs->super.incompat & EXT4_INCOMPAT_EXTENTS) && (type == EXT4_S_IFREG || type == EXT4_S_IFDIR)) {
		struct ext4_extent_header *h = (struct ext4_extent_header *)d->block;
		*h = (struct ext4_extent_header){ .magic = EXT4_EXTENT_MAGIC, .max = 4 };
		inode->flags |= EXT4_FL_EXTENTS;
	}
	list_push_front(&fs->inode_buckets[number % EXT4_INODE_BUCKETS], &inode->hash_link);
	ext4_inode_dirty(inode);
	*out = inode;
	return 0;
}
