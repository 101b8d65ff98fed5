/* SPDX-License-Identifier: MIT */
/*
 * lib/env in a driver domain. One vCPU and handlers that run to completion, so a lock has nothing to exclude; it only checks that it
 * is not taken twice. A wait serves the domain's events.
 */
#include "env/env.h"

#include <stdarg.h>

#include "abi/errno.h"
#include "base/format.h"
#include "runtime.h"

void env_lock_init(struct env_lock *lock, const char *name)
{
	lock->opaque[0] = 0;
	lock->opaque[1] = (uintptr_t)name;
}

void env_lock(struct env_lock *lock)
{
	if (lock->opaque[0]) {
		env_panic("lock %s taken twice", (const char *)lock->opaque[1]);
	}
	lock->opaque[0] = 1;
}

void env_unlock(struct env_lock *lock)
{
	lock->opaque[0] = 0;
}

void env_cond_init(struct env_cond *cond)
{
	cond->opaque[0] = 0;
}

int env_wait(struct env_cond *cond, struct env_lock *lock, uint64_t timeout_ns)
{
	uint64_t until = timeout_ns ? env_time_ns() + timeout_ns : UINT64_MAX;
	bool woken;
	cond->opaque[0] = 0;
	env_unlock(lock);
	while (!(woken = cond->opaque[0] != 0) && env_time_ns() < until) {
		events_run(until);
	}
	env_lock(lock);
	return woken ? 0 : -ETIMEDOUT;
}

void env_wake(struct env_cond *cond)
{
	cond->opaque[0] = 1;
}

void env_log(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	domain_log(format, arguments);
	va_end(arguments);
}

/* xorshift64*, seeded by the clock: for spreading, not for secrets. */
void env_random(void *buffer, size_t bytes)
{
	static uint64_t state;
	uint8_t *to = buffer;
	state ^= env_time_ns() | 1;
	for (size_t i = 0; i < bytes; i++) {
		state ^= state >> 12;
		state ^= state << 25;
		state ^= state >> 27;
		to[i] = (uint8_t)((state * 0x2545f4914f6cdd1dull) >> 56);
	}
}

void env_panic(const char *format, ...)
{
	char text[128];
	va_list arguments;
	va_start(arguments, format);
	format_text_va(text, sizeof(text), format, arguments);
	va_end(arguments);
	domain_panic("%s", text);
}
