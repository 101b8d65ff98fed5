/* SPDX-License-Identifier: MIT */
/* The way from an address to an area where there are many: see area_index.c. */
#ifndef MM_AREA_INDEX_H
#define MM_AREA_INDEX_H

#include "mm/area.h"

/** An area has been put on the list, or is about to leave it. Its start does not change in between beyond its neighbours. */
void area_index_add(struct area_list *areas, struct area *area);
void area_index_remove(struct area_list *areas, struct area *area);
/** The first area that ends behind `address`. NULL: none. There is an index. */
struct area *area_index_find(const struct area_list *areas, uint64_t address);

#endif
