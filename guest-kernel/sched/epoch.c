/* SPDX-License-Identifier: MIT */
/*
 * Epochs: memory that readers without locks may still look at is given back when no section can see it any more.
 *
 * A section counts in its processor's `reading`, by one instruction each way, and the thread inside is not preempted. A processor
 * is seen at a moment when it is in no section: its `seen` then takes the value of epoch_now. One that idles has `seen` = IDLE.
 * Whoever has taken objects out of a structure ("before") adds one to epoch_now, to e, and frees them when all `seen` are >= e.
 *
 * Proof that no section looks at freed memory. Take a processor c with seen >= e, e read from epoch_now at a moment Q by an acquire
 * load. It reads the addition that made e or a later one of the same release sequence (all writes are additions), so the removal
 * happens before Q: a section of c that begins after Q does not find the object. One that began before Q has ended before Q, since
 * c was in none at Q; its last load comes before the release store of `seen`, which the freer's acquire load reads: it happens before
 * the memory is given back. Sections of other threads of c are in one order with Q, for a switch within a section does not occur,
 * and threads change processors through the run queues' locks. An interrupt at Q is ordered with the code it interrupts by the
 * processor itself, and by the compiler barriers of epoch_enter() and epoch_exit().
 * If c idles: it runs no section, until it has exchanged IDLE for a number and then a full fence B. The freer has a full fence A
 * between its addition and its look at `seen`. Where A is before B in the order of such fences, c's later loads see the removal
 * (C11 7.17.3p9); where B is before A, the freer does not read IDLE. On x86-64 both are there by the locked instructions alone: loads
 * are not moved over them, nor loads over loads or stores over stores (SDM vol. 3, 8.2), so all else is compiler barriers.
 *
 * It ends: a processor is seen when it changes threads, at each system call whose time is taken, and when it is asked, which is by an
 * interrupt: at once, or where its section ends. Objects wait in two lists a processor, one that fills and one whose epoch others
 * have yet to see; they are asked when the first is full and the second is still there, or after some time. With one processor
 * nothing waits: what is in no section is seen.
 */
#include "kernel/epoch.h"
#include "arch/cpu.h"
#include "arch/ipi.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/time.h"
#include "sched/epoch.h"
#include "sched/sched.h"

#define IDLE UINT64_MAX
#define BATCH 128u
#define CROWD 2048u /* so many wait that whoever adds one waits with them, if it may */
#define PATIENCE_NS 10000000ull /* the last few are not kept longer than that */

struct epoch_local {
	uint64_t seen; /* written by the processor itself; all else is touched by it alone, with interrupts off */
	struct epoch_link *filling, *waiting;
	uint32_t filling_count;
	uint64_t waiting_for;
	bool asked; /* those who have not seen it */
	struct timer timer;
	bool timer_set;
} __attribute__((aligned(64)));

static struct epoch_local locals[CPU_MAX];
static uint64_t epoch_now = 1;

static bool in_section(const struct cpu *cpu)
{
	return cpu->reading & ~EPOCH_ASKED;
}

void epoch_quiet(const struct cpu *cpu)
{
	struct epoch_local *local = &locals[cpu->index];
	uint64_t now = __atomic_load_n(&epoch_now, __ATOMIC_ACQUIRE);
	if (__atomic_load_n(&local->seen, __ATOMIC_RELAXED) < now) {
		__atomic_store_n(&local->seen, now, __ATOMIC_RELEASE);
	}
}

void epoch_look(struct cpu *cpu)
{
	if (in_section(cpu)) {
		cpu->reading |= EPOCH_ASKED;
	} else {
		epoch_quiet(cpu);
	}
}

