/* SPDX-License-Identifier: MIT */
/*
 * The index of cached pages and their order of use. One lock guards all trees and the LRU list; it is held for a few
 * instructions at a time and never over an allocation. A cached page has one reference of the cache's; a page with no other, clean
 * and unlocked, can be taken back at any moment (reclaim).
 */
#include "fs/page_cache_internal.h"

#include "kernel/platform.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "mm/radix.h"

#define WAIT_QUEUES 64u

spinlock_t cache_lock = SPINLOCK_INIT("page cache");
static struct list lru = LIST_INIT(lru); /* cache_lock; head: newest. Pages of mappings with a device only */
static uint64_t cached_pages; /* cache_lock */
static uint64_t memory_pages; /* cache_lock; of mappings without a device */
static struct waitq page_queues[WAIT_QUEUES];
struct list dirty_mappings = LIST_INIT(dirty_mappings); /* cache_lock */
uint64_t dirty_pages, writeback_pages; /* dirty_pages: cache_lock; writeback_pages: atomic */

void mapping_init(struct mapping *m, struct inode *inode)
{
	memset(m, 0, sizeof(*m));
	m->inode = inode;
	list_init(&m->dirty_link);
}

static struct waitq *page_queue(struct page *page)
{
	return &page_queues[((uintptr_t)page / sizeof(struct page)) % WAIT_QUEUES];
}

void page_wait(struct page *page, uint32_t flag)
{
	WAIT_EVENT(page_queue(page), !(page_flags_get(page) & flag));
}

void page_wake(struct page *page)
{
	waitq_wake_all(page_queue(page));
}

void page_lock(struct page *page)
{
	while (__atomic_fetch_or(&page->flags, PAGE_LOCKED, __ATOMIC_ACQ_REL) & PAGE_LOCKED) {
		page_wait(page, PAGE_LOCKED);
	}
}

void page_unlock(struct page *page)
{
	page_flag_clear(page, PAGE_LOCKED);
	page_wake(page);
}

struct page *cache_find(struct mapping *m, uint64_t index)
{
	spin_lock(&cache_lock);
	struct page *page = radix_find(m->root, m->height, index);
	if (page) {
		page_get(page);
		page_flag_set(page, PAGE_ACCESSED);
	}
	spin_unlock(&cache_lock);
	return page;
}

static int insert_locked(struct mapping *m, uint64_t index, struct page *page, struct radix_pool *pool)
{
	spin_lock(&cache_lock);
	int error = radix_insert(&m->root, &m->height, index, page, pool);
	if (!error) {
		page_get(page);
		m->page_count++;
		if (m->device) {
			cached_pages++;
			list_push_front(&lru, &page->link);
		} else {
			memory_pages++;
			m->inode->super->memory_pages++;
		}
	}
	spin_unlock(&cache_lock);
	return error;
}

/* What lives in memory only may have half of it, as statfs tells, and a file system in it what it was given. */
uint64_t cache_memory_room(const struct super *super)
{
	uint64_t total, free, used = page_cache_memory(), own = super->memory_pages, most = super->memory_most;
	memory_usage(&total, &free);
	uint64_t room = total / 2 > used ? total / 2 - used : 0, left = most > own ? most - own : 0;
	return most && left < room ? left : room;
}

int cache_insert(struct mapping *m, uint64_t index, struct page **out)
{
	struct radix_pool pool = { .count = 0 };
	if (!m->device && !cache_memory_room(m->inode->super)) {
		return -ENOSPC;
	}
	struct page *page = page_alloc(m->device ? ALLOC_IO | ALLOC_KIND(PAGE_FILE) : ALLOC_ZERO | ALLOC_KIND(PAGE_SHARED));
	if (!page) {
		return -ENOMEM;
	}
	list_init(&page->link);
	page->owner = m;
	page->index = index;
	page->private = NULL;
	page_flag_clear(page, PAGE_UPTODATE | PAGE_DIRTY | PAGE_WRITEBACK | PAGE_ERROR | PAGE_ACCESSED);
	page_flag_set(page, PAGE_LOCKED);
	int error;
	while ((error = insert_locked(m, index, page, &pool)) == -ENOMEM) {
		if (radix_pool_fill(&pool)) {
			spin_lock(&cache_lock);
			radix_prune(&m->root, &m->height, index);
			spin_unlock(&cache_lock);
			break;
		}
	}
	radix_pool_free(&pool);
	if (error) {
		page_flag_clear(page, PAGE_LOCKED);
		page->owner = NULL;
		page_put(page);
		return error;
	}
	*out = page;
	return 0;
}

