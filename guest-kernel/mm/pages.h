/* SPDX-License-Identifier: MIT */
/* Inside of mm/: start of the page allocator, and its fast page routines. */
#ifndef MM_PAGES_H
#define MM_PAGES_H

#include "kernel/memory.h"

void pages_init(void);

/* 8 bytes at a time: an emulator runs REP MOVSB byte by byte, and hardware is as fast either way. */
static inline void page_clear(void *page)
{
	void *to = page;
	uint64_t count = PAGE_SIZE / 8;
	__asm__ volatile("rep stosq" : "+D"(to), "+c"(count) : "a"(0ull) : "memory");
}

static inline void page_copy(void *to, const void *from)
{
	uint64_t count = PAGE_SIZE / 8;
	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

/** A private page that nobody else has. One that a file's cache has lost stays the file's: eviction would take it with what was written. */
static inline bool page_is_own(const struct page *page)
{
	return !page->owner && page->references == 1 && page_kind(page) != PAGE_FILE;
}

#endif
