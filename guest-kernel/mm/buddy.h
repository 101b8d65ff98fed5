/* SPDX-License-Identifier: MIT */
/*
 * Buddy allocator over an array of struct page: free blocks of 2^order pages, naturally aligned by page number. No lock, no
 * knowledge of addresses: the owner's. Free blocks are marked PAGE_FREE in their first page, with the order in `index`.
 */
#ifndef MM_BUDDY_H
#define MM_BUDDY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "kernel/memory.h"

#define BUDDY_ORDERS 13 /* up to 16 MiB */
#define PAGE_FREE 0x80000000u /* page.flags: first page of a free block */

struct buddy {
	struct page *pages; /* page number 0 */
	uint64_t first, end; /* page numbers of this zone */
	uint64_t free_count, total_count;
	struct list free[BUDDY_ORDERS];
};

void buddy_init(struct buddy *b, struct page *pages, uint64_t first, uint64_t end);
/** Free pages [first, end) into the zone, in the largest blocks; for boot. */
void buddy_add(struct buddy *b, uint64_t first, uint64_t end);
/** 2^order pages; the first of them, or NULL. */
struct page *buddy_alloc(struct buddy *b, unsigned order);
void buddy_free(struct buddy *b, struct page *page, unsigned order);

#endif
