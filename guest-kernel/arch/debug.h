/* SPDX-License-Identifier: MIT */
/* The debug registers: a thread's breakpoints and watchpoints, loaded while it runs (AMD64 APM vol. 2, 13.1; Intel SDM vol. 3, 18.2). */
#ifndef ARCH_DEBUG_H
#define ARCH_DEBUG_H

#include <stdint.h>

struct debug_registers {
	uint64_t address[4], status, control; /* DR0 to DR3, DR6, DR7 */
};

#define DEBUG_STATUS_RESET 0xffff0ff0ull
#define DEBUG_STATUS_HITS 15u
#define DEBUG_STATUS_STEP (1u << 14)

struct cpu;
struct thread;

/** This processor goes over to a user thread that has debug registers, or from one that had. Interrupts are off. */
void debug_switch(struct cpu *cpu, const struct thread *next);
/** The current thread's have been changed. */
void debug_load(void);
/** The current thread has a new program, which has none. */
void debug_clear(void);
/** What made this #DB, and forget it. Interrupts are off. */
uint64_t debug_status_take(void);
/** -EINVAL: an address of the kernel, or a bit that no program may set. */
int debug_check(const struct debug_registers *d);

#endif
