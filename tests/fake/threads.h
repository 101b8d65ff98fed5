/* SPDX-License-Identifier: MIT */
/*
 * The kernel's primitives on a host, for tests that link files which sleep and wake: kernel/lock.h, kernel/user.h, kernel/epoch.h,
 * reservations, the heap and pages of kernel/memory.h, with a host's thread for each of the kernel's. What is taken is counted, so that a
 * test can ask that everything is given back. Spin locks are checked as the debug kernel's are: no sleep under one, none taken twice.
 */
#ifndef TESTS_FAKE_THREADS_H
#define TESTS_FAKE_THREADS_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/process.h"
#include "kernel/thread.h"

extern struct process fake_process; /* of every thread */

/** A host's thread that runs as a thread of the kernel. */
struct fake_thread *fake_thread_start(void (*entry)(void *arg), void *arg);
void fake_thread_join(struct fake_thread *t);
/** A signal for it: interruptible sleeps end with -EINTR until it is taken back. */
void fake_thread_signal(struct fake_thread *t, bool pending);
/** Wait until so many threads sleep in wait_sleep() with no wake on its way. */
void fake_wait_sleepers(unsigned count);

/** Allocations not given back; the next `in`th one fails (0: none does). */
unsigned fake_memory_in_use(void), fake_pages_in_use(void);
void fake_memory_fail(unsigned in);

/** A generator that a seed determines, each thread's own; the seed is from $SEED or the clock, and printed. */
uint64_t fake_seed(void);
uint64_t fake_random(uint64_t below);

#endif
