/* SPDX-License-Identifier: MIT */
/* futex_waitv(2): wait for any of several words. All are queued before the first is compared, so that no wake is lost between. */
#include "futex.h"

#include "abi/errno.h"
#include "kernel/memory.h"
#include "kernel/syscall.h"
#include "kernel/user.h"

#define WORDS_MOST 128u
enum { SIZE_U32 = 2, FLAG_PRIVATE = 128, CLOCK_REALTIME = 0, CLOCK_MONOTONIC = 1 };

struct wanted { /* struct futex_waitv */
	uint64_t value, address;
	uint32_t flags, reserved;
};

struct wait {
	struct futex_waiter waiter;
	struct wanted wanted;
};

static int wanted_read(struct wait *w, uint64_t user, struct waitq *wake)
{
	if (user_read(&w->wanted, user, sizeof(w->wanted))) {
		return -EFAULT;
	}
	if ((w->wanted.flags & ~(uint32_t)FLAG_PRIVATE) != SIZE_U32 || w->wanted.reserved) {
		return -EINVAL;
	}
	w->waiter = (struct futex_waiter){ .bits = UINT32_MAX, .wake = wake };
	return futex_key_make(w->wanted.address, w->wanted.flags & FLAG_PRIVATE, &w->waiter.key);
}

/** The index of one that was woken; -1: none. */
static int woken(const struct wait *waits, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (__atomic_load_n(&waits[i].waiter.woken, __ATOMIC_ACQUIRE)) {
			return (int)i;
		}
	}
	return -1;
}

static int compare(const struct wait *waits, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		uint32_t value;
		if (user_read(&value, waits[i].wanted.address, sizeof(value))) {
			return -EFAULT;
		}
		if (value != (uint32_t)waits[i].wanted.value) {
			return -EAGAIN;
		}
	}
	return 0;
}

static long wait_any(struct wait *waits, unsigned count, struct waitq *wake, uint64_t deadline_ns)
{
	long result = -1;
	for (unsigned i = 0; i < count; i++) {
		futex_enqueue(&waits[i].waiter);
	}
	int error = compare(waits, count);
	error = error ? error : WAIT_EVENT_DEADLINE(wake, woken(waits, count) >= 0, deadline_ns, true);
	for (unsigned i = 0; i < count; i++) {
		result = futex_dequeue(&waits[i].waiter) ? (long)i : result;
	}
	return result >= 0 ? result : error == -EINTR ? -ERESTARTSYS : error;
}

long sys_futex_waitv(const uint64_t a[6])
{
	uint64_t count = (uint32_t)a[1], deadline = 0;
	struct waitq wake;
	if ((uint32_t)a[2] || !count || count > WORDS_MOST || !a[0]) {
		return -EINVAL;
	}
	if (a[3] && (int)a[4] != CLOCK_REALTIME && (int)a[4] != CLOCK_MONOTONIC) {
		return -EINVAL;
	}
	int error = futex_deadline(a[3], true, (int)a[4] == CLOCK_REALTIME, &deadline);
	if (error) {
		return error;
	}
	struct wait *waits = kzalloc(count * sizeof(*waits));
	if (!waits) {
		return -ENOMEM;
	}
	waitq_init(&wake);
	for (unsigned i = 0; i < count && !error; i++) {
		error = wanted_read(&waits[i], a[0] + i * sizeof(struct wanted), &wake);
	}
	long result = error ? error : wait_any(waits, (unsigned)count, &wake, deadline);
	kfree(waits);
	return result;
}
