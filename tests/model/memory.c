/* SPDX-License-Identifier: MIT */
/* See memory.h. */
#include "memory.h"

#include <string.h>

#include "hv/pool.h"
#include "record.h"

static char pool[MEMORY_PAGES * PAGE_SIZE] __attribute__((aligned(4096)));
static size_t used;
static uint64_t ram;

unsigned memory_left;
void (*memory_handed_out)(const void *page);
void *memory_recycled;

void memory_reset(void)
{
	memset(pool, 0, used * PAGE_SIZE);
	used = 0;
	ram = 1ull << 32;
	memory_left = UINT32_MAX;
	memory_handed_out = NULL;
	memory_recycled = NULL;
	record_watch(pool, sizeof(pool));
}

unsigned memory_page(const void *at)
{
	size_t page = (size_t)((const char *)at - pool) / PAGE_SIZE;
	return page < MEMORY_PAGES ? (unsigned)page : MEMORY_PAGES;
}

void *pool_alloc(size_t pages, size_t align_pages)
{
	size_t first = (used + align_pages - 1) & ~(align_pages - 1);
	if (pages > memory_left || first + pages > MEMORY_PAGES) {
		return NULL;
	}
	if (memory_left != UINT32_MAX) {
		memory_left -= (unsigned)pages;
	}
	char *memory = memory_recycled ? memory_recycled : pool + first * PAGE_SIZE;
	used = memory_recycled ? used : first + pages;
	memory_recycled = NULL;
	for (size_t i = 0; i < pages && memory_handed_out; i++) {
		memory_handed_out(memory + i * PAGE_SIZE);
	}
	return memset(memory, 0, pages * PAGE_SIZE);
}

hpa_t pool_take_domain(uint64_t bytes, uint64_t align)
{
	ram = (ram + align - 1) & ~(align - 1);
	ram += bytes;
	return HPA(ram - bytes);
}
