/* SPDX-License-Identifier: MIT */
/*
 * Areas by address in a treap (base/treap.h), beside the list. A program with few areas, as nearly all are, has none and pays nothing for it;
 * the tree is made when there are INDEX_FROM of them, and stays until the last has gone.
 */
#include "mm/area_index.h"

#define INDEX_FROM 32u

static struct area *area_of(const struct treap_node *node)
{
	return container_of(node, struct area, index);
}

static bool is_before(const struct treap_node *a, const struct treap_node *b)
{
	return area_of(a)->start < area_of(b)->start;
}

void area_index_add(struct area_list *areas, struct area *area)
{
	if (areas->top) {
		treap_add(&areas->top, &area->index, is_before);
	} else if (areas->count >= INDEX_FROM) {
		list_for_each(node, &areas->list) {
			treap_add(&areas->top, &container_of(node, struct area, link)->index, is_before);
		}
	}
}

void area_index_remove(struct area_list *areas, struct area *area)
{
	if (areas->top) {
		treap_remove(&areas->top, &area->index, is_before);
	}
}

struct area *area_index_find(const struct area_list *areas, uint64_t address)
{
	struct area *found = NULL;
	for (const struct treap_node *at = areas->top; at;) {
		if (area_of(at)->end > address) {
			found = area_of(at);
			at = at->before;
		} else {
			at = at->behind;
		}
	}
	return found;
}
