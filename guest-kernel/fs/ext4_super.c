/* SPDX-License-Identifier: MIT */
/*
 * lib/ext4 below the kernel's inodes. The component wants its calls one at a time, so a file system has a mutex; it is taken
 * last, with page locks and inode mutexes held, and nothing of fs/ is called under it. struct inode mirrors owner, mode, times
 * and size; they are pushed down by `changed`, and drawn up after each operation that alters them below.
 * Access times are not kept (as with the mount option noatime): reading never makes the disk dirty.
 */
#include "base/string.h"
#include "ext4/ext4.h"
#include "kernel/block.h"
#include "kernel/platform.h"
#include "kernel/time.h"
#include "kernel/vfs.h"

#define EXT4_SUPER_MAGIC 0xef53

struct volume {
	struct ext4 *fs;
	struct mutex mutex;
	struct block_device *device;
	uint64_t writes_flushed; /* device->writes at the last flush */
};

static const struct inode_ops ext4_inode_ops;

static struct volume *volume_of(const struct inode *inode)
{
	return inode->super->private;
}

static struct ext4_inode *below(const struct inode *inode)
{
	return inode->private;
}

/* The component's buffers are whole pages of the I/O zone, so that the device reaches them. */
static int io_read(void *context, uint64_t offset, void *buffer, uint32_t bytes)
{
	return block_read(((struct volume *)context)->device, offset / 512, buffer, bytes / 512);
}

static int io_write(void *context, uint64_t offset, const void *buffer, uint32_t bytes)
{
	return block_write(((struct volume *)context)->device, offset / 512, buffer, bytes / 512);
}

static int io_flush(void *context)
{
	int error = block_flush(((struct volume *)context)->device);
	return error == -EOPNOTSUPP ? 0 : error;
}

static void *io_alloc(void *context, uint32_t bytes)
{
	struct page *page = page_alloc(ALLOC_IO);
	return page ? page_data(page) : NULL;
}

static void io_free(void *context, void *buffer, uint32_t bytes)
{
	page_put(page_from_phys(virt_to_phys(buffer)));
}

static uint64_t io_wall(void *context)
{
	return time_wall_ns();
}

static struct timestamp up(struct ext4_time t)
{
	return (struct timestamp){ t.seconds, t.nanoseconds };
}

static struct ext4_time down(struct timestamp t)
{
	return (struct ext4_time){ t.seconds, t.nanoseconds };
}

static void draw_up(struct inode *inode)
{
	const struct ext4_inode *e = below(inode);
	inode->mode = e->mode;
	inode->uid = e->uid;
	inode->gid = e->gid;
	inode->links = e->links;
	inode->sectors = e->sectors;
	inode->mtime = up(e->mtime);
	inode->ctime = up(e->ctime);
	if (S_IS(inode->mode, S_IFDIR) || S_IS(inode->mode, S_IFLNK)) {
		inode->size = e->size;
	}
}

/* Wrap an ext4 inode; takes the reference. Called with the volume's mutex held only where no inode_put can be the last. */
static int wrap(struct super *super, struct ext4_inode *e, struct inode **out)
{
	bool fresh;
	struct inode *inode = inode_get_number(super, e->number, &fresh);
	if (inode && fresh) {
		inode->private = e;
		inode->ops = &ext4_inode_ops;
		inode->file_ops = &regular_file_ops;
		inode->size = e->size;
		inode->major = e->major;
		inode->minor = e->minor;
		inode->atime = up(e->atime);
		draw_up(inode);
		if (S_IS(inode->mode, S_IFREG)) {
			inode->mapping.device = super->device;
		}
		inode_ready(inode);
	} else {
		struct volume *v = super->private;
		mutex_lock(&v->mutex);
		ext4_iput(e);
		mutex_unlock(&v->mutex);
	}
	*out = inode;
	return inode ? 0 : -ENOMEM;
}

static int fs_lookup(struct inode *dir, const char *name, unsigned length, struct inode **out)
{
	struct volume *v = volume_of(dir);
	struct ext4_inode *e;
	uint32_t number;
	mutex_lock(&v->mutex);
	int error = ext4_lookup(below(dir), name, length, &number);
	error = error ? error : ext4_iget(v->fs, number, &e);
	mutex_unlock(&v->mutex);
	return error ? error : wrap(dir->super, e, out);
}

