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
#include "kernel/time.h"
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

uint64_t time_ns(void)
{
	return now_ns;
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
		cpus[i].queue.urgent = &cpus[i].queue.runnable;
	}
	cpu_count = CPU_MAX;
	for (unsigned i = 0; i < CPU_MAX; i++) {
		place_idle(&cpus[i], i < count);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		threads[i] = (struct thread){ .tid = i, .state = THREAD_SLEEPING, .affinity = UINT64_MAX, .slice_ns = SLICE_NS };
		threads[i].stretch.last_ns = UINT64_MAX;
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
	cpu->rank = thread->rank;
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
			slice_fill_locked(cpu, thread);
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

static void whom_a_device_wakes_stays_if_it_sleeps_soon(void **state)
{
	machine_make(2);
	run(&cpus[0], &threads[0]);
	cpus[0].interrupt_depth = 1;
	assert_ptr_equal(place_choose(&threads[1], self), &cpus[1]);
	threads[0].stretch.last_ns = BRIEF_NS / 2; /* who was interrupted has no say */
	assert_ptr_equal(place_choose(&threads[1], self), &cpus[1]);
	threads[1].stretch.last_ns = BRIEF_NS / 2;
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
	threads[0].nice = -5;
	threads[2].nice = 5;
	for (unsigned i = 0; i < 3; i++) {
		queue(&cpus[0], &threads[i]);
	}
	machine_run(21 * 1000);
	/* 1.25 ** 5 is 3.05; in steps of a twenty-first of a slice, rounded up. */
	assert_in_range(had[0] * 100 / had[1], 280, 330);
	assert_in_range(had[1] * 100 / had[2], 220, 330);
	assert_int_equal(cpus[0].queue.favoured_levels & ~(1u << 4), 0);
}

/* Beside the best of the queue and of who runs. */
static uint64_t new_slice(int nice, enum thread_policy policy)
{
	struct thread thread = { .nice = nice, .policy = (uint8_t)policy };
	slice_fill_locked(&cpus[0], &thread);
	return thread.slice_left_ns;
}

static void slices_are_shorter_beside_favoured_threads(void **state)
{
	machine_make(1);
	for (int nice = -19; nice <= 15; nice++) {
		assert_true(nice > 1 || new_slice(nice - 1, POLICY_OTHER) == SLICE_NS);
		run(&cpus[0], &threads[0]);
		threads[0].nice = nice - 1;
		assert_in_range(new_slice(nice - 1, POLICY_OTHER) * 1000 / new_slice(nice, POLICY_OTHER), 1230, 1270);
		cpus[0].idling = true;
	}
	assert_int_equal(new_slice(0, POLICY_OTHER), SLICE_NS);
	threads[1].nice = -20;
	threads[2].nice = -10;
	queue(&cpus[0], &threads[1]);
	queue(&cpus[0], &threads[2]);
	assert_int_equal(new_slice(-20, POLICY_OTHER), SLICE_NS);
	assert_in_range(new_slice(-10, POLICY_OTHER), SLICE_NS / 10, SLICE_NS / 9);
	assert_in_range(new_slice(0, POLICY_OTHER), SLICE_NS / 87, SLICE_NS / 80);
	assert_in_range(new_slice(19, POLICY_OTHER), SLICE_NS / 87, SLICE_NS / 80);
	assert_int_equal(new_slice(0, POLICY_IDLE), new_slice(19, POLICY_BATCH));
	assert_int_equal(new_slice(-20, POLICY_RR), 100000000);
	thread_set_share(&threads[1], &(struct thread_share){ .nice = 0 });
	assert_in_range(new_slice(0, POLICY_OTHER), SLICE_NS / 10, SLICE_NS / 9);
	queue_remove_locked(&cpus[0], &threads[2]);
	assert_int_equal(new_slice(0, POLICY_OTHER), SLICE_NS);
}

/* Who ran on because the timer came late waits for as many turns as that was worth. */
static void what_was_too_much_is_paid_for(void **state)
{
	struct cpu *cpu = &cpus[0];
	machine_make(1);
	threads[0].debt_ns = SLICE_NS / 2;
	queue(cpu, &threads[0]);
	assert_int_equal(threads[0].slice_left_ns, SLICE_NS / 2);
	assert_int_equal(threads[0].debt_ns, 0);
	queue_remove_locked(cpu, &threads[0]);
	threads[0].slice_left_ns = 0;
	threads[0].debt_ns = 2 * SLICE_NS + 2;
	queue(cpu, &threads[0]);
	assert_ptr_equal(queue_pass_over_locked(cpu), &threads[0]); /* nobody else is there */
	queue(cpu, &threads[1]);
	for (unsigned turn = 0; turn < 2; turn++) {
		assert_ptr_equal(queue_pass_over_locked(cpu), &threads[1]);
		list_remove(&threads[1].run_link);
		list_push_back(&cpu->queue.runnable, &threads[1].run_link);
	}
	assert_ptr_equal(queue_pass_over_locked(cpu), &threads[0]);
	threads[0].debt_ns = threads[1].debt_ns = UINT64_MAX / 2; /* ends where all have debts */
	assert_non_null(queue_pass_over_locked(cpu));
	queue_remove_locked(cpu, &threads[0]);
	slice_fill_locked(cpu, &threads[0]);
	assert_in_range(threads[0].debt_ns, 0, 64 * SLICE_NS);
}

static void share(unsigned i, enum thread_policy policy, unsigned priority)
{
	thread_set_share(&threads[i], &(struct thread_share){ policy, priority, 0 });
}

static void order_is(const struct cpu *cpu, unsigned count, const unsigned tids[])
{
	const struct list *node = cpu->queue.runnable.next, *urgent = &cpu->queue.runnable;
	for (unsigned i = 0; i < count; i++, node = node->next) {
		assert_ptr_not_equal(node, &cpu->queue.runnable);
		const struct thread *t = container_of(node, struct thread, run_link);
		assert_int_equal(t->tid, tids[i]);
		urgent = t->rank ? node : urgent;
	}
	assert_ptr_equal(node, &cpu->queue.runnable);
	assert_ptr_equal(cpu->queue.urgent, urgent);
}

static void real_time_threads_are_before_others(void **state)
{
	struct cpu *cpu = &cpus[0];
	machine_make(1);
	run(cpu, &threads[7]);
	queue(cpu, &threads[0]);
	share(1, POLICY_FIFO, 5);
	queue(cpu, &threads[1]);
	assert_true(threads[7].need_resched);
	threads[2].slice_left_ns = 1; /* woke with some left: before those that have none, not before real time */
	queue(cpu, &threads[2]);
	share(3, POLICY_RR, 9);
	queue(cpu, &threads[3]);
	share(4, POLICY_RR, 5);
	queue(cpu, &threads[4]);
	order_is(cpu, 5, (unsigned[]){ 3, 1, 4, 2, 0 });
	threads[5].state = THREAD_RUNNING; /* preempted: before its equals */
	threads[5].policy = POLICY_FIFO;
	threads[5].rank = 5;
	threads[5].slice_left_ns = 1;
	queue(cpu, &threads[5]);
	order_is(cpu, 6, (unsigned[]){ 3, 5, 1, 4, 2, 0 });
	share(0, POLICY_FIFO, 1);
	order_is(cpu, 6, (unsigned[]){ 3, 5, 1, 4, 0, 2 });
	share(3, POLICY_OTHER, 0);
	share(0, POLICY_OTHER, 0);
	thread_lend(&threads[0], 7);
	order_is(cpu, 6, (unsigned[]){ 0, 5, 1, 4, 3, 2 });
	for (unsigned i = 0; i < 6; i++) {
		queue_remove_locked(cpu, &threads[i]);
	}
	order_is(cpu, 0, NULL);
}

/* After 950 ms of a second others have the rest of it. */
static void real_time_threads_leave_a_part(void **state)
{
	struct cpu *cpu = &cpus[0];
	machine_make(1);
	share(0, POLICY_FIFO, 5);
	queue(cpu, &threads[0]);
	now_ns = 10000000000;
	urgent_account(cpu, now_ns, 0);
	urgent_account(cpu, now_ns + 940000000, 940000000);
	now_ns += 960000000;
	queue(cpu, &threads[1]);
	assert_ptr_equal(queue_first_locked(cpu), &threads[0]);
	threads[2].rank = 1;
	threads[2].run_since_ns = now_ns;
	assert_int_equal(urgent_end(cpu, &threads[2], UINT64_MAX), now_ns + 10000000);
	urgent_account(cpu, now_ns, 20000000);
	assert_ptr_equal(queue_first_locked(cpu), &threads[1]);
	assert_int_equal(urgent_end(cpu, &threads[1], UINT64_MAX), 11000000000);
	now_ns = 11000000000;
	assert_ptr_equal(queue_first_locked(cpu), &threads[0]);
	urgent_account(cpu, now_ns, 1000);
	assert_false(urgent_counts(cpu, &threads[1]));
	queue_remove_locked(cpu, &threads[1]);
	urgent_account(cpu, now_ns + 960000000, 960000000);
	assert_ptr_equal(queue_first_locked(cpu), &threads[0]);
	queue_remove_locked(cpu, &threads[0]);
	threads[2].rank = 0;
}

static void urgent_threads_go_where_it_is_least_so(void **state)
{
	machine_make(3);
	for (unsigned i = 0; i < 2; i++) {
		share(i, POLICY_FIFO, 3 - i);
		run(&cpus[i], &threads[i]);
	}
	share(4, POLICY_FIFO, 4);
	assert_ptr_equal(place_choose(&threads[4], self), &cpus[2]);
	run(&cpus[2], &threads[2]);
	assert_ptr_equal(place_choose(&threads[4], self), &cpus[2]);
	share(2, POLICY_FIFO, 9);
	assert_ptr_equal(place_choose(&threads[4], self), &cpus[1]);
	threads[4].affinity = 5;
	assert_ptr_equal(place_choose(&threads[4], self), &cpus[0]);
}

/* Of those that may run on n processors the n most urgent ones do. */
static void the_most_urgent_threads_run(void **state)
{
	machine_make(2);
	share(0, POLICY_FIFO, 9);
	share(1, POLICY_FIFO, 8);
	share(2, POLICY_FIFO, 7);
	share(3, POLICY_FIFO, 6);
	run(&cpus[0], &threads[0]);
	run(&cpus[1], &threads[1]);
	queue(&cpus[0], &threads[2]);
	queue(&cpus[0], &threads[3]);
	self = &cpus[1];
	place_urgent(self);
	assert_null(first(&cpus[1])); /* nobody is more urgent than who runs here */
	run(&cpus[1], &threads[5]);
	threads[3].affinity = 1;
	place_urgent(self); /* the most urgent one is taken, and the plain thread makes room */
	assert_ptr_equal(first(&cpus[1]), &threads[2]);
	assert_true(threads[5].need_resched);
	assert_ptr_equal(first(&cpus[0]), &threads[3]);
	queue_remove_locked(&cpus[1], &threads[2]);
	run(&cpus[1], &threads[2]);
	place_urgent(self);
	assert_ptr_equal(first(&cpus[0]), &threads[3]); /* it may run there only */
	threads[3].affinity = UINT64_MAX;
	run(&cpus[1], &threads[5]);
	self = &cpus[0];
	place_urgent(self); /* sent away */
	assert_ptr_equal(first(&cpus[1]), &threads[3]);
	assert_int_equal(told & 2, 2);
	assert_int_equal(urgent_queues, 2);
	cpus[0].idling = true;
	assert_true(place_steal(self)); /* an idle processor takes it at once */
	assert_ptr_equal(first(&cpus[0]), &threads[3]);
	queue_remove_locked(&cpus[0], &threads[3]);
	assert_int_equal(urgent_queues, 0);
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
		cmocka_unit_test(whom_a_device_wakes_stays_if_it_sleeps_soon),
		cmocka_unit_test(an_idler_is_called_once),
		cmocka_unit_test(what_is_bound_calls_nobody),
		cmocka_unit_test(the_longest_queue_is_robbed),
		cmocka_unit_test(affinity_moves_who_waits),
		cmocka_unit_test(who_computes_has_an_equal_part),
		cmocka_unit_test(a_bound_thread_stays),
		cmocka_unit_test(slices_go_by_nice_values),
		cmocka_unit_test(slices_are_shorter_beside_favoured_threads),
		cmocka_unit_test(what_was_too_much_is_paid_for),
		cmocka_unit_test(real_time_threads_are_before_others),
		cmocka_unit_test(real_time_threads_leave_a_part),
		cmocka_unit_test(urgent_threads_go_where_it_is_least_so),
		cmocka_unit_test(the_most_urgent_threads_run),
		cmocka_unit_test(nobody_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
