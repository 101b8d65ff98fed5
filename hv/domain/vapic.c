/* SPDX-License-Identifier: MIT */
/*
 * The virtual local APIC where the processor does not keep it: SDM vol. 3, 11.8 (priorities), 11.6 (IPIs), 11.12 (x2APIC).
 * It has no timer, no performance counters and no LINT pins: those entries of the vector table stay masked. What another
 * processor may do is to set a bit of IRR, and the bit of `irr` that says which word to look at, in this order.
 */
#include "hv/vapic.h"

#include <stdatomic.h>

#include "abi/errno.h"
#include "base/string.h"
#include "hv/domain.h"

#define MSR_APIC_BASE 0x1b
#define MSR_X2APIC 0x800
#define BASE_ENABLED 0xfee00c00ull /* EN, EXTD */
#define BASE_BOOT 0x100ull
#define READABLE 0x43fd01ffffffa50cull /* registers, a bit each, from MSR 800h (table 11-6) */
#define VERSION 0x50014 /* integrated, six entries of the local vector table */
#define SVR_RESET 0xff
#define LVT_MASKED 0x10000
#define SHORTHAND_SELF 1
#define SHORTHAND_OTHERS 3

static _Atomic uint32_t *word(const struct vcpu *v, unsigned bank, unsigned index)
{
	return (_Atomic uint32_t *)vapic_at(v->apic, bank + index * 16);
}

/* 11.12.10.2: the logical ID is made of the APIC ID. */
static uint32_t logical_id(const struct vcpu *v)
{
	return (v->id & ~15u) << 12 | 1u << (v->id & 15);
}

void vapic_reset(struct vcpu *v)
{
	memset(v->apic, 0, PAGE_SIZE);
	atomic_store(&v->irr, 0);
	*vapic_at(v->apic, VAPIC_ID) = v->id;
	*vapic_at(v->apic, VAPIC_VERSION) = VERSION;
	*vapic_at(v->apic, VAPIC_LDR) = logical_id(v);
	*vapic_at(v->apic, VAPIC_SVR) = SVR_RESET;
	for (unsigned at = VAPIC_LVT_TIMER; at <= VAPIC_LVT_ERROR; at += 16) {
		*vapic_at(v->apic, at) = LVT_MASKED;
	}
}

void vapic_pend(struct vcpu *v, uint8_t vector)
{
	atomic_fetch_or(word(v, VAPIC_IRR, vector / 32), 1u << vector % 32);
	atomic_fetch_or(&v->irr, 1u << vector / 32);
}

void vapic_raise(struct vcpu *v, uint8_t vector)
{
	if (!vmm->post || !vmm->post(v, vector)) {
		vapic_pend(v, vector);
		sched_notify(v);
	}
}

/* The highest bit of a bank, of those words that `mask` names. */
static unsigned highest(const struct vcpu *v, unsigned bank, unsigned mask)
{
	for (; mask; mask &= ~(1u << (31 - __builtin_clz(mask)))) {
		unsigned index = 31u - (unsigned)__builtin_clz(mask);
		uint32_t bits = atomic_load(word(v, bank, index));
		if (bits) {
			return index * 32 + 31 - (unsigned)__builtin_clz(bits);
		}
	}
	return 0;
}

uint8_t vapic_next(const struct vcpu *v)
{
	uint32_t mask = atomic_load(&v->irr);
	if (mask == 0) {
		return 0;
	}
	unsigned vector = highest(v, VAPIC_IRR, mask), service = highest(v, VAPIC_ISR, 255);
	return vector >> 4 > service >> 4 ? (uint8_t)vector : 0;
}

bool vapic_ready(const struct vcpu *v)
{
	return vapic_next(v) >> 4 > *vapic_at(v->apic, VAPIC_TPR) >> 4;
}

