/* SPDX-License-Identifier: MIT */
/* Shared by the files of cpu/, mem/host.c and boot/main.c: a processor's own memory, and the order of its start. */
#ifndef HV_CPU_INTERNAL_H
#define HV_CPU_INTERNAL_H

#include "hv/addr.h"
#include "hv/cpu.h"

enum { SELECTOR_CODE = 0x08, SELECTOR_DATA = 0x10, SELECTOR_TSS = 0x18 };
enum { IST_NMI = 1, IST_DOUBLE_FAULT = 2, IST_MACHINE_CHECK = 3, IST_COUNT = 3 };

/* Vectors above those that irq_vector_alloc gives out. */
enum { VECTOR_IRQ_FIRST = 0x30, VECTOR_IRQ_LAST = 0xef };
enum { VECTOR_KICK = 0xfd, VECTOR_TIMER = 0xfe, VECTOR_SPURIOUS = 0xff };

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3], reserved1, ist[7], reserved2;
	uint16_t reserved3, iomap;
} __attribute__((packed));

/* `guard` is not mapped: a stack that grows too long faults there, and the double fault has a stack of its own. */
struct cpu_area {
	char guard[PAGE_SIZE];
	char stack[4 * PAGE_SIZE];
	char ist[IST_COUNT][PAGE_SIZE];
	struct cpu cpu;
	struct tss tss;
	uint64_t gdt[5];
	uint64_t deadline; /* of timer_arm; only this processor uses it */
	_Atomic bool started; /* set by the processor itself when it is up */
} __attribute__((aligned(4096)));

extern struct cpu_area cpu_areas[HV_MAX_CPUS];
extern _Atomic bool cpu_released; /* machine_start has built the domains */
extern _Atomic bool cpu_stopping; /* by cpu_stop_others: an NMI means halt */

static inline struct cpu_area *cpu_area_current(void)
{
	return &cpu_areas[cpu_current()->index];
}

struct descriptor_pointer { /* what LGDT and LIDT read */
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct trap_frame { /* as trap.asm pushes it */
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rdx, rcx, rbx, rax;
	uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

/** Descriptor tables, GS, traps: this processor can take exceptions from here on. */
void cpu_tables_init(uint32_t index);
/** Control registers and the final page tables. */
void cpu_paging_load(void);
void trap_init(void);
void trap_load(void);
void trap_dispatch(struct trap_frame *frame);

/* Registers at their memory-mapped offsets. */
enum lapic_register {
	LAPIC_ID = 0x20, LAPIC_TPR = 0x80, LAPIC_EOI = 0xb0, LAPIC_SVR = 0xf0,
	LAPIC_ICR = 0x300, LAPIC_ICR_HIGH = 0x310,
	LAPIC_LVT_TIMER = 0x320, LAPIC_LVT_LINT0 = 0x350, LAPIC_LVT_LINT1 = 0x360, LAPIC_LVT_ERROR = 0x370,
	LAPIC_TIMER_INITIAL = 0x380, LAPIC_TIMER_CURRENT = 0x390, LAPIC_TIMER_DIVIDE = 0x3e0,
};
enum { ICR_NMI = 0x4400, ICR_INIT = 0x4500, ICR_STARTUP = 0x4600 /* | page number */ };
extern bool lapic_tsc_deadline;
void lapic_init(void); /* once, boot processor: finds the mode, maps */
void lapic_enable(void); /* each processor; fills in its apic_id */
uint32_t lapic_read(enum lapic_register reg);
void lapic_write(enum lapic_register reg, uint32_t value);
void lapic_ipi(uint32_t apic_id, uint32_t command); /* ICR, low half */

void ioapic_init(void); /* all masked, and the PIC; before lapic_enable */
void time_init(void); /* measure the TSC, read the RTC */
void rtc_init(void);
void timer_fired(void);
void smp_start(void);
_Noreturn void processor_main(void);

#endif
