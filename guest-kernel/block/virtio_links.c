/* SPDX-License-Identifier: MIT */
/* The block links of Bulkhead: wait until their back ends are up, start a front end on each, and follow their lives. */
#include "abi/errno.h"
#include "abi/virtio.h"
#include "block_internal.h"
#include "kernel/lock.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/time.h"

#define START_TIMEOUT_NS 10000000000ull

static struct waitq links_changed = WAITQ_INIT(links_changed);
static struct virtio_blk *fronts[BH_MAX_LINKS];

static uint32_t link_state(unsigned slot)
{
	return __atomic_load_n(&platform_domain_page()->links[slot].state, __ATOMIC_ACQUIRE);
}

static void links_epoch(void *arg)
{
	for (unsigned slot = 0; slot < BH_MAX_LINKS; slot++) {
		struct virtio_blk *front = __atomic_load_n(&fronts[slot], __ATOMIC_ACQUIRE);
		if (front) {
			virtio_blk_link_changed(front);
		}
	}
	waitq_wake_all(&links_changed);
}

static void link_start(unsigned slot)
{
	const struct bh_link *link = &platform_domain_page()->links[slot];
	struct virtio_blk *front;
	uint64_t deadline = time_ns() + START_TIMEOUT_NS;
	if (WAIT_EVENT_DEADLINE(&links_changed, link_state(slot) == BH_LINK_UP, deadline, false)) {
		kprintf("block: the back end %s of link %u is not up after %lu s: no disk", link->peer, slot,
			(unsigned long)(START_TIMEOUT_NS / 1000000000));
		return;
	}
	struct virtio_blk_port port = { .registers = mmio_map(link->mmio, VIRTIO_MMIO_SIZE), .link = true, .slot = slot,
		.epoch = link->epoch };
	if (!port.registers || virtio_blk_start(&port, &front)) {
		kprintf("block: link %u to %s does not start", slot, link->peer);
		return;
	}
	__atomic_store_n(&fronts[slot], front, __ATOMIC_RELEASE);
	event_handler(BH_EVENT_LINK + slot, virtio_blk_interrupt, front);
	/* What happened while nobody was listening. */
	virtio_blk_link_changed(front);
	virtio_blk_interrupt(front);
}

void virtio_links_probe(void)
{
	event_handler(BH_EVENT_EPOCH, links_epoch, NULL);
	for (unsigned slot = 0; slot < BH_MAX_LINKS; slot++) {
		const struct bh_link *link = &platform_domain_page()->links[slot];
		if (link->role == BH_LINK_FRONT && link->kind == VIRTIO_ID_BLOCK) {
			link_start(slot);
		}
	}
}
