/* SPDX-License-Identifier: MIT */
/*
 * Large leaves: made where a program has touched so much of a 2 MiB range that it will want the rest, broken into small ones where a part
 * of it changes. Breaking needs no memory: the table that the leaf replaced is kept beside it (user_table.c).
 * Of a block that others have too, a write breaks the leaf and copies one page: to copy 2 MiB for each write after a fork would cost
 * most children, which end or execute something soon, a hundred times what they use.
 * A large and a small translation of one address never exist at once: the leaf is taken out, forgotten by all processors, then replaced.
 */
#include "mm/large_leaf.h"
#include "abi/errno.h"
#include "arch/cpu.h"
#include "mm/pages.h"
#include "mm/user_table.h"

static struct page *block_of(uint64_t leaf)
{
	return page_from_phys(leaf & PTE_ADDRESS);
}

void large_leaf_break(struct address_space *as, uint64_t address)
{
	if (!as->large_count || !(address & (LARGE_SIZE - 1))) {
		return;
	}
	uint64_t *slot = user_large_slot(as->cr3, address), entry;
	if (!slot || !leaf_is_large(entry = *slot)) {
		return;
	}
	struct flush flush;
	flush_begin(&flush, as);
	*slot = 0;
	flush_page(&flush, address & ~(LARGE_SIZE - 1));
	flush_finish(&flush);
	large_split(block_of(entry));
	user_large_fill(slot, entry);
	as->large_count--;
}

/** Copy what the small leaves lead to into the block, and let go of it. How many of them held a page. */
static unsigned block_fill(struct page *block, const uint64_t *leaf, struct flush *flush)
{
	uint64_t zero = zero_page_phys();
	char *to = page_data(block);
	unsigned held = 0;
	for (unsigned i = 0; i < LARGE_PAGES; i++, to += PAGE_SIZE) {
		uint64_t phys = leaf[i] & PTE_ADDRESS;
		if (leaf_holds_page(leaf[i]) && phys != zero) {
			page_copy(to, phys_to_virt(phys));
			flush_put(flush, page_from_phys(phys));
			held++;
		} else {
			page_clear(to);
		}
	}
	return held;
}

bool large_leaf_make(struct address_space *as, const struct area *area, uint64_t address)
{
	uint64_t start = address & ~(LARGE_SIZE - 1);
	bool inside = start >= area->start && start + LARGE_SIZE <= area->end;
	struct page *block = inside ? large_alloc() : NULL;
	if (!block) {
		return false;
	}
	uint64_t *slot = user_large_slot(as->cr3, start);
	const uint64_t *leaves = phys_to_virt(*slot & PTE_ADDRESS);
	struct flush flush;
	flush_begin(&flush, as);
	user_large_keep(slot);
	for (unsigned i = 0; i < LARGE_PAGES; i++) {
		if (leaf_holds_page(leaves[i])) {
			flush_page(&flush, start + i * PAGE_SIZE);
		}
	}
	flush_finish(&flush); /* nobody writes to the small pages any longer */
	unsigned held = block_fill(block, leaves, &flush);
	*slot = page_phys(block) | area_leaf_flags(area, true) | PTE_LARGE;
	as->large_count++;
	as->resident += LARGE_PAGES - held;
	flush_finish(&flush);
	return true;
}

void large_leaf_zap(struct address_space *as, uint64_t *leaf, uint64_t at, struct flush *flush)
{
	struct page *block = block_of(*leaf);
	user_large_drop(as->cr3, leaf);
	flush_page(flush, at);
	as->large_count--;
	as->resident -= LARGE_PAGES;
	flush_put_large(flush, block);
}

int large_leaf_fork(struct address_space *to, uint64_t *leaf, uint64_t at)
{
	uint64_t *slot = user_large_make(to->cr3, at);
	if (!slot) {
		return -ENOMEM;
	}
	*leaf &= ~(PTE_WRITE | PTE_DIRTY);
	*slot = *leaf;
	large_get(block_of(*leaf));
	to->large_count++;
	to->resident += LARGE_PAGES;
	return 0;
}

bool large_leaf_write(struct address_space *as, uint64_t *leaf, uint64_t address)
{
	if (large_sole(block_of(*leaf))) {
		*leaf |= PTE_WRITE | PTE_DIRTY;
		tlb_flush_page(address & ~(PAGE_SIZE - 1));
		return true;
	}
	large_leaf_break(as, address | PAGE_SIZE);
	return false;
}

int leaves_move_prepare(struct address_space *as, uint64_t from, uint64_t to, uint64_t bytes)
{
	bool alike = !((from ^ to) & (LARGE_SIZE - 1));
	for (uint64_t at = from & ~(LARGE_SIZE - 1); as->large_count && at < from + bytes; at += LARGE_SIZE) {
		if (!alike || at < from || at + LARGE_SIZE > from + bytes) {
			large_leaf_break(as, at | PAGE_SIZE);
		}
	}
	uint64_t *leaf;
	unsigned count;
	for (uint64_t at = from; (leaf = user_leaves_next(as->cr3, &at, from + bytes, &count)); at += count * PAGE_SIZE) {
		unsigned step = leaf_is_large(*leaf) ? LARGE_PAGES : 1;
		for (unsigned i = 0; i < count; i += step) {
			if (leaf_holds_page(leaf[i / step]) && !user_leaves_make(as->cr3, to + (at - from) + i * PAGE_SIZE, 1)) {
				return -ENOMEM;
			}
		}
	}
	return 0;
}

void leaves_move(struct address_space *as, uint64_t from, uint64_t to, uint64_t bytes)
{
	struct flush flush;
	uint64_t *leaf;
	unsigned count;
	flush_begin(&flush, as);
	for (uint64_t at = from; (leaf = user_leaves_next(as->cr3, &at, from + bytes, &count)); at += count * PAGE_SIZE) {
		if (leaf_is_large(*leaf)) {
			uint64_t *slot = user_large_slot(as->cr3, to + (at - from));
			user_large_keep(slot);
			*slot = *leaf;
			user_large_drop(as->cr3, leaf);
			flush_page(&flush, at);
			continue;
		}
		for (unsigned i = 0; i < count; i++) {
			if (leaf_holds_page(leaf[i])) {
				*user_leaves_make(as->cr3, to + (at - from) + i * PAGE_SIZE, 1) = leaf[i];
				leaf[i] = 0;
				flush_page(&flush, at + i * PAGE_SIZE);
			}
		}
	}
	flush_finish(&flush);
}