static struct ext4_owner owner_new(struct inode *dir)
{
	struct process *p = process_current();
	struct ext4_owner owner = { p ? p->credentials.fsuid : 0, p ? p->credentials.fsgid : 0 };
	if (dir->mode & S_ISGID) {
		owner.gid = dir->gid;
	}
	return owner;
}

static int fs_create(struct inode *dir, const char *name, unsigned length, uint32_t mode, uint32_t major, uint32_t minor,
		     struct inode **out)
{
	struct volume *v = volume_of(dir);
	struct ext4_inode *e;
	if ((dir->mode & S_ISGID) && S_IS(mode, S_IFDIR)) {
		mode |= S_ISGID;
	}
	mutex_lock(&v->mutex);
	int error = ext4_create(below(dir), name, length, mode, major, minor, owner_new(dir), &e);
	draw_up(dir);
	mutex_unlock(&v->mutex);
	return error ? error : wrap(dir->super, e, out);
}

static int fs_symlink(struct inode *dir, const char *name, unsigned length, const char *target, struct inode **out)
{
	struct volume *v = volume_of(dir);
	struct ext4_inode *e;
	mutex_lock(&v->mutex);
	int error = ext4_symlink(below(dir), name, length, target, owner_new(dir), &e);
	draw_up(dir);
	mutex_unlock(&v->mutex);
	return error ? error : wrap(dir->super, e, out);
}

static int fs_link(struct inode *dir, const char *name, unsigned length, struct inode *inode)
{
	struct volume *v = volume_of(dir);
	mutex_lock(&v->mutex);
	int error = ext4_link(below(dir), name, length, below(inode));
	draw_up(dir);
	draw_up(inode);
	mutex_unlock(&v->mutex);
	return error;
}

static int fs_unlink(struct inode *dir, const char *name, unsigned length, struct inode *victim)
{
	struct volume *v = volume_of(dir);
	mutex_lock(&v->mutex);
	int error = ext4_unlink(below(dir), name, length);
	draw_up(dir);
	draw_up(victim);
	mutex_unlock(&v->mutex);
	return error;
}

static int fs_rmdir(struct inode *dir, const char *name, unsigned length, struct inode *victim)
{
	struct volume *v = volume_of(dir);
	mutex_lock(&v->mutex);
	int error = ext4_rmdir(below(dir), name, length);
	draw_up(dir);
	draw_up(victim);
	mutex_unlock(&v->mutex);
	return error;
}

static int fs_rename(struct inode *from, const char *from_name, unsigned from_length, struct inode *to, const char *to_name,
		     unsigned to_length, struct inode *moved, struct inode *target)
{
	struct volume *v = volume_of(from);
	mutex_lock(&v->mutex);
	int error = ext4_rename(below(from), from_name, from_length, below(to), to_name, to_length);
	draw_up(from);
	draw_up(to);
	draw_up(moved);
	if (target) {
		draw_up(target);
	}
	mutex_unlock(&v->mutex);
	return error;
}

static int fs_exchange(struct inode *from, const char *from_name, unsigned from_length, struct inode *to, const char *to_name,
		       unsigned to_length, struct inode *first, struct inode *second)
{
	struct volume *v = volume_of(from);
	mutex_lock(&v->mutex);
	int error = ext4_exchange(below(from), from_name, from_length, below(to), to_name, to_length);
	draw_up(from);
	draw_up(to);
	draw_up(first);
	draw_up(second);
	mutex_unlock(&v->mutex);
	return error;
}

static long fs_readlink(struct inode *inode, char *target, size_t size)
{
	struct volume *v = volume_of(inode);
	mutex_lock(&v->mutex);
	long n = ext4_readlink(below(inode), target, size);
	mutex_unlock(&v->mutex);
	return n;
}

