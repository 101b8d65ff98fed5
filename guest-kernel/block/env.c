/* SPDX-License-Identifier: MIT */
/* lib/env in the guest kernel: the heap, spin locks, wait queues, the monotonic clock. Devices reach memory at its physical address. */
#include "env/env.h"

#include <stdarg.h>

#include "abi/errno.h"
#include "base/format.h"
#include "kernel/lock.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/time.h"

_Static_assert(sizeof(spinlock_t) <= sizeof(struct env_lock), "env_lock");
_Static_assert(sizeof(struct waitq) <= sizeof(struct env_cond), "env_cond");

void *env_alloc(size_t bytes)
{
	return kzalloc(bytes);
}

void env_free(void *memory, size_t bytes)
{
	kfree(memory);
}

static unsigned dma_order(size_t bytes)
{
	unsigned order = 0;
	while ((PAGE_SIZE << order) < bytes) {
		order++;
	}
	return order;
}

/* Page blocks are naturally aligned: that covers any alignment up to the size. */
void *env_dma_alloc(size_t bytes, size_t align, uint64_t *bus)
{
	struct page *page = page_alloc_order(dma_order(bytes < align ? align : bytes), ALLOC_ZERO);
	if (!page) {
		return NULL;
	}
	*bus = page_phys(page);
	return page_data(page);
}

void env_dma_free(void *memory, size_t bytes)
{
	if (memory) {
		page_free_order(page_from_phys(virt_to_phys(memory)), dma_order(bytes));
	}
}

uint64_t env_time_ns(void)
{
	return time_ns();
}

void env_lock_init(struct env_lock *lock, const char *name)
{
	spin_init((spinlock_t *)lock, name);
}

void env_lock(struct env_lock *lock)
{
	spin_lock((spinlock_t *)lock);
}

void env_unlock(struct env_lock *lock)
{
	spin_unlock((spinlock_t *)lock);
}

void env_cond_init(struct env_cond *cond)
{
	waitq_init((struct waitq *)cond);
}

int env_wait(struct env_cond *cond, struct env_lock *lock, uint64_t timeout_ns)
{
	struct waiter waiter;
	wait_prepare((struct waitq *)cond, &waiter);
	env_unlock(lock);
	int error = wait_sleep(timeout_ns ? time_ns() + timeout_ns : 0, false);
	wait_finish(&waiter);
	env_lock(lock);
	return error == -ETIMEDOUT ? error : 0;
}

void env_wake(struct env_cond *cond)
{
	waitq_wake_all((struct waitq *)cond);
}

void env_log(const char *format, ...)
{
	char text[160];
	va_list arguments;
	va_start(arguments, format);
	format_text_va(text, sizeof(text), format, arguments);
	va_end(arguments);
	kprintf("%s", text);
}

/* xorshift64*, seeded by the clock: for spreading, not for secrets. */
void env_random(void *buffer, size_t bytes)
{
	static uint64_t state;
	uint8_t *to = buffer;
	uint64_t s = __atomic_load_n(&state, __ATOMIC_RELAXED) ^ time_ns() ^ 0x9e3779b97f4a7c15ull;
	for (size_t i = 0; i < bytes; i++) {
		s ^= s >> 12;
		s ^= s << 25;
		s ^= s >> 27;
		to[i] = (uint8_t)((s * 0x2545f4914f6cdd1dull) >> 56);
	}
	__atomic_store_n(&state, s, __ATOMIC_RELAXED);
}

void env_panic(const char *format, ...)
{
	char text[160];
	va_list arguments;
	va_start(arguments, format);
	format_text_va(text, sizeof(text), format, arguments);
	va_end(arguments);
	kernel_panic("%s", text);
}
