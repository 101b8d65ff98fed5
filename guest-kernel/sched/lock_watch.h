/* SPDX-License-Identifier: MIT */
/*
 * Lock watching, for debug builds (lock_watch.c). A lock's class is its name. What is found ends the kernel, after a report with both
 * stack traces; lock_selftest() provokes each report and goes on.
 */
#ifndef SCHED_LOCK_WATCH_H
#define SCHED_LOCK_WATCH_H

#include <stdbool.h>

#include "kernel/lock.h"

struct held_locks; /* the mutexes of a thread, the spin locks of a processor */

/** A lock is about to be taken, before the wait for it. Spin locks: interrupts are off, `open`: they were on. */
void lock_watch_spin(const spinlock_t *lock, bool open);
void lock_watch_mutex(const struct mutex *m);
/** It is about to be given back. */
void lock_watch_spin_end(const spinlock_t *lock);
void lock_watch_mutex_end(const struct mutex *m);
/** The caller may sleep now, for `what`: no spin lock is held, and no interrupt handler runs. */
void lock_watch_sleep(const char *what);
/** The spin lock is another's: it is waited for. */
void lock_watch_waits(const spinlock_t *lock);
/** On the command line `lock-count`: how often spin locks were taken and waited for, as the machine goes off. */
void lock_watch_count(void);
/** Of a new thread: at the lowest end of its stack, so that no thread needs more memory for being watched. */
struct held_locks *lock_watch_thread(void *stack);

/** On the command line `lock-selftest`: each of the reports, to be judged by a boot test. */
void lock_selftest(void);

#endif
