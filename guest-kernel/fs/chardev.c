/* SPDX-License-Identifier: MIT */
/* Character devices: the list of what drivers registered, their nodes in /dev, and the memory devices null, zero, full, random. */
#include "kernel/chardev.h"

#include "base/string.h"
#include "kernel/block.h"
#include "kernel/platform.h"
#include "kernel/random.h"
#include "kernel/vfs.h"

static spinlock_t chardev_lock = SPINLOCK_INIT("character devices");
static struct list devices = LIST_INIT(devices); /* chardev_lock */

/* Its device has gone, and another one may have the number by now. Under the lock, after which a device goes and before which the next comes. */
static bool is_stale_locked(const struct inode *inode)
{
	struct super *devfs;
	return inode->links == 0 && !devfs_super_get(&devfs) && inode->super == devfs;
}

/* By number; its driver keeps it if it might go. NULL: none. */
static struct char_device *chardev_take(const struct inode *inode, uint32_t major, uint32_t minor)
{
	struct char_device *found = NULL;
	spin_lock(&chardev_lock);
	list_for_each(node, &devices) {
		struct char_device *device = container_of(node, struct char_device, link);
		if (device->major == major && device->minor == minor) {
			found = is_stale_locked(inode) ? NULL : device;
			break;
		}
	}
	if (found && found->hold) {
		found->hold(found);
	}
	spin_unlock(&chardev_lock);
	return found;
}

int chardev_open(struct file *f, uint32_t major, uint32_t minor)
{
	struct char_device *device = chardev_take(f->inode, major, minor);
	return device ? device->open(f, device) : -ENXIO;
}

/* Make the node, with the directories that its name asks for. */
static int node_make(const char *name, uint32_t mode, uint32_t major, uint32_t minor, uint32_t uid, uint32_t gid)
{
	struct super *devfs;
	struct dentry *dir, *d;
	char part[32];
	int error = devfs_super_get(&devfs);
	if (error) {
		return error;
	}
	dir = devfs->root;
	dentry_get(dir);
	for (const char *slash; (slash = strchr(name, '/')) != NULL; name = slash + 1) {
		string_copy(part, name, sizeof(part));
		part[slash - name] = '\0';
		error = memory_node(dir, part, S_IFDIR | 0755, 0, 0, &d);
		dentry_put(dir);
		if (error) {
			return error;
		}
		dir = d;
	}
	error = memory_node(dir, name, mode, major, minor, &d);
	dentry_put(dir);
	if (!error) {
		d->inode->uid = uid;
		d->inode->gid = gid;
		dentry_put(d);
	}
	return error;
}

int chardev_register(struct char_device *device)
{
	int error = node_make(device->name, S_IFCHR | device->mode, device->major, device->minor, device->uid, device->gid);
	if (!error) {
		spin_lock(&chardev_lock);
		list_push_back(&devices, &device->link);
		spin_unlock(&chardev_lock);
	}
	return error;
}

void chardev_unregister(struct char_device *device)
{
	struct super *devfs;
	struct dentry *d, *dir;
	const char *name = device->name, *slash;
	spin_lock(&chardev_lock);
	list_remove(&device->link);
	spin_unlock(&chardev_lock);
	if (devfs_super_get(&devfs)) {
		return;
	}
	dir = devfs->root;
	dentry_get(dir);
	while ((slash = strchr(name, '/')) != NULL) {
		d = dentry_find(dir, name, (unsigned)(slash - name));
		dentry_put(dir);
		if (!d) {
			return;
		}
		dir = d;
		name = slash + 1;
	}
	d = dentry_find(dir, name, (unsigned)strlen(name));
	if (d) {
		d->inode->links = 0;
		dentry_remove(d);
		dentry_put(d);
	}
	dentry_put(dir);
}

static long null_read(struct file *f, void *buffer, uint64_t bytes, uint64_t *offset)
{
	return 0;
}

static long null_write(struct file *f, const void *buffer, uint64_t bytes, uint64_t *offset)
{
	return (long)bytes;
}

static long zero_read(struct file *f, void *buffer, uint64_t bytes, uint64_t *offset)
{
	memset(buffer, 0, bytes);
	return (long)bytes;
}

static long full_write(struct file *f, const void *buffer, uint64_t bytes, uint64_t *offset)
{
	return -ENOSPC;
}

static long random_read(struct file *f, void *buffer, uint64_t bytes, uint64_t *offset)
{
	random_bytes(buffer, bytes);
	return (long)bytes;
}

static long random_write(struct file *f, const void *buffer, uint64_t bytes, uint64_t *offset)
{
	random_stir(buffer, bytes);
	return (long)bytes;
}

static long kmsg_write(struct file *f, const void *buffer, uint64_t bytes, uint64_t *offset)
{
	int length = (int)(bytes < 400 ? bytes : 400);
	const char *text = buffer;
	while (length > 0 && text[length - 1] == '\n') {
		length--;
	}
	kprintf("%.*s", length, text);
	return (long)bytes;
}

static const struct file_ops null_ops = { .read = null_read, .write = null_write };
static const struct file_ops zero_ops = { .read = zero_read, .write = null_write };
static const struct file_ops full_ops = { .read = zero_read, .write = full_write };
static const struct file_ops random_ops = { .read = random_read, .write = random_write };
static const struct file_ops kmsg_ops = { .read = null_read, .write = kmsg_write };

static int memory_open(struct file *f, const struct char_device *device)
{
	f->ops = device->private;
	return 0;
}

#define MEMORY_DEVICE(n, minor_, mode_, ops_)                                                      \
	{ .name = (n), .major = 1, .minor = (minor_), .mode = (mode_), .open = memory_open, .private = (void *)&(ops_) }
static struct char_device memory_devices[] = {
	MEMORY_DEVICE("null", 3, 0666, null_ops),     MEMORY_DEVICE("zero", 5, 0666, zero_ops),
	MEMORY_DEVICE("full", 7, 0666, full_ops),     MEMORY_DEVICE("random", 8, 0666, random_ops),
	MEMORY_DEVICE("urandom", 9, 0666, random_ops), MEMORY_DEVICE("kmsg", 11, 0644, kmsg_ops),
};

static void link_make(struct dentry *dir, const char *name, const char *target)
{
	struct dentry *d;
	struct inode *inode;
	mutex_lock(&dir->inode->mutex);
	if (name_lookup_locked(dir, name, (unsigned)strlen(name), &d) == 0) {
		if (!d->inode && dir->inode->ops->symlink(dir->inode, name, (unsigned)strlen(name), target, &inode) == 0) {
			dentry_set_inode(d, inode);
		}
		dentry_put(d);
	}
	mutex_unlock(&dir->inode->mutex);
}

void devfs_blocks_add(void)
{
	struct super *devfs;
	for (unsigned i = 0; i < sizeof(memory_devices) / sizeof(memory_devices[0]); i++) {
		chardev_register(&memory_devices[i]);
	}
	struct block_device *b;
	for (unsigned i = 0; (b = block_at(i)) != NULL; i++) {
		node_make(b->name, S_IFBLK | 0660, b->major, b->minor, 0, 0);
	}
	if (devfs_super_get(&devfs) == 0) {
		link_make(devfs->root, "fd", "/proc/self/fd");
		link_make(devfs->root, "stdin", "/proc/self/fd/0");
		link_make(devfs->root, "stdout", "/proc/self/fd/1");
		link_make(devfs->root, "stderr", "/proc/self/fd/2");
	}
}
