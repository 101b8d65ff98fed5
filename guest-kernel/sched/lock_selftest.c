/* SPDX-License-Identifier: MIT */
/*
 * Each report of lock_watch.c, provoked: tests/boot/lock-watch.sh judges the log. While it runs reports do not end the kernel. What it
 * does wrong it does with locks of its own, and nobody else waits for them.
 */
#include "arch/cpu.h"
#include "kernel/epoch.h"
#include "kernel/platform.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "sched/lock_watch.h"

bool lock_watch_tolerant;

static spinlock_t first = SPINLOCK_INIT("lock-selftest first"), second = SPINLOCK_INIT("lock-selftest second");
static spinlock_t held = SPINLOCK_INIT("lock-selftest held"), open = SPINLOCK_INIT("lock-selftest open");
static spinlock_t twins[2] = { SPINLOCK_INIT("lock-selftest twin"), SPINLOCK_INIT("lock-selftest twin") };
static struct mutex mutex, interrupted;
static struct timer timer;
static volatile bool fired;

#define OWN __attribute__((noinline, noclone)) void
OWN selftest_one_way(void);
OWN selftest_other_way(void);
OWN selftest_holder(void);
OWN selftest_sleeper(void);
OWN selftest_open_holder(void);
OWN selftest_interrupt(struct timer *unused);
OWN selftest_twins(void);

OWN selftest_one_way(void)
{
	spin_lock(&first);
	spin_lock(&second);
	spin_unlock(&second);
	spin_unlock(&first);
}

OWN selftest_other_way(void)
{
	spin_lock(&second);
	spin_lock(&first);
	spin_unlock(&first);
	spin_unlock(&second);
}

OWN selftest_sleeper(void)
{
	mutex_lock(&mutex);
	mutex_unlock(&mutex);
}

OWN selftest_holder(void)
{
	spin_lock(&held);
	selftest_sleeper();
	spin_unlock(&held);
}

/* Its flags change under the lock, as by a handler that forgets that they are not its own. Nobody else runs meanwhile: who slept then would be told, too. */
OWN selftest_open_holder(void)
{
	epoch_enter();
	spin_lock(&open);
	interrupts_on();
	interrupts_off();
	interrupts_on();
	spin_unlock(&open);
	epoch_exit();
}

OWN selftest_interrupt(struct timer *unused)
{
	spin_lock(&open);
	spin_unlock(&open);
	mutex_lock(&interrupted);
	mutex_unlock(&interrupted);
	fired = true;
}

OWN selftest_twins(void)
{
	spin_lock(&twins[0]);
	spin_lock(&twins[1]);
	spin_unlock(&twins[1]);
	spin_unlock(&twins[0]);
}

void lock_selftest(void)
{
	if (!cmdline_option("lock-selftest", NULL, 0)) {
		return;
	}
	mutex_init(&mutex, "lock-selftest mutex");
	mutex_init(&interrupted, "lock-selftest interrupted");
	lock_watch_tolerant = true;
	kprintf("lock-selftest begins");
	selftest_one_way();
	selftest_other_way();
	selftest_holder();
	selftest_twins();
	mutex_lock(&interrupted);
	mutex_unlock(&interrupted);
	timer_init(&timer, selftest_interrupt, NULL);
	timer_set(&timer, time_ns() + 1000000);
	while (!fired) {
		thread_sleep_until(time_ns() + 1000000, false);
	}
	selftest_open_holder();
	kprintf("lock-selftest ends");
	lock_watch_tolerant = false;
}
