/* SPDX-License-Identifier: MIT */
/*
 * The run queues and who goes where, with processors that are structures only: a step of the simulated machine is a slice's end on each.
 * What is judged: nobody is lost or runs twice, affinity holds, idle processors get work, and over time threads that compute have
 * equal parts however unevenly they divide, or parts by their slices.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "arch/ipi.h"
#include "sched/sched.h"

#define THREADS 16

static struct cpu cpus[CPU_MAX];
static struct thread threads[THREADS], idle;
static uint64_t had[THREADS], told, now_ns;
static struct cpu *self;
unsigned cpu_count;

struct cpu *cpu_at(unsigned index)
{
	assert_true(index < cpu_count);
	return &cpus[index];
}

struct cpu *cpu_current(void)
{
	return self;
}

uint64_t interrupts_save(void)
{
	return 0;
}

void interrupts_restore(uint64_t flags)
{
}

/* Queues are locked in the order of their indices, and never twice. */
void spin_lock(spinlock_t *lock)
{
	for (unsigned i = 0; i < cpu_count; i++) {
		assert_false(cpus[i].queue.lock.held && &cpus[i].queue.lock >= lock);
	}
	lock->held = 1;
}

void spin_unlock(spinlock_t *lock)
{
	assert_int_equal(lock->held, 1);
	lock->held = 0;
}

void ipi_send(uint64_t mask, enum ipi what)
{
	assert_int_equal(what, IPI_LOOK);
	told |= mask;
}

static void machine_make(unsigned count)
{
	for (unsigned i = 0; i < CPU_MAX; i++) {
		cpus[i] = (struct cpu){ .index = i, .idling = true, .current = &idle };
		list_init(&cpus[i].queue.runnable);
	}
	cpu_count = CPU_MAX;
	for (unsigned i = 0; i < CPU_MAX; i++) {
		place_idle(&cpus[i], i < count);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		threads[i] = (struct thread){ .tid = i, .state = THREAD_SLEEPING, .affinity = UINT64_MAX, .stretch = { .last_ns = UINT64_MAX } };
		list_init(&threads[i].run_link);
		had[i] = 0;
	}
	cpu_count = count;
	self = &cpus[0];
	told = 0;
	now_ns = 1000000000;
}

static void run(struct cpu *cpu, struct thread *thread)
{
	thread->state = THREAD_RUNNING;
	thread->cpu = cpu->index;
	thread->run_since_ns = now_ns;
	cpu->current = thread;
	cpu->idling = false;
	place_idle(cpu, false);
}

static struct thread *first(struct cpu *cpu)
{
	return list_empty(&cpu->queue.runnable) ? NULL : container_of(cpu->queue.runnable.next, struct thread, run_link);
}

static void queue(struct cpu *cpu, struct thread *thread)
{
	queue_insert_locked(cpu, thread);
}

/* As the scheduler goes on when the slice of whoever runs on each processor is over. */
static void slice_over(struct cpu *cpu)
{
	struct thread *thread = cpu->idling ? NULL : cpu->current;
	self = cpu;
	if (thread) {
		uint64_t ran = now_ns - thread->run_since_ns;
		had[thread->tid] += ran;
		thread->run_since_ns = now_ns;
		thread->slice_left_ns = thread->slice_left_ns > ran ? thread->slice_left_ns - ran : 0;
		if (thread->slice_left_ns) {
			return;
		}
		place_level(cpu);
		if (!first(cpu)) {
			thread->slice_left_ns = slice_ns(thread->nice);
			return;
		}
		queue(cpu, thread);
	} else if (!first(cpu)) {
		(void)place_steal(cpu);
	}
	struct thread *next = first(cpu);
	if (next) {
		queue_remove_locked(cpu, next);
		run(cpu, next);
	}
}

static void machine_run(unsigned slices)
{
	for (unsigned i = 0; i < slices; i++) {
		now_ns += SLICE_NS / 21;
		for (unsigned c = 0; c < cpu_count; c++) {
			slice_over(&cpus[c]);
		}
	}
}

