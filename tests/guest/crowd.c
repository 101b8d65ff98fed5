/* SPDX-License-Identifier: MIT */
/*
 * Many threads of one program, blocked: how much free memory they take (/proc/meminfo), if it is asked for. Argument: how many (100).
 */
#include "check.h"

#include <pthread.h>

#define CROWD_MAX 4000

static int count = 100;
static bool told;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t come = PTHREAD_COND_INITIALIZER, go = PTHREAD_COND_INITIALIZER;
static int there;
static bool over;
static pthread_t threads[CROWD_MAX];

static long free_kib(void)
{
	char line[128];
	long kib = 0;
	FILE *f = fopen("/proc/meminfo", "r");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "MemFree: %ld", &kib) == 1) {
			break;
		}
	}
	if (f) {
		fclose(f);
	}
	return kib;
}

static void *wait_there(void *unused)
{
	pthread_mutex_lock(&mutex);
	there++;
	pthread_cond_signal(&come);
	while (!over) {
		pthread_cond_wait(&go, &mutex);
	}
	there--;
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static void crowd(void)
{
	long before = free_kib();
	for (int i = 0; i < count; i++) {
		CHECK(pthread_create(&threads[i], NULL, wait_there, NULL) == 0);
	}
	pthread_mutex_lock(&mutex);
	while (there < count) {
		pthread_cond_wait(&come, &mutex);
	}
	if (told) {
		printf("%d blocked threads took %ld KiB\n", count, before - free_kib());
	}
	over = true;
	pthread_cond_broadcast(&go);
	pthread_mutex_unlock(&mutex);
	for (int i = 0; i < count; i++) {
		CHECK(pthread_join(threads[i], NULL) == 0);
	}
	CHECK(there == 0);
}

int main(int argc, char **argv)
{
	int asked = argc > 1 ? atoi(argv[1]) : 0;
	told = asked > 0; /* tests/guest is called with the name of a folder */
	count = told && asked <= CROWD_MAX ? asked : count;
	RUN(crowd);
	return check_failures;
}
