/* SPDX-License-Identifier: MIT */
/*
 * What a component asks of the place it runs in, and all that it may ask: at most 15 functions.
 * Three files implement it: the guest kernel's, the driver-domain runtime's, the host tests'.
 * A component keeps no static state and never includes upward (docs/architecture.md).
 */
#ifndef BULKHEAD_ENV_H
#define BULKHEAD_ENV_H

#include <stddef.h>
#include <stdint.h>

/** Zeroed memory, 16-byte aligned, or NULL. */
void *env_alloc(size_t bytes);
/** Give back what env_alloc returned, with the same size. NULL is allowed. */
void env_free(void *memory, size_t bytes);

/** Zeroed, physically contiguous memory that a device may reach at *bus; align is a power of two. NULL: none left. */
void *env_dma_alloc(size_t bytes, size_t align, uint64_t *bus);
void env_dma_free(void *memory, size_t bytes);

/** Monotonic nanoseconds. */
uint64_t env_time_ns(void);

/* A mutual exclusion that interrupt handlers may take; held only for short stretches, never over env_wait
 * on another lock. */
struct env_lock {
	uintptr_t opaque[4];
};
void env_lock_init(struct env_lock *lock, const char *name);
void env_lock(struct env_lock *lock);
void env_unlock(struct env_lock *lock);

/* A condition: wait gives the lock up and takes it again. Returns 0 or -ETIMEDOUT; timeout 0 waits for ever.
 * The driver-domain runtime serves events while it waits. */
struct env_cond {
	uintptr_t opaque[6];
};
void env_cond_init(struct env_cond *cond);
int env_wait(struct env_cond *cond, struct env_lock *lock, uint64_t timeout_ns);
void env_wake(struct env_cond *cond);

/** One line of log; no newline at the end. */
void env_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
void env_random(void *buffer, size_t bytes);
/** The component found its own invariant broken. */
_Noreturn void env_panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
