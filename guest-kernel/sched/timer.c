/* SPDX-License-Identifier: MIT */
/*
 * Kernel timers. One that is armed belongs to the processor where that was done, which runs its callback. The processor's one-shot timer
 * is never set later than the next deadline while anything runs; it may be left set earlier than needed, which costs one empty interrupt
 * and spares an exit to the hypervisor for each timer that is armed and cancelled again. Going idle hands the next deadline to the idle
 * call instead (platform/idle.c). One lock guards all queues: what is done under it takes tens of steps,
 * however many timers programs have armed (timer_queue.c).
 */
#include "arch/cpu.h"
#include "kernel/lock.h"
#include "kernel/time.h"
#include "sched/timer.h"
#include "sched/timer_queue.h"

static spinlock_t queue_lock = SPINLOCK_INIT("timers");
static struct timer *volatile running[CPU_MAX]; /* whose callback processor i runs */

void timer_init(struct timer *timer, void (*callback)(struct timer *timer), void *arg)
{
	timer->rank = 0;
	timer->deadline_ns = 0;
	timer->cpu = 0;
	timer->callback = callback;
	timer->arg = arg;
}

static void next_update_locked(struct cpu *cpu)
{
	__atomic_store_n(&cpu->timers_next_ns, timer_queue_next(&cpu->timers), __ATOMIC_RELAXED);
}

static void disarm_locked(struct timer *timer)
{
	if (timer->rank) {
		timer_queue_remove(&cpu_at(timer->cpu)->timers, timer);
		next_update_locked(cpu_at(timer->cpu));
	}
}

void timer_set(struct timer *timer, uint64_t deadline_ns)
{
	spin_lock(&queue_lock);
	struct cpu *cpu = cpu_current();
	disarm_locked(timer);
	timer->deadline_ns = deadline_ns;
	timer->cpu = cpu->index;
	timer_queue_insert(&cpu->timers, timer);
	next_update_locked(cpu);
	spin_unlock(&queue_lock);
}

/** Does a processor other than this one run the callback? Its own caller it cannot wait for. */
static bool runs_elsewhere_locked(const struct timer *timer)
{
	for (unsigned i = 0; i < cpu_count; i++) {
		if (running[i] == timer && i != cpu_read(index)) {
			return true;
		}
	}
	return false;
}

void timer_cancel(struct timer *timer)
{
	bool runs;
	do {
		spin_lock(&queue_lock);
		disarm_locked(timer); /* the callback may have armed it once more */
		runs = runs_elsewhere_locked(timer);
		spin_unlock(&queue_lock);
		if (runs) {
			cpu_relax();
		}
	} while (runs);
}

uint64_t timers_next(void)
{
	return __atomic_load_n(&cpu_current()->timers_next_ns, __ATOMIC_RELAXED);
}

void timers_run(uint64_t now_ns)
{
	struct cpu *cpu = cpu_current();
	while (timers_next() <= now_ns) {
		spin_lock(&queue_lock);
		struct timer *timer = timer_queue_pop(&cpu->timers, now_ns);
		next_update_locked(cpu);
		running[cpu->index] = timer;
		spin_unlock(&queue_lock);
		if (timer) {
			timer->callback(timer);
		}
		__atomic_store_n(&running[cpu->index], (struct timer *)NULL, __ATOMIC_RELEASE);
	}
}
