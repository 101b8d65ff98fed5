/* SPDX-License-Identifier: MIT */
/* Threads: futexes, robust lists, thread-directed signals, and scheduling's calls. */
#include "calls.h"
#include "futex.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

struct robust_list {
	struct robust_list *next;
};

struct robust_list_head {
	struct robust_list list;
	long futex_offset;
	struct robust_list *list_op_pending;
};

static uint32_t word, other;

static void futex_errors(void)
{
	struct timespec none = { 0, 0 }, little = { 0, 2000000 }, bad = { 0, 1000000000 }, past = { 1, 0 };
	CALL(futex(&word, FUTEX_WAIT, 1, NULL, NULL, 0));
	CALL(futex(&word, FUTEX_WAIT, 0, &none, NULL, 0));
	CALL(futex(&word, FUTEX_WAIT, 0, &little, NULL, 0));
	CALL(futex(&word, FUTEX_WAIT | FUTEX_PRIVATE, 0, &little, NULL, 0));
	CALL(futex(&word, FUTEX_WAIT, 0, &bad, NULL, 0));
	CALL(futex(&word, FUTEX_WAIT, 0, NOWHERE, NULL, 0));
	CALL(futex((char *)&word + 1, FUTEX_WAIT, 0, &none, NULL, 0));
	CALL(futex(NOWHERE, FUTEX_WAIT, 0, &none, NULL, 0));
	CALL(futex(KERNELS, FUTEX_WAIT, 0, &none, NULL, 0));
	CALL(futex(NULL, FUTEX_WAKE, 1, NULL, NULL, 0));
	CALL(futex(NOWHERE, FUTEX_WAKE | FUTEX_PRIVATE, 1, NULL, NULL, 0));
	CALL(futex((char *)&word + 2, FUTEX_WAKE, 1, NULL, NULL, 0));
	CALL(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
	CALL(futex(&word, FUTEX_WAIT_BITSET, 0, &past, NULL, FUTEX_BITSET_MATCH_ANY));
	CALL(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &past, NULL, FUTEX_BITSET_MATCH_ANY));
	CALL(futex(&word, FUTEX_WAIT_BITSET, 0, &past, NULL, 0));
	CALL(futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0));
	CALL(futex(&word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 0));
	CALL(futex(&word, 99, 1, NULL, NULL, 0));
	CALL(futex(&word, FUTEX_FD, 1, NULL, NULL, 0));
	CALL(futex(&word, FUTEX_REQUEUE, 1, (void *)1, &other, 0));
	CALL(futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, &other, 7));
	CALL(futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, &other, 0));
	CALL(futex(&word, FUTEX_CMP_REQUEUE, -1, (void *)1, &other, 0));
	CALL(futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, (char *)&other + 1, 0));
}

static void *waits(void *mask)
{
	return (void *)futex(&word, FUTEX_WAIT_BITSET, 0, NULL, NULL, (uint32_t)(uintptr_t)mask);
}

/* Wakes until `wanted` threads in all have been woken: they may not have gone to sleep yet. */
static int wake_until(void *at, int op, int wanted, uint32_t mask)
{
	int woken = 0;
	for (int i = 0; i < 60000 && woken < wanted; i++) {
		woken += (int)futex(at, op, (uint32_t)(wanted - woken), NULL, NULL, mask);
		usleep(1000);
	}
	return woken;
}

static void futex_waking(void)
{
	pthread_t thread[3];
	void *result;
	for (int i = 0; i < 3; i++) {
		pthread_create(&thread[i], NULL, waits, (void *)(uintptr_t)(1 << i));
	}
	CALL(wake_until(&word, FUTEX_WAKE_BITSET, 1, 2));
	pthread_join(thread[1], &result);
	SHOW("the one with the bit was woken", "%ld", (long)result);
	CALL(futex(&word, FUTEX_WAKE_BITSET, 9, NULL, NULL, 8));
	int moved = 0;
	for (int i = 0; i < 60000 && moved < 2; i++) {
		moved += (int)futex(&word, FUTEX_REQUEUE, 0, (void *)2, &other, 0);
		usleep(1000);
	}
	SHOW("moved", "%d", moved);
	CALL(futex(&word, FUTEX_WAKE, 9, NULL, NULL, 0));
	CALL(futex(&other, FUTEX_WAKE, 9, NULL, NULL, 0));
	pthread_join(thread[0], NULL);
	pthread_join(thread[2], NULL);
}

