/* SPDX-License-Identifier: MIT */
/* Time is the TSC, whose frequency CPUID 4000_0001h names: ns = ticks * mult / 2^32, in 128-bit products. */
#include "env/env.h"
#include "runtime.h"

static uint64_t ns_per_tick, ticks_per_ns; /* 32.32 fixed point */

void clock_init(uint64_t tsc_khz)
{
	tsc_khz = tsc_khz ? tsc_khz : 1000000;
	ns_per_tick = (1000000ull << 32) / tsc_khz;
	ticks_per_ns = (tsc_khz << 32) / 1000000;
}

uint64_t env_time_ns(void)
{
	uint32_t low, high;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)(((unsigned __int128)((uint64_t)high << 32 | low) * ns_per_tick) >> 32);
}

uint64_t clock_to_tsc(uint64_t ns)
{
	return (uint64_t)(((unsigned __int128)ns * ticks_per_ns) >> 32) + 1;
}
