/* SPDX-License-Identifier: MIT */
/* The virtual local APIC: x2APIC registers as MSRs 800h..83Fh and the TSC deadline. Intel SDM vol. 3, 10.12; APM vol. 2, 16.11. */
#ifndef HV_LAPIC_H
#define HV_LAPIC_H

#include <stdbool.h>
#include <stdint.h>

struct lapic {
	uint32_t reg[64]; /* as last written, by MSR index - 800h */
	uint64_t irr[4], isr[4];
	uint64_t deadline; /* TSC, 0: not armed */
};

#define LAPIC_MSR_BASE 0x800u
#define LAPIC_MSR_END 0x840u
#define LAPIC_MSR_TSC_DEADLINE 0x6e0u

void lapic_reset(struct lapic *l, uint32_t id);
/** 0, or -EINVAL for what is to be a #GP. A write may arm l->deadline. */
int lapic_msr(struct lapic *l, uint32_t index, bool write, uint64_t *value, uint64_t now);
void lapic_raise(struct lapic *l, uint8_t vector);
/** The vector that may be delivered now, or -1. */
int lapic_next(const struct lapic *l);
/** It was delivered: request to in-service. */
void lapic_accept(struct lapic *l, uint8_t vector);
/** Time: raises the timer's vector if it is due. */
void lapic_expire(struct lapic *l, uint64_t now);

#endif
