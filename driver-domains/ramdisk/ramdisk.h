/* SPDX-License-Identifier: MIT */
/* A disk in memory, as a blkdev whose requests are done when submit returns. Bus addresses are pointers. */
#ifndef BULKHEAD_RAMDISK_H
#define BULKHEAD_RAMDISK_H

#include "component/blkdev.h"

struct ramdisk {
	struct blkdev dev;
	uint8_t *memory;
};

/** `bytes` is rounded down to whole sectors. -EINVAL: not one. */
int ramdisk_init(struct ramdisk *disk, void *memory, uint64_t bytes);

#endif
