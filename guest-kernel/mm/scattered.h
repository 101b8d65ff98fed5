/* SPDX-License-Identifier: MIT */
/* Kernel memory of single pages that are together only in the kernel's addresses: where nothing larger is free in one piece. */
#ifndef MM_SCATTERED_H
#define MM_SCATTERED_H

#include <stdbool.h>
#include <stdint.h>

#include "page_table.h"

/** 2^order pages behind an unmapped one. NULL: no memory. */
void *scattered_alloc(unsigned order, unsigned flags);
void scattered_free(void *memory);
static inline bool scattered_is(const void *memory)
{
	return (uint64_t)memory >= VMAP_BASE && (uint64_t)memory < VMAP_END;
}

#endif
