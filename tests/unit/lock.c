/* SPDX-License-Identifier: MIT */
/*
 * How a mutex is waited for: awake while its owner runs on another processor, asleep else. Processors are structures; time goes on
 * whenever somebody looks at it, and what the owner does meanwhile is told by a script.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch/cpu.h"
#include "kernel/lock.h"
#include "kernel/platform.h"
#include "kernel/reserve.h"
#include "kernel/thread.h"
#include "kernel/time.h"

#define STEP_NS 1000ull

static struct cpu cpus[2];
static struct thread self_thread, other;
static struct mutex m;
static uint64_t now_ns, frees_ns, leaves_ns; /* when the owner lets go, and when it stops running */
static unsigned sleeps, wakes;
unsigned cpu_count;

struct cpu *cpu_at(unsigned index)
{
	assert_true(index < cpu_count);
	return &cpus[index];
}

struct cpu *cpu_current(void)
{
	return &cpus[0];
}

struct thread *thread_current(void)
{
	return &self_thread;
}

uint64_t time_ns(void)
{
	now_ns += STEP_NS;
	if (now_ns >= frees_ns) {
		m.owner = NULL;
	}
	if (now_ns >= leaves_ns) {
		cpus[1].current = NULL;
	}
	return now_ns;
}

uint64_t interrupts_save(void)
{
	return 0;
}

void interrupts_restore(uint64_t flags)
{
}

void waitq_init(struct waitq *q)
{
	list_init(&q->waiters);
	list_init(&q->observers);
}

void waitq_wake_one(struct waitq *q)
{
	wakes++;
}

void wait_prepare(struct waitq *q, struct waiter *w)
{
}

void wait_finish(struct waiter *w)
{
}

/* Whoever sleeps has slept long enough. */
int wait_sleep(uint64_t deadline_ns, bool interruptible)
{
	sleeps++;
	m.owner = NULL;
	return 0;
}

bool reserve_park(void)
{
	return true;
}

void reserve_unpark(bool parked)
{
}

static int set_up(void **state)
{
	cpu_count = 2;
	cpus[0].current = &self_thread;
	cpus[1].current = &other;
	mutex_init(&m, "test");
	now_ns = 1000000;
	frees_ns = leaves_ns = UINT64_MAX;
	sleeps = wakes = 0;
	return 0;
}

static void a_free_one_is_taken(void **state)
{
	uint64_t before = now_ns;
	mutex_lock(&m);
	assert_ptr_equal(m.owner, &self_thread);
	mutex_unlock(&m);
	assert_null(m.owner);
	assert_true(sleeps == 0 && wakes == 0 && now_ns == before);
}

static void an_owner_that_runs_is_waited_for_awake(void **state)
{
	m.owner = &other;
	frees_ns = now_ns + 50 * STEP_NS;
	mutex_lock(&m);
	assert_ptr_equal(m.owner, &self_thread);
	assert_int_equal(sleeps, 0);
}

static void an_owner_that_sleeps_is_waited_for_asleep(void **state)
{
	uint64_t before = now_ns;
	m.owner = &other;
	cpus[1].current = NULL;
	mutex_lock(&m);
	assert_ptr_equal(m.owner, &self_thread);
	assert_int_equal(sleeps, 1);
	assert_true(now_ns <= before + 2 * STEP_NS);
}

static void an_owner_that_goes_to_sleep_meanwhile_too(void **state)
{
	m.owner = &other;
	leaves_ns = now_ns + 50 * STEP_NS;
	mutex_lock(&m);
	assert_int_equal(sleeps, 1);
	assert_in_range(now_ns, leaves_ns, leaves_ns + 2 * STEP_NS);
}

/* Its processor may be off. */
static void an_owner_that_never_lets_go_is_waited_for_asleep_in_the_end(void **state)
{
	uint64_t before = now_ns;
	m.owner = &other;
	mutex_lock(&m);
	assert_int_equal(sleeps, 1);
	assert_in_range(now_ns - before, 100 * STEP_NS, 2000 * STEP_NS);
}

static void the_only_processor_does_not_wait_awake(void **state)
{
	uint64_t before = now_ns;
	cpu_count = 1;
	m.owner = &other;
	mutex_lock(&m);
	assert_int_equal(sleeps, 1);
	assert_int_equal(now_ns, before);
}

static void who_waits_is_woken(void **state)
{
	struct list waiter;
	mutex_lock(&m);
	list_push_back(&m.waiters.waiters, &waiter);
	mutex_unlock(&m);
	assert_int_equal(wakes, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_free_one_is_taken, set_up),
		cmocka_unit_test_setup(an_owner_that_runs_is_waited_for_awake, set_up),
		cmocka_unit_test_setup(an_owner_that_sleeps_is_waited_for_asleep, set_up),
		cmocka_unit_test_setup(an_owner_that_goes_to_sleep_meanwhile_too, set_up),
		cmocka_unit_test_setup(an_owner_that_never_lets_go_is_waited_for_asleep_in_the_end, set_up),
		cmocka_unit_test_setup(the_only_processor_does_not_wait_awake, set_up),
		cmocka_unit_test_setup(who_waits_is_woken, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