/* The range of dirty pages may stay wider than need be; an empty one is exact. */
static void dirty_count_down_locked(struct mapping *m)
{
	dirty_pages--;
	if (--m->dirty_count == 0) {
		list_remove(&m->dirty_link);
	}
}

static void remove_locked(struct mapping *m, struct page *page)
{
	radix_remove(&m->root, &m->height, page->index);
	m->page_count--;
	if (m->device) {
		cached_pages--;
		list_remove(&page->link);
	} else {
		memory_pages--;
		m->inode->super->memory_pages--;
	}
	if (__atomic_fetch_and(&page->flags, ~(uint32_t)PAGE_DIRTY, __ATOMIC_ACQ_REL) & PAGE_DIRTY) {
		dirty_count_down_locked(m);
	}
	page->owner = NULL;
}

void cache_remove(struct mapping *m, struct page *page)
{
	spin_lock(&cache_lock);
	bool ours = page->owner == m;
	if (ours) {
		remove_locked(m, page);
	}
	spin_unlock(&cache_lock);
	if (ours) {
		page_put(page);
	}
}

unsigned cache_collect(struct mapping *m, uint64_t *index, uint64_t last, uint32_t flags, struct page **pages, unsigned max)
{
	unsigned count = 0;
	spin_lock(&cache_lock);
	while (count < max && *index <= last) {
		struct page *page = radix_next(m->root, m->height, index);
		if (!page || *index > last) {
			break;
		}
		if ((page->flags & flags) == flags) {
			page_get(page);
			pages[count++] = page;
		}
		(*index)++;
	}
	spin_unlock(&cache_lock);
	return count;
}

bool cache_page_dirtied(struct mapping *m, struct page *page)
{
	spin_lock(&cache_lock);
	bool fresh = page->owner == m && !(__atomic_fetch_or(&page->flags, PAGE_DIRTY, __ATOMIC_ACQ_REL) & PAGE_DIRTY);
	if (fresh) {
		if (m->dirty_count++ == 0) {
			m->dirty_first = m->dirty_last = page->index;
			m->dirty_since_ns = time_ns();
			list_push_back(&dirty_mappings, &m->dirty_link);
		}
		m->dirty_first = page->index < m->dirty_first ? page->index : m->dirty_first;
		m->dirty_last = page->index > m->dirty_last ? page->index : m->dirty_last;
		dirty_pages++;
	}
	spin_unlock(&cache_lock);
	thread_current()->usage.outputs += fresh;
	return fresh;
}

void cache_page_cleaned(struct mapping *m, struct page *page)
{
	spin_lock(&cache_lock);
	if (page->owner == m && (__atomic_fetch_and(&page->flags, ~(uint32_t)PAGE_DIRTY, __ATOMIC_ACQ_REL) & PAGE_DIRTY)) {
		dirty_count_down_locked(m);
	}
	spin_unlock(&cache_lock);
}

void page_cache_dirty(struct inode *inode, struct page *page)
{
	if (inode->mapping.device) {
		cache_page_dirtied(&inode->mapping, page);
	}
}

/* From the old end of the list; pages used since they got there have another round. */
static size_t cache_reclaim(size_t pages)
{
	size_t freed = 0;
	spin_lock(&cache_lock);
	uint64_t look = cached_pages * 2;
	struct list *node = lru.prev;
	while (freed < pages && look-- > 0 && node != &lru) {
		struct page *page = container_of(node, struct page, link);
		node = node->prev;
		uint32_t flags = page_flags_get(page);
		if (flags & PAGE_ACCESSED) {
			page_flag_clear(page, PAGE_ACCESSED);
			list_remove(&page->link);
			list_push_front(&lru, &page->link);
		} else if (page->references == 1 && !(flags & (PAGE_DIRTY | PAGE_LOCKED | PAGE_WRITEBACK))) {
			remove_locked(page->owner, page);
			page_put(page);
			freed++;
		}
		if (node == &lru && freed < pages) {
			node = lru.prev;
		}
	}
	spin_unlock(&cache_lock);
	return freed;
}

