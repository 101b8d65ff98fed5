/* SPDX-License-Identifier: MIT */
/*
 * Wait queues. A waiter is on its queue from prepare to finish or until it is woken; waking takes it off, so that the next
 * wake_one goes to the next waiter; observers stay. thread->wake_pending remembers a wake that came before the sleep; it is cleared by the first
 * prepare of a round, and by the sleep that it cuts short.
 */
#include "abi/errno.h"
#include "kernel/lock.h"
#include "kernel/platform.h"
#include "kernel/reserve.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "sched/lock_watch.h"
#include "sched/sched.h"

void waitq_init(struct waitq *q)
{
	spin_init(&q->lock, "wait queue");
	list_init(&q->waiters);
	list_init(&q->observers);
}

void wait_prepare(struct waitq *q, struct waiter *w)
{
	struct thread *thread = thread_current();
	if (thread->waiter_count++ == 0) {
		thread->wake_pending = false;
	}
	w->thread = thread;
	w->queue = q;
	w->woken = false;
	spin_lock(&q->lock);
	list_push_back(&q->waiters, &w->link);
	spin_unlock(&q->lock);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void wait_finish(struct waiter *w)
{
	w->thread->waiter_count--;
	spin_lock(&w->queue->lock);
	list_remove(&w->link);
	spin_unlock(&w->queue->lock);
}

static void waiter_wake_locked(struct list *node)
{
	struct waiter *w = container_of(node, struct waiter, link);
	w->woken = true;
	sched_wake(w->thread);
}

void waitq_observe(struct waitq *q, struct observer *observer)
{
	observer->queue = q;
	spin_lock(&q->lock);
	list_push_back(&q->observers, &observer->link);
	spin_unlock(&q->lock);
}

void waitq_unobserve(struct observer *observer)
{
	spin_lock(&observer->queue->lock);
	list_remove(&observer->link);
	spin_unlock(&observer->queue->lock);
}

static inline void observers_tell_locked(struct waitq *q)
{
	bool woke = false;
	list_for_each(node, &q->observers) {
		struct observer *observer = container_of(node, struct observer, link);
		if (!observer->exclusive || !woke) {
			observer->notify(observer);
			woke = woke || (observer->exclusive && observer->woke);
		}
	}
}

void waitq_wake_one(struct waitq *q)
{
	spin_lock(&q->lock);
	struct list *node = list_pop_front(&q->waiters);
	if (node) {
		waiter_wake_locked(node);
	}
	observers_tell_locked(q);
	spin_unlock(&q->lock);
}

void waitq_wake_all(struct waitq *q)
{
	spin_lock(&q->lock);
	for (struct list *node; (node = list_pop_front(&q->waiters));) {
		waiter_wake_locked(node);
	}
	observers_tell_locked(q);
	spin_unlock(&q->lock);
}

static void wait_timeout(struct timer *timer)
{
	struct thread *thread = timer->arg;
	thread->timed_out = true;
	sched_wake(thread);
}

/** Switch away unless there is a reason not to sleep. The reason. */
static int wait_once(struct thread *thread, bool interruptible)
{
	int result = -EAGAIN;
	uint64_t flags = interrupts_save();
	struct cpu *cpu = cpu_current();
	spin_lock(&cpu->queue.lock); /* who wakes this thread takes it after saying why */
	if (thread->timed_out) {
		result = -ETIMEDOUT;
	} else if (thread->wake_pending) {
		result = 0;
	} else if (interruptible && thread->signal_pending) {
		result = -EINTR;
	} else {
		thread->state = THREAD_SLEEPING;
		sched_switch_locked(cpu);
	}
	if (result != -EAGAIN) {
		spin_unlock(&cpu->queue.lock);
	}
	interrupts_restore(flags);
	return result;
}

int wait_sleep(uint64_t deadline_ns, bool interruptible)
{
	struct thread *thread = thread_current();
	struct timer timer;
	int result;
	if (CONFIG_DEBUG) {
		lock_watch_sleep("an event");
	}
	bool parked = interruptible && reserve_park();
	thread->timed_out = false;
	if (deadline_ns) {
		timer_init(&timer, wait_timeout, thread);
		timer_set(&timer, deadline_ns);
	}
	do {
		result = wait_once(thread, interruptible);
	} while (result == -EAGAIN);
	if (deadline_ns) {
		timer_cancel(&timer);
	}
	/* Before what the caller looks at next: a wake for a change that it does not see then is not forgotten. */
	(void)__atomic_exchange_n(&thread->wake_pending, false, __ATOMIC_SEQ_CST);
	reserve_unpark(parked);
	return result;
}

int thread_sleep_until(uint64_t deadline_ns, bool interruptible)
{
	int result;
	do {
		(void)__atomic_exchange_n(&thread_current()->wake_pending, false, __ATOMIC_SEQ_CST);
		result = wait_sleep(deadline_ns, interruptible);
	} while (!result);
	return result == -ETIMEDOUT ? 0 : result;
}
