/* SPDX-License-Identifier: MIT */
/* The register file of a link as its two ends see it: accesses of the front end, and what both domain pages say. */
#include "hv/domain.h"

#include "abi/virtio_mmio.h"

void link_publish_both(const struct link *l)
{
	link_publish(l, &l->front->page->links[l->front_slot], BH_LINK_FRONT);
	link_publish(l, &l->back->page->links[l->back_slot], BH_LINK_BACK);
}

void link_tell(const struct link *l)
{
	link_publish_both(l);
	event_raise(l->front->vcpus[0], BH_EVENT_EPOCH);
	event_raise(l->back->vcpus[0], BH_EVENT_EPOCH);
}

void register_access(struct vcpu *v, unsigned slot, uint32_t offset, bool write, unsigned width, uint32_t *value)
{
	struct domain *d = v->domain;
	struct link *l = d->links[slot];
	unsigned action = LINK_QUIET;
	spin_lock(&machine_lock);
	if (!write) {
		*value = link_mmio_read(l, offset, width);
	} else {
		action = link_mmio_write(l, offset, width, *value);
		if (action & LINK_RESET) {
			grant_revoke_all(l);
		}
		if (action & LINK_CHANGED) {
			link_tell(l);
		}
	}
	spin_unlock(&machine_lock);
	if (action & LINK_NOTIFY) {
		event_signal(d, 1ull << (BH_EVENT_LINK + slot));
	}
}
