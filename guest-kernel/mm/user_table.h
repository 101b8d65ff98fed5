/* SPDX-License-Identifier: MIT */
/*
 * The user half of page tables. A leaf holds a page (and a reference to it) if it is present, or if PTE_HELD is set: a page under
 * PROT_NONE. The shared page of zeros is the one page without references. The caller holds the address space's lock.
 */
#ifndef MM_USER_TABLE_H
#define MM_USER_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/page_table.h"

#define PTE_HELD (1ull << 9) /* software: not present, but holds its page */
#define PTE_LEAF_FLAGS (PTE_PRESENT | PTE_USER | PTE_ACCESSED)

struct area;

/** A new PML4 with the kernel's half in place. 0: no memory. */
uint64_t user_table_create(void);
/** How many tables there are. */
uint64_t user_table_count(uint64_t cr3);
/** Free all tables; the leaves hold nothing any more. */
void user_table_destroy(uint64_t cr3);

/** The leaf of an address. NULL: no table there. Only for leaves that are set already, or to look. */
uint64_t *user_leaf_find(uint64_t cr3, uint64_t address);
/** The leaf of an address and those of the next count - 1 pages in the same table, to be set; tables are made. NULL: no memory. */
uint64_t *user_leaves_make(uint64_t cr3, uint64_t address, unsigned count);
/** The next address in [*address, end) whose leaf may be set, and how many from there on in its table. NULL: none. */
uint64_t *user_leaves_next(uint64_t cr3, uint64_t *address, uint64_t end, unsigned *count);

static inline bool leaf_holds_page(uint64_t leaf)
{
	return leaf & (PTE_PRESENT | PTE_HELD);
}

#endif