static void futex_between_processes(void)
{
	uint32_t *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	if (fork() == 0) {
		_exit((int)futex(shared, FUTEX_WAIT, 0, NULL, NULL, 0) != 0);
	}
	CALL(wake_until(shared, FUTEX_WAKE, 1, 0));
	wait(&status);
	SHOW("status", "%x", status);
	if (fork() == 0) {
		struct timespec little = { 0, 300000000 };
		_exit(futex(shared, FUTEX_WAIT | FUTEX_PRIVATE, 0, &little, NULL, 0) == -1 && errno == ETIMEDOUT ? 3 : 4);
	}
	usleep(20000);
	CALL(futex(shared, FUTEX_WAKE | FUTEX_PRIVATE, 1, NULL, NULL, 0));
	wait(&status);
	SHOW("private ones are apart", "%x", status);
}

static struct {
	struct robust_list_head head;
	struct {
		struct robust_list list;
		uint32_t lock;
	} item;
} robust;

static void *dies_with_a_lock(void *unused)
{
	robust.head.list.next = &robust.item.list;
	robust.item.list.next = &robust.head.list;
	robust.head.futex_offset = (char *)&robust.item.lock - (char *)&robust.item.list;
	robust.item.lock = (uint32_t)syscall(SYS_gettid) | FUTEX_WAITERS;
	syscall(SYS_set_robust_list, &robust.head, sizeof(robust.head));
	syscall(SYS_exit, 0);
	return NULL;
}

static void robust_lists(void)
{
	void *head;
	size_t length;
	pthread_t thread;
	CALL(syscall(SYS_set_robust_list, NULL, 8));
	CALL(syscall(SYS_set_robust_list, NULL, 24));
	CALL(syscall(SYS_get_robust_list, 0, &head, &length));
	SHOW("none", "%d %lu", head == NULL, (unsigned long)length);
	CALL(syscall(SYS_get_robust_list, 99999999, &head, &length));
	CALL(syscall(SYS_get_robust_list, 0, NOWHERE, &length));
	pthread_create(&thread, NULL, dies_with_a_lock, NULL);
	for (int i = 0; i < 60000 && !(*(volatile uint32_t *)&robust.item.lock & FUTEX_OWNER_DIED); i++) {
		usleep(1000);
	}
	SHOW("the lock of the dead", "%x", robust.item.lock & (FUTEX_OWNER_DIED | FUTEX_WAITERS));
	SHOW("its owner", "%d", (int)(robust.item.lock & FUTEX_TID_MASK) != 0);
}

static volatile int handled_by;

static void note(int signal)
{
	handled_by = (int)syscall(SYS_gettid);
}

static void *sleeps(void *unused)
{
	while (!handled_by) {
		usleep(1000);
	}
	return (void *)(long)(syscall(SYS_gettid) == handled_by);
}

static void *exits_process(void *unused)
{
	syscall(SYS_exit_group, 9);
	return NULL;
}

static void exits_by_thread(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, exits_process, NULL);
	for (;;) {
		pause();
	}
}

static void *leaves_late(void *unused)
{
	usleep(20000);
	syscall(SYS_exit_group, 4);
	return NULL;
}

static void leader_leaves(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, leaves_late, NULL);
	syscall(SYS_exit, 1);
}