static int fs_changed(struct inode *inode)
{
	struct volume *v = volume_of(inode);
	struct ext4_inode *e = below(inode);
	if (ext4_is_read_only(v->fs)) {
		return -EROFS;
	}
	mutex_lock(&v->mutex);
	e->mode = (e->mode & S_IFMT) | (inode->mode & 07777);
	e->uid = inode->uid;
	e->gid = inode->gid;
	e->atime = down(inode->atime);
	e->mtime = down(inode->mtime);
	e->ctime = down(inode->ctime);
	if (S_IS(inode->mode, S_IFREG)) {
		e->size = inode->size;
	}
	ext4_inode_dirty(e);
	mutex_unlock(&v->mutex);
	return 0;
}

static int fs_truncate(struct inode *inode, uint64_t size)
{
	struct volume *v = volume_of(inode);
	mutex_lock(&v->mutex);
	int error = ext4_truncate(below(inode), size);
	inode->sectors = below(inode)->sectors;
	mutex_unlock(&v->mutex);
	return error;
}

static int fs_map(struct inode *inode, uint64_t offset, uint64_t bytes, bool allocate, struct block_map *map)
{
	struct volume *v = volume_of(inode);
	struct ext4_mapping m;
	uint32_t size = ext4_block_size(v->fs);
	uint64_t first = offset / size, count = (offset % size + bytes + size - 1) / size;
	mutex_lock(&v->mutex);
	int error = ext4_map(below(inode), first, count < 0x8000 ? (uint32_t)count : 0x8000, allocate ? EXT4_MAP_CREATE : 0, &m);
	if (allocate) {
		inode->sectors = below(inode)->sectors;
	}
	mutex_unlock(&v->mutex);
	if (!error) {
		map->mapped = m.state == EXT4_MAPPED;
		map->reserved = m.state == EXT4_UNWRITTEN;
		map->sector = m.block * (size / 512) + offset % size / 512;
		map->bytes = (uint64_t)m.count * size - offset % size;
	}
	return error;
}

static int fs_preallocate(struct inode *inode, uint64_t offset, uint64_t bytes)
{
	struct volume *v = volume_of(inode);
	uint32_t size = ext4_block_size(v->fs);
	uint64_t block = offset / size, end = (offset + bytes + size - 1) / size;
	int error = 0;
	mutex_lock(&v->mutex);
	while (!error && block < end) {
		struct ext4_mapping m;
		uint64_t count = end - block;
		error = ext4_map(below(inode), block, count < 0x7000 ? (uint32_t)count : 0x7000, EXT4_MAP_PREALLOCATE, &m);
		block += error ? 0 : m.count;
	}
	inode->sectors = below(inode)->sectors;
	mutex_unlock(&v->mutex);
	return error;
}

static int fs_punch(struct inode *inode, uint64_t offset, uint64_t bytes)
{
	struct volume *v = volume_of(inode);
	uint32_t size = ext4_block_size(v->fs);
	mutex_lock(&v->mutex);
	int error = ext4_punch(below(inode), (offset + size - 1) / size, (offset + bytes) / size);
	inode->sectors = below(inode)->sectors;
	mutex_unlock(&v->mutex);
	return error;
}

static int volume_sync(struct volume *v)
{
	mutex_lock(&v->mutex);
	int error = ext4_sync(v->fs);
	uint64_t writes = v->device->writes;
	bool flush = !error && writes != v->writes_flushed; /* data may have been written with no metadata changed */
	v->writes_flushed = writes;
	mutex_unlock(&v->mutex);
	return flush ? io_flush(v) : error;
}

static int fs_sync(struct inode *inode)
{
	return volume_sync(volume_of(inode));
}

static void fs_evict(struct inode *inode)
{
	struct volume *v = volume_of(inode);
	if (inode->private) {
		mutex_lock(&v->mutex);
		ext4_iput(below(inode));
		mutex_unlock(&v->mutex);
	}
}

static const struct inode_ops ext4_inode_ops = {
	.lookup = fs_lookup, .create = fs_create, .symlink = fs_symlink, .link = fs_link, .unlink = fs_unlink, .rmdir = fs_rmdir,
	.rename = fs_rename, .exchange = fs_exchange, .readlink = fs_readlink, .changed = fs_changed, .truncate = fs_truncate, .map = fs_map,
	.preallocate = fs_preallocate, .punch = fs_punch, .sync = fs_sync, .evict = fs_evict,
};

static int super_sync(struct super *super)
{
	return volume_sync(super->private);
}

