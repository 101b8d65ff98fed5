/* SPDX-License-Identifier: MIT */
/* Ranges of the kernel's addresses from VMAP_BASE on: what is mapped there comes and goes, and its addresses are used again. */
#ifndef MM_VMAP_H
#define MM_VMAP_H

#include <stdint.h>

#include "mm/page_table.h"

#define VMAP_ORDERS 13 /* of ranges that are given back; more than the heap's largest */

/** Addresses for 2^order pages, behind an unmapped one. 0: none left, or no memory for the tables. */
uint64_t vmap_take(unsigned order);
/** They are unmapped, and this processor has forgotten them. Any context. */
void vmap_give(uint64_t at, unsigned order);
/** Another processor wants this one to forget what was unmapped (IPI_VMAP). Interrupts are off. */
void vmap_serve(void);

#endif
