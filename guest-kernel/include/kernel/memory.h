/* SPDX-License-Identifier: MIT */
/*
 * Physical pages and the kernel heap (mm/). All RAM is mapped at PHYSMAP, no-execute. Pages come from two zones: the I/O
 * zone, which on Bulkhead is granted to the block back ends' devices (page cache, DMA buffers), and the rest.
 */
#ifndef KERNEL_MEMORY_H
#define KERNEL_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096ull
#define PHYSMAP 0xffff888000000000ull
#define KERNEL_BASE 0xffffffff80000000ull /* kernel image: VA = PA + KERNEL_BASE */
#define USER_END 0x00007ffffffff000ull

struct page {
	struct list link; /* LRU or free list, by owner */
	volatile uint32_t references;
	volatile uint32_t flags; /* enum page_flags, atomic */
	void *owner; /* page cache: struct mapping */
	uint64_t index; /* page cache: page index in the file */
	void *private; /* for the owner */
};

enum page_flags {
	PAGE_IO = 1, /* from the I/O zone */
	PAGE_UPTODATE = 2, PAGE_DIRTY = 4, PAGE_LOCKED = 8, PAGE_WRITEBACK = 16, PAGE_ERROR = 32, PAGE_ACCESSED = 64,
};

/* What a page in use is for, as /proc/meminfo tells: said when it is allocated, kept in its flags. */
enum page_kind {
	PAGE_KERNEL, /* all else: buffers of pipes and devices, argument pages */
	PAGE_ANONYMOUS, /* private memory of programs */
	PAGE_TABLE, /* programs' page tables, and the kernel's */
	PAGE_HEAP, PAGE_STACK, /* the kernel's */
	PAGE_FILE, /* cached */
	PAGE_SHARED, /* of files that live in memory only, and shared anonymous memory */
	PAGE_KINDS
};
#define PAGE_KIND_SHIFT 8
#define PAGE_KIND_MASK (7u << PAGE_KIND_SHIFT)
static inline enum page_kind page_kind(const struct page *page)
{
	return (enum page_kind)((page->flags & PAGE_KIND_MASK) >> PAGE_KIND_SHIFT);
}

#define ALLOC_ZERO 1u
#define ALLOC_IO 2u /* from the I/O zone */
#define ALLOC_SPARE 4u /* only what can be done without: it leaves the reservation alone, and an eighth of memory free */
#define ALLOC_KIND(kind) ((unsigned)(kind) << PAGE_KIND_SHIFT)

/** One page with one reference: out of the operation's reservation (kernel/reserve.h), else NULL if there is none to spare. Never sleeps. */
struct page *page_alloc(unsigned flags);
/** 2^order contiguous pages, naturally aligned, referenced as one. */
struct page *page_alloc_order(unsigned order, unsigned flags);
void page_free_order(struct page *page, unsigned order);
void page_get(struct page *page);
void page_put(struct page *page); /* frees at zero */

uint64_t page_phys(const struct page *page);
struct page *page_from_phys(uint64_t phys);
static inline void *phys_to_virt(uint64_t phys)
{
	return (void *)(phys + PHYSMAP);
}
static inline void *page_data(const struct page *page)
{
	return phys_to_virt(page_phys(page));
}
uint64_t virt_to_phys(const void *virt); /* physmap or kernel image */

/** The I/O zone, for the grant: whole pages. */
void memory_io_zone(uint64_t *phys, uint64_t *bytes);
/** Pages that processors keep at hand are free. Free and the sum of what is in use by kind are all there are. */
void memory_usage(uint64_t *total_pages, uint64_t *free_pages);
uint64_t memory_io_free(void); /* of the I/O zone */
void memory_used(uint64_t pages[PAGE_KINDS]);
uint64_t memory_mapped_files(void); /* pages of files that somebody besides the cache has; every page is looked at */
uint64_t memory_large_pages(void); /* of 2 MiB, in use as such */
/** fs/ registers this: free up to `pages` clean cached pages, return how many. */
void memory_set_reclaim(size_t (*reclaim)(size_t pages));
/** And this, for when that was not enough: give up all that can be had again, sleeping for it if need be. */
void memory_set_shrink(void (*shrink)(void));

/** 16-byte aligned; more than a page need not be in one piece physically, and is waited for: no lock is held but of lines 0 and 1.
 *  NULL: the operation has not reserved it, or larger than memory. */
void *kmalloc(size_t bytes);
void *kzalloc(size_t bytes);
void kfree(void *memory); /* NULL is allowed */

#define VMAP_BASE 0xffffc90000000000ull /* kernel stacks, large pieces of the heap and device registers */
#define VMAP_END 0xffffc98000000000ull
/** Bytes of these addresses that are in use, and that nothing was ever mapped at. */
void kernel_vmap_usage(uint64_t *used, uint64_t *untouched);
/** Map device registers, uncached, for good. NULL: no memory. */
volatile void *mmio_map(uint64_t phys, size_t bytes);

#endif
