/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: one queue a processor, round robin. A thread has a time slice by its nice value; what is left of it survives a
 * sleep, and a thread that wakes with some left goes to the front, so that those that wait for devices and people come before
 * those that compute, yet cannot starve them: an empty slice sends anyone to the back with a new one.
 * User mode is preempted, the kernel is not. With nothing to run the processor waits in the context of the thread that
 * went to sleep last: when that thread is the one to wake, no switch takes place. No tick: the timer is set to the
 * slice's end only while another thread is runnable.
 */
#include "sched/sched.h"
#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/fpu.h"
#include "kernel/address_space.h"
#include "kernel/platform.h"
#include "kernel/process.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "platform/idle.h"
#include "sched/timer.h"

void context_switch(uint64_t *save_sp, uint64_t load_sp);

void sched_account(struct thread *thread, uint64_t now_ns)
{
	uint64_t ran = now_ns - thread->run_since_ns, system = ran;
	thread->run_since_ns = now_ns;
	if (thread->process && !thread->sampled) {
		system = thread->system_debt_ns < ran ? thread->system_debt_ns : ran;
		thread->system_debt_ns -= system;
	}
	thread->system_ns += system;
	thread->user_ns += ran - system;
	thread->slice_left_ns = thread->slice_left_ns > ran ? thread->slice_left_ns - ran : 0;
}

void thread_account(void)
{
	uint64_t flags = interrupts_save();
	sched_account(thread_current(), time_ns());
	interrupts_restore(flags);
}

void sched_sample_begin(struct thread *thread)
{
	thread_account();
	thread->sampled = true;
	thread->sample_start_ns = thread->system_ns;
}

void sched_sample_end(struct thread *thread, unsigned weight)
{
	thread_account();
	thread->sampled = false;
	thread->system_debt_ns += (thread->system_ns - thread->sample_start_ns) * (weight - 1);
}

static void queue_insert_locked(struct cpu *cpu, struct thread *thread)
{
	thread->state = THREAD_RUNNABLE;
	if (thread->slice_left_ns) {
		list_push_front(&cpu->queue.runnable, &thread->run_link);
	} else {
		thread->slice_left_ns = slice_ns(thread->nice);
		list_push_back(&cpu->queue.runnable, &thread->run_link);
	}
	cpu->queue.runnable_count++;
}

void sched_wake(struct thread *thread)
{
	struct cpu *cpu = cpu_current();
	spin_lock(&cpu->queue.lock);
	thread->wake_pending = true;
	if (thread->state == THREAD_SLEEPING || thread->state == THREAD_STOPPED) {
		queue_insert_locked(cpu, thread);
		/* A device or a timer woke it: it goes before whoever computes. A thread that wakes another runs on. */
		if (cpu->interrupt_depth && !cpu->idling) {
			cpu->current->need_resched = true;
		}
	}
	spin_unlock(&cpu->queue.lock);
}

void thread_wake(struct thread *thread)
{
	sched_wake(thread);
}

void thread_start(struct thread *thread)
{
	struct cpu *cpu = cpu_current();
	spin_lock(&cpu->queue.lock);
	thread->slice_left_ns = 0;
	queue_insert_locked(cpu, thread);
	spin_unlock(&cpu->queue.lock);
}

static struct thread *queue_take(struct cpu *cpu)
{
	spin_lock(&cpu->queue.lock);
	struct list *node = list_pop_front(&cpu->queue.runnable);
	if (node) {
		cpu->queue.runnable_count--;
	}
	spin_unlock(&cpu->queue.lock);
	return node ? container_of(node, struct thread, run_link) : NULL;
}

/** Wait in the current thread's context for a runnable one. */
static struct thread *idle_until_runnable(struct cpu *cpu)
{
	struct thread *next;
	cpu->idling = true;
	while (!(next = queue_take(cpu))) {
		platform_idle(timers_next());
	}
	cpu->idling = false;
	return next;
}

/** Registers that belong to the thread, not to the switch. A kernel thread keeps whatever tables are loaded: it touches none below PHYSMAP. */
static void thread_load(struct cpu *cpu, struct thread *next)
{
	cpu->current = next;
	cpu->kernel_top = (uint64_t)next->stack + THREAD_STACK;
	cpu->tss.rsp[0] = cpu->kernel_top;
	if (next->process) {
		if (next->process->memory && next->process->memory != cpu->active) {
			address_space_activate(next->process->memory);
		}
		msr_write(MSR_FS_BASE, next->fs_base);
		if (next->gs_base != cpu->user_gs_base) {
			cpu->user_gs_base = next->gs_base;
			msr_write(MSR_KERNEL_GS_BASE, next->gs_base);
		}
		fpu_switch(next);
	}
}

