/* SPDX-License-Identifier: MIT */
/*
 * Counts what is left over of the processor. Under -icount a nanosecond is an instruction and idle time is time as any other; with this process
 * beside the others there is no idle time, and what was not spent here was spent on the benchmark.
 */
#include "net.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define MEASURE_COUNTS 20000000ull

static uint64_t *count;

/* One loop for both: its instructions are what is measured. */
static __attribute__((noinline, noclone)) void count_on(uint64_t counts)
{
	for (; counts; counts--) {
		__atomic_store_n(count, __atomic_load_n(count, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
	}
}

void spin_start(void)
{
	struct sched_param param = { 0 };
	count = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (count == MAP_FAILED) {
		give_up("mmap");
	}
	if (child_start()) {
		if (sched_setscheduler(0, SCHED_IDLE, &param) != 0) {
			setpriority(PRIO_PROCESS, 0, 19);
		}
		for (;;) {
			count_on(UINT64_MAX);
		}
	}
}

uint64_t spin_count(void)
{
	return count ? __atomic_load_n(count, __ATOMIC_RELAXED) : 0;
}

uint64_t spin_measure(void)
{
	uint64_t own;
	count = &own;
	own = 0;
	uint64_t begin = now_ns();
	count_on(MEASURE_COUNTS);
	uint64_t ns = now_ns() - begin;
	count = 0;
	return ns * 1000 / MEASURE_COUNTS;
}
