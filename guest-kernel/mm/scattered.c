/* SPDX-License-Identifier: MIT */
/*
 * Single pages, mapped one behind the other. The first one's struct page keeps how many there are. Addresses that were given back are never
 * given out again, so what another processor still remembers of them does no harm; that costs 8 bytes of page table a page.
 */
#include "mm/scattered.h"
#include "kernel/memory.h"

static void unmap(uint64_t start, uint64_t pages)
{
	for (uint64_t i = 0; i < pages; i++) {
		uint64_t at = start + i * PAGE_SIZE, phys = virt_to_phys((void *)at);
		kernel_unmap(at, PAGE_SIZE);
		page_put(page_from_phys(phys));
	}
}

void *scattered_alloc(uint64_t pages, unsigned flags)
{
	uint64_t at = kernel_vmap_reserve((pages + 1) * PAGE_SIZE);
	if (!at) {
		return NULL;
	}
	at += PAGE_SIZE;
	for (uint64_t i = 0; i < pages; i++) {
		struct page *page = page_alloc(flags);
		if (!page || kernel_map(at + i * PAGE_SIZE, page_phys(page), PAGE_SIZE, PTE_WRITE | PTE_NX)) {
			if (page) {
				page_put(page);
			}
			unmap(at, i);
			return NULL;
		}
		if (i == 0) {
			page->index = pages;
		}
	}
	return (void *)at;
}

void scattered_free(void *memory)
{
	unmap((uint64_t)memory, page_from_phys(virt_to_phys(memory))->index);
}
