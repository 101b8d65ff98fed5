/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: one queue a processor, round robin. A thread has a time slice by its nice value; what is left of it survives a
 * sleep, and a thread that wakes with some left goes to the front, so that those that wait for devices and people come before
 * those that compute, yet cannot starve them: an empty slice sends anyone to the back with a new one.
 * Real-time threads stand before the others in the queue, by rank, and whoever puts one there asks the thread that runs to make room.
 * User mode is preempted, and the kernel outside of spin locks, by interrupts. With nothing to run a machine's only processor waits in
 * the context of the thread that went to sleep last: when that thread is the one to wake, no switch takes place. Of several each has
 * an idle thread, so that a thread that sleeps can go on anywhere. No tick: the timer is set to the slice's end only while another
 * thread is runnable.
 */
#include "sched/sched.h"
#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/debug.h"
#include "arch/fpu.h"
#include "arch/ipi.h"
#include "kernel/address_space.h"
#include "kernel/epoch.h"
#include "kernel/platform.h"
#include "kernel/process.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "kernel/trap.h"
#include "platform/idle.h"
#include "sched/epoch.h"
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
	if (cpu_count > 1 && thread->process) {
		struct cpu *cpu = cpu_current();
		cpu->system_ns += system;
		cpu->user_ns += ran - system;
	}
	thread->slice_left_ns = thread->slice_left_ns > ran ? thread->slice_left_ns - ran : 0;
	if (thread->rank) {
		urgent_account(cpu_current(), now_ns, ran);
	}
}

struct thread_times thread_times_of(unsigned processor)
{
	const struct cpu *cpu = cpu_at(processor);
	return (struct thread_times){ cpu->user_ns, cpu->system_ns };
}

void thread_account(void)
{
	uint64_t flags = interrupts_save();
	sched_account(thread_current(), time_ns());
	interrupts_restore(flags);
}

void sched_sample_begin(struct thread *thread)
{
	uint64_t flags = interrupts_save();
	sched_account(thread, time_ns());
	epoch_quiet(cpu_current());
	interrupts_restore(flags);
	thread->sampled = true;
	thread->sample_start_ns = thread->system_ns;
}

void sched_sample_end(struct thread *thread, unsigned weight)
{
	thread_account();
	thread->sampled = false;
	thread->system_debt_ns += (thread->system_ns - thread->sample_start_ns) * (weight - 1);
}

static bool is_asleep(const struct thread *thread)
{
	return thread->state == THREAD_SLEEPING || thread->state == THREAD_STOPPED;
}

/** The queues of the processor that a thread belongs to and of the one where it is to go if it sleeps. Interrupts are off. */
static struct cpu *wake_lock(struct thread *thread, struct cpu *self, struct cpu **home)
{
	for (;;) {
		*home = cpu_at(__atomic_load_n(&thread->cpu, __ATOMIC_RELAXED));
		struct cpu *target = cpu_count > 1 && is_asleep(thread) ? place_choose(thread, self) : *home;
		queues_lock(*home, target);
		bool may = !is_asleep(thread) || (thread->affinity & cpu_bit(target));
		if (thread->cpu == (*home)->index && may) {
			return target;
		}
		queues_unlock(*home, target);
	}
}

/** On the machine's only processor there is nothing to choose. */
static void wake_here(struct cpu *cpu, struct thread *thread)
{
	spin_lock(&cpu->queue.lock);
	thread->wake_pending = true;
	if (is_asleep(thread)) {
		queue_insert_locked(cpu, thread);
		if (cpu->interrupt_depth && !cpu->idling) {
			cpu->current->need_resched = true;
		}
	}
	spin_unlock(&cpu->queue.lock);
}

static __attribute__((noinline)) void wake_among_many(struct thread *thread, bool look)
{
	uint64_t flags = interrupts_save();
	struct cpu *self = cpu_current(), *home, *target = wake_lock(thread, self, &home);
	bool woken = is_asleep(thread), elsewhere = look && thread->state == THREAD_RUNNING && home != self;
	thread->wake_pending = true;
	if (woken) {
		queue_insert_locked(target, thread);
	}
	queues_unlock(home, target);
	if (woken) {
		place_tell(target, self);
	} else if (elsewhere) {
		ipi_send(cpu_bit(home), IPI_LOOK);
	}
	interrupts_restore(flags);
}

static inline void wake(struct thread *thread, bool look)
{
	if (cpu_count == 1) {
		wake_here(cpu_current(), thread);
	} else {
		wake_among_many(thread, look);
	}
}

void sched_wake(struct thread *thread)
{
	wake(thread, false);
}

