/* SPDX-License-Identifier: MIT */
/*
 * The pool hands out its pages from the bottom up; what it gave out never returns. The stock: the RAM left for
 * domains, handed out from the lowest place that fits, so that small requests fill the low remnants and large aligned
 * blocks stay whole.
 */
#include "mem_internal.h"

#include "base/string.h"
#include "boot/boot_internal.h"
#include "hv/cpu.h"
#include "hv/pool.h"

static spinlock_t pool_lock; /* and the next three */
static char *pool_start;
static size_t pool_pages, pool_used;
static struct ram stock; /* the boot processor's, while it builds domains */

void pool_init(void *start, size_t pages, const struct ram *ram)
{
	pool_start = start;
	pool_pages = pages;
	pool_used = 0;
	stock = *ram;
}

void *pool_alloc(size_t pages, size_t align_pages)
{
	void *memory = NULL;
	spin_lock(&pool_lock);
	size_t first = (pool_used + align_pages - 1) & ~(align_pages - 1);
	if (pages > 0 && first < pool_pages && pages <= pool_pages - first) {
		pool_used = first + pages;
		memory = pool_start + first * PAGE_SIZE;
	}
	spin_unlock(&pool_lock);
	return memory ? memset(memory, 0, pages * PAGE_SIZE) : NULL;
}

hpa_t pool_take_domain(uint64_t bytes, uint64_t align)
{
	uint64_t taken = ram_find(&stock, bytes, align, UINT64_MAX);
	ram_remove(&stock, taken, taken + (taken ? bytes : 0));
	return HPA(taken);
}
