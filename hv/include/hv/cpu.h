/* SPDX-License-Identifier: MIT */
/*
 * Processors. One stack each; exits run to completion with interrupts off (GIF or IF clear); `struct cpu` is
 * reached through GS. Other processors are made to look at their work by cpu_kick.
 */
#ifndef HV_CPU_H
#define HV_CPU_H

#include <stdbool.h>
#include <stdint.h>

#define HV_MAX_CPUS 16

struct vcpu;

struct cpu {
	struct cpu *self; /* GS:0 */
	uint32_t index; /* 0 .. cpu_count-1; 0 is the boot processor */
	uint32_t apic_id;
	struct vcpu *running; /* the vCPU that is entered, or whose exit is handled; only this processor writes it */
	void *vmm; /* the vendor's per-processor state (host save area, ...) */
};

extern uint32_t cpu_count; /* those that came up */
struct cpu *cpu_at(uint32_t index); /* index < HV_MAX_CPUS */
static inline struct cpu *cpu_current(void)
{
	struct cpu *cpu;
	__asm__ volatile("mov %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

/** Interrupts name processors by 32 bits. */
bool cpu_x2apic(void);
/** Make another processor leave its guest or its idle halt and run sched_poll(). An IPI. */
void cpu_kick(uint32_t index);
/** An IPI with a vector of irq_vector_alloc. */
void cpu_send(uint32_t index, uint8_t vector);
/** An interrupt that has been acknowledged already: run its handler. */
void cpu_interrupt(uint8_t vector);
/** Halt with interrupts on until one has been handled; returns with interrupts off. */
void cpu_idle(void);
/** Let pending host interrupts in: sti; nop; cli. */
void cpu_take_interrupts(void);
/** The other processors, idle since boot, enter sched_run(). Once, by the boot processor, when the domains stand. */
void cpu_release_all(void);
/** Halt every other processor for good, by NMI. For hv_panic. */
void cpu_stop_others(void);

typedef struct { uint32_t held; } spinlock_t; /* interrupts are off in the hypervisor: no irqsave variants */
void spin_lock(spinlock_t *lock);
void spin_unlock(spinlock_t *lock);

/* Host interrupts. Handlers run with interrupts off, on the interrupted processor, after the local APIC's EOI. */
typedef void (*irq_handler_t)(void *arg);
/** A free host vector with this handler, on all processors. 0: none left. */
uint8_t irq_vector_alloc(irq_handler_t handler, void *arg);

/* Time: the TSC is the clock. */
extern uint64_t tsc_khz;
static inline uint64_t tsc_read(void)
{
	uint32_t lo, hi;
	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}
/** Arm this processor's one-shot timer for a TSC deadline (0: off); sched_timer() is called then. */
void timer_arm(uint64_t deadline_tsc);
uint64_t tsc_to_us(uint64_t cycles);
uint64_t us_to_tsc(uint64_t us);
uint64_t wall_clock_ns(uint64_t *at_tsc); /* from the RTC, read once at boot */

#endif
