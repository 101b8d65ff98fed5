/* SPDX-License-Identifier: MIT */
/*
 * Restartable sequences and membarrier: counters of processors that threads add to without locks or atomic operations, preempted all the
 * time; and the processor's number in the thread's own memory.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SIGNATURE 0x53053053
#define THREADS 4
#define ROUNDS 400000

struct area {
	uint32_t cpu_start, cpu;
	uint64_t section;
	uint32_t flags, pad[3];
} __attribute__((aligned(32)));

static _Thread_local struct area area;
static volatile uint64_t counters[64][8];

static void check(int good, const char *what)
{
	printf("%s %s\n", good ? "ok" : "not ok", what);
}

/* Adds one to this processor's counter; 0: it was interrupted before the addition was stored. */
static int add_one(void)
{
	uint32_t cpu = area.cpu_start;
	__asm__ goto volatile(".pushsection .data.sections, \"aw\"\n"
			      ".balign 32\n"
			      "3: .long 0, 0\n"
			      ".quad 1f, 2f - 1f, 4f\n"
			      ".popsection\n"
			      "lea 3b(%%rip), %%rax\n"
			      "mov %%rax, %[section]\n"
			      "1: cmp %[cpu], %[now]\n"
			      "jnz %l[again]\n"
			      "mov %[counter], %%rax\n"
			      "mov $20, %%ecx\n" /* long enough to be preempted in, also where interrupts come at jumps only (emulators) */
			      "5: dec %%ecx\n"
			      "jnz 5b\n"
			      "inc %%rax\n"
			      "mov %%rax, %[counter]\n"
			      "2:\n"
			      ".pushsection .text.aborts, \"ax\"\n"
			      ".long 0x53053053\n"
			      "4: jmp %l[again]\n"
			      ".popsection\n"
			      :
			      : [section] "m"(area.section), [cpu] "r"(cpu), [now] "m"(area.cpu), [counter] "m"(counters[cpu & 63][0])
			      : "rax", "rcx", "memory", "cc"
			      : again);
	return 1;
again:
	return 0;
}

static void *adds(void *unused)
{
	long error = syscall(SYS_rseq, &area, sizeof(area), 0, SIGNATURE);
	for (int i = 0; !error && i < ROUNDS;) {
		i += add_one();
	}
	return (void *)error;
}

static void many(void)
{
	pthread_t threads[THREADS];
	uint64_t sum = 0;
	long errors = 0;
	void *result;
	for (int i = 0; i < THREADS; i++) {
		pthread_create(&threads[i], NULL, adds, NULL);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &result);
		errors += result != NULL;
	}
	for (int i = 0; i < 64; i++) {
		sum += counters[i][0];
	}
	check(errors == 0, "every thread registers");
	check(sum == (uint64_t)THREADS * ROUNDS, "no addition is lost");
}

static void numbers(void)
{
	check(syscall(SYS_rseq, &area, sizeof(area), 0, SIGNATURE) == 0, "register");
	check(syscall(SYS_rseq, &area, sizeof(area), 0, SIGNATURE) == -1 && errno == EBUSY, "twice is EBUSY");
	check(syscall(SYS_rseq, &area, sizeof(area), 0, 1) == -1 && errno == EPERM, "another signature is EPERM");
	cpu_set_t all, one;
	int right = 1;
	sched_getaffinity(0, sizeof(all), &all);
	for (unsigned i = 0; i < 64; i++) {
		if (CPU_ISSET(i, &all)) {
			CPU_ZERO(&one);
			CPU_SET(i, &one);
			sched_setaffinity(0, sizeof(one), &one);
			right = right && ((volatile struct area *)&area)->cpu == i;
		}
	}
	sched_setaffinity(0, sizeof(all), &all);
	check(right, "the number is right on every processor");
	check(syscall(SYS_rseq, &area, sizeof(area), 1, SIGNATURE) == 0 && area.cpu == UINT32_MAX, "unregister");
	check(syscall(SYS_rseq, (char *)&area + 8, sizeof(area), 0, SIGNATURE) == -1 && errno == EINVAL, "a crooked address is EINVAL");
}

static void barriers(void)
{
	long known = syscall(SYS_membarrier, 0, 0, 0);
	check((known & 0x19) == 0x19, "membarrier knows global and private ones");
	check(syscall(SYS_membarrier, 8, 0, 0) == -1 && errno == EPERM, "private without registration is EPERM");
	check(syscall(SYS_membarrier, 16, 0, 0) == 0 && syscall(SYS_membarrier, 8, 0, 0) == 0, "private");
	check(syscall(SYS_membarrier, 1, 0, 0) == 0, "global");
	check(syscall(SYS_membarrier, 8, 1, 0) == -1 && errno == EINVAL, "unknown flags are EINVAL");
}

int main(void)
{
	numbers();
	many();
	barriers();
	return 0;
}