static void super_statistics(struct super *super, uint64_t *blocks, uint64_t *free, uint64_t *available, uint64_t *files,
			     uint64_t *free_files, uint64_t *id)
{
	struct volume *v = super->private;
	struct ext4_statistics s;
	mutex_lock(&v->mutex);
	ext4_statistics(v->fs, &s);
	mutex_unlock(&v->mutex);
	*blocks = s.blocks;
	*free = s.free_blocks;
	*available = s.available_blocks;
	*files = s.inodes;
	*free_files = s.free_inodes;
	*id = s.id;
}

static void super_unmount(struct super *super)
{
	struct volume *v = super->private;
	int error = ext4_unmount(v->fs);
	if (error) {
		kprintf("ext4: unmounting /dev/%s: error %d", super->source, -error);
	}
	kfree(v);
	kfree(super);
}

static const struct super_ops ext4_super_ops = {
	.sync = super_sync, .statistics = super_statistics, .unmount = super_unmount,
};

struct emit_context {
	void *context;
	bool (*emit)(void *, const char *, unsigned, uint64_t, unsigned);
};

static const uint8_t type_of_disk[] = { DT_UNKNOWN, DT_REG, DT_DIR, DT_CHR, DT_BLK, DT_FIFO, DT_SOCK, DT_LNK };

static bool emit_up(void *context, const char *name, unsigned length, uint32_t number, unsigned type)
{
	struct emit_context *e = context;
	return e->emit(e->context, name, length, number, type < sizeof(type_of_disk) ? type_of_disk[type] : DT_UNKNOWN);
}

long ext4_file_readdir(struct file *f, void *context, bool (*emit)(void *, const char *, unsigned, uint64_t, unsigned))
{
	struct volume *v = volume_of(f->inode);
	struct emit_context e = { context, emit };
	mutex_lock(&v->mutex);
	int error = ext4_readdir(below(f->inode), &f->offset, emit_up, &e);
	mutex_unlock(&v->mutex);
	return error;
}

static bool device_in_use(const struct block_device *device)
{
	list_for_each(node, &super_list) {
		if (container_of(node, struct super, link)->device == device) {
			return true;
		}
	}
	return false;
}

static int root_make(struct super *super, struct volume *v)
{
	struct ext4_inode *e;
	struct inode *root;
	int error = ext4_iget(v->fs, EXT4_ROOT_INODE, &e);
	error = error ? error : wrap(super, e, &root);
	if (!error && !dentry_root_create(super, root)) {
		inode_put(root);
		error = -ENOMEM;
	}
	return error;
}

int ext4_super_open(const char *name, bool read_only, struct super **out)
{
	struct block_device *device = block_find(name);
	char why[160];
	if (!device) {
		kprintf("cannot mount %s: there is no such disk", name);
		return -ENODEV;
	}
	if (device_in_use(device)) {
		return -EBUSY;
	}
	struct volume *v = kzalloc(sizeof(*v));
	struct super *super = super_create("ext4", EXT4_SUPER_MAGIC, device->name);
	if (!v || !super) {
		kfree(v);
		kfree(super);
		return -ENOMEM;
	}
	v->device = device;
	mutex_init(&v->mutex, "ext4");
	struct ext4_io io = { v, device->dev->sectors * 512, device->dev->read_only, io_read, io_write, io_flush, io_alloc, io_free, io_wall };
	int error = ext4_mount(&io, read_only, &v->fs, why, sizeof(why));
	super->private = v;
	super->device = device;
	super->ops = &ext4_super_ops;
	super->major = device->major;
	super->minor = device->minor;
	if (!error) {
		super->block_size = ext4_block_size(v->fs);
		super->read_only = super->write_refused = ext4_is_read_only(v->fs);
		error = root_make(super, v);
		if (error) {
			string_copy(why, "its root directory cannot be read", sizeof(why));
			ext4_unmount(v->fs);
		}
	}
	if (why[0]) {
		kprintf("%s /dev/%s: %s", error ? "cannot mount" : "mounted", device->name, why);
	}
	if (error) {
		kfree(v);
		kfree(super);
		return error;
	}
	*out = super;
	return 0;
}
