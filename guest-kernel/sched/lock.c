/* SPDX-License-Identifier: MIT */
/*
 * Spin locks and mutexes. A spin lock keeps interrupts off from lock to unlock and remembers whether they were on before.
 * A mutex's owner field is the lock itself: taken by compare-and-swap when free, waited for on its queue otherwise; the
 * unlocker looks at the queue after it has let go, the waiter at the owner after it has queued, so one of them sees the other.
 * While the owner runs on another processor it is waited for awake: most mutexes are held for less time than a sleep and its wake take.
 */
#include "kernel/lock.h"
#include "arch/cpu.h"
#include "kernel/platform.h"
#include "kernel/reserve.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "sched/lock_watch.h"

#define MUTEX_SPIN_NS 1000000ull /* an owner that runs for longer may be one whose processor does not */
#define MUTEX_SPIN_TURNS 16 /* between two looks at the clock */
#define SPIN_LIMIT_CYCLES 60000000000ull /* half a minute or so; an emulated processor can be off for seconds */

void spin_init(spinlock_t *lock, const char *name)
{
	*lock = (spinlock_t)SPINLOCK_INIT(name);
}

/** Debug builds: the holder's processor is known, and a wait that has no end is told. */
static void spin_lock_watched(spinlock_t *lock, uint64_t flags)
{
	lock_watch_spin(lock, flags & RFLAGS_IF);
	struct cpu *cpu = cpu_current();
	uint32_t mark = cpu->index + 1;
	uint64_t start = tsc_read();
	if (lock->held == mark) {
		kernel_panic("spin lock %s taken twice", lock->name);
	}
	uint32_t free = 0;
	bool waits = false;
	while (!__atomic_compare_exchange_n(&lock->held, &free, mark, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		if (!waits) {
			waits = true;
			lock_watch_waits(lock);
		}
		while (free = 0, lock->held) {
			if (tsc_read() - start > SPIN_LIMIT_CYCLES) {
				kernel_panic("spin lock %s held too long by processor %u", lock->name, lock->held - 1u);
			}
			cpu_relax();
		}
	}
	cpu->spin_depth++;
}

void spin_lock(spinlock_t *lock)
{
	uint64_t flags = interrupts_save();
	if (CONFIG_DEBUG) {
		spin_lock_watched(lock, flags);
	}
	while (!CONFIG_DEBUG && __atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE)) {
		while (lock->held) {
			cpu_relax();
		}
	}
	lock->flags = (uint32_t)flags;
}

void spin_unlock(spinlock_t *lock)
{
	uint64_t flags = lock->flags;
	if (CONFIG_DEBUG) {
		kassert(lock->held == cpu_current()->index + 1);
		lock_watch_spin_end(lock);
		cpu_current()->spin_depth--;
	}
	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
	interrupts_restore(flags);
}

void mutex_init(struct mutex *m, const char *name)
{
	spin_init(&m->lock, name);
	m->owner = NULL;
	m->outer = false;
	waitq_init(&m->waiters);
}

static bool mutex_try(struct mutex *m)
{
	struct thread *nobody = NULL;
	return __atomic_compare_exchange_n(&m->owner, &nobody, thread_current(), false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* What it points to is not looked at: it may have ended. */
static bool runs(const struct thread *thread)
{
	for (unsigned i = 0; i < cpu_count; i++) {
		if (__atomic_load_n(&cpu_at(i)->current, __ATOMIC_RELAXED) == thread) {
			return true;
		}
	}
	return false;
}

/** Wait for an owner as long as it runs on another processor. False: then it is to be waited for asleep. */
static bool mutex_spin(struct mutex *m)
{
	uint64_t end = time_ns() + MUTEX_SPIN_NS;
	do {
		for (unsigned n = 0; n < MUTEX_SPIN_TURNS; n++) {
			const struct thread *owner = __atomic_load_n(&m->owner, __ATOMIC_RELAXED);
			if (!owner && mutex_try(m)) {
				return true;
			}
			if (owner && !runs(owner)) {
				return false;
			}
			cpu_relax();
		}
	} while (time_ns() < end);
	return false;
}

void mutex_lock(struct mutex *m)
{
	if (CONFIG_DEBUG) {
		kassert(m->owner != thread_current());
		lock_watch_mutex(m);
	}
	if (!mutex_try(m) && (cpu_count == 1 || !mutex_spin(m))) {
		bool parked = m->outer && reserve_park();
		WAIT_EVENT(&m->waiters, mutex_try(m));
		reserve_unpark(parked);
		/* Within a wait for something else: a wake for that may have been taken for ours, so it has to look again. */
		thread_current()->wake_pending = thread_current()->waiter_count > 0;
	}
}

bool mutex_try_lock(struct mutex *m)
{
	return mutex_try(m);
}

void mutex_unlock(struct mutex *m)
{
	if (CONFIG_DEBUG) {
		kassert(m->owner == thread_current());
		lock_watch_mutex_end(m);
	}
	(void)__atomic_exchange_n(&m->owner, (struct thread *)NULL, __ATOMIC_SEQ_CST);
	if (!list_empty(&m->waiters.waiters)) {
		waitq_wake_one(&m->waiters);
	}
}
