/* SPDX-License-Identifier: MIT */
/*
 * The block layer: names, statistics, and one queue a disk in front of the driver. A driver refuses what it has no room
 * for; such requests wait here, in order, and each completion tries them again. One caller at a time drains a queue; a
 * completion that comes in meanwhile only says `again`, so a driver that completes inside submit cannot recurse.
 */
#include "kernel/block.h"

#include "abi/errno.h"
#include "base/string.h"
#include "block_internal.h"
#include "kernel/lock.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "platform/virtio_port.h"

#define DISKS_MAX 16

struct disk {
	struct block_device public;
	spinlock_t lock; /* the fields below and the statistics */
	struct blk_request *waiting, **waiting_end;
	bool draining, again;
	struct waitq sleepers; /* callers of the synchronous functions */
};

static struct disk *disks[DISKS_MAX]; /* filled at boot, in one thread */
static unsigned disk_count;

static struct disk *disk_of(struct block_device *b)
{
	return container_of(b, struct disk, public);
}

static void request_end(struct blk_request *request, int status)
{
	request->done = request->layer.done;
	request->done(request, status);
}

static struct blk_request *disk_pop(struct disk *disk)
{
	struct blk_request *request = disk->waiting;
	if (request) {
		disk->waiting = request->next;
		if (!disk->waiting) {
			disk->waiting_end = &disk->waiting;
		}
	}
	return request;
}

static void disk_push_front(struct disk *disk, struct blk_request *request)
{
	request->next = disk->waiting;
	if (!disk->waiting) {
		disk->waiting_end = &request->next;
	}
	disk->waiting = request;
}

/* Lock held on entry and on return, given up around the driver. */
static void disk_drain(struct disk *disk)
{
	struct blkdev *dev = disk->public.dev;
	struct blk_request *request;
	if (disk->draining) {
		disk->again = true;
		return;
	}
	disk->draining = true;
	while ((request = disk_pop(disk)) != NULL) {
		disk->again = false;
		spin_unlock(&disk->lock);
		int error = dev->ops->submit(dev, request);
		if (error && error != -EAGAIN) {
			request_end(request, error);
		}
		spin_lock(&disk->lock);
		if (error == -EAGAIN) {
			disk_push_front(disk, request);
			if (!disk->again) {
				break;
			}
		}
	}
	disk->draining = false;
}

static void disk_done(struct blk_request *request, int status)
{
	struct disk *disk = request->layer.disk;
	request_end(request, status);
	spin_lock(&disk->lock);
	disk_drain(disk);
	spin_unlock(&disk->lock);
}

void block_submit(struct block_device *b, struct blk_request *request)
{
	struct disk *disk = disk_of(b);
	request->layer.done = request->done;
	request->layer.disk = disk;
	request->done = disk_done;
	request->next = NULL;
	spin_lock(&disk->lock);
	b->reads += request->op == BLK_READ;
	b->writes += request->op == BLK_WRITE;
	b->sectors_read += request->op == BLK_READ ? request->sectors : 0;
	b->sectors_written += request->op == BLK_WRITE ? request->sectors : 0;
	*disk->waiting_end = request;
	disk->waiting_end = &request->next;
	disk_drain(disk);
	spin_unlock(&disk->lock);
}

/* A synchronous caller's place, on its stack. The queue it sleeps in is the disk's: nobody touches this after `done`. */
struct block_wait {
	bool done;
	int status;
};

static void block_wait_done(struct blk_request *request, int status)
{
	struct disk *disk = request->layer.disk;
	struct block_wait *wait = request->owner;
	wait->status = status;
	__atomic_store_n(&wait->done, true, __ATOMIC_RELEASE);
	waitq_wake_all(&disk->sleepers);
}

static int block_run(struct block_device *b, struct blk_request *request)
{
	struct block_wait wait = { 0 };
	request->owner = &wait;
	request->done = block_wait_done;
	block_submit(b, request);
	WAIT_EVENT(&disk_of(b)->sleepers, __atomic_load_n(&wait.done, __ATOMIC_ACQUIRE));
	return wait.status;
}

static int block_transfer(struct block_device *b, enum blk_op op, uint64_t sector, const void *buffer, uint32_t sectors)
{
	uint64_t bus = virt_to_phys(buffer);
	while (sectors) {
		uint32_t now = sectors < b->dev->max_sectors ? sectors : b->dev->max_sectors;
		struct blk_segment segment = { .bus = bus, .len = now * 512 };
		struct blk_request request = { .op = op, .sector = sector, .sectors = now, .segment_count = 1, .segments = &segment };
		int error = block_run(b, &request);
		if (error) {
			return error;
		}
		sectors -= now;
		sector += now;
		bus += now * 512ull;
	}
	return 0;
}

int block_read(struct block_device *b, uint64_t sector, void *buffer, uint32_t sectors)
{
	return block_transfer(b, BLK_READ, sector, buffer, sectors);
}

int block_write(struct block_device *b, uint64_t sector, const void *buffer, uint32_t sectors)
{
	return b->dev->read_only ? -EROFS : block_transfer(b, BLK_WRITE, sector, buffer, sectors);
}

int block_flush(struct block_device *b)
{
	struct blk_request request = { .op = BLK_FLUSH };
	return b->dev->has_flush ? block_run(b, &request) : 0;
}

int block_register(struct blkdev *dev, const char *prefix)
{
	unsigned letter = 0;
	struct disk *disk = disk_count < DISKS_MAX ? kzalloc(sizeof(*disk)) : NULL;
	if (!disk) {
		return -ENOMEM;
	}
	for (unsigned i = 0; i < disk_count; i++) {
		letter += strncmp(disks[i]->public.name, prefix, strlen(prefix)) == 0;
	}
	struct block_device *b = &disk->public;
	size_t length = string_copy(b->name, prefix, sizeof(b->name) - 1);
	b->name[length] = (char)('a' + letter);
	b->dev = dev;
	b->major = prefix[0] == 's' ? 8 : 254; /* as Linux has them: sd, virtblk */
	b->minor = letter * 16;
	spin_init(&disk->lock, "disk");
	waitq_init(&disk->sleepers);
	disk->waiting_end = &disk->waiting;
	disks[disk_count++] = disk;
	kprintf("block: %s: %lu MiB, depth %u%s%s", b->name, (unsigned long)(dev->sectors >> 11), dev->depth,
		dev->has_flush ? ", flush" : "", dev->read_only ? ", read-only" : "");
	return 0;
}

struct block_device *block_find(const char *name)
{
	if (strncmp(name, "/dev/", 5) == 0) {
		name += 5;
	}
	for (unsigned i = 0; i < disk_count; i++) {
		if (strcmp(disks[i]->public.name, name) == 0) {
			return &disks[i]->public;
		}
	}
	return NULL;
}

struct block_device *block_at(unsigned index)
{
	return index < disk_count ? &disks[index]->public : NULL;
}

void block_probe(const char *cmdline)
{
	virtio_probe(&virtio_blk_driver, cmdline);
	if (!platform_is_bulkhead()) {
		ahci_probe();
	}
}
