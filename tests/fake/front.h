/* SPDX-License-Identifier: MIT */
/*
 * What a VIRTIO front end of the guest kernel stands on, for host tests: the kernel's locks and pages as far as front ends use them, and one
 * link of the hypervisor (its own link.c and grant.c) in SLOT, whose register file is tests/fake/mmio.c's.
 */
#ifndef TESTS_FAKE_FRONT_H
#define TESTS_FAKE_FRONT_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/hypercall.h"
#include "guest-kernel/platform/virtio_port.h"
#include "hv/link.h"

#define FRONT_SLOT 2

struct fake_front {
	struct link link;
	struct bh_link back_view; /* the link as its back end sees it */
	unsigned locks_held, complaints;
	bool doorbell; /* the front end rang */
	uint8_t *zone; /* the I/O zone */
	uint64_t zone_bytes;
	void (*step)(void); /* somebody sleeps: time passes */
	int late; /* what a sleep with an end returns */
};
extern struct fake_front fake_front;

/** A link of this kind in epoch 1, not yet offered, and an I/O zone. */
void fake_front_start(uint32_t kind, uint64_t zone_bytes);
/** Its front end's port. */
struct virtio_port fake_front_port(const char *name);
/** The hypervisor's view of the link goes to both ends. */
void fake_front_publish(void);
/** The back end's offer is made. */
void fake_front_offer(const struct bh_link_offer *offer);
/** The back end is dead; then it is rebuilt, in the next epoch. */
void fake_front_down(void);
void fake_front_rebuild(void);
void fake_front_stop(void);

/** Random bytes. */
void fake_scribble(void *at, size_t bytes);

#endif
