/* SPDX-License-Identifier: MIT */
/*
 * What blocked kernel threads cost: on the command line `thread-selftest=N`. So many threads go to sleep in the kernel; the log says by how
 * much free memory is less then, all included (stacks, their page tables, structures), and how much of it is there again when they have
 * ended. tests/boot/many-threads.sh judges it.
 */
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/thread.h"
#include "sched/sched.h"

static struct waitq blocked = WAITQ_INIT(blocked), changed = WAITQ_INIT(changed);
static uint32_t asleep, ended;
static bool over;

static void sleeper(void *unused)
{
	__atomic_fetch_add(&asleep, 1, __ATOMIC_SEQ_CST);
	waitq_wake_all(&changed);
	WAIT_EVENT(&blocked, __atomic_load_n(&over, __ATOMIC_SEQ_CST));
	__atomic_fetch_add(&ended, 1, __ATOMIC_SEQ_CST);
	waitq_wake_all(&changed);
}

static uint64_t free_kib(void)
{
	uint64_t total, free;
	memory_usage(&total, &free);
	return free * (PAGE_SIZE / 1024);
}

static uint32_t number_of(const char *text)
{
	uint32_t n = 0;
	while (*text >= '0' && *text <= '9') {
		n = n * 10 + (uint32_t)(*text++ - '0');
	}
	return n;
}

void thread_selftest(void)
{
	char value[12];
	if (!cmdline_option("thread-selftest", value, sizeof(value))) {
		return;
	}
	uint32_t count = number_of(value), made = 0;
	uint64_t before = free_kib();
	while (made < count && thread_create("sleeper", sleeper, NULL)) {
		made++;
	}
	WAIT_EVENT(&changed, __atomic_load_n(&asleep, __ATOMIC_SEQ_CST) == made);
	uint64_t during = free_kib();
	__atomic_store_n(&over, true, __ATOMIC_SEQ_CST);
	waitq_wake_all(&blocked);
	WAIT_EVENT(&changed, __atomic_load_n(&ended, __ATOMIC_SEQ_CST) == made);
	kprintf("thread-selftest: %u threads blocked in the kernel took %lu KiB, struct thread %lu bytes, stack %u; %lu KiB are kept", made,
		before - during, sizeof(struct thread), THREAD_STACK, before - free_kib());
}
