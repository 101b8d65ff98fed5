/* SPDX-License-Identifier: MIT */
/*
 * Page faults of user memory. Private anonymous memory reads as the one page of zeros until it is written; a private page that others have
 * too is copied at the first write; a page that only this leaf refers to is just made writable. File pages come from the
 * page cache, shared ones are marked dirty when they become writable.
 */
#include "abi/errno.h"
#include "arch/cpu.h"
#include "kernel/file.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/reserve.h"
#include "mm/address_space.h"
#include "mm/large_leaf.h"
#include "mm/limits.h"
#include "mm/pages.h"
#include "mm/shared.h"
#include "mm/user_table.h"

#define AROUND_PAGES 16ull

static const uint8_t zero_page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

uint64_t zero_page_phys(void)
{
	return (uint64_t)zero_page - KERNEL_BASE;
}

/** The area of an address, grown down to it if it is a stack that may. */
static struct area *area_for_fault(struct address_space *as, uint64_t address)
{
	struct area *area = area_find(&as->areas, address);
	if (!area || area->start <= address) {
		return area;
	}
	uint64_t start = address & ~(PAGE_SIZE - 1);
	if (!(area->flags & MAP_GROWSDOWN) || start < MAP_LOWEST || !limit_allows_stack(area->end - start) ||
	    !limit_allows(as, area->prot, area->flags, (area->start - start) >> PAGE_SHIFT, 0)) {
		return NULL;
	}
	const struct area *below = area->link.prev == &as->areas.list ? NULL : container_of(area->link.prev, struct area, link);
	/* What nobody can touch, and another stack, may be near. */
	if (below && below->prot && !(below->flags & MAP_GROWSDOWN) && below->end + STACK_GUARD > start) {
		return NULL;
	}
	area_grow(&as->areas, area, start, area->end);
	return area;
}

/** A private copy of `from` (NULL: zeros). */
static struct page *page_private(const void *from)
{
	struct page *page = page_alloc(ALLOC_KIND(PAGE_ANONYMOUS) | (from ? 0 : ALLOC_ZERO));
	if (page && from) {
		page_copy(page_data(page), from);
	}
	return page;
}

/** The page behind a leaf is another one from now on; the old one goes when no processor has it any more. */
static void leaf_replace(uint64_t *leaf, uint64_t entry, struct flush *flush, uint64_t address)
{
	uint64_t old = *leaf & PTE_ADDRESS;
	*leaf = entry;
	flush_page(flush, address);
	if (old != zero_page_phys()) {
		flush_put(flush, page_from_phys(old));
	}
	flush_finish(flush);
}

/** The first write to a page of a file that was mapped for reading: its blocks get their place now, and the page may be another one. */
static int fault_write_file(struct area *area, uint64_t address, uint64_t *leaf, struct flush *flush)
{
	uint64_t index = (area->offset + (address - area->start)) >> PAGE_SHIFT;
	struct page *page;
	int error = file_page(area->file, index, true, &page);
	if (error) {
		return error == -ENOMEM ? -ENOMEM : -EIO;
	}
	file_page_dirty(area->file, page);
	leaf_replace(leaf, page_phys(page) | area_leaf_flags(area, true), flush, address);
	return 0;
}

/**
 * A page of private anonymous memory has been made. A 2 MiB range that has been touched often enough becomes a large page; if nothing
 * comes of that, it is not tried again before as many more faults.
 */
static inline void page_touched(struct address_space *as, const struct area *area, uint64_t address, uint64_t *leaf)
{
	if (user_leaf_touch(leaf) >= (area->flags & AREA_LARGE ? 1 : LARGE_TOUCHES) &&
	    ((area->flags & (AREA_SMALL | MAP_GROWSDOWN | MAP_STACK)) || !large_leaf_make(as, area, address))) {
		user_leaf_untouch(leaf);
	}
}

/** A write to a page that is there, but not for writing. A leaf that only gains the permission is noticed by other processors' own faults. */
static int fault_write_present(struct address_space *as, struct area *area, uint64_t address, uint64_t *leaf)
{
	uint64_t phys = *leaf & PTE_ADDRESS;
	bool zero = phys == zero_page_phys();
	struct page *old = zero ? NULL : page_from_phys(phys);
	struct flush flush;
	flush_begin(&flush, as);
	address &= ~(PAGE_SIZE - 1);
	if ((area->flags & MAP_SHARED) && area->file) {
		return fault_write_file(area, address, leaf, &flush);
	}
	if ((area->flags & MAP_SHARED) || (old && page_is_own(old))) {
		*leaf |= PTE_WRITE | PTE_DIRTY;
		tlb_flush_page(address);
		return 0;
	}
	struct page *page = page_private(zero ? NULL : page_data(old));
	if (!page) {
		return -ENOMEM;
	}
	as->resident += zero;
	leaf_replace(leaf, page_phys(page) | area_leaf_flags(area, true), &flush, address);
	if (zero) {
		page_touched(as, area, address, leaf);
	}
	return 0;
}

