/* SPDX-License-Identifier: MIT */
/*
 * The list of areas. Neighbours that differ in nothing but their place are one area, so that a heap that grows page by page
 * stays one. Programs mostly have tens of areas, which are looked through, with a hint that makes the common case of a fault near the last
 * one free of a search; where there are more, a tree leads to them (area_index.c). A search for a gap goes on where the last one ended.
 */
#include "mm/area.h"
#include "abi/errno.h"
#include "kernel/file.h"
#include "kernel/memory.h"
#include "mm/area_index.h"
#include "mm/shared.h"

void area_list_init(struct area_list *areas)
{
	list_init(&areas->list);
	areas->hint = NULL;
	areas->top = NULL;
	areas->count = areas->pages = areas->pages_most = 0;
	areas->gap_top = 0;
}

struct area *area_next(struct area_list *areas, struct area *area)
{
	return area->link.next == &areas->list ? NULL : container_of(area->link.next, struct area, link);
}

struct area *area_find(struct area_list *areas, uint64_t address)
{
	struct area *hint = areas->hint;
	if (hint && address >= hint->start && address < hint->end) {
		return hint;
	}
	if (areas->top) {
		struct area *area = area_index_find(areas, address);
		areas->hint = area ? area : hint;
		return area;
	}
	list_for_each(node, &areas->list) {
		struct area *area = container_of(node, struct area, link);
		if (area->end > address) {
			areas->hint = area;
			return area;
		}
	}
	return NULL;
}

struct area *area_copy(const struct area *model)
{
	struct area *area = kmalloc(sizeof(*area));
	if (!area) {
		return NULL;
	}
	*area = *model;
	list_init(&area->link);
	if (area->file) {
		file_get(area->file);
	}
	if (area->flags & AREA_WRITER) {
		file_map_writable_again(area->file);
	}
	if (area->shared) {
		shared_get(area->shared);
	}
	return area;
}

void area_free(struct area *area)
{
	if (area->flags & AREA_WRITER) {
		file_unmap_writable(area->file);
	}
	if (area->file) {
		file_put(area->file);
	}
	if (area->shared) {
		shared_put(area->shared);
	}
	kfree(area);
}

static uint64_t pages_of(uint64_t bytes)
{
	return bytes >> PAGE_SHIFT;
}

static void pages_change(struct area_list *areas, uint64_t by)
{
	areas->pages += by;
	areas->pages_most = areas->pages > areas->pages_most ? areas->pages : areas->pages_most;
}

void area_detach(struct area_list *areas, struct area *area)
{
	if (areas->hint == area) {
		areas->hint = NULL;
	}
	if (area->end > areas->gap_top) {
		areas->gap_top = 0; /* a new gap above */
	}
	area_index_remove(areas, area);
	list_remove(&area->link);
	areas->count--;
	areas->pages -= pages_of(area->end - area->start);
}

void area_remove(struct area_list *areas, struct area *area)
{
	area_detach(areas, area);
	area_free(area);
}

void area_grow(struct area_list *areas, struct area *area, uint64_t start, uint64_t end)
{
	pages_change(areas, pages_of(area->start - start) + pages_of(end - area->end));
	area->start = start;
	area->end = end;
}

void area_append(struct area_list *areas, struct area *area)
{
	list_push_back(&areas->list, &area->link);
	areas->count++;
	area_index_add(areas, area);
	pages_change(areas, pages_of(area->end - area->start));
}

/** Whether `b` goes on where `a` ends, in memory and in what backs it. */
static bool area_continues(const struct area *a, const struct area *b)
{
	bool backed = a->file || a->shared;
	return a->end == b->start && a->prot == b->prot && a->flags == b->flags && a->file == b->file && a->shared == b->shared &&
	       (!backed || a->offset + (a->end - a->start) == b->offset);
}

/** The last area that begins below an address, or, where there is no index to say so, just the last. */
static struct list *last_below(struct area_list *areas, uint64_t address)
{
	struct area *above = areas->top ? area_index_find(areas, address) : NULL;
	return !above ? areas->list.prev : above->start < address ? &above->link : above->link.prev;
}

struct area *area_insert(struct area_list *areas, struct area *area)
{
	struct list *before = last_below(areas, area->start);
	while (before != &areas->list && container_of(before, struct area, link)->start > area->start) {
		before = before->prev;
	}
	list_insert_after(before, &area->link);
	areas->count++;
	area_index_add(areas, area);
	pages_change(areas, pages_of(area->end - area->start));
	uint64_t gap_top = areas->gap_top; /* joining makes no gap */
	struct area *next = area_next(areas, area);
	if (next && area_continues(area, next)) {
		uint64_t end = next->end;
		area_remove(areas, next);
		area_grow(areas, area, area->start, end);
	}
	struct area *previous = before == &areas->list ? NULL : container_of(before, struct area, link);
	if (previous && area_continues(previous, area)) {
		uint64_t end = area->end;
		area_remove(areas, area);
		area = previous;
		area_grow(areas, area, area->start, end);
	}
	areas->gap_top = gap_top;
	areas->hint = area;
	return area;
}

int area_split(struct area_list *areas, uint64_t at)
{
	struct area *area = area_find(areas, at);
	if (!area || area->start >= at) {
		return 0;
	}
	struct area *upper = areas->count < AREAS_MOST ? area_copy(area) : NULL;
	if (!upper) {
		return -ENOMEM;
	}
	upper->offset += at - area->start;
	upper->start = at;
	area->end = at;
	list_insert_after(&area->link, &upper->link);
	areas->count++;
	area_index_add(areas, upper);
	return 0;
}

bool area_is_free(struct area_list *areas, uint64_t start, uint64_t end)
{
	struct area *area = area_find(areas, start);
	return !area || area->start >= end;
}

/** The lowest address that is the area's, with what it keeps free to grow. */
static uint64_t area_low(const struct area *area)
{
	uint64_t guard = area->flags & MAP_GROWSDOWN ? STACK_GUARD : 0;
	return area->start > guard ? area->start - guard : 0;
}

bool area_is_clear(struct area_list *areas, uint64_t start, uint64_t end)
{
	struct area *area = area_find(areas, start);
	return !area || (area->start >= end && area_low(area) >= end);
}

uint64_t area_gap(struct area_list *areas, uint64_t length, uint64_t low, uint64_t high, uint64_t align)
{
	bool goes_on = areas->top && areas->gap_top && areas->gap_high == high && length > areas->gap_least;
	uint64_t top = goes_on ? areas->gap_top : high, skipped = goes_on ? areas->gap_least : 0;
	for (struct list *node = last_below(areas, top); node != &areas->list; node = node->prev) {
		struct area *area = container_of(node, struct area, link);
		if (area->end <= top && top - area->end >= length && ((top - length) & ~(align - 1)) >= area->end) {
			break;
		}
		skipped = area->end < top && top - area->end > skipped ? top - area->end : skipped;
		top = area_low(area) < top ? area_low(area) : top;
	}
	areas->gap_high = high;
	areas->gap_top = top;
	areas->gap_least = skipped;
	top = top >= length ? (top - length) & ~(align - 1) : 0;
	return top >= low ? top : 0;
}
