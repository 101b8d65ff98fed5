/* SPDX-License-Identifier: MIT */
/*
 * The stack's lock, and the thread that does what no program waits for: lwIP's timers, and packets to this machine itself where one hold
 * of the lock brought too many. See net.h.
 */
#include "net/net.h"
#include "net/internal.h"
#include "net/interface.h"

#include "kernel/lock.h"
#include "kernel/platform.h"
#include "kernel/random.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "lwip/init.h"
#include "lwip/sys.h"

static struct mutex lock;
static struct waitq work = WAITQ_INIT(work);
static volatile bool work_due;

void net_lock(void)
{
	mutex_lock(&lock);
	timers_wake();
}

void net_unlock(void)
{
	if (!loop_deliver()) {
		net_wake();
	}
	interfaces_finish();
	timers_look();
	net_memory_draw_end();
	mutex_unlock(&lock);
	interfaces_flush();
}

bool net_locked(void)
{
	return lock.owner == thread_current();
}

void net_wake(void)
{
	work_due = true;
	waitq_wake_all(&work);
}

static void net_thread(void *unused)
{
	for (;;) {
		WAIT_EVENT(&work, __atomic_exchange_n(&work_due, false, __ATOMIC_SEQ_CST));
		net_lock();
		timers_tick();
		tcp_acks_asked();
		net_unlock();
	}
}

u32_t sys_now(void)
{
	return (u32_t)(time_ns() / 1000000);
}

unsigned int net_random(void)
{
	unsigned int value;
	random_bytes(&value, sizeof(value));
	return value;
}

void net_start(void)
{
	mutex_init(&lock, "network");
	net_memory_init();
	isn_init();
	tcp_lists_init();
	lwip_init();
	net_lock();
	loop_start();
	net_unlock();
	if (!thread_create("net", net_thread, NULL)) {
		kernel_panic("no memory for the network's thread");
	}
}