/**
 * Map what lies around a page that was read from a file, as far as it is in memory: programs run through their text, and a page
 * mapped here costs a small part of a fault.
 */
static void map_around(struct address_space *as, struct area *area, uint64_t address)
{
	struct page *pages[AROUND_PAGES];
	uint64_t start = address & ~(AROUND_PAGES * PAGE_SIZE - 1), end = start + AROUND_PAGES * PAGE_SIZE;
	start = start > area->start ? start : area->start;
	end = end < area->end ? end : area->end;
	uint64_t first = (area->offset + (start - area->start)) >> PAGE_SHIFT, size = (end - start) >> PAGE_SHIFT;
	unsigned count = file_pages_cached(area->file, first, first + size - 1, pages, AROUND_PAGES);
	uint64_t *leaf = count ? user_leaves_make(as->cr3, start, (unsigned)size) : NULL;
	for (unsigned i = 0; i < count; i++) {
		uint64_t *at = leaf + (pages[i]->index - first);
		if (!leaf || leaf_holds_page(*at)) {
			page_put(pages[i]);
		} else {
			*at = page_phys(pages[i]) | area_leaf_flags(area, false);
			as->resident++;
		}
	}
}

static int fault_file(struct area *area, uint64_t index, bool write, uint64_t *leaf)
{
	bool shared = area->flags & MAP_SHARED;
	struct page *page;
	int error = file_page(area->file, index, write && shared, &page);
	if (error) {
		return error == -ENOMEM ? -ENOMEM : -EIO; /* behind the end, too: SIGBUS */
	}
	if (write && shared) {
		file_page_dirty(area->file, page);
	} else if (write) {
		struct page *copy = page_private(page_data(page));
		page_put(page);
		if (!copy) {
			return -ENOMEM;
		}
		page = copy;
	}
	*leaf = page_phys(page) | area_leaf_flags(area, write);
	return 0;
}

/** The first touch of a page. */
static int fault_absent(struct address_space *as, struct area *area, uint64_t address, bool write, uint64_t *leaf)
{
	uint64_t index = (area->offset + ((address & ~(PAGE_SIZE - 1)) - area->start)) >> PAGE_SHIFT;
	struct page *page;
	if (area->file) {
		int error = fault_file(area, index, write, leaf);
		as->resident += !error;
		if (!error && !write) {
			map_around(as, area, address);
		}
		return error;
	}
	if (area->shared) {
		if (index >= shared_pages(area->shared)) {
			return -EIO; /* mremap made it longer than what it maps: SIGBUS */
		}
		page = shared_page(area->shared, index);
		write = area->prot & PROT_WRITE;
	} else if (write) {
		page = page_private(NULL);
	} else {
		*leaf = zero_page_phys() | area_leaf_flags(area, false);
		return 0;
	}
	if (!page) {
		return -ENOMEM;
	}
	*leaf = page_phys(page) | area_leaf_flags(area, write);
	as->resident++;
	if (!area->shared) {
		page_touched(as, area, address, leaf);
	}
	return 0;
}

static int fault_locked(struct address_space *as, uint64_t address, bool write, bool exec)
{
	struct area *area = area_for_fault(as, address);
	if (!area) {
		return -EFAULT;
	}
	if (!area->prot || (write && !(area->prot & PROT_WRITE)) || (exec && !(area->prot & PROT_EXEC))) {
		return -EACCES;
	}
	uint64_t *leaf = user_leaves_make(as->cr3, address, 1);
	if (!leaf) {
		return -ENOMEM;
	}
	if (leaf_is_large(*leaf) && write && !(*leaf & PTE_WRITE)) {
		if (large_leaf_write(as, leaf, address)) {
			return 0;
		}
		leaf = user_leaf_find(as->cr3, address);
	}
	if (!(*leaf & PTE_PRESENT)) {
		return fault_absent(as, area, address, write, leaf);
	}
	if (write && !(*leaf & PTE_WRITE)) {
		return fault_write_present(as, area, address, leaf);
	}
	/* Another thread was here first, or the processor remembers an older leaf. */
	tlb_flush_page(address & ~(PAGE_SIZE - 1));
	return 0;
}

int address_space_fault(struct address_space *as, uint64_t address, int write, int exec)
{
	if (!as || address >= USER_END) {
		return -EFAULT;
	}
	struct reserve_outer outer = reserve_nest(RESERVE_FAULT);
	mutex_lock(&as->lock);
	int error = as->reaped ? -EINTR : fault_locked(as, address, write, exec);
	mutex_unlock(&as->lock);
	reserve_unnest(outer);
	if (CONFIG_DEBUG) {
		kassert(error != -ENOMEM); /* the reservation covers it */
	}
	return error;
}