/* Everyone is in one place, where he may be, and the counts are right. */
static void all_are_there(unsigned count)
{
	unsigned seen[THREADS] = { 0 };
	for (unsigned c = 0; c < cpu_count; c++) {
		unsigned waiting = 0, bound = 0;
		list_for_each(node, &cpus[c].queue.runnable) {
			struct thread *t = container_of(node, struct thread, run_link);
			seen[t->tid]++;
			waiting++;
			bound += t->affinity != UINT64_MAX;
			assert_int_equal(t->cpu, c);
			assert_int_equal(t->state, THREAD_RUNNABLE);
			assert_true(t->affinity >> c & 1);
		}
		assert_int_equal(waiting, cpus[c].queue.runnable_count);
		assert_int_equal(bound, cpus[c].queue.bound_count);
		if (!cpus[c].idling) {
			seen[cpus[c].current->tid]++;
			assert_true(cpus[c].current->affinity >> c & 1);
		}
	}
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(seen[i], 1);
	}
}

static void a_thread_wakes_where_it_was_if_that_idles(void **state)
{
	machine_make(4);
	run(&cpus[0], &threads[0]);
	threads[1].cpu = 2;
	assert_ptr_equal(place_choose(&threads[1], self), &cpus[2]);
	run(&cpus[2], &threads[2]);
	assert_ptr_equal(place_choose(&threads[1], self), &cpus[1]);
	threads[1].affinity = 1 << 3;
	assert_ptr_equal(place_choose(&threads[1], self), &cpus[3]);
	threads[1].affinity = 1 << 2;
	assert_ptr_equal(place_choose(&threads[1], self), &cpus[2]);
}

static void who_sleeps_soon_keeps_whom_it_wakes(void **state)
{
	machine_make(2);
	run(&cpus[0], &threads[0]);
	threads[0].stretch.last_ns = BRIEF_NS / 2;
	threads[1].cpu = 1;
	assert_ptr_equal(place_choose(&threads[1], self), &cpus[0]);
	threads[1].affinity = 2;
	assert_ptr_equal(place_choose(&threads[1], self), &cpus[1]);
}

static void an_idler_is_called_once(void **state)
{
	machine_make(4);
	for (unsigned i = 0; i < 2; i++) {
		run(&cpus[i], &threads[i]);
	}
	queue(&cpus[0], &threads[2]);
	assert_true(place_share(&cpus[0]));
	assert_int_equal(told, 1 << 2);
	told = 0;
	assert_true(place_share(&cpus[0]));
	assert_int_equal(told, 1 << 3);
	assert_false(place_share(&cpus[0]));
}

static void what_is_bound_calls_nobody(void **state)
{
	machine_make(2);
	run(&cpus[0], &threads[0]);
	threads[1].affinity = 1;
	queue(&cpus[0], &threads[1]);
	assert_false(place_share(&cpus[0]));
	assert_false(place_steal(&cpus[1]));
	threads[2].cpu = 0;
	queue(&cpus[0], &threads[2]);
	assert_true(place_share(&cpus[0]));
	assert_true(place_steal(&cpus[1]));
	assert_ptr_equal(first(&cpus[1]), &threads[2]);
}

static void the_longest_queue_is_robbed(void **state)
{
	machine_make(4);
	for (unsigned i = 0; i < 3; i++) {
		run(&cpus[i], &threads[i]);
	}
	queue(&cpus[1], &threads[3]);
	queue(&cpus[2], &threads[4]);
	queue(&cpus[2], &threads[5]);
	assert_true(place_steal(&cpus[3]));
	assert_int_equal(cpus[2].queue.runnable_count, 1);
	assert_ptr_equal(first(&cpus[3]), &threads[5]);
	all_are_there(6);
}

