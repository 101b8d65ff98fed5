/* SPDX-License-Identifier: MIT */
/* Spin locks of a test with one thread: each is free when it is taken, and taken when it is let go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/lock.h"

void spin_init(spinlock_t *lock, const char *name)
{
	*lock = (spinlock_t)SPINLOCK_INIT(name);
}

void spin_lock(spinlock_t *lock)
{
	assert_int_equal(lock->held, 0);
	lock->held = 1;
}

void spin_unlock(spinlock_t *lock)
{
	assert_int_equal(lock->held, 1);
	lock->held = 0;
}
