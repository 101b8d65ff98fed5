/* SPDX-License-Identifier: MIT */
/*
 * The local APIC, by memory-mapped registers or, where the processor has it, by MSRs (x2APIC). Register offsets are
 * those of the memory-mapped form; an x2APIC register is MSR 800h + offset / 16 (APM vol. 2, 16.3 and 16.9; SDM vol.
 * 3, 11.4, 11.12).
 */
#include "cpu_internal.h"

#include "hv/log.h"
#include "hv/mmio.h"
#include "hv/port.h"

#define MSR_APIC_BASE 0x1b
#define APIC_BASE_X2 (1ull << 10)
#define APIC_BASE_ENABLE (1ull << 11)
#define APIC_BASE_ADDRESS 0x000ffffffffff000ull
#define MSR_X2APIC 0x800

#define SVR_ENABLE 0x100u
#define LVT_MASKED 0x10000u
#define LVT_NMI 0x400u
#define TIMER_DIVIDE_1 0xbu
#define TIMER_PERIODIC 0x20000u
#define TIMER_TSC_DEADLINE 0x40000u
#define ICR_PENDING 0x1000u

static void *registers; /* NULL: x2APIC */
bool lapic_tsc_deadline;

uint32_t lapic_read(enum lapic_register reg)
{
	return registers ? mmio_read32(registers, reg) : (uint32_t)msr_read(MSR_X2APIC + reg / 16);
}

void lapic_write(enum lapic_register reg, uint32_t value)
{
	if (registers) {
		mmio_write32(registers, reg, value);
	} else {
		msr_write(MSR_X2APIC + reg / 16, value);
	}
}

bool cpu_x2apic(void)
{
	return !registers;
}

void lapic_init(void)
{
	uint32_t leaf[4];
	uint64_t base = msr_read(MSR_APIC_BASE);
	cpuid(1, 0, leaf);
	lapic_tsc_deadline = leaf[2] >> 24 & 1;
	if (!(leaf[2] >> 21 & 1)) {
		registers = mmio_map(HPA(base & APIC_BASE_ADDRESS), PAGE_SIZE);
		if (!registers) {
			hv_panic("the local APIC at %lx cannot be mapped", (unsigned long)(base & APIC_BASE_ADDRESS));
		}
	}
}

void lapic_enable(void)
{
	uint64_t base = msr_read(MSR_APIC_BASE) | APIC_BASE_ENABLE;
	msr_write(MSR_APIC_BASE, base); /* x2APIC may only follow the plain mode */
	if (!registers) {
		msr_write(MSR_APIC_BASE, base | APIC_BASE_X2);
	}
	cpu_current()->apic_id = lapic_read(LAPIC_ID) >> (registers ? 24 : 0);
	lapic_write(LAPIC_TPR, 0);
	lapic_write(LAPIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
	lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
	lapic_write(LAPIC_LVT_LINT1, LVT_NMI);
	lapic_write(LAPIC_LVT_ERROR, LVT_MASKED);
	lapic_write(LAPIC_TIMER_DIVIDE, TIMER_DIVIDE_1);
	lapic_write(LAPIC_TIMER_INITIAL, 0);
	lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER | (lapic_tsc_deadline ? TIMER_TSC_DEADLINE : TIMER_PERIODIC));
	__asm__ volatile("mfence" : : : "memory"); /* the deadline MSR is not ordered with the LVT's store */
}

void lapic_ipi(uint32_t apic_id, uint32_t command)
{
	if (!registers) {
		__asm__ volatile("mfence; lfence" : : : "memory"); /* x2APIC writes overtake stores */
		msr_write(MSR_X2APIC + LAPIC_ICR / 16, (uint64_t)apic_id << 32 | command);
		return;
	}
	while (lapic_read(LAPIC_ICR) & ICR_PENDING) {
		__asm__ volatile("pause");
	}
	lapic_write(LAPIC_ICR_HIGH, apic_id << 24);
	lapic_write(LAPIC_ICR, command);
}
