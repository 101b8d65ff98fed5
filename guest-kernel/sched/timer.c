/* SPDX-License-Identifier: MIT */
/*
 * Kernel timers. The processor's one-shot timer is never set later than the next deadline while anything runs; it may be left
 * set earlier than needed, which costs one empty interrupt and spares an exit to the hypervisor for each timer that is armed and
 * cancelled again. Going idle hands the next deadline to the idle call instead (platform/idle.c).
 */
#include "arch/cpu.h"
#include "kernel/lock.h"
#include "kernel/time.h"
#include "sched/timer.h"
#include "sched/timer_queue.h"

static struct list queue = LIST_INIT(queue);
static spinlock_t queue_lock = SPINLOCK_INIT("timers");
static struct timer *volatile running; /* its callback is being run */

void timer_init(struct timer *timer, void (*callback)(struct timer *timer), void *arg)
{
	list_init(&timer->link);
	timer->deadline_ns = 0;
	timer->callback = callback;
	timer->arg = arg;
}

void timer_set(struct timer *timer, uint64_t deadline_ns)
{
	spin_lock(&queue_lock);
	timer->deadline_ns = deadline_ns;
	timer_queue_insert(&queue, timer);
	spin_unlock(&queue_lock);
}

/** One processor runs timers with interrupts off, so whoever gets here on it finds none running, but its own callback. */
void timer_cancel(struct timer *timer)
{
	spin_lock(&queue_lock);
	list_remove(&timer->link);
	spin_unlock(&queue_lock);
	while (CPU_MAX > 1 && running == timer) {
		cpu_relax();
	}
}

uint64_t timers_next(void)
{
	return timer_queue_next(&queue);
}

void timers_run(uint64_t now_ns)
{
	while (timers_next() <= now_ns) {
		spin_lock(&queue_lock);
		struct timer *timer = timer_queue_pop(&queue, now_ns);
		running = timer;
		spin_unlock(&queue_lock);
		if (timer) {
			timer->callback(timer);
		}
		running = NULL;
	}
}