static void groups_of_threads(void)
{
	pthread_t thread;
	void *result;
	struct timespec t;
	signal(SIGUSR1, note);
	pthread_create(&thread, NULL, sleeps, NULL);
	CALL(pthread_kill(thread, SIGUSR1));
	pthread_join(thread, &result);
	SHOW("it handled its signal", "%ld", (long)result);
	IS(getpid() == syscall(SYS_gettid));
	CALL(child_status(exits_by_thread));
	CALL(child_status(leader_leaves));
	IS(syscall(SYS_set_tid_address, NULL) == getpid());
	CALL(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t));
}

static void scheduling(void)
{
	struct sched_param param = { .sched_priority = 0 };
	uint64_t mask[16] = { 0 };
	unsigned cpu = 99;
	CALL(sched_yield());
	CALL(syscall(SYS_sched_getscheduler, 0));
	CALL(syscall(SYS_sched_getscheduler, -1));
	CALL(syscall(SYS_sched_getscheduler, 99999999));
	CALL(syscall(SYS_sched_getparam, 0, &param));
	SHOW("priority", "%d", param.sched_priority);
	CALL(syscall(SYS_sched_getparam, 0, NULL));
	CALL(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &param));
	CALL(syscall(SYS_sched_setscheduler, 0, 99, &param));
	param.sched_priority = 5;
	CALL(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &param));
	CALL(syscall(SYS_sched_setparam, 0, &param));
	CALL(syscall(SYS_sched_setparam, 99999999, &param));
	CALL(syscall(SYS_sched_get_priority_max, SCHED_OTHER));
	CALL(syscall(SYS_sched_get_priority_max, SCHED_FIFO));
	CALL(syscall(SYS_sched_get_priority_min, SCHED_RR));
	CALL(syscall(SYS_sched_get_priority_min, 99));
	struct timespec slice;
	CALL(syscall(SYS_sched_rr_get_interval, 0, &slice));
	IS(slice.tv_sec == 0 && slice.tv_nsec < 1000000000);
	CALL(syscall(SYS_sched_rr_get_interval, -1, &slice));
	CALL(syscall(SYS_sched_rr_get_interval, 99999999, &slice));
	CALL(syscall(SYS_sched_rr_get_interval, 0, NOWHERE));
	CALL(syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask) > 0);
	IS(mask[0] & 1);
	CALL(syscall(SYS_sched_getaffinity, 0, 7, mask));
	CALL(syscall(SYS_sched_getaffinity, 99999999, sizeof(mask), mask));
	CALL(syscall(SYS_sched_getaffinity, 0, sizeof(mask), NOWHERE));
	memset(mask, 0, sizeof(mask));
	CALL(syscall(SYS_sched_setaffinity, 0, sizeof(mask), mask));
	mask[0] = 1;
	CALL(syscall(SYS_sched_setaffinity, 0, sizeof(mask), mask));
	CALL(syscall(SYS_sched_setaffinity, 0, sizeof(mask), NOWHERE));
	CALL(syscall(SYS_sched_setaffinity, 99999999, sizeof(mask), mask));
	CALL(syscall(SYS_getcpu, &cpu, NULL, NULL));
	SHOW("on processor", "%u", cpu);
	CALL(syscall(SYS_getcpu, NULL, NULL, NULL));
	CALL(syscall(SYS_getpriority, PRIO_PROCESS, 0));
	CALL(setpriority(PRIO_PROCESS, 0, 7));
	CALL(syscall(SYS_getpriority, PRIO_PROCESS, 0));
	CALL(setpriority(PRIO_PROCESS, 0, 100));
	CALL(syscall(SYS_getpriority, PRIO_PROCESS, 0));
	CALL(syscall(SYS_getpriority, 9, 0));
	CALL(syscall(SYS_getpriority, PRIO_PROCESS, 99999999));
	CALL(setpriority(9, 0, 0));
	CALL(setpriority(PRIO_PGRP, 99999999, 0));
	CALL(syscall(SYS_getpriority, PRIO_PGRP, 99999999));
}

int main(void)
{
	calls_begin();
	RUN(futex_errors);
	RUN(futex_waking);
	RUN(futex_between_processes);
	RUN(robust_lists);
	RUN(groups_of_threads);
	RUN(scheduling);
	return 0;
}
