/* SPDX-License-Identifier: MIT */
/*
 * Epochs with a host's thread for each processor: readers look at objects that writers replace and give back, and the address sanitizer and
 * the objects' own marks say whether any is looked at too late. A request from another processor is taken wherever the thread polls for it,
 * as an interrupt would be: in sections, too. Then the same by hand, a step at a time.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "arch/ipi.h"
#include "kernel/epoch.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/time.h"
#include "sched/epoch.h"
#include "sched/sched.h"

#define SLOTS 8
#define ROUNDS 60000
#define GOOD 0x600df00du

struct object {
	struct epoch_link link;
	uint32_t mark;
	char body[40];
};

static struct cpu cpus[CPU_MAX];
static __thread struct cpu *self;
static struct object *slots[SLOTS];
static unsigned freed, timers_set, preempted, wrong;
static struct timer *last_timer;
unsigned cpu_count;

struct cpu *cpu_current(void)
{
	return self;
}

struct cpu *cpu_at(unsigned index)
{
	return &cpus[index];
}

uint64_t interrupts_save(void)
{
	return RFLAGS_IF;
}

static void poll(void)
{
	if (__atomic_exchange_n(&self->ipi_requests, 0, __ATOMIC_SEQ_CST)) {
		epoch_look(self);
	}
}

/* As on the processor: what is wanted of it comes now. */
void interrupts_restore(uint64_t flags)
{
	poll();
}

void ipi_send(uint64_t mask, enum ipi what)
{
	for (; mask; mask &= mask - 1) {
		__atomic_fetch_or(&cpus[__builtin_ctzll(mask)].ipi_requests, (uint32_t)what, __ATOMIC_SEQ_CST);
	}
}

void kfree(void *memory)
{
	struct object *o = memory;
	if (__atomic_exchange_n(&o->mark, 0, __ATOMIC_RELAXED) != GOOD) {
		__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
	}
	__atomic_fetch_add(&freed, 1, __ATOMIC_RELAXED);
	free(o);
}

void timer_init(struct timer *timer, void (*callback)(struct timer *timer), void *arg)
{
	timer->callback = callback;
	timer->arg = arg;
}

void timer_set(struct timer *timer, uint64_t deadline_ns)
{
	__atomic_fetch_add(&timers_set, 1, __ATOMIC_RELAXED);
	last_timer = timer;
}

uint64_t time_ns(void)
{
	return 0;
}

void sched_asked(void)
{
	preempted++;
}

void kernel_panic(const char *format, ...)
{
	fprintf(stderr, "%s\n", format);
	abort();
}

void epoch_enter(void)
{
	self->reading++;
}

void epoch_exit(void)
{
	if (--self->reading == EPOCH_ASKED) {
		epoch_exit_asked();
	}
}

static struct object *object_make(void)
{
	struct object *o = calloc(1, sizeof(*o));
	assert_non_null(o);
	o->mark = GOOD;
	return o;
}

static void machine_make(unsigned count)
{
	for (unsigned i = 0; i < CPU_MAX; i++) {
		cpus[i] = (struct cpu){ .index = i };
		epoch_idle(&cpus[i], i >= count);
	}
	cpu_count = count;
	self = &cpus[0];
	freed = timers_set = preempted = 0;
}

static void read_slots(unsigned *seed)
{
	epoch_enter();
	for (unsigned n = (unsigned)rand_r(seed) % 8; n; n--) {
		struct object *o = __atomic_load_n(&slots[rand_r(seed) % SLOTS], __ATOMIC_ACQUIRE);
		poll();
		if (rand_r(seed) % 64 == 0) {
			sched_yield();
		}
		if (__atomic_load_n(&o->mark, __ATOMIC_RELAXED) != GOOD) {
			__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
		}
	}
	epoch_exit();
}

static void *processor(void *arg)
{
	self = arg;
	unsigned seed = self->index + 1;
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned what = (unsigned)rand_r(&seed) % 64;
		if (what < 40) {
			read_slots(&seed);
		} else if (what < 60) {
			struct object *old = __atomic_exchange_n(&slots[rand_r(&seed) % SLOTS], object_make(), __ATOMIC_ACQ_REL);
			epoch_free(&old->link, old);
		} else if (what < 61) {
			epoch_idle(self, true);
			sched_yield();
			epoch_idle(self, false);
		} else if (what < 62 && i % 64 == 0) {
			epoch_wait();
		}
		poll();
		epoch_quiet(self);
	}
	epoch_idle(self, true);
	return NULL;
}

