/* SPDX-License-Identifier: MIT */
/*
 * Inside of the scheduler, and what arch/ and platform/ need of it. One run queue a processor; its lock also guards the state
 * of the threads that belong to it.
 */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/cpu.h"
#include "kernel/thread.h"

/** Make the boot flow a thread, and create the idle thread. */
void sched_init(void);
/** Start the load averages (load.c). */
void load_init(void);
/** Give the processor to the next runnable thread; the caller has set its own state. Interrupts are off. */
void sched_switch(void);
/** The current thread's time is up, or a better one is there: it stays runnable. Interrupts are off. */
void sched_preempt(void);
/** Last thing before user mode, interrupts off: arms the timer if someone waits for it. */
void sched_before_user(void);
/** The timer interrupt: due timers, end of a slice. Interrupts are off. */
void sched_timer(void);
/** Make runnable if asleep; `preempt`: let it take over soon. Any context. */
void sched_wake(struct thread *thread);
/** Charge the running thread for the time since it last was charged. Interrupts are off. */
void sched_account(struct thread *thread, uint64_t now_ns);

/**
 * User and system time. Reading the clock at every entry would cost as much as a short system call, so one stay in the kernel out
 * of `weight` is timed and stands for all of them.
 */
void sched_sample_begin(struct thread *thread);
void sched_sample_end(struct thread *thread, unsigned weight);

/** The stack that a new thread's first switch finds: it goes to `start`. */
struct thread *thread_alloc(const char *name);
void thread_free(struct thread *thread);
/** Called on the new thread's stack after each switch (and by thread_begin after the first). Interrupts are off. */
void thread_switched(void);

#define SLICE_NS 8000000ull /* of a thread of nice 0 */
static inline uint64_t slice_ns(int nice)
{
	return SLICE_NS * (uint64_t)(21 - nice) / 21;
}

#endif
