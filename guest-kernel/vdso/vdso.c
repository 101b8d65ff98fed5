/* SPDX-License-Identifier: MIT */
/*
 * What runs in programs: the clocks of the vDSO (vdso(7), x86-64). A shared object of one page without data of its own; vdso.ld puts `data` on
 * the page behind it. Clocks that only the kernel knows, and bad addresses' errors, are its calls'.
 */
#include "kernel/vdso.h"

#define NS 1000000000ull
#define SYS_clock_gettime 228
#define SYS_clock_getres 229

extern const struct vdso_data data __attribute__((visibility("hidden")));

enum { REALTIME, MONOTONIC, MONOTONIC_RAW = 4, REALTIME_COARSE, MONOTONIC_COARSE, BOOTTIME };

struct time_pair {
	int64_t seconds, fraction;
};

int __vdso_clock_gettime(int clock, struct time_pair *to);
int __vdso_clock_getres(int clock, struct time_pair *to);
int __vdso_gettimeofday(struct time_pair *to, int zone[2]);
int64_t __vdso_time(int64_t *to);
int __vdso_getcpu(unsigned *processor, unsigned *node, void *unused);

static long call(long number, long first, void *second)
{
	long result;
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(first), "S"(second) : "rcx", "r11", "memory");
	return result;
}

static uint64_t now(uint64_t wall)
{
	uint32_t sequence, low, high;
	uint64_t ns;
	do {
		while ((sequence = __atomic_load_n(&data.sequence, __ATOMIC_ACQUIRE)) & 1) {
			__asm__ volatile("pause");
		}
		__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
		uint64_t cycles = ((uint64_t)high << 32 | low) - data.tsc_start;
		ns = (uint64_t)((unsigned __int128)cycles * data.ns_mult >> 32) + (wall ? data.wall_offset_ns : 0);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (sequence != __atomic_load_n(&data.sequence, __ATOMIC_RELAXED));
	return ns;
}

int __vdso_clock_gettime(int clock, struct time_pair *to)
{
	uint64_t ns;
	switch (clock) {
	case REALTIME:
	case REALTIME_COARSE:
		ns = now(1);
		break;
	case MONOTONIC:
	case MONOTONIC_RAW:
	case MONOTONIC_COARSE:
	case BOOTTIME:
		ns = now(0);
		break;
	default:
		return (int)call(SYS_clock_gettime, clock, to);
	}
	to->seconds = (int64_t)(ns / NS);
	to->fraction = (int64_t)(ns % NS);
	return 0;
}

int __vdso_clock_getres(int clock, struct time_pair *to)
{
	return (int)call(SYS_clock_getres, clock, to);
}

int __vdso_gettimeofday(struct time_pair *to, int zone[2])
{
	if (to) {
		uint64_t ns = now(1);
		to->seconds = (int64_t)(ns / NS);
		to->fraction = (int64_t)(ns % NS / 1000);
	}
	if (zone) {
		zone[0] = zone[1] = 0;
	}
	return 0;
}

int64_t __vdso_time(int64_t *to)
{
	int64_t seconds = (int64_t)(now(1) / NS);
	if (to) {
		*to = seconds;
	}
	return seconds;
}

int __vdso_getcpu(unsigned *processor, unsigned *node, void *unused)
{
	unsigned number;
	__asm__ volatile("lsl %1, %0" : "=r"(number) : "r"(VDSO_PROCESSOR_SELECTOR) : "cc");
	if (processor) {
		*processor = number;
	}
	if (node) {
		*node = 0;
	}
	return 0;
}

__typeof__(__vdso_clock_gettime) clock_gettime __attribute__((weak, alias("__vdso_clock_gettime")));
__typeof__(__vdso_clock_getres) clock_getres __attribute__((weak, alias("__vdso_clock_getres")));
__typeof__(__vdso_gettimeofday) gettimeofday __attribute__((weak, alias("__vdso_gettimeofday")));
__typeof__(__vdso_time) time __attribute__((weak, alias("__vdso_time")));
__typeof__(__vdso_getcpu) getcpu __attribute__((weak, alias("__vdso_getcpu")));