void thread_wake(struct thread *thread)
{
	wake(thread, true);
}

void thread_start(struct thread *thread)
{
	uint64_t flags = interrupts_save();
	thread->slice_left_ns = 0;
	place_anew(thread);
	interrupts_restore(flags);
}

static struct thread *queue_take_locked(struct cpu *cpu)
{
	if (list_empty(&cpu->queue.runnable)) {
		return NULL;
	}
	struct thread *thread = container_of(cpu->queue.runnable.next, struct thread, run_link);
	if (thread->rank) {
		thread = queue_first_locked(cpu);
	} else if (thread->debt_ns) {
		thread = queue_pass_over_locked(cpu);
	}
	queue_remove_locked(cpu, thread);
	return thread;
}

/** The machine's only processor: wait in the current thread's context for a runnable one. The queue's lock is let go meanwhile. */
static struct thread *idle_until_runnable_locked(struct cpu *cpu)
{
	struct thread *next;
	cpu->idling = true;
	do {
		spin_unlock(&cpu->queue.lock);
		platform_idle(timers_next());
		spin_lock(&cpu->queue.lock);
	} while (!(next = queue_take_locked(cpu)));
	cpu->idling = false;
	return next;
}

/* A program that loads GS with a selector makes the base 0 without our knowing. */
static void gs_base_load(struct cpu *cpu, const struct thread *thread)
{
	if (thread->gs_base || cpu->user_gs_base) {
		cpu->user_gs_base = thread->gs_base;
		msr_write(MSR_KERNEL_GS_BASE, thread->gs_base);
	}
}

void thread_bases_load(void)
{
	uint64_t flags = interrupts_save();
	msr_write(MSR_FS_BASE, thread_current()->fs_base);
	gs_base_load(cpu_current(), thread_current());
	interrupts_restore(flags);
}

/** Registers that belong to the thread, not to the switch. A kernel thread keeps whatever tables are loaded: it touches none below PHYSMAP. */
static void thread_load(struct cpu *cpu, struct thread *next)
{
	cpu->current = next;
	cpu->rank = next->rank;
	cpu->slice_end_ns = UINT64_MAX;
	cpu->kernel_top = (uint64_t)next->stack + THREAD_STACK;
	cpu->tss.rsp[0] = cpu->kernel_top;
	if (next->process) {
		if (next->process->memory && next->process->memory != cpu->active) {
			address_space_activate(next->process->memory);
		}
		msr_write(MSR_FS_BASE, next->fs_base);
		gs_base_load(cpu, next);
		fpu_switch(next);
		if (next->rseq && (next->rseq_cpu != cpu->index || thread_frame(next)->vector != TRAP_SYSCALL)) {
			next->rseq_stale = true;
		}
		if (next->debug || cpu->debugging) {
			debug_switch(cpu, next);
		}
	}
}

/** The thread to run now. The machine's only processor waits for one, unless the current thread is dead. */
static struct thread *next_locked(struct cpu *cpu, struct thread *prev)
{
	struct thread *next = queue_take_locked(cpu);
	if (next) {
		return next;
	}
	return cpu_count > 1 || prev->state == THREAD_DEAD ? cpu->idle : idle_until_runnable_locked(cpu);
}

void sched_switch_locked(struct cpu *cpu)
{
	struct thread *prev = cpu->current;
	uint64_t now = time_ns();
	sched_account(prev, now);
	stretch_end(&prev->stretch, now - prev->stretch_start_ns, prev->state != THREAD_RUNNABLE);
	bool waits = list_empty(&cpu->queue.runnable);
	struct thread *next = next_locked(cpu, prev);
	now = waits ? time_ns() : now;
	next->run_since_ns = now;
	next->state = THREAD_RUNNING;
	next->stretch_start_ns = now;
	if (prev->state == THREAD_RUNNABLE) {
		prev->usage.involuntary++;
	} else {
		prev->usage.voluntary++;
	}
	cpu->switches++;
	if (next == prev) {
		spin_unlock(&cpu->queue.lock);
		sched_before_kernel();
		return;
	}
	if (cpu_count > 1) {
		epoch_quiet(cpu);
		if (prev->process) {
			fpu_leave(prev);
		}
	}
	thread_load(cpu, next);
	cpu->switched_from = prev;
	context_switch(&prev->kernel_sp, next->kernel_sp);
	thread_switched();
}

/** Others wait here while another processor idles: wake it, unless this thread has so far let them run soon; then it has a little time. */
static uint64_t share_end(struct cpu *cpu)
{
	if (stretch_is_brief(&cpu->current->stretch)) {
		return cpu->current->run_since_ns + BRIEF_NS;
	}
	place_share(cpu);
	return UINT64_MAX;
}

