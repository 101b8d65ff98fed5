/* SPDX-License-Identifier: MIT */
/*
 * Shared anonymous memory: a tree of pages by index, so that its size costs nothing. Each is put in once, under the lock, and lives as long as
 * the object.
 */
#include "mm/shared.h"
#include "abi/errno.h"
#include "base/string.h"
#include "kernel/lock.h"
#include "kernel/memory.h"
#include "mm/radix.h"

struct shared_memory {
	spinlock_t lock;
	uint32_t references;
	unsigned height; /* lock */
	struct radix_node *root; /* lock */
	uint64_t identity, count;
	uint64_t made; /* lock; pages that are there */
	uint64_t seen; /* the last walk that came by; shared_held() */
};

struct shared_memory *shared_create(uint64_t pages)
{
	if (pages > UINT32_MAX) {
		return NULL;
	}
	struct shared_memory *shared = kzalloc(sizeof(*shared));
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

uint64_t shared_held(struct shared_memory *shared, uint64_t walk)
{
	bool again = shared->seen == walk;
	shared->seen = walk;
	return again ? 0 : __atomic_load_n(&shared->made, __ATOMIC_RELAXED);
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
	struct page *page;
	for (uint64_t index = 0; (page = radix_next(shared->root, shared->height, &index)) != NULL; index++) {
		radix_remove(&shared->root, &shared->height, index);
		page_put(page);
	}
	kfree(shared);
}

static struct page *shared_find(struct shared_memory *shared, uint64_t index)
{
	spin_lock(&shared->lock);
	struct page *page = radix_find(shared->root, shared->height, index);
	spin_unlock(&shared->lock);
	return page;
}

static int insert_try(struct shared_memory *shared, uint64_t index, struct page *page, struct radix_pool *pool)
{
	spin_lock(&shared->lock);
	int error = radix_insert(&shared->root, &shared->height, index, page, pool);
	shared->made += !error;
	spin_unlock(&shared->lock);
	return error;
}

/** A page at an index that had none; somebody else's, who was faster. NULL: no memory. */
static struct page *shared_insert(struct shared_memory *shared, uint64_t index)
{
	struct radix_pool pool = { .count = 0 };
	struct page *page = page_alloc(ALLOC_ZERO | ALLOC_KIND(PAGE_SHARED));
	if (!page) {
		return NULL;
	}
	int error;
	while ((error = insert_try(shared, index, page, &pool)) == -ENOMEM) {
		if (radix_pool_fill(&pool)) {
			spin_lock(&shared->lock);
			radix_prune(&shared->root, &shared->height, index);
			spin_unlock(&shared->lock);
			break;
		}
	}
	radix_pool_free(&pool);
	if (error) {
		page_put(page);
	}
	return !error ? page : error == -EEXIST ? shared_find(shared, index) : NULL;
}

struct page *shared_page(struct shared_memory *shared, uint64_t index)
{
	if (index >= shared->count) {
		return NULL;
	}
	struct page *page = shared_find(shared, index);
	page = page ? page : shared_insert(shared, index);
	if (page) {
		page_get(page);
	}
	return page;
}

void shared_zero(struct shared_memory *shared, uint64_t first, uint64_t count)
{
	for (uint64_t i = first; i < first + count; i++) {
		spin_lock(&shared->lock);
		struct page *page = radix_next(shared->root, shared->height, &i);
		spin_unlock(&shared->lock);
		if (!page || i >= first + count) {
			return;
		}
		memset(page_data(page), 0, PAGE_SIZE);
	}
}
