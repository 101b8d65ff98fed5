/* SPDX-License-Identifier: MIT */
/*
 * See lapic.h. For guests that know no Bulkhead events: a timer (one-shot counting TSC cycles times the divisor, or TSC deadline; the
 * deadline is the scheduler's business), self-IPIs, and interrupts of links. Requests and services are sets of vectors.
 */
#include "hv/lapic.h"

#include "abi/errno.h"
#include "base/string.h"

enum { /* x2APIC MSR index - 800h */
	REG_ID = 0x02, REG_VERSION = 0x03, REG_TPR = 0x08, REG_EOI = 0x0b, REG_LDR = 0x0d, REG_SPURIOUS = 0x0f, REG_ESR = 0x28,
	REG_ICR = 0x30, REG_TIMER = 0x32, REG_THERMAL = 0x33, REG_ERROR = 0x37, REG_INITIAL = 0x38, REG_CURRENT = 0x39,
	REG_DIVIDE = 0x3e, REG_SELF = 0x3f,
};

#define LVT_MASKED (1u << 16)
#define TIMER_DEADLINE_MODE (1u << 18)
#define VERSION 0x00050014u /* six LVT entries */

void lapic_reset(struct lapic *l, uint32_t id)
{
	memset(l, 0, sizeof(*l));
	for (unsigned i = REG_TIMER; i <= REG_ERROR; i++) {
		l->reg[i] = LVT_MASKED;
	}
	l->reg[REG_ID] = id;
	l->reg[REG_VERSION] = VERSION;
	l->reg[REG_LDR] = (id >> 4) << 16 | 1u << (id & 15);
	l->reg[REG_SPURIOUS] = 0xff;
}

static int highest(const uint64_t set[4])
{
	for (int i = 3; i >= 0; i--) {
		if (set[i]) {
			return i * 64 + 63 - __builtin_clzll(set[i]);
		}
	}
	return -1;
}

void lapic_raise(struct lapic *l, uint8_t vector)
{
	if (vector >= 16) {
		l->irr[vector / 64] |= 1ull << vector % 64;
	}
}

/* Of a higher class (vector >> 4) than the task's priority and all that is in service. */
int lapic_next(const struct lapic *l)
{
	int vector = highest(l->irr), active = highest(l->isr);
	int task = (int)l->reg[REG_TPR];
	int class = (active > task ? active : task) >> 4;
	return (l->reg[REG_SPURIOUS] & 1u << 8) && vector >> 4 > class ? vector : -1;
}

void lapic_accept(struct lapic *l, uint8_t vector)
{
	l->irr[vector / 64] &= ~(1ull << vector % 64);
	l->isr[vector / 64] |= 1ull << vector % 64;
}

static void end_of_interrupt(struct lapic *l)
{
	int active = highest(l->isr);
	if (active >= 0) {
		l->isr[active / 64] &= ~(1ull << active % 64);
	}
}

static unsigned divisor_shift(const struct lapic *l)
{
	uint32_t divide = l->reg[REG_DIVIDE];
	return ((divide & 3) + (divide >> 1 & 4) + 1) & 7;
}

void lapic_expire(struct lapic *l, uint64_t now)
{
	if (l->deadline && now >= l->deadline) {
		l->deadline = 0;
		if (!(l->reg[REG_TIMER] & LVT_MASKED)) {
			lapic_raise(l, (uint8_t)l->reg[REG_TIMER]);
		}
	}
}

static int lapic_write(struct lapic *l, uint32_t reg, uint64_t value, uint64_t now)
{
	uint32_t low = (uint32_t)value;
	switch (reg) {
	case REG_EOI:
		end_of_interrupt(l);
		return 0;
	case REG_ICR: /* fixed, to itself; there is no other processor that could take it */
		if ((low >> 18 & 3) == 1 || (low >> 18 & 3) == 2 || value >> 32 == l->reg[REG_ID]) {
			lapic_raise(l, (uint8_t)low);
		}
		return 0;
	case REG_SELF:
		lapic_raise(l, (uint8_t)low);
		return 0;
	case REG_INITIAL:
		l->deadline = low && !(l->reg[REG_TIMER] & TIMER_DEADLINE_MODE) ? now + ((uint64_t)low << divisor_shift(l)) : 0;
		break;
	case REG_TIMER:
		l->deadline = (low ^ l->reg[REG_TIMER]) & TIMER_DEADLINE_MODE ? 0 : l->deadline;
		break;
	case REG_TPR: case REG_SPURIOUS: case REG_ESR: case REG_DIVIDE:
		break;
	default:
		if (reg < REG_THERMAL || reg > REG_ERROR) {
			return -EINVAL;
		}
	}
	l->reg[reg] = low;
	return 0;
}

int lapic_msr(struct lapic *l, uint32_t index, bool write, uint64_t *value, uint64_t now)
{
	uint32_t reg = index - LAPIC_MSR_BASE;
	bool deadline_mode = l->reg[REG_TIMER] & TIMER_DEADLINE_MODE;
	if (index == LAPIC_MSR_TSC_DEADLINE) {
		if (write && deadline_mode) {
			l->deadline = *value;
		} else if (!write) {
			*value = deadline_mode ? l->deadline : 0;
		}
		return 0;
	}
	if (write) {
		return lapic_write(l, reg, *value, now);
	}
	*value = l->reg[reg];
	if (reg == REG_CURRENT) {
		*value = l->deadline > now && !deadline_mode ? (l->deadline - now) >> divisor_shift(l) : 0;
	}
	return 0;
}