void sched_switch(void)
{
	struct cpu *cpu = cpu_current();
	struct thread *prev = cpu->current;
	uint64_t now = time_ns();
	sched_account(prev, now);
	stretch_end(&prev->stretch, now - prev->stretch_start_ns, prev->state != THREAD_RUNNABLE);
	struct thread *next = queue_take(cpu);
	if (!next) {
		next = prev->state == THREAD_DEAD ? cpu->idle : idle_until_runnable(cpu);
		now = time_ns();
	}
	next->run_since_ns = now;
	next->state = THREAD_RUNNING;
	next->stretch_start_ns = now;
	if (next == prev) {
		return;
	}
	if (cpu->doorbell.wanted && !next->process) {
		event_flush(); /* a user thread looks at that before it returns to user mode */
	}
	thread_load(cpu, next);
	cpu->switched_from = prev;
	context_switch(&prev->kernel_sp, next->kernel_sp);
	thread_switched();
}

void thread_switched(void)
{
	struct cpu *cpu = cpu_current();
	struct thread *prev = cpu->switched_from;
	cpu->switched_from = NULL;
	if (prev && prev->state == THREAD_DEAD) {
		thread_free(prev);
	}
}

void sched_preempt(void)
{
	struct cpu *cpu = cpu_current();
	struct thread *thread = cpu->current;
	thread->need_resched = false;
	sched_account(thread, time_ns());
	spin_lock(&cpu->queue.lock);
	if (!list_empty(&cpu->queue.runnable)) {
		/* Behind the one that is to run now. */
		thread->state = THREAD_RUNNABLE;
		if (thread->slice_left_ns) {
			list_insert_after(cpu->queue.runnable.next, &thread->run_link);
		} else {
			thread->slice_left_ns = slice_ns(thread->nice);
			list_push_back(&cpu->queue.runnable, &thread->run_link);
		}
		cpu->queue.runnable_count++;
	} else if (!thread->slice_left_ns) {
		thread->slice_left_ns = slice_ns(thread->nice);
	}
	spin_unlock(&cpu->queue.lock);
	if (thread->state == THREAD_RUNNABLE) {
		sched_switch();
	}
}

void thread_yield(void)
{
	uint64_t flags = interrupts_save();
	struct thread *thread = thread_current();
	thread->slice_left_ns = 0;
	sched_preempt();
	interrupts_restore(flags);
}

/* A thread that is likely to sleep before its slice ends does not set the timer for that: if it is there yet after a whole slice, then it is seen. */
static uint64_t slice_end(const struct thread *thread)
{
	bool sleeps = thread->stretch.ran_ns + thread->stretch.last_ns < thread->slice_left_ns && thread->stretch.last_ns != UINT64_MAX;
	return thread->run_since_ns + (sleeps ? slice_ns(thread->nice) : thread->slice_left_ns);
}

void sched_before_user(void)
{
	struct cpu *cpu = cpu_current();
	uint64_t next = timers_next();
	if (cpu->queue.runnable_count) {
		uint64_t end = slice_end(cpu->current);
		next = end < next ? end : next;
	}
	if (next < cpu->timer_armed_ns) {
		cpu->timer_armed_ns = next;
		clock_arm(next);
	}
}

void sched_timer(void)
{
	struct cpu *cpu = cpu_current();
	uint64_t now = time_ns();
	cpu->timer_armed_ns = UINT64_MAX;
	timers_run(now);
	if (!cpu->idling) {
		struct thread *thread = cpu->current;
		if (cpu->queue.runnable_count && now - thread->run_since_ns >= thread->slice_left_ns) {
			thread->need_resched = true;
		}
	}
}

static void idle_run(void *unused)
{
	for (;;) {
		interrupts_off();
		thread_current()->state = THREAD_SLEEPING;
		sched_switch();
	}
}

void sched_init(void)
{
	struct cpu *cpu = cpu_current();
	struct thread *boot = thread_alloc("boot");
	struct thread *idle = thread_create("idle", idle_run, NULL);
	if (!boot || !idle) {
		kernel_panic("no memory for the first threads");
	}
	queue_take(cpu);
	idle->state = THREAD_SLEEPING;
	cpu->idle = idle;
	boot->state = THREAD_RUNNING;
	boot->slice_left_ns = SLICE_NS;
	boot->run_since_ns = time_ns();
	cpu->current = boot;
	cpu->kernel_top = (uint64_t)boot->stack + THREAD_STACK;
	cpu->tss.rsp[0] = cpu->kernel_top;
}
