/* SPDX-License-Identifier: MIT */
/*
 * Locks. Spin locks switch interrupts off and may be taken anywhere; nothing sleeps under one. Mutexes sleep and are
 * taken by threads only. Write every structure as if several processors ran the kernel and preempted it.
 * The lock order is in docs/locking.md: mutexes before spin locks; inode, then page, then page-cache tree.
 */
#ifndef KERNEL_LOCK_H
#define KERNEL_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

typedef struct {
	volatile uint32_t held; /* 0: free; in debug builds the holder's processor's index + 1 */
	uint32_t flags; /* the interrupt flag before, owned by the holder */
	const char *name;
} spinlock_t;
#define SPINLOCK_INIT(n) { .name = (n) }
void spin_init(spinlock_t *lock, const char *name);
void spin_lock(spinlock_t *lock);
void spin_unlock(spinlock_t *lock);

/* A queue of sleeping threads. */
struct waitq {
	spinlock_t lock;
	struct list waiters;
	struct list observers; /* told at every wake, and stay */
};
#define WAITQ_INIT(n) { .lock = SPINLOCK_INIT(#n), .waiters = LIST_INIT((n).waiters), .observers = LIST_INIT((n).observers) }
void waitq_init(struct waitq *q);
void waitq_wake_one(struct waitq *q); /* any context */
void waitq_wake_all(struct waitq *q);

/* Not a thread: whoever wants to know of each wake, whether or not somebody sleeps. `notify` runs under the queue's lock. */
struct observer {
	struct list link;
	struct waitq *queue;
	void (*notify)(struct observer *observer);
	bool exclusive, woke; /* told only as long as no other exclusive one has woken somebody; has it? Under the queue's lock */
	void *of; /* the observer's own */
};
void waitq_observe(struct waitq *q, struct observer *observer);
void waitq_unobserve(struct observer *observer); /* notify() does not run any more */

/* A thread's place in one or more queues: prepare, test the condition, sleep, finish (as WAIT_EVENT does). */
struct waiter {
	struct list link;
	struct thread *thread;
	struct waitq *queue;
	bool woken;
};
void wait_prepare(struct waitq *q, struct waiter *w);
void wait_finish(struct waiter *w);
/** Sleep until a queue prepared on wakes this thread, the deadline (monotonic ns, 0: none) passes (-ETIMEDOUT), or, if
 *  `interruptible`, a signal is pending (-EINTR). Returns at once if woken since wait_prepare. */
int wait_sleep(uint64_t deadline_ns, bool interruptible);

/** Sleep until `condition`; 0, -EINTR or -ETIMEDOUT. The condition may take something: it is not tried again once it held. */
#define WAIT_EVENT_DEADLINE(q, condition, deadline_ns, interruptible)                              \
	({                                                                                         \
		int wait_error = 0;                                                                \
		while (!(condition)) {                                                             \
			struct waiter waiter_here;                                                 \
			wait_prepare((q), &waiter_here);                                           \
			bool wait_over = (condition);                                              \
			if (!wait_over) {                                                          \
				wait_error = wait_sleep((deadline_ns), (interruptible));           \
			}                                                                          \
			wait_finish(&waiter_here);                                                 \
			if (wait_over || wait_error) {                                             \
				break;                                                             \
			}                                                                          \
		}                                                                                  \
		wait_error;                                                                        \
	})
#define WAIT_EVENT(q, condition) ((void)WAIT_EVENT_DEADLINE(q, condition, 0, false))
#define WAIT_EVENT_INTERRUPTIBLE(q, condition) WAIT_EVENT_DEADLINE(q, condition, 0, true)

struct mutex {
	spinlock_t lock;
	struct thread *owner;
	struct waitq waiters;
	bool outer; /* of lines 0 and 1 of docs/locking.md: whoever has it may wait for memory, so who waits for it keeps none reserved */
};
void mutex_init(struct mutex *m, const char *name);
void mutex_lock(struct mutex *m);
bool mutex_try_lock(struct mutex *m); /* whether it was free; never sleeps, and has no place in the lock order */
void mutex_unlock(struct mutex *m);

#endif
