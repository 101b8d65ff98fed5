/* SPDX-License-Identifier: MIT */
/*
 * Debug registers belong to a thread. Most have none: then a switch costs one comparison. A processor that has loaded some knows it
 * (cpu->debugging), and switches them off before another user thread runs. Addresses are the user's only, so that nothing in
 * the kernel's own code breaks; a watched place that the kernel itself touches for the program is not reported.
 */
#include "arch/debug.h"
#include "abi/errno.h"
#include "arch/cpu.h"
#include "kernel/memory.h"
#include "kernel/thread.h"

#define CONTROL_RESET 0x400ull
#define CONTROL_KNOWN 0xffff03ffull /* enables, exact, and four times kind and length; not GD */
#define KIND_IO 2u

static void registers_load(const struct debug_registers *d)
{
	__asm__ volatile("mov %0, %%dr7" : : "r"(CONTROL_RESET));
	__asm__ volatile("mov %0, %%dr0" : : "r"(d->address[0]));
	__asm__ volatile("mov %0, %%dr1" : : "r"(d->address[1]));
	__asm__ volatile("mov %0, %%dr2" : : "r"(d->address[2]));
	__asm__ volatile("mov %0, %%dr3" : : "r"(d->address[3]));
	__asm__ volatile("mov %0, %%dr7" : : "r"(d->control | CONTROL_RESET));
}

void debug_switch(struct cpu *cpu, const struct thread *next)
{
	cpu->debugging = next->debug && (next->debug->control & 0xff);
	if (cpu->debugging) {
		registers_load(next->debug);
	} else {
		__asm__ volatile("mov %0, %%dr7" : : "r"(CONTROL_RESET));
	}
}

void debug_load(void)
{
	uint64_t flags = interrupts_save();
	debug_switch(cpu_current(), thread_current());
	interrupts_restore(flags);
}

void debug_clear(void)
{
	struct thread *thread = thread_current();
	uint64_t flags = interrupts_save();
	if (thread->debug) {
		*thread->debug = (struct debug_registers){ 0 };
		debug_switch(cpu_current(), thread);
	}
	interrupts_restore(flags);
}

uint64_t debug_status_take(void)
{
	uint64_t status;
	__asm__ volatile("mov %%dr6, %0" : "=r"(status));
	__asm__ volatile("mov %0, %%dr6" : : "r"(DEBUG_STATUS_RESET));
	return status;
}

int debug_check(const struct debug_registers *d)
{
	if (d->control & ~(CONTROL_KNOWN | CONTROL_RESET)) {
		return -EINVAL;
	}
	for (unsigned i = 0; i < 4; i++) {
		bool on = d->control >> 2 * i & 3;
		if (d->address[i] >= USER_END || (on && (d->control >> (16 + 4 * i) & 3) == KIND_IO)) {
			return -EINVAL;
		}
	}
	return 0;
}
