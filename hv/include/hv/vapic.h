/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's virtual local APIC, in x2APIC mode for good: MSRs 800h to 8FFh (SDM vol. 3, 11.12). Its registers lie in one
 * page, v->apic, where the memory-mapped ones would: MSR 800h + n at n * 16, which is also the layout of VT-x's virtual-APIC
 * page (SDM vol. 3, 30.1), so a processor that can keeps it by itself (vmm_has_apic).
 * Only the home processor touches the page, but for IRR, whose bits any processor sets.
 */
#ifndef HV_VAPIC_H
#define HV_VAPIC_H

#include <stdbool.h>
#include <stdint.h>

struct vcpu;

enum vapic_register { /* offsets in the page */
	VAPIC_ID = 0x20, VAPIC_VERSION = 0x30, VAPIC_TPR = 0x80, VAPIC_PPR = 0xa0, VAPIC_EOI = 0xb0, VAPIC_LDR = 0xd0,
	VAPIC_SVR = 0xf0, VAPIC_ISR = 0x100, VAPIC_TMR = 0x180, VAPIC_IRR = 0x200, VAPIC_ESR = 0x280,
	VAPIC_ICR = 0x300, VAPIC_ICR_HIGH = 0x310, VAPIC_LVT_TIMER = 0x320, VAPIC_LVT_ERROR = 0x370, VAPIC_SELF_IPI = 0x3f0,
};

static inline uint32_t *vapic_at(void *page, unsigned offset)
{
	return (uint32_t *)((char *)page + offset);
}

void vapic_reset(struct vcpu *v);
/** IA32_APIC_BASE and 800h to 8FFh. -EINVAL: no such register, or not so. */
int vapic_msr(struct vcpu *v, uint32_t index, bool write, uint64_t *value);
/** Any processor: the interrupt is pending; the vCPU is told. */
void vapic_raise(struct vcpu *v, uint8_t vector);
/** Home processor: pending; it is about to look. */
void vapic_pend(struct vcpu *v, uint8_t vector);
/** The highest pending interrupt that the one in service lets through; 0: none. TPR is for the processor to respect. */
uint8_t vapic_next(const struct vcpu *v);
/** Is there one that TPR lets through, too? */
bool vapic_ready(const struct vcpu *v);
/** The guest took it: from pending to in service. */
void vapic_taken(struct vcpu *v, uint8_t vector);

#endif
