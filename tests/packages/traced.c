/* SPDX-License-Identifier: MIT */
/* What strace and gdb look at: threads that call a function and change a variable; `clocks` asks for the time; `crash` crashes; `wait` goes on. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int total;
double ratio = 1.5;

static int add(int a, int b)
{
	int sum = a + b;
	total += sum;
	return sum;
}

static void *work(void *arg)
{
	for (int i = 0; i < 3; i++) {
		add((int)(long)arg, i);
		usleep(1000);
	}
	return NULL;
}

static int clocks(void)
{
	struct timespec now, before = { 0, 0 };
	struct timeval day;
	int back = 0;
	for (int i = 0; i < 1000; i++) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		back += now.tv_sec < before.tv_sec || (now.tv_sec == before.tv_sec && now.tv_nsec < before.tv_nsec);
		before = now;
		clock_gettime(CLOCK_REALTIME, &now);
		gettimeofday(&day, NULL);
		back += day.tv_sec < now.tv_sec || time(NULL) < now.tv_sec || sched_getcpu() < 0;
	}
	printf("went back %d times\n", back);
	return 0;
}

int main(int argc, char **argv)
{
	pthread_t threads[2];
	if (argc > 1 && !strcmp(argv[1], "clocks")) {
		return clocks();
	}
	if (argc > 1 && !strcmp(argv[1], "crash")) {
		*(volatile int *)16 = 1;
	}
	while (argc > 1 && !strcmp(argv[1], "wait")) {
		usleep(10000);
		add(1, 1);
	}
	for (long i = 0; i < 2; i++) {
		pthread_create(&threads[i], NULL, work, (void *)(i * 10));
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
	}
	add(3, 4);
	printf("total %d\n", total);
	return 0;
}