void epoch_idle(const struct cpu *cpu, bool idle)
{
	struct epoch_local *local = &locals[cpu->index];
	if (idle) {
		__atomic_store_n(&local->seen, IDLE, __ATOMIC_RELEASE);
	} else {
		(void)__atomic_exchange_n(&local->seen, __atomic_load_n(&epoch_now, __ATOMIC_ACQUIRE), __ATOMIC_SEQ_CST);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
}

/** The processors, but for `self`, that have not seen `epoch`. */
static uint64_t unseen(uint64_t epoch, const struct cpu *self)
{
	uint64_t mask = 0;
	for (unsigned i = 0; i < cpu_count; i++) {
		if (i != self->index && __atomic_load_n(&locals[i].seen, __ATOMIC_ACQUIRE) < epoch) {
			mask |= 1ull << i;
		}
	}
	return mask;
}

/** Interrupts are off. */
static uint64_t epoch_begin(struct cpu *self)
{
	uint64_t epoch = __atomic_add_fetch(&epoch_now, 1, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	epoch_look(self);
	return epoch;
}

static void epoch_ask(uint64_t epoch, const struct cpu *self)
{
	uint64_t others = unseen(epoch, self);
	if (others) {
		ipi_send(others, IPI_LOOK);
	}
}

static bool epoch_over(uint64_t epoch, const struct cpu *self)
{
	return __atomic_load_n(&locals[self->index].seen, __ATOMIC_RELAXED) >= epoch && !unseen(epoch, self);
}

static void list_free(struct epoch_link *link)
{
	while (link) {
		struct epoch_link *next = link->next;
		kfree(link->memory);
		link = next;
	}
}

/** What nobody can see any more goes; what has gathered, if it is enough or `all`, begins to wait. Interrupts are off. */
static void lists_advance(struct cpu *self, bool all)
{
	struct epoch_local *local = &locals[self->index];
	if (local->waiting && epoch_over(local->waiting_for, self)) {
		list_free(local->waiting);
		local->waiting = NULL;
	}
	if (local->waiting && !local->asked && (all || local->filling_count >= BATCH)) {
		local->asked = true;
		epoch_ask(local->waiting_for, self);
	}
	if (!local->waiting && (local->filling_count >= BATCH || (all && local->filling))) {
		local->waiting = local->filling;
		local->filling = NULL;
		local->filling_count = 0;
		local->waiting_for = epoch_begin(self);
		local->asked = false;
	}
}

static void patience_end(struct timer *timer)
{
	struct cpu *self = cpu_current();
	struct epoch_local *local = timer->arg;
	if (local == &locals[self->index]) {
		local->timer_set = false;
		lists_advance(self, true);
		if (local->waiting || local->filling) {
			local->timer_set = true;
			timer_set(timer, time_ns() + PATIENCE_NS);
		}
	}
}

void epoch_free(struct epoch_link *link, void *memory)
{
	if (cpu_count == 1 && !(cpu_read(reading) & ~EPOCH_ASKED)) {
		kfree(memory);
		return;
	}
	uint64_t flags = interrupts_save();
	struct cpu *self = cpu_current();
	struct epoch_local *local = &locals[self->index];
	link->memory = memory;
	link->next = local->filling;
	local->filling = link;
	local->filling_count++;
	if (local->filling_count % 16 == 0) {
		lists_advance(self, false);
	}
	if (!local->timer_set) {
		local->timer_set = true;
		timer_init(&local->timer, patience_end, local);
		timer_set(&local->timer, time_ns() + PATIENCE_NS);
	}
	bool crowd = local->filling_count > CROWD && (flags & RFLAGS_IF) && !in_section(self);
	interrupts_restore(flags);
	if (crowd) {
		epoch_wait();
	}
}

void epoch_wait(void)
{
	uint64_t flags = interrupts_save();
	struct cpu *self = cpu_current();
	struct epoch_local *local = &locals[self->index];
	if (CONFIG_DEBUG) {
		kassert((flags & RFLAGS_IF) && !in_section(self) && !self->interrupt_depth);
	}
	struct epoch_link *filled = local->filling, *waited = local->waiting;
	local->filling = local->waiting = NULL;
	local->filling_count = 0;
	uint64_t epoch = epoch_begin(self);
	epoch_ask(epoch, self);
	while (!epoch_over(epoch, self)) {
		interrupts_restore(flags);
		cpu_relax();
		(void)interrupts_save();
		self = cpu_current(); /* it may have changed */
		epoch_quiet(self);
	}
	interrupts_restore(flags);
	list_free(waited);
	list_free(filled);
}

void epoch_exit_asked(void)
{
	uint64_t flags = interrupts_save();
	struct cpu *self = cpu_current();
	if (self->reading == EPOCH_ASKED) {
		self->reading = 0;
		epoch_quiet(self);
		if (flags & RFLAGS_IF) {
			sched_asked();
		}
	}
	interrupts_restore(flags);
}

void epoch_enter_watched(void)
{
	kassert(!cpu_read(interrupt_depth));
}
