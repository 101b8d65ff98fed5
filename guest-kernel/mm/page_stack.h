/* SPDX-License-Identifier: MIT */
/*
 * A processor's own single free pages in front of a buddy zone, so that page faults on several processors do not meet at the zone's lock.
 * Refilled from and emptied into the zone by the batch. Pages here are free: they are counted with the zone's. Pure bookkeeping, as the
 * buddy allocator: the owner brings the locks (the stack's for all, the zone's for what takes a struct buddy).
 */
#ifndef MM_PAGE_STACK_H
#define MM_PAGE_STACK_H

#include "buddy.h"

#define PAGE_STACK_MOST 128u
#define PAGE_STACK_BATCH 32u /* a power of two */

struct page_stack {
	uint32_t count;
	struct page *pages[PAGE_STACK_MOST]; /* what was pushed last is next: its lines are still in this processor's cache */
};

/** NULL: none. */
static inline struct page *page_stack_pop(struct page_stack *s)
{
	return s->count ? s->pages[--s->count] : NULL;
}

/** Whether it is full now: page_stack_spill() is due before the next. */
static inline bool page_stack_push(struct page_stack *s, struct page *page)
{
	s->pages[s->count++] = page;
	return s->count == PAGE_STACK_MOST;
}

/** Take a batch out of the zone, or what there is, into an empty stack. */
void page_stack_fill(struct page_stack *s, struct buddy *zone);
/** Give the `count` pages back that have lain longest, or all. */
void page_stack_spill(struct page_stack *s, struct buddy *zone, uint32_t count);

#endif