uint64_t page_cache_shrink(void)
{
	return cache_reclaim(SIZE_MAX);
}

void page_cache_init(void)
{
	for (unsigned i = 0; i < WAIT_QUEUES; i++) {
		waitq_init(&page_queues[i]);
	}
	memory_set_reclaim(cache_reclaim);
}

void page_cache_drop(struct inode *inode)
{
	struct mapping *m = &inode->mapping;
	struct page *pages[32];
	uint64_t index = 0;
	unsigned count;
	while ((count = cache_collect(m, &index, UINT64_MAX, 0, pages, 32)) > 0) {
		for (unsigned i = 0; i < count; i++) {
			page_wait(pages[i], PAGE_LOCKED | PAGE_WRITEBACK);
			cache_remove(m, pages[i]);
			page_put(pages[i]);
		}
	}
	writeback_wait(m); /* the end of a write touches the mapping after it has let go of the page */
}

/*
 * Zero what lies behind the new end in the page that holds it, so that growing the file again reads zeros. The size is set with that page
 * locked: who gives its blocks a place (mapped.c) is over with it, or sees where the file ends.
 */
static int tail_zero(struct inode *inode, uint64_t size)
{
	struct page *page;
	uint64_t offset = size % PAGE_SIZE;
	if (offset == 0 || size >= inode->size) {
		return 0;
	}
	int error = page_cache_get(inode, size / PAGE_SIZE, &page);
	if (error) {
		return error;
	}
	page_lock(page);
	memset((char *)page_data(page) + offset, 0, PAGE_SIZE - offset);
	page_cache_dirty(inode, page);
	__atomic_store_n(&inode->size, size, __ATOMIC_RELEASE);
	page_unlock(page);
	page_put(page);
	return 0;
}

int page_cache_truncate(struct inode *inode, uint64_t size, bool *in_use)
{
	uint64_t old = inode->size;
	int error = tail_zero(inode, size);
	*in_use = false;
	if (!error) {
		__atomic_store_n(&inode->size, size, __ATOMIC_RELEASE);
		page_cache_cut(inode, size, in_use);
		if (size > old) {
			page_cache_grown(inode, old);
		}
	}
	return error;
}

void page_cache_cut(struct inode *inode, uint64_t size, bool *in_use)
{
	struct mapping *m = &inode->mapping;
	struct page *pages[32];
	uint64_t index = (size + PAGE_SIZE - 1) / PAGE_SIZE;
	unsigned count;
	while ((count = cache_collect(m, &index, UINT64_MAX, 0, pages, 32)) > 0) {
		for (unsigned i = 0; i < count; i++) {
			page_lock(pages[i]);
			page_wait(pages[i], PAGE_WRITEBACK);
			*in_use |= pages[i]->references > 2; /* the cache's and ours */
			cache_remove(m, pages[i]);
			page_unlock(pages[i]);
			page_put(pages[i]);
		}
	}
}

int page_cache_blocks_cut(struct inode *inode, uint64_t size)
{
	struct page *tail = NULL;
	if (inode->mapping.device && inode->super->block_size < PAGE_SIZE && size % PAGE_SIZE) {
		int error = page_cache_get(inode, size / PAGE_SIZE, &tail);
		if (error) {
			return error;
		}
		page_lock(tail);
		page_wait(tail, PAGE_WRITEBACK);
	}
	int error = inode->ops->truncate(inode, size);
	if (tail) {
		page_unlock(tail);
		page_put(tail);
	}
	return error;
}

uint64_t page_cache_memory(void)
{
	return __atomic_load_n(&memory_pages, __ATOMIC_RELAXED);
}

void page_cache_usage(uint64_t *pages, uint64_t *dirty, uint64_t *writeback)
{
	*pages = cached_pages;
	*dirty = dirty_pages;
	*writeback = __atomic_load_n(&writeback_pages, __ATOMIC_RELAXED);
}
