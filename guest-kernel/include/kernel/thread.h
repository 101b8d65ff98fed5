/* SPDX-License-Identifier: MIT */
/*
 * Threads and the scheduler (sched/). Every thread has a kernel stack of THREAD_STACK bytes with a guard page; a user thread
 * also has a process and user registers at the top of that stack.
 */
#ifndef KERNEL_THREAD_H
#define KERNEL_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "kernel/lock.h"

#define THREAD_STACK (CONFIG_DEBUG ? 32768 : 16384) /* lock watching goes deeper, and keeps what is held at the far end */

struct process;
struct trap_frame;

/* THREAD_NEW: not started yet, whoever wants to wake it. */
enum thread_state { THREAD_NEW, THREAD_RUNNABLE, THREAD_RUNNING, THREAD_SLEEPING, THREAD_STOPPED, THREAD_DEAD };

/* How a thread uses the processor. */
struct stretch {
	uint64_t ran_ns; /* since it last slept, without the stay that runs */
	uint64_t last_ns; /* what it had between its last two sleeps */
};

/* What getrusage(2) counts besides time. */
struct usage {
	uint64_t minor_faults, major_faults; /* page faults; those that had to read from a device */
	uint64_t inputs; /* reads from a device for pages of files */
	uint64_t outputs; /* pages of files that became different from what is on the device */
	uint64_t reads, read_bytes, writes, written_bytes; /* calls that read and write, and what they moved */
	uint64_t voluntary, involuntary; /* switches to another thread: it slept, or was preempted */
};
static inline void usage_add(struct usage *to, const struct usage *from)
{
	to->minor_faults += from->minor_faults;
	to->major_faults += from->major_faults;
	to->inputs += from->inputs;
	to->outputs += from->outputs;
	to->reads += from->reads;
	to->read_bytes += from->read_bytes;
	to->writes += from->writes;
	to->written_bytes += from->written_bytes;
	to->voluntary += from->voluntary;
	to->involuntary += from->involuntary;
}

struct thread {
	struct list run_link;
	enum thread_state state;
	uint32_t tid;
	char name[16];
	struct process *process; /* NULL: a kernel thread */
	struct list process_link; /* process->threads */
	struct thread *number_next; /* process/number.c */
	uint64_t kernel_sp; /* saved while not running */
	void *stack;
	uint64_t fs_base, gs_base;
	void *fpu; /* FXSAVE/XSAVE area, 64-byte aligned; NULL for kernel threads */
	bool need_resched;
	union {
		struct {
			volatile bool signal_pending; /* something in the signal state wants this thread out of an interruptible sleep */
			volatile bool rseq_stale; /* process/rseq.c has to look before it returns to user mode */
		};
		volatile uint16_t before_user; /* either */
	};
	uint32_t rseq_cpu, rseq_signature;
	uint64_t rseq; /* address of its struct rseq; 0: not registered */
	uint64_t wake_deadline_ns;
	uint64_t user_ns, system_ns, start_ns;
	struct usage usage;
	int nice;
	uint8_t policy, priority; /* enum thread_policy; 1 to 99 of a real-time thread, else 0. These and nice: by thread_set_share() */
	bool reset_on_fork; /* its children do not inherit that */
	uint8_t lent, rank; /* a rank that it was lent (thread_lend()); what the queues go by: the higher of that and its priority */
	/* Private to sched/ and arch/. */
	uint32_t cpu; /* whose run queue's lock guards it: where it runs, waits to run, or ran last */
	uint64_t affinity; /* processors that it may run on, by index; under that lock */
	struct cpu *fpu_cpu; /* the one that loaded its registers last */
	volatile bool wake_pending; /* woken since it last slept */
	bool timed_out;
	uint32_t waiter_count; /* waiters prepared and not finished */
	uint64_t slice_ns; /* how long it runs while others like it wait; of FIFO more than anybody lives */
	uint64_t slice_left_ns, run_since_ns;
	uint64_t debt_ns; /* what it had beyond its slices because the timer came late */
	uint64_t arrived_ns; /* when it was moved to its processor, to level the queues */
	struct stretch stretch;
	uint64_t stretch_start_ns; /* of the stay that runs */
	uint64_t system_debt_ns; /* kernel time known from samples and not yet charged */
	uint64_t sample_start_ns;
	bool sampled; /* in a sampled stay in the kernel */
	/* mm/reserve.c: the reservation that is left, `io` of it in the I/O zone, and the bound of the operation that runs. */
	uint32_t reserved, reserved_io, reserve_need, reserve_need_io;
	uint32_t reserve_optional; /* depth of stretches whose allocations may fail */
	bool reserve_favoured; /* makes memory free: may use what is kept for that */
	bool trace_calls; /* its system calls stop it, or are steps (process/trace.h) */
	struct debug_registers *debug; /* arch/debug.h; NULL: none were ever set */
	struct held_locks *held; /* sched/lock_watch.c; NULL where there are no lock checks */
	struct process_thread *user; /* owned by process/: signal mask, clear_child_tid, robust list, ... */
};

