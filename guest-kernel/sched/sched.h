/* SPDX-License-Identifier: MIT */
/*
 * Inside of the scheduler, and what arch/ and platform/ need of it. One run queue a processor; its lock also guards the state
 * of the threads that belong to it. It is held over the switch from one thread to the next, so whoever has it finds every thread of
 * the processor either running or wholly saved.
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
/** Make ready for one more processor: its idle thread. False: no memory. */
bool sched_add_processor(struct cpu *cpu);
/** Its idle thread's work. Interrupts are off. */
_Noreturn void sched_run_idle(void);
/** Another processor has put a thread on this one's queue, has a signal for its thread, or has work to take. Interrupts are off. */
void sched_look(void);
/** Give the processor to the next runnable thread; the caller has set its own state and holds the queue's lock, which is let go. Interrupts are off. */
void sched_switch_locked(struct cpu *cpu);
/** The current thread's time is up, or a better one is there: it stays runnable. Interrupts are off. */
void sched_preempt(void);
/** As that if it has been asked for, in the kernel: where that is in a section of reads without locks, at its end. Interrupts are off. */
void sched_asked(void);
/** Last thing before user mode, interrupts off: arms the timer if someone waits for it. Nobody does where no thread is runnable
 *  and the first timer is not due before what the timer is set to. */
void sched_before_user(void);
/** The same for one that goes on in the kernel: a system call can be long. */
void sched_before_kernel(void);
/** The timer interrupt: due timers, end of a slice. Interrupts are off. */
void sched_timer(void);
/** Make runnable if asleep. Any context. */
void sched_wake(struct thread *thread);
/*
 * place.c: which processor a thread goes to. A thread that wakes another and is known to sleep soon itself keeps that one here, for the
 * way to another processor costs more than the wait; what waits longer than that is taken by a processor that idles.
 */
#define BRIEF_NS 1000000ull
static inline bool stretch_is_brief(const struct stretch *s)
{
	return s->last_ns < BRIEF_NS && s->ran_ns < BRIEF_NS;
}
/** The queues of two processors, perhaps the same, in the order of their indices. Interrupts are off. */
void queues_lock(struct cpu *a, struct cpu *b);
void queues_unlock(struct cpu *a, struct cpu *b);
/** The processor that a thread belongs to, its queue locked. Interrupts are off. */
struct cpu *home_lock(struct thread *thread);
/** Where a thread that wakes is to go. Interrupts are off, no lock is held: a moment's choice. */
struct cpu *place_choose(const struct thread *thread, struct cpu *self);
/** A thread has been put on that queue: whoever owns it may have to be told. Interrupts are off. */
void place_tell(struct cpu *target, struct cpu *self);
/** There is more to run here than this processor runs: wake one that idles. Whether there was one. Interrupts are off. */
bool place_share(struct cpu *self);
/** This processor idles: take a thread from another one's queue. Whether there was one. Interrupts are off. */
bool place_steal(struct cpu *self);
/** A thread used its whole slice: send one that waits to a processor with at least two fewer. Interrupts are off. */
void place_level(struct cpu *self);
/** Move the thread that is chosen, if any. */
bool place_move(struct cpu *from, struct cpu *to, struct thread *(*choose)(struct cpu *from, const struct cpu *to));
/** Put a runnable thread that is on no queue and has left its processor where it may run. Interrupts are off. */
void place_anew(struct thread *thread);
/** This processor has nothing to run and is about to wait; or no longer so. */
void place_idle(struct cpu *self, bool idle);
/** Is there a processor that idles and could take a thread from this one's queue? */
bool place_could_share(const struct cpu *self);
/** Charge the running thread for the time since it last was charged. Interrupts are off. */
void sched_account(struct thread *thread, uint64_t now_ns);

/**
 * User and system time. Reading the clock at every entry would cost as much as a short system call, so one stay in the kernel out
 * of `weight` is timed and stands for all of them.
 */
void sched_sample_begin(struct thread *thread);
void sched_sample_end(struct thread *thread, unsigned weight);

