/* SPDX-License-Identifier: MIT */
/*
 * A block device as components see it: asynchronous requests on bus addresses.
 * The submitter owns the request and its segments until done() is called, exactly once for every
 * request that submit() accepted; done() may run in interrupt context and may submit again.
 */
#ifndef BULKHEAD_BLKDEV_H
#define BULKHEAD_BLKDEV_H

#include <stdbool.h>
#include <stdint.h>

enum blk_op { BLK_READ, BLK_WRITE, BLK_FLUSH };

#define BLK_FUA 1u /* a write is on stable storage when it completes */

struct blk_segment {
	uint64_t bus; /* address as the device sees it; even */
	uint32_t len; /* bytes; even. The sum of a request is sectors * 512 */
	uint32_t reserved;
};

struct blk_request {
	enum blk_op op;
	uint32_t flags;
	uint64_t sector; /* of 512 bytes */
	uint32_t sectors;
	uint32_t segment_count;
	const struct blk_segment *segments;
	/* status: 0, -EIO (after the driver's own retries), -EOPNOTSUPP, -EINVAL, -EROFS */
	void (*done)(struct blk_request *request, int status);
	void *owner;
	/* For the driver while it has the request. */
	struct blk_request *next;
	uintptr_t driver[4];
	/* For a layer between submitter and driver (a block layer's queue). */
	struct {
		void (*done)(struct blk_request *request, int status);
		void *disk;
	} layer;
};

struct blkdev;
struct blkdev_ops {
	/** Take a request. 0, or -EAGAIN when the device's queue is full (call again after a done()),
	 *  or -EINVAL for a request outside the device's limits, or -EIO when the device is gone; done() is not called then. */
	int (*submit)(struct blkdev *dev, struct blk_request *request);
};

struct blkdev {
	const struct blkdev_ops *ops;
	void *driver;
	uint64_t sectors; /* of 512 bytes */
	uint32_t block_size; /* logical, bytes */
	uint32_t depth; /* requests that can be outstanding */
	uint32_t max_sectors; /* of one request */
	uint32_t max_segments;
	bool read_only, has_flush, has_fua;
	char id[21]; /* serial number, NUL-terminated */
};

#endif