/** Where there are several processors: what the thread that stopped, or those that wait here, might want of them. */
static __attribute__((noinline)) void switched_among_many(struct cpu *cpu, struct thread *moving)
{
	if (moving) {
		place_anew(moving);
	}
	if (urgent_queues) {
		place_urgent(cpu);
	}
	uint64_t end = place_could_share(cpu) ? share_end(cpu) : UINT64_MAX;
	if (end < cpu->timer_armed_ns) {
		cpu->timer_armed_ns = end;
		clock_arm(end);
	}
}

void thread_switched(void)
{
	struct cpu *cpu = cpu_current();
	struct thread *prev = cpu->switched_from;
	bool dead = prev->state == THREAD_DEAD;
	if (cpu_count == 1) {
		spin_unlock(&cpu->queue.lock);
	} else {
		bool moves = prev->state == THREAD_RUNNABLE && !(prev->affinity & cpu_bit(cpu));
		spin_unlock(&cpu->queue.lock);
		switched_among_many(cpu, moves ? prev : NULL);
	}
	if (dead) {
		thread_free(prev);
	}
	if (cpu->doorbell.wanted && !cpu->current->process && cpu->current != cpu->idle) {
		event_flush(); /* a user thread looks at that before it returns to user mode */
	}
	sched_before_kernel();
}

static void queue_insert_first_locked(struct cpu *cpu, struct thread *thread)
{
	list_push_front(&cpu->queue.runnable, &thread->run_link);
	if (thread->rank && cpu->queue.urgent == &cpu->queue.runnable) {
		cpu->queue.urgent = &thread->run_link;
	}
	queue_count_locked(cpu, thread, 1);
}

/** Is somebody there for whom the thread that runs has to make room? Among real-time threads of one rank only when its time is up. */
static bool may_preempt_locked(const struct cpu *cpu, const struct thread *thread)
{
	if (list_empty(&cpu->queue.runnable)) {
		return false;
	}
	unsigned rank = queue_first_locked(cpu)->rank;
	if (thread->rank && !rank && cpu->urgent_ns >= URGENT_MOST_NS) {
		return urgent_end(cpu, thread, UINT64_MAX) > time_ns();
	}
	return rank > thread->rank || (rank == thread->rank && (!rank || !thread->slice_left_ns));
}

void sched_preempt(void)
{
	struct cpu *cpu = cpu_current();
	struct thread *thread = cpu->current;
	thread->need_resched = false;
	sched_account(thread, time_ns());
	if (cpu_count > 1 && !thread->slice_left_ns) {
		place_level(cpu);
	}
	spin_lock(&cpu->queue.lock);
	if (!(thread->affinity & cpu_bit(cpu))) {
		thread->state = THREAD_RUNNABLE; /* thread_switched() sends it on */
	} else if (may_preempt_locked(cpu, thread) && !thread->slice_left_ns) {
		queue_insert_locked(cpu, thread);
	} else if (may_preempt_locked(cpu, thread)) {
		/* Behind the one that is to run now. */
		struct thread *first = queue_take_locked(cpu);
		queue_insert_locked(cpu, thread);
		queue_insert_first_locked(cpu, first);
	} else if (!thread->slice_left_ns) {
		slice_fill_locked(cpu, thread);
	}
	if (thread->state == THREAD_RUNNABLE) {
		sched_switch_locked(cpu);
	} else {
		spin_unlock(&cpu->queue.lock);
	}
}

void sched_asked(void)
{
	struct cpu *cpu = cpu_current();
	if (cpu->reading) {
		cpu->reading |= EPOCH_ASKED;
	} else if (cpu->current->need_resched) {
		sched_preempt();
	}
}

void thread_yield(void)
{
	uint64_t flags = interrupts_save();
	thread_current()->slice_left_ns = 0;
	sched_preempt();
	interrupts_restore(flags);
}

void thread_move(void)
{
	uint64_t flags = interrupts_save();
	if (!(thread_current()->affinity & cpu_bit(cpu_current()))) {
		sched_preempt();
	}
	interrupts_restore(flags);
}

/* A thread that is likely to sleep before its slice ends does not set the timer for that: if it is there yet after a whole slice, then it is seen. */
static uint64_t slice_end(const struct cpu *cpu, const struct thread *thread)
{
	bool sleeps = thread->stretch.ran_ns + thread->stretch.last_ns < thread->slice_left_ns && thread->stretch.last_ns != UINT64_MAX;
	uint64_t end = thread->run_since_ns + (sleeps ? thread->slice_ns : thread->slice_left_ns);
	return urgent_counts(cpu, thread) ? urgent_end(cpu, thread, end) : end;
}