/** On the command line `thread-selftest=N`, in debug builds: what N blocked threads take. */
void thread_selftest(void);

/** The stack that a new thread's first switch finds: it goes to `start`. */
struct thread *thread_alloc(const char *name);
void thread_free(struct thread *thread);
/** A kernel thread that is not yet runnable. NULL: no memory. */
struct thread *thread_prepare(const char *name, void (*entry)(void *arg), void *arg);
/** Called on the new thread's stack after each switch (and by thread_begin after the first). Interrupts are off. */
void thread_switched(void);

/* policy.c */
#define URGENT_MOST_NS 950000000ull /* of a second, where others wait */
#define SLICE_NS 8000000ull /* of a thread of nice 0 */
/** Give a thread a new slice: its own, shorter beside one of negative nice on this processor. */
void slice_fill_locked(const struct cpu *cpu, struct thread *thread);
/** The first to run has a debt: let it wait for others until that is paid, a slice a turn. Who is to run instead. */
struct thread *queue_pass_over_locked(struct cpu *cpu);
/** A thread of negative nice comes to this processor's queue, or goes. */
void queue_count_favoured_locked(struct cpu *cpu, const struct thread *thread, int change);
/** Put a real-time thread where its rank says: before its equals if it was running and has time left, else behind them. */
void queue_insert_urgent_locked(struct cpu *cpu, struct thread *thread);
void queue_remove_urgent_locked(struct cpu *cpu, struct thread *thread);
/** The first to run; the queue is not empty. Where real-time threads have had their time it is the first of the others. */
struct thread *queue_first_locked(const struct cpu *cpu);
/** A real-time thread ran. */
void urgent_account(struct cpu *cpu, uint64_t now, uint64_t ran);
/** When a real-time thread has had its time, or those that wait for more have it again: where that is before the end of the slice. */
uint64_t urgent_end(const struct cpu *cpu, const struct thread *thread, uint64_t slice_end_ns);
static inline bool urgent_counts(const struct cpu *cpu, const struct thread *thread)
{
	return thread->rank || cpu->urgent_ns >= URGENT_MOST_NS;
}
extern volatile uint64_t urgent_queues; /* processors where real-time threads wait; a hint */
/** A real-time thread that wakes goes where nobody runs, else where the least urgent one does. */
struct cpu *place_choose_urgent(const struct thread *thread);
/** Take a real-time thread that waits elsewhere and is more urgent than what runs here. Whether there was one. Interrupts are off. */
bool place_pull(struct cpu *self);
/** What runs here has changed: take such a thread, and send the first that waits here where it is more urgent. Interrupts are off. */
void place_urgent(struct cpu *self);

static inline void queue_count_locked(struct cpu *cpu, const struct thread *thread, int change)
{
	cpu->queue.runnable_count += (uint32_t)change;
	if (thread->affinity != UINT64_MAX) {
		cpu->queue.bound_count += (uint32_t)change;
	}
	if (thread->nice < 0) {
		queue_count_favoured_locked(cpu, thread, change);
	}
}

/** Put a thread on this processor's queue: in front with the rest of its slice, or at the end with a new one. */
static inline void queue_insert_locked(struct cpu *cpu, struct thread *thread)
{
	if (thread->rank) {
		queue_insert_urgent_locked(cpu, thread);
	} else if (thread->slice_left_ns) {
		list_insert_after(cpu->queue.urgent, &thread->run_link);
	} else {
		slice_fill_locked(cpu, thread);
		list_push_back(&cpu->queue.runnable, &thread->run_link);
	}
	thread->state = THREAD_RUNNABLE;
	thread->cpu = cpu->index;
	queue_count_locked(cpu, thread, 1);
}

static inline void queue_remove_locked(struct cpu *cpu, struct thread *thread)
{
	if (thread->rank) {
		queue_remove_urgent_locked(cpu, thread);
	}
	list_remove(&thread->run_link);
	queue_count_locked(cpu, thread, -1);
}

#endif
