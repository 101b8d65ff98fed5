/* SPDX-License-Identifier: MIT */
/*
 * Idle. On Bulkhead one call rings the peers, sleeps, and names the next deadline, so that the timer needs no call of its own;
 * on the bare machine STI's shadow makes "interrupts on, halt" one step (AMD64 APM vol. 3, STI).
 */
#include "platform/idle.h"
#include "arch/clock.h"
#include "arch/cpu.h"
#include "kernel/platform.h"
#include "kernel/time.h"
#include "platform/event.h"
#include "sched/timer.h"

static void idle_bulkhead(struct cpu *cpu, uint64_t deadline_ns)
{
	hypercall(BH_HC_WAIT, doorbell_take(&cpu->doorbell, true), deadline_ns == UINT64_MAX ? 0 : clock_tsc_at(deadline_ns), 0, 0);
	events_dispatch();
	if (deadline_ns != UINT64_MAX) {
		timers_run(time_ns());
	}
}

static void idle_bare(struct cpu *cpu, uint64_t deadline_ns)
{
	if (deadline_ns < cpu->timer_armed_ns) {
		cpu->timer_armed_ns = deadline_ns;
		clock_arm(deadline_ns);
	}
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}

void platform_idle(uint64_t deadline_ns)
{
	if (platform_is_bulkhead()) {
		idle_bulkhead(cpu_current(), deadline_ns);
	} else {
		idle_bare(cpu_current(), deadline_ns);
	}
}
