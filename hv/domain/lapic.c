/* SPDX-License-Identifier: MIT */
/*
 * See lapic.h. For guests that know no Bulkhead events. The timer counts TSC cycles times the divisor; its deadline is the
 * scheduler's business. Interrupts come from the timer, from self-IPIs and from links (one vector each, fixed by the guest).
 */
#include "hv/lapic.h"

#include "abi/errno.h"
#include "base/string.h"

enum { /* x2APIC MSR index - 800h */
	REG_ID = 0x02, REG_VERSION = 0x03, REG_TPR = 0x08, REG_PPR = 0x0a, REG_EOI = 0x0b, REG_LDR = 0x0d, REG_SPURIOUS = 0x0f,
	REG_ISR = 0x10, REG_TMR = 0x18, REG_IRR = 0x20, REG_ESR = 0x28, REG_ICR = 0x30, REG_TIMER = 0x32, REG_THERMAL = 0x33,
	REG_ERROR = 0x37, REG_INITIAL = 0x38, REG_CURRENT = 0x39, REG_DIVIDE = 0x3e, REG_SELF = 0x3f,
};

#define LVT_MASKED (1u << 16)
#define TIMER_MODE(lvt) ((lvt) >> 17 & 3) /* 0 one-shot, 1 periodic, 2 TSC deadline */
#define VERSION 0x00050014u /* six LVT entries */

void lapic_reset(struct lapic *l, uint32_t id)
{
	memset(l, 0, sizeof(*l));
	l->id = id;
	l->spurious = 0xff;
	l->timer = LVT_MASKED;
	for (unsigned i = 0; i < 5; i++) {
		l->lvt[i] = LVT_MASKED;
	}
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

static uint32_t processor_priority(const struct lapic *l)
{
	int active = highest(l->isr);
	uint32_t class = active < 0 ? 0 : (uint32_t)active & 0xf0;
	return (l->priority & 0xf0) >= class ? l->priority : class;
}

void lapic_raise(struct lapic *l, uint8_t vector)
{
	if (vector >= 16) {
		l->irr[vector / 64] |= 1ull << vector % 64;
	}
}

int lapic_next(const struct lapic *l)
{
	int vector = highest(l->irr);
	bool enabled = l->spurious & 1u << 8;
	return enabled && vector >= 0 && ((uint32_t)vector & 0xf0) > (processor_priority(l) & 0xf0) ? vector : -1;
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
	unsigned code = (l->divide & 3) | (l->divide >> 1 & 4);
	return code == 7 ? 0 : code + 1;
}

static void timer_start(struct lapic *l, uint32_t count, uint64_t now)
{
	l->initial = count;
	l->start = now;
	l->deadline = count && TIMER_MODE(l->timer) < 2 ? now + ((uint64_t)count << divisor_shift(l)) : 0;
}

static uint32_t timer_current(const struct lapic *l, uint64_t now)
{
	return l->deadline > now && TIMER_MODE(l->timer) < 2 ? (uint32_t)((l->deadline - now) >> divisor_shift(l)) : 0;
}

void lapic_expire(struct lapic *l, uint64_t now)
{
	if (l->deadline == 0 || now < l->deadline) {
		return;
	}
	if (!(l->timer & LVT_MASKED)) {
		lapic_raise(l, (uint8_t)l->timer);
	}
	uint64_t period = (uint64_t)l->initial << divisor_shift(l);
	l->deadline = TIMER_MODE(l->timer) == 1 && period ? now + period - (now - l->deadline) % period : 0;
}

static int command_write(struct lapic *l, uint64_t value)
{
	unsigned shorthand = value >> 18 & 3, mode = value >> 8 & 7;
	uint32_t to = (uint32_t)(value >> 32);
	bool self = shorthand == 1 || shorthand == 2 || (shorthand == 0 && (to == l->id || to == ~0u));
	if (self && mode == 0) {
		lapic_raise(l, (uint8_t)value);
	}
	return 0; /* there is no other processor that could take it */
}

static int lapic_read(const struct lapic *l, uint32_t reg, uint64_t *value, uint64_t now)
{
	if (reg >= REG_ISR && reg < REG_ESR) { /* 32 bits in each of eight registers; TMR is 0: all edge-triggered */
		const uint64_t *set = reg < REG_TMR ? l->isr : l->irr;
		*value = reg >= REG_TMR && reg < REG_IRR ? 0 : (uint32_t)(set[reg % 8 / 2] >> reg % 2 * 32);
		return 0;
	}
	switch (reg) {
	case REG_ID: *value = l->id; return 0;
	case REG_VERSION: *value = VERSION; return 0;
	case REG_TPR: *value = l->priority; return 0;
	case REG_PPR: *value = processor_priority(l); return 0;
	case REG_LDR: *value = (uint64_t)(l->id >> 4) << 16 | 1u << (l->id & 15); return 0;
	case REG_SPURIOUS: *value = l->spurious; return 0;
	case REG_ESR: case REG_ICR: *value = 0; return 0;
	case REG_TIMER: *value = l->timer; return 0;
	case REG_INITIAL: *value = l->initial; return 0;
	case REG_CURRENT: *value = timer_current(l, now); return 0;
	case REG_DIVIDE: *value = l->divide; return 0;
	default:
		if (reg >= REG_THERMAL && reg <= REG_ERROR) {
			*value = l->lvt[reg - REG_THERMAL];
			return 0;
		}
		return -EINVAL;
	}
}

static int lapic_write(struct lapic *l, uint32_t reg, uint64_t value, uint64_t now)
{
	uint32_t low = (uint32_t)value;
	switch (reg) {
	case REG_TPR: l->priority = low & 0xff; return 0;
	case REG_EOI: end_of_interrupt(l); return 0;
	case REG_SPURIOUS: l->spurious = low & 0x1ff; return 0;
	case REG_ESR: return 0;
	case REG_ICR: return command_write(l, value);
	case REG_SELF: lapic_raise(l, (uint8_t)low); return 0;
	case REG_DIVIDE: l->divide = low & 0xb; return 0;
	case REG_INITIAL: timer_start(l, low, now); return 0;
	case REG_TIMER:
		if (TIMER_MODE(low) != TIMER_MODE(l->timer)) {
			l->deadline = 0;
		}
		l->timer = low & 0x700ff;
		return 0;
	default:
		if (reg >= REG_THERMAL && reg <= REG_ERROR) {
			l->lvt[reg - REG_THERMAL] = low;
			return 0;
		}
		return -EINVAL;
	}
}

int lapic_msr(struct lapic *l, uint32_t index, bool write, uint64_t *value, uint64_t now)
{
	if (index == LAPIC_MSR_TSC_DEADLINE) {
		bool mode = TIMER_MODE(l->timer) == 2;
		if (write && mode) {
			l->deadline = *value;
		} else if (!write) {
			*value = mode ? l->deadline : 0;
		}
		return 0;
	}
	uint32_t reg = index - LAPIC_MSR_BASE;
	return write ? lapic_write(l, reg, *value, now) : lapic_read(l, reg, value, now);
}
