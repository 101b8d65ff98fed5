/* SPDX-License-Identifier: MIT */
/*
 * How threads share a processor (sched(7)). Those of nice values by their slices: a level is a quarter more. The least slice is not so short
 * that switching would cost more than it, and the longest one not so long that people notice: beside a thread of negative nice the
 * slices of others are shorter, instead of its own being longer. So no thread has more than 87 times what another has.
 * A timer that comes late (an emulated one does, by more than such slices) is paid for later.
 * Real-time threads stand before all others, by rank. Of those that may run on n processors the n most urgent ones do: a thread that
 * wakes goes to the processor with the least urgent one, which makes room at once, and where what runs becomes less urgent, or has
 * sent away an urgent one, place_urgent() looks at what waits. `urgent_queues` and the processors' `rank` are hints; a queue's lock
 * is held where a thread moves, and who has put one on a queue looks once more when it has been switched to.
 * Of each second they get 950 ms on a processor where others wait (as on Linux): one that never sleeps does not take the machine from people.
 */
#include "arch/cpu.h"
#include "arch/ipi.h"
#include "kernel/time.h"
#include "sched/sched.h"

#define SLICE_LEAST_NS 100000ull
#define SLICE_RR_NS 100000000ull
#define TURNS_MOST 64 /* that a debt takes away */
#define PASSED_MOST 8 /* threads at once */
#define URGENT_PERIOD_NS 1000000000ull
#define SLICE_FOREVER_NS (UINT64_MAX / 4)

/* 1024 * 1.25 ** -nice */
static const uint32_t weights[40] = { 88818, 71054, 56843, 45475, 36380, 29104, 23283, 18626, 14901, 11921, 9537, 7629, 6104, 4883,
				      3906,  3125,  2500,  2000,  1600,	 1280,	1024,  819,   655,   524,   419,  336,	268,  215,
				      172,   137,   110,   88,	  70,	 56,	45,    36,    29,    23,    18,	  15 };

volatile uint64_t urgent_queues;

static struct thread *thread_at(const struct list *link)
{
	return container_of(link, struct thread, run_link);
}

static bool is_real_time(const struct thread *thread)
{
	return thread->policy == POLICY_FIFO || thread->policy == POLICY_RR;
}

/** Beside one whose nice value is `best`. */
static uint64_t slice_beside(const struct thread *thread, int best)
{
	if (is_real_time(thread)) {
		return thread->policy == POLICY_RR ? SLICE_RR_NS : SLICE_FOREVER_NS;
	}
	uint64_t slice = thread->policy == POLICY_IDLE ? 0 : SLICE_NS * weights[20 + thread->nice] / weights[20 + best];
	return slice > SLICE_LEAST_NS ? slice : SLICE_LEAST_NS;
}

void slice_fill_locked(const struct cpu *cpu, struct thread *thread)
{
	int best = thread->nice < 0 ? thread->nice : 0;
	if (cpu->queue.favoured_levels) {
		int queued = __builtin_clz(cpu->queue.favoured_levels) - 32;
		best = queued < best ? queued : best;
	}
	best = !cpu->idling && cpu->current->nice < best ? cpu->current->nice : best;
	uint64_t slice = slice_beside(thread, best);
	if (thread->debt_ns < slice) {
		slice -= thread->debt_ns;
		thread->debt_ns = 0;
	} else if (thread->debt_ns > TURNS_MOST * slice) {
		thread->debt_ns = TURNS_MOST * slice;
	}
	thread->slice_left_ns = slice;
}

struct thread *queue_pass_over_locked(struct cpu *cpu)
{
	struct thread *thread = thread_at(cpu->queue.runnable.next);
	for (unsigned i = 0; i < PASSED_MOST && thread->debt_ns && !thread->rank && cpu->queue.runnable_count > 1; i++) {
		uint64_t slice = thread->slice_left_ns + 1;
		thread->debt_ns = thread->debt_ns > slice ? thread->debt_ns - slice : 0;
		list_remove(&thread->run_link);
		list_push_back(&cpu->queue.runnable, &thread->run_link);
		thread = thread_at(cpu->queue.runnable.next);
	}
	return thread;
}

void queue_count_favoured_locked(struct cpu *cpu, const struct thread *thread, int change)
{
	unsigned level = (unsigned)(-1 - thread->nice);
	cpu->queue.favoured[level] = (uint16_t)(cpu->queue.favoured[level] + change);
	uint32_t others = cpu->queue.favoured_levels & ~(1u << level);
	cpu->queue.favoured_levels = others | (uint32_t)(cpu->queue.favoured[level] != 0) << level;
}

void queue_insert_urgent_locked(struct cpu *cpu, struct thread *thread)
{
	bool goes_on = thread->state == THREAD_RUNNING && thread->slice_left_ns;
	struct list *at = cpu->queue.urgent;
	while (at != &cpu->queue.runnable) {
		unsigned rank = thread_at(at)->rank;
		if (rank > thread->rank || (rank == thread->rank && !goes_on)) {
			break;
		}
		at = at->prev;
	}
	if (!thread->slice_left_ns) {
		slice_fill_locked(cpu, thread);
	}
	list_insert_after(at, &thread->run_link);
	cpu->queue.urgent = at == cpu->queue.urgent ? &thread->run_link : cpu->queue.urgent;
	__atomic_fetch_or(&urgent_queues, cpu_bit(cpu), __ATOMIC_SEQ_CST);
	if (!cpu->idling && cpu->current->rank < thread->rank) {
		cpu->current->need_resched = true;
	}
}

