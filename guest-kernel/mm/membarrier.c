/* SPDX-License-Identifier: MIT */
/*
 * membarrier(2): every thread of the process that runs passes a full barrier. That is what a shootdown of translations is: each processor that
 * has the address space loaded is interrupted and answers, and an interrupt's return serializes its instructions. For barriers
 * across processes the caller visits each processor: whatever ran there has been switched away from.
 */
#include "abi/errno.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "kernel/thread.h"
#include "mm/address_space.h"

enum {
	BARRIER_QUERY, BARRIER_GLOBAL = 1, BARRIER_GLOBAL_EXPEDITED = 2, BARRIER_REGISTER_GLOBAL = 4, BARRIER_PRIVATE = 8,
	BARRIER_REGISTER_PRIVATE = 16, BARRIER_PRIVATE_CORE = 32, BARRIER_REGISTER_PRIVATE_CORE = 64
};
#define BARRIERS 127

static long barrier_private(unsigned registered, unsigned wanted)
{
	struct flush flush;
	if (!(registered & wanted)) {
		return -EPERM;
	}
	flush_begin(&flush, process_current()->memory);
	flush_page(&flush, 0); /* where nothing is ever mapped */
	flush_finish(&flush);
	return 0;
}

static long barrier_global(void)
{
	struct thread *t = thread_current();
	uint64_t before = thread_affinity(t), there = thread_processors();
	for (uint64_t left = there; left; left &= left - 1) {
		if (thread_set_affinity(t, left & -left) == 0) {
			thread_move();
		}
	}
	return thread_set_affinity(t, before);
}

long sys_membarrier(const uint64_t a[6])
{
	unsigned *registered = &process_current()->barriers;
	if (a[1]) {
		return -EINVAL;
	}
	switch ((int)a[0]) {
	case BARRIER_QUERY:
		return BARRIERS;
	case BARRIER_GLOBAL:
	case BARRIER_GLOBAL_EXPEDITED:
		return barrier_global();
	case BARRIER_REGISTER_GLOBAL:
	case BARRIER_REGISTER_PRIVATE:
	case BARRIER_REGISTER_PRIVATE_CORE:
		__atomic_fetch_or(registered, (unsigned)a[0], __ATOMIC_RELAXED);
		return 0;
	case BARRIER_PRIVATE:
		return barrier_private(*registered, BARRIER_REGISTER_PRIVATE);
	case BARRIER_PRIVATE_CORE:
		return barrier_private(*registered, BARRIER_REGISTER_PRIVATE_CORE);
	default:
		return -EINVAL;
	}
}
