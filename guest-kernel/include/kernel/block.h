/* SPDX-License-Identifier: MIT */
/* The kernel's block devices (block/): named blkdevs with synchronous and asynchronous I/O on pages of the I/O zone. */
#ifndef KERNEL_BLOCK_H
#define KERNEL_BLOCK_H

#include <stdint.h>

#include "base/list.h"
#include "component/blkdev.h"

struct block_device {
	struct list link;
	char name[16]; /* "vda", "sda" */
	struct blkdev *dev;
	uint32_t major, minor;
	uint64_t reads, writes, sectors_read, sectors_written; /* statistics */
};

int block_register(struct blkdev *dev, const char *prefix); /* names it prefix + letter */
struct block_device *block_find(const char *name); /* "vda" or "/dev/vda"; NULL */
struct block_device *block_at(unsigned index); /* NULL behind the last */

/** Submit; queues in the kernel while the device is full. done() is called once, possibly in interrupt context. */
void block_submit(struct block_device *b, struct blk_request *request);
/** Submit and sleep. 0 or negative errno. buffer: kernel memory in the I/O zone (page_alloc ALLOC_IO), physically contiguous. */
int block_read(struct block_device *b, uint64_t sector, void *buffer, uint32_t sectors);
int block_write(struct block_device *b, uint64_t sector, const void *buffer, uint32_t sectors);
int block_flush(struct block_device *b);

/** Find and start the disks: virtio links on Bulkhead, virtio_mmio.device= on the command line, AHCI on PCI on the bare machine. */
void block_probe(const char *cmdline);

#endif
