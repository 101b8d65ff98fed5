/* SPDX-License-Identifier: MIT */
/* Single pages, mapped one behind the other. The first one's struct page keeps how many there are. */
#include "mm/scattered.h"
#include "kernel/memory.h"
#include "mm/vmap.h"

static void unmap(uint64_t start, uint64_t pages, unsigned order)
{
	for (uint64_t i = 0; i < pages; i++) {
		uint64_t at = start + i * PAGE_SIZE, phys = virt_to_phys((void *)at);
		kernel_unmap(at, PAGE_SIZE);
		page_put(page_from_phys(phys));
	}
	vmap_give(start, order);
}

void *scattered_alloc(unsigned order, unsigned flags)
{
	uint64_t at = vmap_take(order);
	for (uint64_t i = 0; at && i < 1ull << order; i++) {
		struct page *page = page_alloc(flags);
		if (!page || kernel_map(at + i * PAGE_SIZE, page_phys(page), PAGE_SIZE, PTE_WRITE | PTE_NX)) {
			if (page) {
				page_put(page);
			}
			unmap(at, i, order);
			return NULL;
		}
		if (i == 0) {
			page->index = order;
		}
	}
	return (void *)at;
}

void scattered_free(void *memory)
{
	unsigned order = (unsigned)page_from_phys(virt_to_phys(memory))->index;
	unmap((uint64_t)memory, 1ull << order, order);
}
