/* SPDX-License-Identifier: MIT */
/* Test-and-set locks. Sections are short and never sleep; waiting only reads, so the cache line stays quiet. */
#include "hv/cpu.h"

void spin_lock(spinlock_t *lock)
{
	while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE)) {
		while (__atomic_load_n(&lock->held, __ATOMIC_RELAXED)) {
			__asm__ volatile("pause");
		}
	}
}

void spin_unlock(spinlock_t *lock)
{
	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}