static void nobody_looks_at_what_is_given_back(void **state)
{
	for (unsigned count = 2; count <= CPU_MAX; count *= 2) {
		pthread_t thread[CPU_MAX];
		machine_make(count);
		for (unsigned i = 0; i < SLOTS; i++) {
			slots[i] = object_make();
		}
		for (unsigned i = 0; i < count; i++) {
			assert_int_equal(pthread_create(&thread[i], NULL, processor, &cpus[i]), 0);
		}
		for (unsigned i = 0; i < count; i++) {
			pthread_join(thread[i], NULL);
		}
		assert_int_equal(wrong, 0);
		assert_true(freed > count * ROUNDS / 4 - count * 4096);
		for (unsigned i = 0; i < count; i++) {
			self = &cpus[i];
			epoch_idle(self, false);
			epoch_wait();
			epoch_idle(self, true);
		}
		for (unsigned i = 0; i < SLOTS; i++) {
			free(slots[i]);
		}
	}
}

static void alone_nothing_waits(void **state)
{
	machine_make(1);
	struct object *o = object_make();
	epoch_free(&o->link, o);
	assert_int_equal(freed, 1);
	assert_int_equal(timers_set, 0);
}

static void a_section_of_ones_own_counts(void **state)
{
	machine_make(1);
	struct object *o = object_make();
	epoch_enter();
	epoch_free(&o->link, o); /* by an interrupt, say */
	assert_int_equal(timers_set, 1);
	last_timer->callback(last_timer);
	assert_int_equal(freed, 0);
	assert_int_equal(o->mark, GOOD);
	epoch_exit();
	last_timer->callback(last_timer);
	assert_int_equal(freed, 1);
}

static void others_are_waited_for(void **state)
{
	machine_make(3);
	epoch_idle(&cpus[2], true);
	self = &cpus[1];
	epoch_enter();
	self = &cpus[0];
	struct object *o = object_make();
	epoch_free(&o->link, o);
	last_timer->callback(last_timer);
	last_timer->callback(last_timer);
	assert_int_equal(freed, 0);
	self = &cpus[1];
	assert_int_not_equal(self->ipi_requests, 0);
	poll();
	self = &cpus[0];
	last_timer->callback(last_timer);
	assert_int_equal(freed, 0); /* it was asked in its section */
	self = &cpus[1];
	epoch_exit();
	self = &cpus[0];
	last_timer->callback(last_timer);
	assert_int_equal(freed, 1);
}

/* A section that begins after the removal does not hold it up, nested or not; one that began before does, whatever comes after. */
static void nested_sections_end_with_the_last(void **state)
{
	machine_make(2);
	self = &cpus[1];
	epoch_enter();
	epoch_enter();
	self = &cpus[0];
	struct object *o = object_make();
	epoch_free(&o->link, o);
	last_timer->callback(last_timer);
	last_timer->callback(last_timer); /* not seen by then: asks */
	self = &cpus[1];
	poll();
	epoch_exit();
	self = &cpus[0];
	last_timer->callback(last_timer);
	assert_int_equal(freed, 0);
	self = &cpus[1];
	epoch_exit();
	epoch_enter();
	self = &cpus[0];
	last_timer->callback(last_timer);
	assert_int_equal(freed, 1);
	self = &cpus[1];
	epoch_exit();
}

static void who_is_asked_in_a_section_may_be_preempted_at_its_end(void **state)
{
	machine_make(2);
	epoch_enter();
	self->reading |= EPOCH_ASKED;
	assert_int_equal(preempted, 0);
	epoch_exit();
	assert_int_equal(preempted, 1);
	epoch_enter();
	epoch_exit();
	assert_int_equal(preempted, 1);
}

static void a_batch_needs_no_timer(void **state)
{
	machine_make(2);
	for (unsigned i = 0; i < 1000; i++) {
		struct object *o = object_make();
		epoch_free(&o->link, o);
		epoch_quiet(&cpus[1]);
	}
	assert_in_range(freed, 800, 1000);
	assert_int_equal(timers_set, 1);
	epoch_idle(&cpus[1], true);
	epoch_wait();
	assert_int_equal(freed, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alone_nothing_waits),
		cmocka_unit_test(a_section_of_ones_own_counts),
		cmocka_unit_test(others_are_waited_for),
		cmocka_unit_test(nested_sections_end_with_the_last),
		cmocka_unit_test(who_is_asked_in_a_section_may_be_preempted_at_its_end),
		cmocka_unit_test(a_batch_needs_no_timer),
		cmocka_unit_test(nobody_looks_at_what_is_given_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
