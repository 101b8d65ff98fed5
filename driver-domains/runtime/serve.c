/* SPDX-License-Identifier: MIT */
/* Joins disks and block links: offers, events, and the back ends' work before each wait. */
#include "blk_backend.h"
#include "env/env.h"
#include "runtime.h"

static struct blk_backend backends[BH_MAX_LINKS];
static unsigned backend_count;

static bool link_wants_disk(const struct bh_link *link)
{
	return link->role == BH_LINK_BACK && link->kind == 2; /* VIRTIO device ID: block */
}

unsigned serve_links(void)
{
	unsigned count = 0;
	for (unsigned slot = 0; slot < BH_MAX_LINKS; slot++) {
		count += link_wants_disk(&domain_page->links[slot]);
	}
	return count;
}

static void serve_signal(void *arg)
{
	events_signal((unsigned)(uintptr_t)arg);
}

static bool serve_work(void *arg, uint64_t *until)
{
	bool any = false;
	for (unsigned i = 0; i < backend_count; i++) {
		any |= blk_backend_work(&backends[i], until);
	}
	return any;
}

static void serve_disk(unsigned slot, struct blkdev *disk, uint32_t data_access)
{
	struct blk_backend *b = &backends[backend_count];
	struct bh_link_offer offer;
	if (blk_backend_init(b, &domain_page->links[slot], disk, data_access, serve_signal,
		    (void *)(uintptr_t)(BH_EVENT_LINK + slot))) {
		domain_panic("no memory for a back end");
	}
	backend_count++;
	blk_backend_offer(b, &offer);
	hypercall_must("link_offer", hypercall(BH_HC_LINK_OFFER, slot, (uintptr_t)&offer, 0, 0));
}

void serve_disks(struct blkdev *const *disks, unsigned count, uint32_t data_access)
{
	unsigned index = 0;
	for (unsigned slot = 0; slot < BH_MAX_LINKS; slot++) {
		if (!link_wants_disk(&domain_page->links[slot])) {
			continue;
		}
		if (index < count && disks[index]) {
			serve_disk(slot, disks[index], data_access);
		} else {
			env_log("no disk for the link to %s", domain_page->links[slot].peer);
		}
		index++;
	}
	events_before_wait(serve_work, NULL);
	hypercall_must("alive", hypercall(BH_HC_POWER, BH_POWER_ALIVE, 0, 0, 0));
}
