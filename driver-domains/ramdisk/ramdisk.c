/* SPDX-License-Identifier: MIT */
/* See ramdisk.h. Completion may submit again from done(), so a request is finished only when nothing of it is needed. */
#include "ramdisk.h"

#include "abi/errno.h"
#include "base/string.h"

static bool request_valid(const struct blkdev *dev, const struct blk_request *r)
{
	if (r->op == BLK_FLUSH) {
		return true;
	}
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < r->segment_count; i++) {
		bytes += r->segments[i].len;
	}
	return r->sectors != 0 && r->sectors <= dev->max_sectors && r->sector < dev->sectors &&
	       r->sectors <= dev->sectors - r->sector && bytes == (uint64_t)r->sectors * 512;
}

static int ramdisk_submit(struct blkdev *dev, struct blk_request *r)
{
	struct ramdisk *disk = dev->driver;
	if (!request_valid(dev, r)) {
		return -EINVAL;
	}
	uint8_t *at = disk->memory + r->sector * 512;
	for (uint32_t i = 0; r->op != BLK_FLUSH && i < r->segment_count; i++) {
		void *buffer = (void *)(uintptr_t)r->segments[i].bus;
		if (r->op == BLK_READ) {
			memcpy(buffer, at, r->segments[i].len);
		} else {
			memcpy(at, buffer, r->segments[i].len);
		}
		at += r->segments[i].len;
	}
	r->done(r, 0);
	return 0;
}

int ramdisk_init(struct ramdisk *disk, void *memory, uint64_t bytes)
{
	static const struct blkdev_ops ops = { .submit = ramdisk_submit };
	if (bytes < 512) {
		return -EINVAL;
	}
	disk->memory = memory;
	disk->dev = (struct blkdev){ .ops = &ops, .driver = disk, .sectors = bytes / 512, .block_size = 512, .depth = 128,
		.max_sectors = 8192, .max_segments = 64, .has_flush = true, .has_fua = true, .id = "ramdisk" };
	return 0;
}
