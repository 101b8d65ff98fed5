/* SPDX-License-Identifier: MIT */
/* futex(2)'s numbers, which this C library's headers do not have, and the call. */
#ifndef TESTS_LINUX_FUTEX_H
#define TESTS_LINUX_FUTEX_H

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	FUTEX_WAIT, FUTEX_WAKE, FUTEX_FD, FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP, FUTEX_LOCK_PI, FUTEX_UNLOCK_PI, FUTEX_TRYLOCK_PI,
	FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET, FUTEX_WAIT_REQUEUE_PI, FUTEX_CMP_REQUEUE_PI, FUTEX_LOCK_PI2,
	FUTEX_PRIVATE = 128, FUTEX_CLOCK_REALTIME = 256
};
#define FUTEX_BITSET_MATCH_ANY 0xffffffffu
#define FUTEX_WAITERS 0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK 0x3fffffffu
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

static inline long futex(volatile void *word, int operation, long value, const void *time, volatile void *second, long third)
{
	return syscall(SYS_futex, word, operation, value, time, second, third);
}

#endif
