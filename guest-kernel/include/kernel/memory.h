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

#define ALLOC_ZERO 1u
#define ALLOC_IO 2u /* from the I/O zone */

/** One page with one reference, or NULL. May reclaim clean page-cache pages and sleep, unless interrupts are off. */
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
void memory_usage(uint64_t *total_pages, uint64_t *free_pages);
/** fs/ registers this: free up to `pages` clean cached pages, return how many. */
void memory_set_reclaim(size_t (*reclaim)(size_t pages));

void *kmalloc(size_t bytes); /* 16-byte aligned; NULL: no memory */
void *kzalloc(size_t bytes);
void kfree(void *memory); /* NULL is allowed */

/** Map device registers, uncached, for good. NULL: no memory. */
volatile void *mmio_map(uint64_t phys, size_t bytes);

#endif
