/* SPDX-License-Identifier: MIT */
/*
 * lib/env on the host, for unit tests and tools: C library memory, a settable clock, locks that only check that they are used
 * in pairs. Bus addresses are the process's own addresses. Sizes given back are checked against those handed out.
 */
#include "env/env.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "env/host.h"

uint64_t env_host_now = 1000000000;
void (*env_host_run)(void);
bool env_host_verbose;
unsigned env_host_fail_alloc;
size_t env_host_live;

static void *host_alloc(size_t bytes, size_t align)
{
	if (env_host_fail_alloc && --env_host_fail_alloc == 0) {
		return NULL;
	}
	void *memory = aligned_alloc(align, (bytes + align - 1) & ~(align - 1));
	if (memory) {
		memset(memory, 0, bytes);
		env_host_live++;
	}
	return memory;
}

void *env_alloc(size_t bytes)
{
	return host_alloc(bytes, 16);
}

void env_free(void *memory, size_t bytes)
{
	if (memory) {
		memset(memory, 0xdd, bytes); /* the sanitizer sees a size that is too large */
		free(memory);
		env_host_live--;
	}
}

void *env_dma_alloc(size_t bytes, size_t align, uint64_t *bus)
{
	void *memory = host_alloc(bytes, align < 16 ? 16 : align);
	*bus = (uintptr_t)memory;
	return memory;
}

void env_dma_free(void *memory, size_t bytes)
{
	env_free(memory, bytes);
}

uint64_t env_time_ns(void)
{
	return env_host_now;
}

void env_lock_init(struct env_lock *lock, const char *name)
{
	memset(lock, 0, sizeof(*lock));
	lock->opaque[1] = (uintptr_t)name;
}

void env_lock(struct env_lock *lock)
{
	assert(lock->opaque[0] == 0);
	lock->opaque[0] = 1;
}

void env_unlock(struct env_lock *lock)
{
	assert(lock->opaque[0] == 1);
	lock->opaque[0] = 0;
}

void env_cond_init(struct env_cond *cond)
{
	memset(cond, 0, sizeof(*cond));
}

int env_wait(struct env_cond *cond, struct env_lock *lock, uint64_t timeout_ns)
{
	cond->opaque[0] = 0;
	env_unlock(lock);
	if (env_host_run) {
		env_host_run();
	}
	env_lock(lock);
	if (cond->opaque[0]) {
		return 0;
	}
	if (timeout_ns == 0) {
		env_panic("waits for ever");
	}
	env_host_now += timeout_ns;
	return -ETIMEDOUT;
}

void env_wake(struct env_cond *cond)
{
	cond->opaque[0] = 1;
}

void env_log(const char *format, ...)
{
	if (!env_host_verbose) {
		return;
	}
	va_list arguments;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

void env_random(void *buffer, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		((unsigned char *)buffer)[i] = (unsigned char)(random() >> 8);
	}
}

_Noreturn void env_panic(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	abort();
}
