/* SPDX-License-Identifier: MIT */
/*
 * One processor loads x87 registers all the time, while another one leaves to the hypervisor and comes back all the time, by CPUID: QEMU 7.2 then loses
 * what VMRUN has set (vmtools/plan.c, spare_first()), unless no domain runs on the machine's first processor. Argument: seconds; without it, nothing.
 */
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static time_t end;

static void go_to(int processor)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	if (sched_setaffinity(0, sizeof(set), &set)) {
		perror("sched_setaffinity");
		exit(1);
	}
}

static void *load_registers(void *unused)
{
	static uint8_t area[512] __attribute__((aligned(16)));
	go_to(1);
	__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
	for (;;) {
		__asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
	}
	return NULL;
}

static void leave_and_come_back(void)
{
	uint32_t eax = 0, ebx, ecx = 0, edx;
	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
}

static void processors_stay(void)
{
	pthread_t thread;
	CHECK(pthread_create(&thread, NULL, load_registers, NULL) == 0);
	go_to(0);
	while (time(NULL) < end) {
		for (int i = 0; i < 100; i++) {
			leave_and_come_back();
		}
	}
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		end = time(NULL) + atol(argv[1]);
		RUN(processors_stay);
	}
	return check_failures;
}
