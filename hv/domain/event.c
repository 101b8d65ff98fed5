/* SPDX-License-Identifier: MIT */
/*
 * Events: 64 bits a vCPU in a page that the domain writes too. The hypervisor only ever sets bits there and asks
 * whether any is set, so whatever the domain writes concerns the domain alone. `announced` remembers which bits the
 * guest has been told of (by an upcall or by the end of a wait), so that one event costs one upcall. A bit is set
 * before `announced` is cleared: a reader between the two announces once too often, never too seldom.
 */
#include <stdatomic.h>

#include "hv/domain.h"

void event_raise(struct vcpu *v, unsigned event)
{
	uint64_t bit = 1ull << event;
	atomic_fetch_or(v->pending, bit);
	atomic_fetch_and(&v->announced, ~bit);
	uint8_t upcall = v->upcall;
	if (!vmm->post || !upcall || !vmm->post(v, upcall)) {
		sched_notify(v);
	}
}

bool event_unannounced(const struct vcpu *v)
{
	return (atomic_load(v->pending) & ~atomic_load(&v->announced)) != 0;
}

static void signal_link(struct domain *d, unsigned slot)
{
	struct link *l = d->links[slot];
	if (__atomic_load_n(&l->state, __ATOMIC_ACQUIRE) != BH_LINK_UP) {
		return; /* who comes up looks at the ring first */
	}
	if (d->link_roles[slot] == BH_LINK_FRONT) {
		event_raise(l->back->vcpus[0], BH_EVENT_LINK + l->back_slot);
		return;
	}
	event_raise(l->front->vcpus[0], BH_EVENT_LINK + l->front_slot);
	recover_signal(d);
}

void event_signal(struct domain *d, uint64_t mask)
{
	for (mask >>= BH_EVENT_LINK; mask != 0; mask &= mask - 1) {
		signal_link(d, (unsigned)__builtin_ctzll(mask));
	}
}