static void affinity_moves_who_waits(void **state)
{
	machine_make(2);
	run(&cpus[0], &threads[0]);
	run(&cpus[1], &threads[1]);
	queue(&cpus[0], &threads[2]);
	assert_int_equal(thread_set_affinity(&threads[2], 0), -EINVAL);
	assert_int_equal(thread_set_affinity(&threads[2], 4), -EINVAL);
	assert_int_equal(thread_set_affinity(&threads[2], 2), 0);
	assert_ptr_equal(first(&cpus[1]), &threads[2]);
	assert_int_equal(told & 2, 2);
	told = 0;
	assert_int_equal(thread_set_affinity(&threads[1], 1), 0); /* it runs: its processor sends it on */
	assert_int_equal(told, 2);
	assert_int_equal(thread_set_affinity(&threads[2], 3), 0);
	assert_true(threads[2].affinity == UINT64_MAX);
	assert_int_equal(cpus[1].queue.bound_count, 0);
}

/* `count` threads that compute: each has its part of all the processors, within a tenth. */
static void equal_parts(unsigned count, unsigned processors)
{
	machine_make(processors);
	for (unsigned i = 0; i < count; i++) {
		queue(&cpus[0], &threads[i]);
	}
	uint64_t start = now_ns;
	machine_run(21 * 1000);
	all_are_there(count);
	uint64_t part = (now_ns - start) * processors / count;
	for (unsigned i = 0; i < count; i++) {
		if (had[i] < part * 9 / 10 || had[i] > part * 11 / 10) {
			fail_msg("%u threads on %u processors: thread %u had %lu%% of its part", count, processors, i, had[i] * 100 / part);
		}
	}
}

static void who_computes_has_an_equal_part(void **state)
{
	equal_parts(2, 2);
	equal_parts(3, 2);
	equal_parts(5, 2);
	equal_parts(5, 4);
	equal_parts(6, 4);
	equal_parts(7, 4);
	equal_parts(9, 8);
	equal_parts(15, 8);
}

static void a_bound_thread_stays(void **state)
{
	machine_make(2);
	threads[0].affinity = 1;
	for (unsigned i = 0; i < 3; i++) {
		queue(&cpus[0], &threads[i]);
	}
	machine_run(21 * 100);
	all_are_there(3);
	assert_true(had[0] > 0);
	assert_int_equal(threads[0].cpu, 0);
}

static void slices_go_by_nice_values(void **state)
{
	machine_make(1);
	threads[0].nice = -20;
	threads[2].nice = 19;
	for (unsigned i = 0; i < 3; i++) {
		queue(&cpus[0], &threads[i]);
	}
	machine_run(21 * 1000);
	/* 41 to 21 to 2, in steps of a twenty-first of a slice. */
	assert_in_range(had[0] * 100 / had[1], 41 * 100 / 21 - 10, 41 * 100 / 21 + 10);
	assert_in_range(had[1] * 10 / had[2], 95, 115);
}

static void nobody_is_lost(void **state)
{
	srand(1);
	for (unsigned processors = 1; processors <= CPU_MAX; processors++) {
		machine_make(processors);
		for (unsigned i = 0; i < THREADS; i++) {
			queue(&cpus[(unsigned)rand() % processors], &threads[i]);
		}
		for (unsigned i = 0; i < 2000; i++) {
			machine_run((unsigned)rand() % 30);
			struct thread *t = &threads[rand() % THREADS];
			if (t->state == THREAD_RUNNABLE) {
				(void)thread_set_affinity(t, (uint64_t)rand() % 256);
			}
			all_are_there(THREADS);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_wakes_where_it_was_if_that_idles),
		cmocka_unit_test(who_sleeps_soon_keeps_whom_it_wakes),
		cmocka_unit_test(an_idler_is_called_once),
		cmocka_unit_test(what_is_bound_calls_nobody),
		cmocka_unit_test(the_longest_queue_is_robbed),
		cmocka_unit_test(affinity_moves_who_waits),
		cmocka_unit_test(who_computes_has_an_equal_part),
		cmocka_unit_test(a_bound_thread_stays),
		cmocka_unit_test(slices_go_by_nice_values),
		cmocka_unit_test(nobody_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
