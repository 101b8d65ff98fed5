/* SPDX-License-Identifier: MIT */
/*
 * A virtio block device (VIRTIO 1.2, 5.2) over any blkdev: the back end of one link. It knows of the link what the
 * hypervisor writes into the domain page, and reaches the front end's memory only where grants say so: ring, header and
 * status by the processor, data pages by the device (or by the processor, for a disk without a device).
 */
#ifndef BLK_BACKEND_H
#define BLK_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/hypercall.h"
#include "component/blkdev.h"
#include "virtio/ring_back.h"

#define BLK_BACKEND_QUEUE 128
#define BLK_BACKEND_SEGMENTS (RING_CHAIN_MAX - 2)
#define BLK_BACKEND_BUSY 4 /* with so many in flight the front end rings once for BLK_BACKEND_BATCH new ones ... */
#define BLK_BACKEND_BATCH 12
#define BLK_BACKEND_LOOK_NS 2000000ull /* ... and the back end looks by itself, should they not come */

struct blk_backend;
struct blk_backend_request {
	struct blk_request request;
	struct blk_segment segments[BLK_BACKEND_SEGMENTS];
	struct blk_backend *backend;
	struct blk_backend_request *next; /* free */
	uint8_t *status; /* in the front end's memory */
	uint32_t generation, length;
	uint16_t position;
};

struct blk_backend {
	const struct bh_link *link; /* in the domain page */
	struct blkdev *dev;
	uint32_t data_access; /* BH_GRANT_* that the disk needs on data pages */
	void (*signal)(void *arg);
	void *arg;
	struct ring_back ring;
	struct bh_queue queue; /* as it was when the ring was started */
	bool running, broken;
	uint32_t generation; /* of the ring: completions of an earlier one are dropped */
	struct blk_backend_request *free, *stalled; /* stalled: the disk had no room for it */
	struct ring_chain chain;
};

/** -ENOMEM. signal(arg) is called when the front end is to be rung. */
int blk_backend_init(struct blk_backend *b, const struct bh_link *link, struct blkdev *dev, uint32_t data_access,
	void (*signal)(void *arg), void *arg);
/** What to offer on the link. */
void blk_backend_offer(const struct blk_backend *b, struct bh_link_offer *offer);
/** Do what there is to do: start or stop with the link's state, publish what is finished, take what is new. True: something
 *  was done; when false is returned the front end will ring for the next request, or *until (env_time_ns) has come forward to
 *  the time by which to call again. */
bool blk_backend_work(struct blk_backend *b, uint64_t *until);

#endif
