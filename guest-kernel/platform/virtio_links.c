/* SPDX-License-Identifier: MIT */
/* The links of Bulkhead: wait until their back ends are up, start a front end on each, and follow their lives. */
#include "abi/errno.h"
#include "kernel/lock.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/time.h"
#include "platform/virtio_port.h"

#define START_TIMEOUT_NS 10000000000ull

static struct waitq links_changed = WAITQ_INIT(links_changed);
static struct {
	void (*link_changed)(void *started);
	void *started; /* valid once link_changed is set */
} fronts[BH_MAX_LINKS];

static uint32_t link_state(unsigned slot)
{
	return __atomic_load_n(&platform_domain_page()->links[slot].state, __ATOMIC_ACQUIRE);
}

static void links_epoch(void *arg)
{
	for (unsigned slot = 0; slot < BH_MAX_LINKS; slot++) {
		if (__atomic_load_n(&fronts[slot].link_changed, __ATOMIC_ACQUIRE)) {
			fronts[slot].link_changed(fronts[slot].started);
		}
	}
	waitq_wake_all(&links_changed);
}

static void link_start(const struct virtio_driver *driver, unsigned slot)
{
	const struct bh_link *link = &platform_domain_page()->links[slot];
	void *front;
	uint64_t deadline = time_ns() + START_TIMEOUT_NS;
	if (WAIT_EVENT_DEADLINE(&links_changed, link_state(slot) == BH_LINK_UP, deadline, false)) {
		kprintf("%s: the back end %s of link %u is not up after %lu s: left out", driver->name, link->peer, slot,
			(unsigned long)(START_TIMEOUT_NS / 1000000000));
		return;
	}
	struct virtio_port port = { .registers = mmio_map(link->mmio, VIRTIO_MMIO_SIZE), .name = driver->name, .link = true, .slot = slot,
		.epoch = link->epoch };
	if (!port.registers || driver->start(&port, &front)) {
		kprintf("%s: link %u to %s does not start", driver->name, slot, link->peer);
		return;
	}
	fronts[slot].started = front;
	__atomic_store_n(&fronts[slot].link_changed, driver->link_changed, __ATOMIC_RELEASE);
	event_handler(BH_EVENT_LINK + slot, driver->interrupt, front);
	/* What happened while nobody was listening. */
	driver->link_changed(front);
	driver->interrupt(front);
}

void virtio_links_probe(const struct virtio_driver *driver)
{
	event_handler(BH_EVENT_EPOCH, links_epoch, NULL);
	for (unsigned slot = 0; slot < BH_MAX_LINKS; slot++) {
		const struct bh_link *link = &platform_domain_page()->links[slot];
		if (link->role == BH_LINK_FRONT && link->kind == driver->device_id) {
			link_start(driver, slot);
		}
	}
}

void virtio_probe(const struct virtio_driver *driver, const char *cmdline)
{
	if (platform_is_bulkhead()) {
		virtio_links_probe(driver);
	} else {
		virtio_mmio_probe(driver, cmdline);
	}
}
