/* SPDX-License-Identifier: MIT */
/*
 * Posted interrupts (SDM vol. 3, 29.6): a vector is put into the vCPU's descriptor, and a notification makes the processor
 * that is in the guest take it over without an exit. The bit is set before in_guest is read; the home processor collects
 * after it has set in_guest and after it has cleared it. So either the notification finds the guest, or the collection the bit.
 */
#include "vmx.h"

#include <stdatomic.h>

#include "hv/cpu.h"

bool vmx_post(struct vcpu *v, uint8_t vector)
{
	struct vmx_posted *p = &vmx_of(v)->posted;
	uint64_t bit = 1ull << vector % 64;
	atomic_fetch_or(&p->requests[vector / 64], bit);
	atomic_store(&p->notified, 1);
	if (atomic_load(&v->in_guest)) {
		cpu_send(v->cpu, vmx_notification);
		return true;
	}
	return !(atomic_fetch_and(&p->requests[vector / 64], ~bit) & bit); /* unless it has been collected meanwhile */
}

void vmx_collect(struct vcpu *v)
{
	struct vmx_posted *p = &vmx_of(v)->posted;
	if (!atomic_load(&p->notified)) {
		return;
	}
	atomic_store(&p->notified, 0);
	for (unsigned i = 0; i < 4; i++) {
		for (uint64_t bits = atomic_exchange(&p->requests[i], 0); bits; bits &= bits - 1) {
			vapic_pend(v, (uint8_t)(i * 64 + (unsigned)__builtin_ctzll(bits)));
		}
	}
}
