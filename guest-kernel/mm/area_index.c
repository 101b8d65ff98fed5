/* SPDX-License-Identifier: MIT */
/*
 * A treap of areas by address, beside the list: a binary tree in which no area's random priority is above its parent's, so that it is as deep
 * as if the areas had come in random order (Seidel and Aragon, Randomized search trees, 1996). A program with few areas, as nearly all are,
 * has none and pays nothing for it; the tree is made when there are INDEX_FROM of them, and stays until the last has gone.
 */
#include "mm/area_index.h"

#define INDEX_FROM 32u

/** xorshift; who maps cannot see it. */
static uint32_t priority_next(struct area_list *areas)
{
	uint32_t x = areas->random ? areas->random : (uint32_t)((uintptr_t)areas >> 4) | 1;
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return areas->random = x;
}

static void tree_add(struct area_list *areas, struct area *area)
{
	struct area **link = &areas->top, **lower = &area->lower, **upper = &area->upper;
	area->priority = priority_next(areas);
	while (*link && (*link)->priority >= area->priority) {
		link = area->start < (*link)->start ? &(*link)->lower : &(*link)->upper;
	}
	/* What was here goes below the new one, to its two sides. */
	struct area *rest = *link;
	*link = area;
	while (rest) {
		if (rest->start < area->start) {
			*lower = rest;
			lower = &rest->upper;
			rest = rest->upper;
		} else {
			*upper = rest;
			upper = &rest->lower;
			rest = rest->lower;
		}
	}
	*lower = *upper = NULL;
}

static void tree_remove(struct area_list *areas, struct area *area)
{
	struct area **link = &areas->top, *lower = area->lower, *upper = area->upper;
	while (*link != area) {
		link = area->start < (*link)->start ? &(*link)->lower : &(*link)->upper;
	}
	while (lower && upper) {
		if (lower->priority > upper->priority) {
			*link = lower;
			link = &lower->upper;
			lower = lower->upper;
		} else {
			*link = upper;
			link = &upper->lower;
			upper = upper->lower;
		}
	}
	*link = lower ? lower : upper;
}

void area_index_add(struct area_list *areas, struct area *area)
{
	if (areas->top) {
		tree_add(areas, area);
	} else if (areas->count >= INDEX_FROM) {
		list_for_each(node, &areas->list) {
			tree_add(areas, container_of(node, struct area, link));
		}
	}
}

void area_index_remove(struct area_list *areas, struct area *area)
{
	if (areas->top) {
		tree_remove(areas, area);
	}
}

struct area *area_index_find(const struct area_list *areas, uint64_t address)
{
	struct area *found = NULL;
	for (struct area *at = areas->top; at;) {
		if (at->end > address) {
			found = at;
			at = at->lower;
		} else {
			at = at->upper;
		}
	}
	return found;
}