#if __STDC_HOSTED__
struct thread *thread_current(void);
#else
static inline struct thread *thread_current(void)
{
	struct thread *thread;
	__asm__ volatile("mov %%gs:8, %0" : "=r"(thread)); /* struct cpu's `current` (arch/cpu.h) */
	return thread;
}
#endif
/** A kernel thread, runnable at once. NULL: no memory. */
void stacks_give_up(void); /* those that are kept for threads to come */
struct thread *thread_create(const char *name, void (*entry)(void *arg), void *arg);
/** A user thread that is to return to user mode with *frame; not yet runnable: thread_start() it. NULL: no memory. */
struct thread *thread_create_user(struct process *process, const struct trap_frame *frame);
void thread_start(struct thread *thread);
_Noreturn void thread_exit(void);
void thread_yield(void);
/** The load averages over 1, 5 and 15 minutes; LOAD_ONE: one thread that runs all the time. */
#define LOAD_AVERAGES 3
#define LOAD_ONE 65536ull
void load_read(uint64_t averages[LOAD_AVERAGES]);
/** Bring the current thread's user_ns and system_ns up to this moment, before they are read or summed up. */
void thread_account(void);
/** Of any thread, up to this moment; a moment's answer where it runs elsewhere. */
void thread_time_now(struct thread *thread, uint64_t *user_ns, uint64_t *system_ns);
/** What threads of programs have had of one processor of several. */
struct thread_times {
	uint64_t user_ns, system_ns;
};
struct thread_times thread_times_of(unsigned processor);
/** Make a thread look again, whether it sleeps or runs in user mode on another processor (signals). Any context. */
void thread_wake(struct thread *thread);
/** Which processors there are, as a mask; which of them a thread may use. -EINVAL: none of them. The thread is not about to end. */
uint64_t thread_processors(void);
uint64_t thread_affinity(const struct thread *thread);
int thread_set_affinity(struct thread *thread, uint64_t mask);
/** How a thread shares processors (sched(7)). Real-time threads, FIFO and RR, go before all others, by their priority. */
enum thread_policy { POLICY_OTHER, POLICY_FIFO, POLICY_RR, POLICY_BATCH, POLICY_IDLE = 5 };
struct thread_share {
	enum thread_policy policy;
	unsigned priority;
	int nice;
};
/** The thread is not about to end. */
void thread_set_share(struct thread *thread, const struct thread_share *share);
/** Let it go before others as if it had that priority, if its own is lower; 0: no longer. */
void thread_lend(struct thread *thread, unsigned priority);
/** The same for one that has not run yet. */
void thread_begin_share(struct thread *thread, const struct thread_share *share);
/** It was made and has not been started. */
void thread_discard(struct thread *thread);
/** If the current thread may no longer run on this processor: go where it may. */
void thread_move(void);
/** The current thread's fs_base and gs_base have been changed. */
void thread_bases_load(void);
/** The registers this thread entered the kernel with. */
struct trap_frame *thread_frame(struct thread *thread);
/** Where in the kernel a thread sleeps or waits to go on: return addresses, the innermost first. 0: it runs. The thread is not about to end. */
unsigned thread_trace(struct thread *thread, uint64_t *at, unsigned most);
/** Is the address in the functions that make a thread sleep, for whoever calls them? */
bool thread_is_scheduling(uint64_t address);
/** Sleep until a monotonic time. 0 or -EINTR. */
int thread_sleep_until(uint64_t deadline_ns, bool interruptible);

#endif
