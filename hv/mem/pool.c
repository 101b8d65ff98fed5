/* SPDX-License-Identifier: MIT */
/*
 * The pool: a bit a page, first fit from the bottom. The stock: the RAM ranges left for domains, handed out from the lowest
 * place that fits, so that small requests fill the low remnants and large aligned blocks stay whole. Nothing returns to the stock.
 */
#include "mem_internal.h"

#include "base/string.h"
#include "hv/boot.h"
#include "hv/cpu.h"
#include "hv/log.h"
#include "hv/pool.h"

#define POOL_PAGES_MAX 8192u
#define STOCK_MAX (2 * BOOT_MAX_RAM)

static spinlock_t pool_lock; /* and all below */
static char *pool_start;
static size_t pool_pages, pool_free_count;
static uint8_t pool_used[POOL_PAGES_MAX / 8];
static struct { uint64_t start, end; } stock[STOCK_MAX];
static unsigned stock_count;

static bool page_used(size_t page)
{
	return pool_used[page / 8] >> page % 8 & 1;
}

static void pages_mark(size_t first, size_t pages, bool used)
{
	for (size_t page = first; page < first + pages; page++) {
		hv_assert(page_used(page) != used);
		pool_used[page / 8] ^= (uint8_t)(1u << page % 8);
	}
	pool_free_count += used ? -pages : pages;
}

void pool_init(void *start, size_t pages)
{
	pool_start = start;
	pool_pages = pool_free_count = pages < POOL_PAGES_MAX ? pages : POOL_PAGES_MAX;
	memset(pool_used, 0, sizeof(pool_used));
}

/* First page number from `page` on that starts `pages` free ones, with the address aligned; pool_pages: none. */
static size_t run_find(size_t pages, size_t align_pages)
{
	size_t base = (uint64_t)pool_start / PAGE_SIZE;
	size_t first = 0, length = 0;
	for (size_t page = 0; page < pool_pages; page++) {
		if (page_used(page)) {
			length = 0;
			continue;
		}
		if (length == 0) {
			if ((base + page) & (align_pages - 1)) {
				continue;
			}
			first = page;
		}
		if (++length == pages) {
			return first;
		}
	}
	return pool_pages;
}

void *pool_alloc(size_t pages, size_t align_pages)
{
	void *memory = NULL;
	if (pages == 0) {
		return NULL;
	}
	spin_lock(&pool_lock);
	size_t first = run_find(pages, align_pages);
	if (first < pool_pages) {
		pages_mark(first, pages, true);
		memory = pool_start + first * PAGE_SIZE;
	}
	spin_unlock(&pool_lock);
	return memory ? memset(memory, 0, pages * PAGE_SIZE) : NULL;
}

void pool_free(void *memory, size_t pages)
{
	size_t first = (size_t)((char *)memory - pool_start) / PAGE_SIZE;
	spin_lock(&pool_lock);
	hv_assert((char *)memory >= pool_start && first < pool_pages && pages <= pool_pages - first);
	pages_mark(first, pages, false);
	spin_unlock(&pool_lock);
}

size_t pool_free_pages(void)
{
	return pool_free_count;
}

void pool_stock_init(void)
{
	stock_count = boot_info.ram_count;
	for (unsigned i = 0; i < stock_count; i++) {
		stock[i].start = boot_info.ram[i].start;
		stock[i].end = boot_info.ram[i].start + boot_info.ram[i].size;
	}
}

hpa_t pool_take_domain(uint64_t bytes, uint64_t align)
{
	uint64_t taken = 0;
	spin_lock(&pool_lock);
	for (unsigned i = 0; i < stock_count && !taken && bytes; i++) {
		uint64_t start = stock[i].start, end = stock[i].end;
		uint64_t at = (start + align - 1) & ~(align - 1);
		if (at < start || at >= end || end - at < bytes) {
			continue;
		}
		taken = at;
		stock[i].start = at + bytes;
		if (at > start && stock_count < STOCK_MAX) { /* what alignment skipped is a range of its own, before this one */
			memmove(&stock[i + 1], &stock[i], (stock_count++ - i) * sizeof(stock[0]));
			stock[i].start = start;
			stock[i].end = at;
		}
	}
	spin_unlock(&pool_lock);
	return HPA(taken);
}
