/* SPDX-License-Identifier: MIT */
/*
 * How much faster two processes that only compute are on two processors: the least time of one, and of two side by side, over some rounds.
 * The least, because a host that does other work only ever adds time. Prints `one SECONDS two SECONDS`.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STEPS 40000000

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void compute(void)
{
	volatile uint64_t x = 1;
	for (int i = 0; i < STEPS; i++) {
		x = x * 6364136223846793005u + 1;
	}
}

static double side_by_side(int count)
{
	double start = now();
	for (int i = 0; i < count; i++) {
		if (fork() == 0) {
			compute();
			_exit(0);
		}
	}
	for (int i = 0; i < count; i++) {
		wait(NULL);
	}
	return now() - start;
}

int main(int argc, char **argv)
{
	double one = 1e9, two = 1e9;
	for (int rounds = argc > 1 ? atoi(argv[1]) : 10; rounds > 0; rounds--) {
		double t = side_by_side(1);
		one = t < one ? t : one;
		t = side_by_side(2);
		two = t < two ? t : two;
	}
	printf("one %.3f two %.3f\n", one, two);
	return 0;
}