void sched_before_user(void)
{
	struct cpu *cpu = cpu_current();
	uint64_t next = timers_next();
	if (cpu->queue.runnable_count) {
		uint64_t end = slice_end(cpu, cpu->current);
		cpu->slice_end_ns = end;
		next = end < next ? end : next;
		end = cpu_count > 1 && place_could_share(cpu) ? share_end(cpu) : UINT64_MAX;
		next = end < next ? end : next;
	}
	if (next < cpu->timer_armed_ns) {
		cpu->timer_armed_ns = next;
		clock_arm(next);
	}
}

void sched_before_kernel(void)
{
	struct cpu *cpu = cpu_current();
	const struct thread *thread = cpu->current;
	uint64_t next = cpu->timers_next_ns;
	if (cpu->queue.runnable_count && thread->run_since_ns + thread->slice_ns < cpu->timer_armed_ns) {
		/* In a section of reads without locks it cannot make room at once: then not before it has had some time. */
		uint64_t end = thread->need_resched ? time_ns() + BRIEF_NS : slice_end(cpu, thread);
		next = end < next ? end : next;
	}
	if (next < cpu->timer_armed_ns && thread != cpu->idle) {
		cpu->timer_armed_ns = next;
		clock_arm(next);
	}
}

void sched_look(void)
{
	struct cpu *cpu = cpu_current();
	epoch_look(cpu);
	if (!cpu->idling && !(cpu->current->affinity & cpu_bit(cpu))) {
		cpu->current->need_resched = true;
	}
	if (urgent_queues) {
		place_urgent(cpu);
	}
}

void sched_timer(void)
{
	struct cpu *cpu = cpu_current();
	uint64_t now = time_ns();
	cpu->timer_armed_ns = UINT64_MAX;
	timers_run(now);
	if (!cpu->idling && cpu->queue.runnable_count) {
		struct thread *thread = cpu->current;
		if (now - thread->run_since_ns >= thread->slice_left_ns) {
			thread->need_resched = true;
			thread->debt_ns += now > cpu->slice_end_ns ? now - cpu->slice_end_ns : 0;
			cpu->slice_end_ns = UINT64_MAX;
		} else if (urgent_counts(cpu, thread) && now >= urgent_end(cpu, thread, UINT64_MAX)) {
			thread->need_resched = true;
		}
		if (cpu_count > 1) {
			place_share(cpu);
		}
	}
}

static void idle_among_many(struct cpu *cpu)
{
	cpu->idling = true;
	epoch_idle(cpu, true);
	for (;;) {
		place_idle(cpu, true);
		if (cpu->queue.runnable_count || place_steal(cpu)) {
			break;
		}
		platform_idle(timers_next());
	}
	place_idle(cpu, false);
	epoch_idle(cpu, false);
	cpu->idling = false;
}

_Noreturn void sched_run_idle(void)
{
	interrupts_off();
	struct cpu *cpu = cpu_current();
	for (;;) {
		if (cpu_count > 1 || cpu->index) {
			idle_among_many(cpu);
		}
		spin_lock(&cpu->queue.lock);
		cpu->current->state = THREAD_SLEEPING;
		sched_switch_locked(cpu);
	}
}

static void idle_begin(void *unused)
{
	sched_run_idle();
}

static struct thread *idle_create(struct cpu *cpu)
{
	struct thread *idle = thread_prepare("idle", idle_begin, NULL);
	if (idle) {
		idle->cpu = cpu->index;
		cpu->idle = idle;
	}
	return idle;
}

static void run_first(struct cpu *cpu, struct thread *thread)
{
	thread->cpu = cpu->index;
	thread->state = THREAD_RUNNING;
	thread->slice_left_ns = SLICE_NS;
	thread->run_since_ns = time_ns();
	cpu->current = thread;
	cpu->kernel_top = (uint64_t)thread->stack + THREAD_STACK;
	cpu->tss.rsp[0] = cpu->kernel_top;
}

bool sched_add_processor(struct cpu *cpu)
{
	struct thread *idle = idle_create(cpu);
	if (idle) {
		run_first(cpu, idle);
	}
	return idle;
}

void sched_init(void)
{
	struct cpu *cpu = cpu_current();
	struct thread *boot = thread_alloc("boot");
	if (!boot || !idle_create(cpu)) {
		kernel_panic("no memory for the first threads");
	}
	run_first(cpu, boot);
}
