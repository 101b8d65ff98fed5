/* SPDX-License-Identifier: MIT */
/*
 * Batches between a processor's stack of pages and its zone. A batch is made of the smallest blocks that the zone has, each taken whole: that
 * keeps the large ones, and costs little where only large ones are left. It is handed out in the order of addresses, and goes back from the
 * stack's old end.
 */
#include "page_stack.h"

/** The order of the next block for `wanted` pages: the smallest that is there, but not more than is wanted. */
static unsigned fill_order(const struct buddy *zone, uint32_t wanted)
{
	unsigned order = 0;
	while (2u << order <= wanted && list_empty(&zone->free[order])) {
		order++;
	}
	return order;
}

void page_stack_fill(struct page_stack *s, struct buddy *zone)
{
	uint32_t at = PAGE_STACK_BATCH;
	while (at) {
		unsigned order = fill_order(zone, at);
		struct page *block = buddy_alloc(zone, order);
		if (!block) {
			break;
		}
		for (uint32_t i = 0; i < 1u << order; i++) {
			s->pages[--at] = block + i;
		}
	}
	/* An exhausted zone leaves the lower places empty. */
	s->count = PAGE_STACK_BATCH - at;
	for (uint32_t i = 0; at && i < s->count; i++) {
		s->pages[i] = s->pages[at + i];
	}
}

void page_stack_spill(struct page_stack *s, struct buddy *zone, uint32_t count)
{
	count = count < s->count ? count : s->count;
	for (uint32_t i = 0; i < count; i++) {
		buddy_free(zone, s->pages[i], 0);
	}
	s->count -= count;
	for (uint32_t i = 0; i < s->count; i++) {
		s->pages[i] = s->pages[count + i];
	}
}