void vapic_taken(struct vcpu *v, uint8_t vector)
{
	unsigned index = vector / 32;
	uint32_t bit = 1u << vector % 32;
	atomic_fetch_and(&v->irr, ~(1u << index));
	if (atomic_fetch_and(word(v, VAPIC_IRR, index), ~bit) & ~bit) {
		atomic_fetch_or(&v->irr, 1u << index);
	}
	atomic_fetch_or(word(v, VAPIC_ISR, index), bit);
}

static void end_of_interrupt(struct vcpu *v)
{
	unsigned vector = highest(v, VAPIC_ISR, 255);
	atomic_fetch_and(word(v, VAPIC_ISR, vector / 32), ~(1u << vector % 32));
}

/* 11.6.2.4, 11.12.10: is v, of the sender's domain, a destination? */
static bool addressed(const struct vcpu *v, const struct vcpu *sender, uint64_t command)
{
	uint32_t to = (uint32_t)(command >> 32), shorthand = command >> 18 & 3;
	if (shorthand) {
		return shorthand == SHORTHAND_SELF ? v == sender : shorthand != SHORTHAND_OTHERS || v != sender;
	}
	if (to == UINT32_MAX || !(command & 1u << 11)) {
		return to == UINT32_MAX || to == v->id;
	}
	return to >> 16 == logical_id(v) >> 16 && (to & logical_id(v) & 0xffff);
}

/* 11.6.1: delivery mode 0 fixed, 4 NMI, 5 INIT, 6 startup; INIT's de-assertion does nothing. */
static int send(struct vcpu *sender, uint64_t command)
{
	uint8_t vector = (uint8_t)command, mode = command >> 8 & 7;
	static const uint32_t signals[] = { [4] = VCPU_NMI, [5] = VCPU_INIT, [6] = VCPU_SIPI };
	bool deassert = mode == 5 && (command & 1u << 15) && !(command & 1u << 14);
	if (mode > 6 || (mode && !signals[mode]) || (mode == 0 && vector < 16)) {
		return -EINVAL;
	}
	for (unsigned i = 0; i < sender->domain->vcpu_count && !deassert; i++) {
		struct vcpu *v = sender->domain->vcpus[i];
		if (!addressed(v, sender, command)) {
			continue;
		}
		if (mode == 0) {
			vapic_raise(v, vector);
		} else {
			vcpu_signal(v, signals[mode], vector);
		}
	}
	return 0;
}

static int write_register(struct vcpu *v, unsigned offset, uint64_t value)
{
	switch (offset) {
	case VAPIC_EOI:
		end_of_interrupt(v);
		return value ? -EINVAL : 0;
	case VAPIC_ICR:
		return send(v, value);
	case VAPIC_SELF_IPI:
		return value > 255 ? -EINVAL : send(v, (uint64_t)SHORTHAND_SELF << 18 | value);
	case VAPIC_TPR:
	case VAPIC_SVR:
		*vapic_at(v->apic, offset) = (uint32_t)value & (offset == VAPIC_TPR ? 0xff : 0x1ff);
		return value >> 32 ? -EINVAL : 0;
	case VAPIC_ESR:
		return value ? -EINVAL : 0;
	default:
		if (offset < VAPIC_LVT_TIMER || offset > VAPIC_LVT_ERROR) {
			return -EINVAL;
		}
		*vapic_at(v->apic, offset) = (uint32_t)value | LVT_MASKED;
		return 0;
	}
}

int vapic_msr(struct vcpu *v, uint32_t index, bool write, uint64_t *value)
{
	uint64_t base = BASE_ENABLED | (v->id == 0 ? BASE_BOOT : 0);
	unsigned offset = (index - MSR_X2APIC) * 16;
	if (index == MSR_APIC_BASE) {
		int error = write && *value != base ? -EINVAL : 0;
		*value = base;
		return error;
	}
	if (offset >= PAGE_SIZE) {
		return -EINVAL;
	}
	if (write) {
		return write_register(v, offset, *value);
	}
	*value = *vapic_at(v->apic, offset);
	return offset / 16 < 64 && READABLE >> offset / 16 & 1 ? 0 : -EINVAL;
}
