/* SPDX-License-Identifier: MIT */
/* What the files of futex(2) share: futex.c waits and wakes, futex_pi.c locks that hand on priority, futex_waitv.c waits for several. */
#ifndef PROCESS_FUTEX_H
#define PROCESS_FUTEX_H

#include "process_internal.h"

#define FUTEX_WAITERS 0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK 0x3fffffffu

struct pi_waiter;

struct futex_key {
	uint64_t object; /* odd: file or shared memory; even: address space */
	uint64_t address; /* in it */
};

struct futex_waiter {
	struct list link; /* in a bucket while it waits */
	struct futex_key key;
	uint32_t bits;
	bool woken;
	struct waitq *wake;
	struct pi_waiter *pi; /* FUTEX_WAIT_REQUEUE_PI: only FUTEX_CMP_REQUEUE_PI takes it */
};

int futex_key_make(uint64_t address, bool private, struct futex_key *key);
static inline bool futex_same(const struct futex_key *a, const struct futex_key *b)
{
	return a->object == b->object && a->address == b->address;
}
void futex_enqueue(struct futex_waiter *w);
bool futex_dequeue(struct futex_waiter *w); /* whether it had been woken, or taken */
/** Take the first that waits there for FUTEX_CMP_REQUEUE_PI. NULL: nobody waits; *error: -EINVAL where that one waits for something else. */
struct futex_waiter *futex_take_pi(const struct futex_key *key, int *error);
/** struct timespec at `at`, a duration unless `absolute`; *deadline_ns 0: `at` is 0. -EFAULT, -EINVAL. */
int futex_deadline(uint64_t at, bool absolute, bool wall, uint64_t *deadline_ns);

/* futex_pi.c */
long futex_pi_lock(uint64_t address, bool private, uint64_t deadline_ns, bool try);
long futex_pi_unlock(uint64_t address, bool private);
long futex_pi_wait(const uint64_t a[6], bool private, uint64_t deadline_ns);
long futex_pi_requeue(const uint64_t a[6], bool private);
/** The thread ends: its locks go to those that wait for them. */
void futex_pi_thread_exit(void);

#endif
