/* SPDX-License-Identifier: MIT */
/*
 * References to 2 MiB blocks. One lock for all: it is taken once for 2 MiB, and only on a whole block does it guard anything. A split
 * is never undone, so whoever finds a block split may go on without the lock.
 */
#include "mm/large.h"
#include "kernel/lock.h"

static spinlock_t large_lock = SPINLOCK_INIT("large pages");
static uint64_t whole_count; /* large_lock */

struct page *large_alloc(void)
{
	struct page *block = page_alloc_order(LARGE_ORDER, ALLOC_SPARE | ALLOC_KIND(PAGE_ANONYMOUS));
	if (block) {
		spin_lock(&large_lock);
		block->flags |= PAGE_WHOLE;
		whole_count++;
		spin_unlock(&large_lock);
	}
	return block;
}

void large_get(struct page *block)
{
	spin_lock(&large_lock);
	bool whole = block->flags & PAGE_WHOLE;
	block->references += whole;
	spin_unlock(&large_lock);
	for (unsigned i = 0; !whole && i < LARGE_PAGES; i++) {
		page_get(block + i);
	}
}

void large_put(struct page *block)
{
	spin_lock(&large_lock);
	bool whole = block->flags & PAGE_WHOLE, last = whole && --block->references == 0;
	if (last) {
		block->flags &= ~PAGE_WHOLE;
		whole_count--;
	}
	spin_unlock(&large_lock);
	if (last) {
		page_free_order(block, LARGE_ORDER);
	}
	for (unsigned i = 0; !whole && i < LARGE_PAGES; i++) {
		page_put(block + i);
	}
}

bool large_sole(struct page *block)
{
	spin_lock(&large_lock);
	bool whole = block->flags & PAGE_WHOLE, sole = block->references == 1;
	spin_unlock(&large_lock);
	for (unsigned i = 1; !whole && sole && i < LARGE_PAGES; i++) {
		sole = __atomic_load_n(&block[i].references, __ATOMIC_ACQUIRE) == 1;
	}
	return sole;
}

void large_split(struct page *block)
{
	spin_lock(&large_lock);
	if (block->flags & PAGE_WHOLE) {
		block->flags &= ~PAGE_WHOLE;
		whole_count--;
		for (unsigned i = 1; i < LARGE_PAGES; i++) {
			block[i].flags = block->flags;
			block[i].references = block->references;
			block[i].owner = block[i].private = NULL;
		}
	}
	spin_unlock(&large_lock);
}

uint64_t memory_large_pages(void)
{
	return __atomic_load_n(&whole_count, __ATOMIC_RELAXED);
}
