/* SPDX-License-Identifier: MIT */
/*
 * The user half of page tables. A leaf holds a page (and a reference to it) if it is present, or if PTE_HELD is set: a page under
 * PROT_NONE. The shared page of zeros is the one page without references. A large leaf, in a directory's slot, holds 512 pages in
 * one block (large.h); the table of small leaves that it stands for is kept for the slot. The caller holds the address space's lock.
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

/** The leaf of an address, perhaps a large one. NULL: no table there. Only for leaves that are set already, or to look. */
uint64_t *user_leaf_find(uint64_t cr3, uint64_t address);
/** The leaf of an address and those of the next count - 1 pages in the same table, to be set; tables are made. Where a
 *  large leaf is: that one. NULL: no memory. */
uint64_t *user_leaves_make(uint64_t cr3, uint64_t address, unsigned count);
/** The next address in [*address, end) whose leaf may be set, and how many from there on in its table. NULL: none.
 *  A large leaf comes alone, with a count of its 512 pages; neither *address nor end is in the middle of one. */
uint64_t *user_leaves_next(uint64_t cr3, uint64_t *address, uint64_t end, unsigned *count);

/** The directory's slot where the large leaf of an address is or would be. NULL: no directory. */
uint64_t *user_large_slot(uint64_t cr3, uint64_t address);
/** The slot of an address that has no leaves, with a table kept for it. NULL: no memory. */
uint64_t *user_large_make(uint64_t cr3, uint64_t address);
/** Take the table out of its slot and keep it. What its leaves hold is the caller's to move. */
void user_large_keep(uint64_t *slot);
/** Put a kept table back into the slot, with small leaves to all that the large leaf `entry` led to. */
void user_large_fill(uint64_t *slot, uint64_t entry);
/** Empty the slot, and free the table that was kept for it. */
void user_large_drop(uint64_t cr3, uint64_t *slot);
/** How many faults have set leaves in this small leaf's table, this one included. */
uintptr_t user_leaf_touch(uint64_t *leaf);
void user_leaf_untouch(uint64_t *leaf);

static inline bool leaf_holds_page(uint64_t leaf)
{
	return leaf & (PTE_PRESENT | PTE_HELD);
}

static inline bool leaf_is_large(uint64_t leaf)
{
	return leaf & PTE_LARGE; /* never set in a small one, nor without a page */
}

/** Where the page of an address is that this leaf leads to. */
static inline uint64_t leaf_phys(uint64_t leaf, uint64_t address)
{
	return (leaf & PTE_ADDRESS) + (leaf_is_large(leaf) ? address & 0x1ff000 : 0);
}

#endif
