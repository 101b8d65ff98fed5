/* SPDX-License-Identifier: MIT */
/* Shared anonymous memory: a table of page pointers; each is set once, under the lock, and lives as long as the object. */
#include "mm/shared.h"
#include "base/string.h"
#include "kernel/lock.h"
#include "kernel/memory.h"

struct shared_memory {
	spinlock_t lock;
	uint32_t references;
	uint64_t identity, count;
	struct page *pages[];
};

struct shared_memory *shared_create(uint64_t pages)
{
	if (pages > UINT32_MAX) {
		return NULL;
	}
	struct shared_memory *shared = kzalloc(sizeof(*shared) + pages * sizeof(struct page *));
	if (shared) {
		spin_init(&shared->lock, "shared memory");
		static uint64_t identities; /* atomic */
		shared->identity = __atomic_add_fetch(&identities, 1, __ATOMIC_RELAXED);
		shared->references = 1;
		shared->count = pages;
	}
	return shared;
}

uint64_t shared_identity(const struct shared_memory *shared)
{
	return shared->identity;
}

uint64_t shared_pages(const struct shared_memory *shared)
{
	return shared->count;
}

void shared_get(struct shared_memory *shared)
{
	__atomic_fetch_add(&shared->references, 1, __ATOMIC_RELAXED);
}

void shared_put(struct shared_memory *shared)
{
	if (__atomic_sub_fetch(&shared->references, 1, __ATOMIC_ACQ_REL)) {
		return;
	}
	for (uint64_t i = 0; i < shared->count; i++) {
		if (shared->pages[i]) {
			page_put(shared->pages[i]);
		}
	}
	kfree(shared);
}

struct page *shared_page(struct shared_memory *shared, uint64_t index)
{
	if (index >= shared->count) {
		return NULL;
	}
	if (!shared->pages[index]) {
		struct page *fresh = page_alloc(ALLOC_ZERO | ALLOC_KIND(PAGE_SHARED));
		spin_lock(&shared->lock);
		if (fresh && !shared->pages[index]) {
			shared->pages[index] = fresh;
			fresh = NULL;
		}
		spin_unlock(&shared->lock);
		if (fresh) {
			page_put(fresh);
		}
	}
	if (shared->pages[index]) {
		page_get(shared->pages[index]);
	}
	return shared->pages[index];
}

void shared_zero(struct shared_memory *shared, uint64_t first, uint64_t count)
{
	for (uint64_t i = first; i < first + count && i < shared->count; i++) {
		if (shared->pages[i]) {
			memset(page_data(shared->pages[i]), 0, PAGE_SIZE);
		}
	}
}
