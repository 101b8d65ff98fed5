/* SPDX-License-Identifier: MIT */
/*
 * Which processor runs what. Threads wake where they ran last, if that processor idles, or on any that does, or here; a processor
 * that runs out of work takes some from the longest queue, and one with too much wakes an idler or sends a thread on. The words that
 * others read without a lock (idle_mask, runnable_count) are hints: whoever goes idle says so first and looks at all queues then,
 * whoever queues a thread looks at idle_mask after it, so one of the two sees the other.
 */
#include "abi/errno.h"
#include "arch/cpu.h"
#include "arch/ipi.h"
#include "sched/sched.h"

#define TURN_NS (4 * SLICE_NS)

static uint64_t idle_mask; /* processors that wait and that nobody has called yet; atomic */

void queues_lock(struct cpu *a, struct cpu *b)
{
	struct cpu *first = a->index < b->index ? a : b;
	spin_lock(&first->queue.lock);
	if (a != b) {
		spin_lock(&(first == a ? b : a)->queue.lock);
	}
}

void queues_unlock(struct cpu *a, struct cpu *b)
{
	struct cpu *first = a->index < b->index ? a : b;
	if (a != b) {
		spin_unlock(&(first == a ? b : a)->queue.lock);
	}
	spin_unlock(&first->queue.lock);
}

static struct cpu *lowest(uint64_t mask)
{
	return cpu_at((unsigned)__builtin_ctzll(mask));
}

static uint64_t load_of(const struct cpu *cpu)
{
	return cpu->queue.runnable_count + !cpu->idling;
}

struct cpu *place_choose(const struct thread *thread, struct cpu *self)
{
	if (thread->rank) {
		return place_choose_urgent(thread);
	}
	struct cpu *home = cpu_at(thread->cpu);
	uint64_t allowed = thread->affinity & thread_processors();
	uint64_t idle = __atomic_load_n(&idle_mask, __ATOMIC_RELAXED) & allowed;
	bool here = allowed & cpu_bit(self);
	/* Whom a device wakes goes before who runs here; if it sleeps soon, the way to another processor and back is longer. */
	bool soon = self->idling || stretch_is_brief(self->interrupt_depth ? &thread->stretch : &self->current->stretch);
	if (here && soon) {
		return self;
	}
	if (idle) {
		return idle & cpu_bit(home) ? home : lowest(idle);
	}
	return here ? self : allowed & cpu_bit(home) ? home : lowest(allowed);
}

void place_tell(struct cpu *target, struct cpu *self)
{
	if (target != self) {
		__atomic_fetch_and(&idle_mask, ~cpu_bit(target), __ATOMIC_SEQ_CST);
		ipi_send(cpu_bit(target), IPI_LOOK);
	} else if (self->interrupt_depth && !self->idling) {
		self->current->need_resched = true; /* a device or a timer woke it: it goes before whoever computes */
	}
}

bool place_could_share(const struct cpu *self)
{
	return self->queue.runnable_count > self->queue.bound_count && __atomic_load_n(&idle_mask, __ATOMIC_SEQ_CST);
}

bool place_share(struct cpu *self)
{
	if (!place_could_share(self)) {
		return false;
	}
	uint64_t idle = __atomic_load_n(&idle_mask, __ATOMIC_SEQ_CST) & ~cpu_bit(self);
	while (idle) {
		uint64_t one = idle & -idle;
		if (__atomic_fetch_and(&idle_mask, ~one, __ATOMIC_SEQ_CST) & one) {
			ipi_send(one, IPI_LOOK);
			return true;
		}
		idle &= ~one;
	}
	return false;
}

/** The first of the processors behind `self`, going round, of those with the least to run; itself if none has less. */
static struct cpu *least_loaded(struct cpu *self)
{
	struct cpu *least = self;
	for (unsigned i = 1; i < cpu_count; i++) {
		struct cpu *cpu = cpu_at((self->index + i) % cpu_count);
		least = load_of(cpu) < load_of(least) ? cpu : least;
	}
	return least;
}

/** The thread that is to wait longest and may run on `to`. NULL: none. */
static struct thread *last_for(struct cpu *from, const struct cpu *to)
{
	for (struct list *node = from->queue.runnable.prev; node != &from->queue.runnable; node = node->prev) {
		struct thread *thread = container_of(node, struct thread, run_link);
		if (thread->affinity & cpu_bit(to)) {
			return thread;
		}
	}
	return NULL;
}

