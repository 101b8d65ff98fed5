/* SPDX-License-Identifier: MIT */
/*
 * Look-ups by one thread and by two at once, each bound to a processor of its own: how many times as many two do in the same time. The
 * rounds take turns, and the best of each counts: a host that does other work only ever takes time away. `compute` says what two
 * processors give where nothing is shared at all. Prints a line each: NAME one OPS_PER_SECOND two OPS_PER_SECOND ratio R.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DEEP "/tmp/lookup/one/two/three/four/five/six/seven"

static int shared;
static atomic_int ready, go;

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void stat_deep(int own)
{
	struct stat st;
	if (stat(own ? DEEP "/file1" : DEEP "/file0", &st)) {
		_exit(1);
	}
}

static void stat_same(int own)
{
	struct stat st;
	if (stat(DEEP "/file0", &st)) {
		_exit(1);
	}
}

static void open_close(int own)
{
	int fd = open(own ? DEEP "/file1" : DEEP "/file0", O_RDONLY);
	if (fd < 0 || close(fd)) {
		_exit(1);
	}
}

static void fstat_shared(int own)
{
	struct stat st;
	if (fstat(shared, &st)) {
		_exit(1);
	}
}

static void kill_zero(int own)
{
	if (kill(1, 0)) {
		_exit(1);
	}
}

static void compute(int own)
{
	volatile uint64_t x = 1;
	for (int i = 0; i < 1000; i++) {
		x = x * 6364136223846793005u + 1;
	}
}

static const struct bench {
	const char *name;
	void (*run)(int own);
	int ops;
} benches[] = {
	{ "compute", compute, 6000 },	     { "stat-deep", stat_deep, 5000 },	      { "stat-same", stat_same, 5000 },
	{ "open-close", open_close, 3000 }, { "fstat-shared", fstat_shared, 15000 }, { "kill-zero", kill_zero, 20000 },
};
#define BENCHES (sizeof(benches) / sizeof(benches[0]))

struct worker {
	const struct bench *bench;
	int own;
};

static void *work(void *arg)
{
	const struct worker *w = arg;
	cpu_set_t here;
	CPU_ZERO(&here);
	CPU_SET(w->own, &here);
	sched_setaffinity(0, sizeof(here), &here);
	atomic_fetch_add(&ready, 1);
	while (!atomic_load(&go)) {
		sched_yield();
	}
	for (int i = 0; i < w->bench->ops; i++) {
		w->bench->run(w->own);
	}
	return NULL;
}

/* Operations a second of `count` threads. */
static double rate(const struct bench *bench, int count)
{
	pthread_t threads[2];
	struct worker workers[2] = { { bench, 0 }, { bench, 1 } };
	atomic_store(&ready, 0);
	atomic_store(&go, 0);
	for (int i = 0; i < count; i++) {
		pthread_create(&threads[i], NULL, work, &workers[i]);
	}
	while (atomic_load(&ready) < count) {
		sched_yield();
	}
	double start = now();
	atomic_store(&go, 1);
	for (int i = 0; i < count; i++) {
		pthread_join(threads[i], NULL);
	}
	return bench->ops * count / (now() - start);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 10;
	static double best[BENCHES][2];
	char name[] = DEEP;
	for (char *slash = name + 5; *slash; slash++) {
		if (*slash == '/') {
			*slash = '\0';
			mkdir(name, 0755);
			*slash = '/';
		}
	}
	mkdir(DEEP, 0755);
	close(open(DEEP "/file0", O_CREAT | O_RDWR, 0644));
	shared = open(DEEP "/file1", O_CREAT | O_RDWR, 0644);
	for (int round = 0; round < rounds; round++) {
		for (unsigned b = 0; b < BENCHES; b++) {
			for (int count = 1; count <= 2; count++) {
				double r = rate(&benches[b], count);
				best[b][count - 1] = r > best[b][count - 1] ? r : best[b][count - 1];
			}
		}
	}
	for (unsigned b = 0; b < BENCHES; b++) {
		printf("%s one %.0f two %.0f ratio %.2f\n", benches[b].name, best[b][0], best[b][1], best[b][1] / best[b][0]);
	}
	return 0;
}