void queue_remove_urgent_locked(struct cpu *cpu, struct thread *thread)
{
	if (cpu->queue.urgent == &thread->run_link) {
		cpu->queue.urgent = thread->run_link.prev;
	}
	if (cpu->queue.urgent == &cpu->queue.runnable) {
		__atomic_fetch_and(&urgent_queues, ~cpu_bit(cpu), __ATOMIC_SEQ_CST);
	}
}

void urgent_account(struct cpu *cpu, uint64_t now, uint64_t ran)
{
	if (now - cpu->urgent_since_ns >= URGENT_PERIOD_NS) {
		cpu->urgent_since_ns = now;
		cpu->urgent_ns = 0;
	} else {
		cpu->urgent_ns += ran;
	}
}

static bool urgent_must_wait(const struct cpu *cpu, uint64_t now)
{
	return cpu->urgent_ns >= URGENT_MOST_NS && now - cpu->urgent_since_ns < URGENT_PERIOD_NS;
}

struct thread *queue_first_locked(const struct cpu *cpu)
{
	struct list *first = cpu->queue.runnable.next, *ordinary = cpu->queue.urgent->next;
	bool passed_over = cpu->urgent_ns >= URGENT_MOST_NS && thread_at(first)->rank && ordinary != &cpu->queue.runnable;
	return thread_at(passed_over && urgent_must_wait(cpu, time_ns()) ? ordinary : first);
}

uint64_t urgent_end(const struct cpu *cpu, const struct thread *thread, uint64_t slice_end_ns)
{
	uint64_t end = cpu->urgent_since_ns + URGENT_PERIOD_NS;
	if (thread->rank && cpu->urgent_ns < URGENT_MOST_NS) {
		end = thread->run_since_ns + URGENT_MOST_NS - cpu->urgent_ns;
	}
	return end < slice_end_ns ? end : slice_end_ns;
}

static unsigned rank_on(const struct cpu *cpu)
{
	return cpu->idling ? 0 : 1u + cpu->rank;
}

struct cpu *place_choose_urgent(const struct thread *thread)
{
	uint64_t allowed = thread->affinity & thread_processors();
	struct cpu *home = cpu_at(thread->cpu), *best = NULL;
	for (unsigned i = 0; i < cpu_count; i++) {
		struct cpu *cpu = cpu_at(i);
		if ((allowed >> i & 1) && (!best || rank_on(cpu) < rank_on(best) || (cpu == home && rank_on(cpu) == rank_on(best)))) {
			best = cpu;
		}
	}
	return best;
}

/** The most urgent one that waits, may run there, and goes before what runs there. */
static struct thread *urgent_for(struct cpu *from, const struct cpu *to)
{
	list_for_each(node, &from->queue.runnable)
	{
		struct thread *thread = thread_at(node);
		if (!thread->rank || 1u + thread->rank <= rank_on(to)) {
			return NULL;
		}
		if (thread->affinity & cpu_bit(to)) {
			return thread;
		}
	}
	return NULL;
}

bool place_pull(struct cpu *self)
{
	bool any = false;
	for (uint64_t left = urgent_queues & ~cpu_bit(self); left; left &= left - 1) {
		any |= place_move(cpu_at((unsigned)__builtin_ctzll(left)), self, urgent_for);
	}
	return any;
}

static void push(struct cpu *self)
{
	spin_lock(&self->queue.lock);
	const struct list *first = self->queue.runnable.next;
	struct cpu *target = first != &self->queue.runnable && thread_at(first)->rank ? place_choose_urgent(thread_at(first)) : self;
	spin_unlock(&self->queue.lock);
	if (target != self && place_move(self, target, urgent_for)) {
		place_tell(target, self);
	}
}

void place_urgent(struct cpu *self)
{
	place_pull(self);
	if (urgent_queues & cpu_bit(self)) {
		push(self);
	}
}

void thread_begin_share(struct thread *thread, const struct thread_share *share)
{
	thread->policy = (uint8_t)share->policy;
	thread->priority = (uint8_t)share->priority;
	thread->nice = share->nice;
	thread->rank = thread->lent > share->priority ? thread->lent : thread->priority;
	thread->slice_ns = slice_beside(thread, share->nice < 0 ? share->nice : 0);
}

/* NULL, KEEP: as it is, which only the queue's lock lets anyone say. */
#define KEEP (-1)
static void change(struct thread *thread, const struct thread_share *share, int lent)
{
	uint64_t flags = interrupts_save();
	struct cpu *home = home_lock(thread), *self = cpu_current();
	bool queued = thread->state == THREAD_RUNNABLE && !list_empty(&thread->run_link), running = thread->state == THREAD_RUNNING;
	if (queued) {
		queue_remove_locked(home, thread);
	}
	struct thread_share same = { (enum thread_policy)thread->policy, thread->priority, thread->nice };
	thread->lent = lent == KEEP ? thread->lent : (uint8_t)lent;
	thread_begin_share(thread, share ? share : &same);
	thread->slice_left_ns = is_real_time(thread) || thread->slice_left_ns > thread->slice_ns ? thread->slice_ns : thread->slice_left_ns;
	if (queued) {
		queue_insert_locked(home, thread);
	} else if (running) {
		home->rank = thread->rank;
		thread->need_resched = true; /* others may be better now */
	}
	spin_unlock(&home->queue.lock);
	if ((queued || running) && home != self) {
		ipi_send(cpu_bit(home), IPI_LOOK);
	} else if (urgent_queues && cpu_count > 1) {
		place_urgent(self);
	}
	interrupts_restore(flags);
}

void thread_set_share(struct thread *thread, const struct thread_share *share)
{
	change(thread, share, KEEP);
}

void thread_lend(struct thread *thread, unsigned priority)
{
	change(thread, NULL, (int)priority);
}
