/* SPDX-License-Identifier: MIT */
/*
 * Load averages over 1, 5 and 15 minutes: every PERIOD the number of threads that run or want to goes into each with the weight
 * 1 - exp(-PERIOD / minutes). One timer interrupt in PERIOD is what that costs an idle machine.
 */
#include "kernel/time.h"
#include "sched/sched.h"

#define PERIOD_NS 5000000000ull

static const uint64_t keeps[LOAD_AVERAGES] = { 60296, 64453, 65173 }; /* exp(-5 / 60), exp(-5 / 300), exp(-5 / 900), of LOAD_ONE */
static uint64_t averages[LOAD_AVERAGES]; /* written by the timer alone */
static struct timer timer;

static void sample(struct timer *unused)
{
	uint64_t wanting = 0;
	for (unsigned i = 0; i < cpu_count; i++) {
		wanting += cpu_at(i)->queue.runnable_count + !cpu_at(i)->idling;
	}
	for (unsigned i = 0; i < LOAD_AVERAGES; i++) {
		uint64_t next = averages[i] * keeps[i] + wanting * LOAD_ONE * (LOAD_ONE - keeps[i]);
		__atomic_store_n(&averages[i], next / LOAD_ONE, __ATOMIC_RELAXED);
	}
	timer_set(&timer, time_ns() + PERIOD_NS);
}

void load_read(uint64_t out[LOAD_AVERAGES])
{
	for (unsigned i = 0; i < LOAD_AVERAGES; i++) {
		out[i] = __atomic_load_n(&averages[i], __ATOMIC_RELAXED);
	}
}

void load_init(void)
{
	timer_init(&timer, sample, NULL);
	timer_set(&timer, time_ns() + PERIOD_NS);
}