/** Of those that wait and may run on `to` the one that has been here longest, if that is longer than the one that runs. NULL: none. */
static struct thread *oldest_for(struct cpu *from, const struct cpu *to)
{
	struct thread *oldest = NULL;
	list_for_each(node, &from->queue.runnable) {
		struct thread *thread = container_of(node, struct thread, run_link);
		if ((thread->affinity & cpu_bit(to)) && (!oldest || thread->arrived_ns < oldest->arrived_ns)) {
			oldest = thread;
		}
	}
	return oldest && oldest->arrived_ns <= from->current->arrived_ns ? oldest : NULL;
}

bool place_move(struct cpu *from, struct cpu *to, struct thread *(*choose)(struct cpu *from, const struct cpu *to))
{
	queues_lock(from, to);
	struct thread *thread = choose(from, to);
	if (thread) {
		thread->arrived_ns = from->current->run_since_ns;
		queue_remove_locked(from, thread);
		queue_insert_locked(to, thread);
	}
	queues_unlock(from, to);
	return thread;
}

bool place_steal(struct cpu *self)
{
	uint64_t tried = cpu_bit(self);
	if (urgent_queues && place_pull(self)) {
		return true;
	}
	for (;;) {
		struct cpu *longest = NULL;
		for (unsigned i = 0; i < cpu_count; i++) {
			struct cpu *cpu = cpu_at(i);
			if (!(tried & cpu_bit(cpu)) && cpu->queue.runnable_count > (longest ? longest->queue.runnable_count : 0)) {
				longest = cpu;
			}
		}
		if (!longest || place_move(longest, self, last_for)) {
			return longest;
		}
		tried |= cpu_bit(longest);
	}
}

/*
 * Where one processor has one more to run than another, no move makes that even; but the threads take turns in the larger company: the
 * one that has been in it longest goes to the other processor, whose company is the larger one then.
 */
void place_level(struct cpu *self)
{
	struct cpu *least = least_loaded(self);
	uint64_t more = load_of(self) - load_of(least), now = self->current->run_since_ns;
	bool moved = more >= 2 && place_move(self, least, last_for);
	if (more == 1 && now >= self->queue.turn_ns && place_move(self, least, oldest_for)) {
		moved = true;
		self->queue.turn_ns = now + TURN_NS;
		__atomic_store_n(&least->queue.turn_ns, now + TURN_NS, __ATOMIC_RELAXED);
	}
	if (moved) {
		place_tell(least, self);
	}
}

void place_anew(struct thread *thread)
{
	struct cpu *self = cpu_current(), *home = cpu_at(thread->cpu);
	struct cpu *target = thread->rank ? place_choose_urgent(thread) : self;
	for (;;) {
		queues_lock(home, target);
		if (thread->affinity & cpu_bit(target)) {
			break;
		}
		queues_unlock(home, target);
		target = place_choose(thread, self);
	}
	queue_insert_locked(target, thread);
	queues_unlock(home, target);
	place_tell(target, self);
}

void place_idle(struct cpu *self, bool idle)
{
	if (idle) {
		__atomic_fetch_or(&idle_mask, cpu_bit(self), __ATOMIC_SEQ_CST);
	} else {
		__atomic_fetch_and(&idle_mask, ~cpu_bit(self), __ATOMIC_SEQ_CST);
	}
}

uint64_t thread_processors(void)
{
	return (1ull << cpu_count) - 1;
}

uint64_t thread_affinity(const struct thread *thread)
{
	return __atomic_load_n(&thread->affinity, __ATOMIC_RELAXED);
}

struct cpu *home_lock(struct thread *thread)
{
	for (;;) {
		struct cpu *home = cpu_at(__atomic_load_n(&thread->cpu, __ATOMIC_RELAXED));
		spin_lock(&home->queue.lock);
		if (thread->cpu == home->index) {
			return home;
		}
		spin_unlock(&home->queue.lock);
	}
}

int thread_set_affinity(struct thread *thread, uint64_t mask)
{
	mask &= thread_processors();
	if (!mask) {
		return -EINVAL;
	}
	mask = mask == thread_processors() ? UINT64_MAX : mask;
	uint64_t flags = interrupts_save();
	struct cpu *home = home_lock(thread);
	bool queued = thread->state == THREAD_RUNNABLE && !list_empty(&thread->run_link);
	bool away = !(mask & cpu_bit(home)), leaves = queued && away;
	if (queued) {
		queue_remove_locked(home, thread);
	}
	thread->affinity = mask;
	if (queued && !away) {
		queue_insert_locked(home, thread);
	}
	bool tell = thread->state == THREAD_RUNNING && away && home != cpu_current();
	spin_unlock(&home->queue.lock);
	if (leaves) {
		place_anew(thread);
	} else if (tell) {
		ipi_send(cpu_bit(home), IPI_LOOK);
	}
	interrupts_restore(flags);
	return 0;
}
