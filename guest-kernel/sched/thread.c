/* SPDX-License-Identifier: MIT */
/*
 * Threads: making and ending them. A stack is THREAD_STACK bytes of single pages, mapped a second time behind an unmapped page so that an
 * overflow faults (onto the double-fault stack) instead of overwriting. Some stacks of dead threads are kept, mapped, for the next.
 */
#include "arch/cpu.h"
#include "arch/fpu.h"
#include "base/string.h"
#include "kernel/lock.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "kernel/trap.h"
#include "mm/scattered.h"
#include "sched/lock_watch.h"
#include "sched/sched.h"

#define STACKS_KEPT 512u
#define STACK_ORDER (THREAD_STACK == 4 * PAGE_SIZE ? 2u : 3u)
_Static_assert(THREAD_STACK == PAGE_SIZE << STACK_ORDER, "whole pages, a power of two");

/* What context_switch pops, then the frame that the entry works on. */
struct switch_frame {
	uint64_t r15, r14, r13, r12, rbx, rbp, rip;
};

struct free_stack { /* at the lowest address of a free stack */
	struct free_stack *next;
};

extern char user_thread_entry[], kernel_thread_entry[];

static spinlock_t stack_lock = SPINLOCK_INIT("stacks");
static struct free_stack *stacks; /* stack_lock */
static unsigned stack_count; /* stack_lock */
static uint32_t tid_next = 1;

void thread_begin(void);

static void *stack_alloc(void)
{
	spin_lock(&stack_lock);
	struct free_stack *free = stacks;
	if (free) {
		stacks = free->next;
		stack_count--;
	}
	spin_unlock(&stack_lock);
	if (free) {
		return free;
	}
	return scattered_alloc(STACK_ORDER, ALLOC_KIND(PAGE_STACK));
}

void stacks_give_up(void)
{
	spin_lock(&stack_lock);
	struct free_stack *all = stacks;
	stacks = NULL;
	stack_count = 0;
	spin_unlock(&stack_lock);
	while (all) {
		struct free_stack *free = all;
		all = free->next;
		scattered_free(free);
	}
}

struct thread *thread_alloc(const char *name)
{
	struct thread *thread = kzalloc(sizeof(*thread));
	if (!thread) {
		return NULL;
	}
	thread->stack = stack_alloc();
	if (!thread->stack) {
		kfree(thread);
		return NULL;
	}
	if (CONFIG_DEBUG) {
		thread->held = lock_watch_thread(thread->stack);
	}
	list_init(&thread->run_link);
	list_init(&thread->process_link);
	thread->tid = __atomic_fetch_add(&tid_next, 1, __ATOMIC_RELAXED);
	thread->start_ns = time_ns();
	string_copy(thread->name, name, sizeof(thread->name));
	thread->state = THREAD_NEW;
	thread->affinity = UINT64_MAX;
	thread->slice_ns = SLICE_NS;
	thread->stretch.last_ns = UINT64_MAX; /* who knows */
	return thread;
}

/** Runs on another stack, with interrupts off. */
void thread_free(struct thread *thread)
{
	fpu_drop(thread);
	struct free_stack *free = thread->stack;
	spin_lock(&stack_lock);
	bool keep = stack_count < STACKS_KEPT;
	if (keep) {
		free->next = stacks;
		stacks = free;
		stack_count++;
	}
	spin_unlock(&stack_lock);
	if (!keep) {
		scattered_free(free);
	}
	kfree(thread->fpu);
	kfree(thread->debug);
	kfree(thread);
}

void thread_discard(struct thread *thread)
{
	uint64_t flags = interrupts_save();
	thread_free(thread);
	interrupts_restore(flags);
}

/* Who runs elsewhere may charge itself meanwhile, which begins with run_since_ns: then what is between is seen later, never twice. */
void thread_time_now(struct thread *thread, uint64_t *user_ns, uint64_t *system_ns)
{
	uint64_t since, ran = 0, flags = interrupts_save();
	struct cpu *home = home_lock(thread);
	do {
		since = __atomic_load_n(&thread->run_since_ns, __ATOMIC_ACQUIRE);
		*user_ns = __atomic_load_n(&thread->user_ns, __ATOMIC_ACQUIRE);
		*system_ns = __atomic_load_n(&thread->system_ns, __ATOMIC_ACQUIRE);
	} while (since != __atomic_load_n(&thread->run_since_ns, __ATOMIC_ACQUIRE));
	if (thread->state == THREAD_RUNNING) {
		uint64_t now = time_ns();
		ran = now > since ? now - since : 0;
	}
	uint64_t system = thread->sampled || thread->system_debt_ns > ran ? ran : thread->system_debt_ns;
	spin_unlock(&home->queue.lock);
	interrupts_restore(flags);
	*user_ns += ran - system;
	*system_ns += system;
}

static void switch_frame_set(struct thread *thread, void *below, struct switch_frame frame)
{
	struct switch_frame *at = (struct switch_frame *)below - 1;
	*at = frame;
	thread->kernel_sp = (uint64_t)at;
}

struct thread *thread_prepare(const char *name, void (*entry)(void *arg), void *arg)
{
	struct thread *thread = thread_alloc(name);
	if (!thread) {
		return NULL;
	}
	/* 16-byte alignment at the calls of kernel_thread_entry. */
	switch_frame_set(thread, (char *)thread->stack + THREAD_STACK,
			 (struct switch_frame){ .rbx = (uint64_t)entry, .r12 = (uint64_t)arg, .rip = (uint64_t)kernel_thread_entry });
	return thread;
}

struct thread *thread_create(const char *name, void (*entry)(void *arg), void *arg)
{
	struct thread *thread = thread_prepare(name, entry, arg);
	if (thread) {
		thread_start(thread);
	}
	return thread;
}

struct trap_frame *thread_frame(struct thread *thread)
{
	return (struct trap_frame *)((char *)thread->stack + THREAD_STACK) - 1;
}

struct thread *thread_create_user(struct process *process, const struct trap_frame *frame)
{
	struct thread *thread = thread_alloc("user");
	if (!thread) {
		return NULL;
	}
	thread->fpu = fpu_state_create();
	if (!thread->fpu) {
		thread_free(thread);
		return NULL;
	}
	struct thread *parent = thread_current();
	if (parent->process) {
		string_copy(thread->name, parent->name, sizeof(thread->name));
		thread->fs_base = parent->fs_base;
		thread->gs_base = parent->gs_base;
		thread->affinity = thread_affinity(parent);
		if (cpu_count > 1) {
			thread->stretch.last_ns = parent->stretch.last_ns; /* for place.c: the child of one that sleeps soon ends soon */
		}
	}
	thread->process = process;
	*thread_frame(thread) = *frame;
	switch_frame_set(thread, thread_frame(thread), (struct switch_frame){ .rip = (uint64_t)user_thread_entry });
	return thread;
}

void thread_begin(void)
{
	thread_switched();
	if (!thread_current()->process) {
		interrupts_on();
	}
}

void thread_exit(void)
{
	interrupts_off();
	spin_lock(&cpu_current()->queue.lock);
	thread_current()->state = THREAD_DEAD;
	sched_switch_locked(cpu_current());
	kernel_panic("a dead thread runs");
}
