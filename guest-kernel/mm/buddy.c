/* SPDX-License-Identifier: MIT */
/*
 * A block's buddy differs in one bit of its page number; two free buddies of one order are always joined, so every free block is
 * as large as its neighbours allow.
 */
#include "mm/buddy.h"

void buddy_init(struct buddy *b, struct page *pages, uint64_t first, uint64_t end)
{
	*b = (struct buddy){ .pages = pages, .first = first, .end = end };
	for (unsigned i = 0; i < BUDDY_ORDERS; i++) {
		list_init(&b->free[i]);
	}
}

static void block_insert(struct buddy *b, struct page *page, unsigned order)
{
	page->flags |= PAGE_FREE;
	page->index = order;
	list_push_front(&b->free[order], &page->link);
}

static void block_remove(struct page *page)
{
	page->flags &= ~PAGE_FREE;
	list_remove(&page->link);
}

struct page *buddy_alloc(struct buddy *b, unsigned order)
{
	unsigned have = order;
	while (have < BUDDY_ORDERS && list_empty(&b->free[have])) {
		have++;
	}
	if (have >= BUDDY_ORDERS) {
		return NULL;
	}
	struct page *page = container_of(b->free[have].next, struct page, link);
	block_remove(page);
	while (have > order) {
		have--;
		block_insert(b, page + (1ull << have), have);
	}
	b->free_count -= 1ull << order;
	return page;
}

void buddy_free(struct buddy *b, struct page *page, unsigned order)
{
	uint64_t number = (uint64_t)(page - b->pages);
	b->free_count += 1ull << order;
	while (order + 1 < BUDDY_ORDERS) {
		uint64_t other = number ^ 1ull << order;
		if (other < b->first || other + (1ull << order) > b->end) {
			break;
		}
		struct page *buddy = &b->pages[other];
		if (!(buddy->flags & PAGE_FREE) || buddy->index != order || ((buddy->flags ^ page->flags) & PAGE_IO)) {
			break;
		}
		block_remove(buddy);
		number &= ~(1ull << order);
		order++;
	}
	block_insert(b, &b->pages[number], order);
}

void buddy_add(struct buddy *b, uint64_t first, uint64_t end)
{
	b->total_count += end > first ? end - first : 0;
	while (first < end) {
		unsigned order = 0;
		while (order + 1 < BUDDY_ORDERS && !(first & ((2ull << order) - 1)) && first + (2ull << order) <= end) {
			order++;
		}
		buddy_free(b, &b->pages[first], order);
		first += 1ull << order;
	}
}
