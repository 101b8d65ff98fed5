/* SPDX-License-Identifier: MIT */
/*
 * Raw disks as files. Each disk has one inode of its own, whose pages are the disk's; every node that names the disk opens to it.
 * These pages and a mounted file system's do not know of each other: write to a disk that is not mounted.
 */
#include "kernel/block.h"

#include "base/string.h"
#include "kernel/user.h"
#include "kernel/vfs.h"

#define DISKS_MAX 32u
#define BLKGETSIZE 0x1260u
#define BLKFLSBUF 0x1261u
#define BLKSSZGET 0x1268u
#define BLKGETSIZE64 0x80081272u

struct mutex disks_mutex; /* set up in fs_mount_root() */
static struct inode *disks[DISKS_MAX]; /* disks_mutex; made at the first open, kept */
static struct super *disk_super;

static int disk_map(struct inode *inode, uint64_t offset, uint64_t bytes, bool allocate, struct block_map *map)
{
	uint64_t end = inode->size & ~511ull;
	if (offset >= end) {
		*map = (struct block_map){ .mapped = false, .bytes = bytes };
	} else {
		*map = (struct block_map){ .mapped = true, .sector = offset / 512, .bytes = bytes < end - offset ? bytes : end - offset };
	}
	return 0;
}

static int disk_sync(struct inode *inode)
{
	int error = block_flush(inode->mapping.device);
	return error == -EOPNOTSUPP ? 0 : error;
}

static const struct inode_ops disk_inode_ops = { .map = disk_map, .sync = disk_sync };

static struct inode *disk_inode(unsigned index, struct block_device *device)
{
	mutex_lock(&disks_mutex);
	if (!disk_super) {
		disk_super = super_create("bdev", 0x62646576, "bdev");
	}
	struct inode *inode = disks[index];
	if (!inode && disk_super) {
		inode = disks[index] = inode_create(disk_super, 0, S_IFBLK | 0600);
		if (inode) {
			inode->ops = &disk_inode_ops;
			inode->size = device->dev->sectors * 512;
			inode->mapping.device = device;
			inode_ready(inode);
		}
	}
	mutex_unlock(&disks_mutex);
	return inode;
}

static long disk_read(struct file *f, void *buffer, uint64_t bytes, uint64_t *offset)
{
	struct io_buffer to = { false, (uint64_t)buffer };
	long n = f->flags & O_DIRECT ? direct_read(f->private, to, bytes, *offset) : page_cache_read(f->private, to, bytes, *offset);
	*offset += n > 0 ? (uint64_t)n : 0;
	return n;
}

static long disk_write(struct file *f, const void *buffer, uint64_t bytes, uint64_t *offset)
{
	struct inode *inode = f->private;
	if (inode->mapping.device->dev->read_only) {
		return -EROFS;
	}
	if (*offset >= inode->size) {
		return -ENOSPC;
	}
	bytes = bytes < inode->size - *offset ? bytes : inode->size - *offset;
	mutex_lock(&inode->mutex);
	long n = page_cache_write(inode, (struct io_buffer){ false, (uint64_t)buffer }, bytes, *offset);
	mutex_unlock(&inode->mutex);
	*offset += n > 0 ? (uint64_t)n : 0;
	return n;
}

static long disk_ioctl(struct file *f, unsigned request, uint64_t argument)
{
	struct inode *inode = f->private;
	uint64_t sectors = inode->size / 512, bytes = inode->size;
	int block_size = (int)inode->mapping.device->dev->block_size;
	switch (request) {
	case BLKGETSIZE:
		return user_write(argument, &sectors, sizeof(sectors));
	case BLKGETSIZE64:
		return user_write(argument, &bytes, sizeof(bytes));
	case BLKSSZGET:
		return user_write(argument, &block_size, sizeof(block_size));
	case BLKFLSBUF:
		return page_cache_flush(inode, true);
	default:
		return -ENOTTY;
	}
}

static void disk_release(struct file *f)
{
	page_cache_flush(f->private, true);
}

static const struct file_ops disk_ops = { .read = disk_read, .write = disk_write, .ioctl = disk_ioctl, .release = disk_release };

int block_file_open(struct file *f, uint32_t major, uint32_t minor)
{
	struct block_device *b;
	for (unsigned i = 0; i < DISKS_MAX && (b = block_at(i)) != NULL; i++) {
		if (b->major == major && b->minor == minor) {
			f->private = disk_inode(i, b);
			f->ops = &disk_ops;
			f->inode->size = b->dev->sectors * 512; /* for lseek */
			return f->private ? 0 : -ENOMEM;
		}
	}
	return -ENXIO;
}
