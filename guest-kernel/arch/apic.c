/* SPDX-License-Identifier: MIT */
/*
 * Local APIC and I/O APIC of the bare machine. Intel SDM vol. 3, chapter 11; 82093AA data sheet; ACPI 6.4, 5.2.12 (MADT).
 * One processor receives all interrupts, in physical destination mode. ISA interrupts go by the MADT's overrides, else identity.
 */
#include "arch/apic.h"
#include "abi/errno.h"
#include "arch/cpu.h"
#include "arch/trap.h"
#include "base/string.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "platform/acpi.h"
#include "sched/sched.h"

#define LAPIC_ID 0x20
#define LAPIC_TPR 0x80
#define LAPIC_EOI 0xb0
#define LAPIC_SPURIOUS 0xf0
#define LAPIC_LVT_TIMER 0x320
#define LAPIC_LVT_LINT0 0x350
#define LAPIC_TIMER_INITIAL 0x380
#define LAPIC_TIMER_CURRENT 0x390
#define LAPIC_TIMER_DIVIDE 0x3e0
#define LAPIC_ENABLE 0x100
#define LVT_MASKED (1u << 16)
#define DIVIDE_BY_1 0xb

#define IOAPIC_SELECT 0
#define IOAPIC_WINDOW 4 /* in 32-bit words: 0x10 */
#define IOAPIC_VERSION 1
#define IOAPIC_REDIRECTION 0x10
#define REDIRECTION_LOW_ACTIVE (1u << 13)
#define REDIRECTION_LEVEL (1u << 15)

static volatile uint32_t *lapic, *ioapic;
static uint32_t ioapic_base, ioapic_inputs;
static uint64_t timer_rate; /* ticks per second */
static uint64_t ticks_mult; /* ticks per ns, 32 bits of fraction */

static uint32_t lapic_read(unsigned offset)
{
	return lapic[offset / 4];
}

static void lapic_write(unsigned offset, uint32_t value)
{
	lapic[offset / 4] = value;
}

static void lapic_eoi(void)
{
	lapic_write(LAPIC_EOI, 0);
}

static void pic_mask(void)
{
	static const uint8_t setup[2][4] = { { 0x11, 0x20, 4, 1 }, { 0x11, 0x28, 2, 1 } };
	for (unsigned i = 0; i < 2; i++) {
		uint16_t port = i ? 0xa0 : 0x20;
		port_write8(port, setup[i][0]);
		for (unsigned k = 1; k < 4; k++) {
			port_write8(port + 1, setup[i][k]);
		}
		port_write8(port + 1, 0xff);
	}
}

static void timer_interrupt(void *unused)
{
	sched_timer();
}

static uint32_t ioapic_read(uint32_t index)
{
	ioapic[IOAPIC_SELECT] = index;
	return ioapic[IOAPIC_WINDOW];
}

static void ioapic_write(uint32_t index, uint32_t value)
{
	ioapic[IOAPIC_SELECT] = index;
	ioapic[IOAPIC_WINDOW] = value;
}

int irq_route(uint32_t gsi, uint8_t vector, bool level_low)
{
	if (!ioapic || gsi < ioapic_base || gsi - ioapic_base >= ioapic_inputs) {
		return -ENODEV;
	}
	uint32_t index = IOAPIC_REDIRECTION + 2 * (gsi - ioapic_base);
	ioapic_write(index + 1, cpu_current()->apic_id << 24);
	ioapic_write(index, vector | (level_low ? REDIRECTION_LOW_ACTIVE | REDIRECTION_LEVEL : 0));
	return 0;
}

uint64_t irq_message_address(void)
{
	return 0xfee00000ull | (uint64_t)cpu_current()->apic_id << 12;
}

void apic_init(void)
{
	struct acpi_interrupts found = acpi_interrupts();
	pic_mask();
	lapic = mmio_map(found.lapic, PAGE_SIZE);
	if (!lapic) {
		kernel_panic("no memory to map the local APIC");
	}
	cpu_current()->apic_id = lapic_read(LAPIC_ID) >> 24;
	lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
	lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_1);
	lapic_write(LAPIC_TPR, 0);
	lapic_write(LAPIC_SPURIOUS, LAPIC_ENABLE | VECTOR_SPURIOUS);
	irq_set(VECTOR_TIMER, timer_interrupt, NULL);
	irq_end = lapic_eoi;
	if (found.ioapic && (ioapic = mmio_map(found.ioapic, PAGE_SIZE))) {
		ioapic_base = found.ioapic_base;
		ioapic_inputs = (ioapic_read(IOAPIC_VERSION) >> 16 & 0xff) + 1;
	}
}

void apic_count_start(void)
{
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
	lapic_write(LAPIC_TIMER_INITIAL, UINT32_MAX);
}

uint64_t apic_count_read(void)
{
	uint64_t count = UINT32_MAX - lapic_read(LAPIC_TIMER_CURRENT);
	lapic_write(LAPIC_TIMER_INITIAL, 0);
	lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
	return count;
}

void apic_timer_set_rate(uint64_t ticks_per_second)
{
	timer_rate = ticks_per_second;
	ticks_mult = (ticks_per_second << 32) / 1000000000ull;
}

void apic_timer_arm(uint64_t ns)
{
	uint64_t most = (uint64_t)UINT32_MAX * 1000000000ull / timer_rate;
	uint64_t ticks = (uint64_t)((unsigned __int128)(ns < most ? ns : most) * ticks_mult >> 32);
	lapic_write(LAPIC_TIMER_INITIAL, ns ? (uint32_t)(ticks < UINT32_MAX ? ticks + 1 : UINT32_MAX) : 0);
}
