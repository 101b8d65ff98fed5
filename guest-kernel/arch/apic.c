/* SPDX-License-Identifier: MIT */
/*
 * Local APIC and I/O APIC. Intel SDM vol. 3, chapter 11 (x2APIC: 11.12); 82093AA data sheet; ACPI 6.4, 5.2.12 (MADT).
 * The boot processor receives all device interrupts, in physical destination mode. ISA interrupts go by the MADT's overrides, else identity.
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
#define LAPIC_ICR 0x300
#define LAPIC_ICR_HIGH 0x310
#define LAPIC_LVT_TIMER 0x320
#define LAPIC_LVT_LINT0 0x350
#define LAPIC_TIMER_INITIAL 0x380
#define LAPIC_TIMER_CURRENT 0x390
#define LAPIC_TIMER_DIVIDE 0x3e0
#define LAPIC_ENABLE 0x100
#define LVT_MASKED (1u << 16)
#define DIVIDE_BY_1 0xb
#define ICR_PENDING (1u << 12)
#define ICR_INIT 0x4500u /* level, assert */
#define ICR_START 0x4600u

#define MSR_APIC_BASE 0x1bu
#define APIC_BASE_X2APIC (3ull << 10)
#define MSR_X2APIC 0x800u /* + offset / 16 */

#define IOAPIC_SELECT 0
#define IOAPIC_WINDOW 4 /* in 32-bit words: 0x10 */
#define IOAPIC_VERSION 1
#define IOAPIC_REDIRECTION 0x10
#define REDIRECTION_LOW_ACTIVE (1u << 13)
#define REDIRECTION_LEVEL (1u << 15)

static volatile uint32_t *lapic, *ioapic; /* lapic NULL: x2APIC */
static uint32_t ioapic_base, ioapic_inputs;
static uint64_t timer_rate; /* ticks per second */
static uint64_t ticks_mult; /* ticks per ns, 32 bits of fraction */

static uint32_t lapic_read(unsigned offset)
{
	return lapic ? lapic[offset / 4] : (uint32_t)msr_read(MSR_X2APIC + offset / 16);
}

static void lapic_write(unsigned offset, uint32_t value)
{
	if (lapic) {
		lapic[offset / 4] = value;
	} else {
		msr_write(MSR_X2APIC + offset / 16, value);
	}
}

/*
 * In x2APIC mode one write, which first waits for what was stored before (SDM vol. 3, 11.12.3). Else the last one has left before the next is
 * written, and nothing follows the write: who was woken wants locks that the sender still holds, and each access to an emulated
 * APIC waits for those of other processors to their devices. The destination stays from one to the next.
 */
static void icr_send(uint32_t apic_id, uint32_t command)
{
	if (!lapic) {
		__asm__ volatile("mfence; lfence" : : : "memory");
		msr_write(MSR_X2APIC + LAPIC_ICR / 16, (uint64_t)apic_id << 32 | command);
		return;
	}
	uint64_t flags = interrupts_save();
	struct cpu *self = cpu_current();
	while (lapic[LAPIC_ICR / 4] & ICR_PENDING) {
		cpu_relax();
	}
	if (self->ipi_target != apic_id + 1) {
		self->ipi_target = apic_id + 1;
		lapic[LAPIC_ICR_HIGH / 4] = apic_id << 24;
	}
	lapic[LAPIC_ICR / 4] = command;
	interrupts_restore(flags);
}

void apic_send(uint32_t apic_id, uint8_t vector)
{
	icr_send(apic_id, vector);
}

void apic_send_init(uint32_t apic_id)
{
	icr_send(apic_id, ICR_INIT);
}

void apic_send_start(uint32_t apic_id, uint8_t page)
{
	icr_send(apic_id, ICR_START | page);
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
	ioapic_write(index + 1, cpu_at(0)->apic_id << 24);
	ioapic_write(index, vector | (level_low ? REDIRECTION_LOW_ACTIVE | REDIRECTION_LEVEL : 0));
	return 0;
}

uint64_t irq_message_address(void)
{
	return 0xfee00000ull | (uint64_t)cpu_at(0)->apic_id << 12;
}

void apic_start(void)
{
	if (!lapic) {
		msr_write(MSR_APIC_BASE, msr_read(MSR_APIC_BASE) | APIC_BASE_X2APIC);
	}
	cpu_current()->apic_id = lapic ? lapic_read(LAPIC_ID) >> 24 : lapic_read(LAPIC_ID);
	lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
	lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_1);
	lapic_write(LAPIC_TPR, 0);
	lapic_write(LAPIC_SPURIOUS, LAPIC_ENABLE | VECTOR_SPURIOUS);
}

void apic_init(void)
{
	struct acpi_interrupts found = acpi_interrupts();
	bool x2apic = cpuid(1, 0).ecx >> 21 & 1;
	pic_mask();
	lapic = x2apic ? NULL : mmio_map(found.lapic, PAGE_SIZE);
	if (!x2apic && !lapic) {
		kernel_panic("no memory to map the local APIC");
	}
	apic_start();
	irq_set(VECTOR_TIMER, timer_interrupt, NULL);
	irq_end = lapic_eoi;
	if (found.ioapic && (ioapic = mmio_map(found.ioapic, PAGE_SIZE))) {
		ioapic_base = found.ioapic_base;
		ioapic_inputs = (ioapic_read(IOAPIC_VERSION) >> 16 & 0xff) + 1;
	}
}

void apic_init_bulkhead(bool ends_upcalls)
{
	irq_end = ends_upcalls ? lapic_eoi : NULL;
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
