/* SPDX-License-Identifier: MIT */
/* Walking the user half of page tables: 4 levels, 4 KiB leaves. AMD64 APM vol. 2, 5.3. */
#include "mm/user_table.h"
#include "base/string.h"
#include "kernel/memory.h"

#define TABLE_FLAGS (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED)
#define USER_SLOTS 256

uint64_t user_table_create(void)
{
	struct page *page = page_alloc(ALLOC_ZERO);
	if (!page) {
		return 0;
	}
	uint64_t *table = page_data(page);
	for (unsigned i = USER_SLOTS; i < 512; i++) {
		table[i] = kernel_pml4[i];
	}
	return page_phys(page);
}

static void table_destroy(uint64_t phys, unsigned level, unsigned slots)
{
	const uint64_t *table = phys_to_virt(phys);
	for (unsigned i = 0; level > 0 && i < slots; i++) {
		if (table[i] & PTE_PRESENT) {
			table_destroy(table[i] & PTE_ADDRESS, level - 1, 512);
		}
	}
	page_put(page_from_phys(phys));
}

void user_table_destroy(uint64_t cr3)
{
	table_destroy(cr3, 3, USER_SLOTS);
}

uint64_t *user_leaf_find(uint64_t cr3, uint64_t address)
{
	uint64_t *table = phys_to_virt(cr3);
	for (unsigned level = 3; level > 0; level--) {
		uint64_t entry = table[address >> (12 + 9 * level) & 511];
		if (!(entry & PTE_PRESENT)) {
			return NULL;
		}
		table = phys_to_virt(entry & PTE_ADDRESS);
	}
	return &table[address >> 12 & 511];
}

uint64_t *user_leaf_make(uint64_t cr3, uint64_t address)
{
	uint64_t *table = phys_to_virt(cr3);
	for (unsigned level = 3; level > 0; level--) {
		uint64_t *entry = &table[address >> (12 + 9 * level) & 511];
		if (!(*entry & PTE_PRESENT)) {
			struct page *page = page_alloc(ALLOC_ZERO);
			if (!page) {
				return NULL;
			}
			*entry = page_phys(page) | TABLE_FLAGS;
		}
		table = phys_to_virt(*entry & PTE_ADDRESS);
	}
	return &table[address >> 12 & 511];
}

uint64_t *user_leaves_next(uint64_t cr3, uint64_t *address, uint64_t end, unsigned *count)
{
	while (*address < end) {
		uint64_t *table = phys_to_virt(cr3);
		unsigned level = 3;
		for (; level > 0; level--) {
			uint64_t entry = table[*address >> (12 + 9 * level) & 511];
			if (!(entry & PTE_PRESENT)) {
				break;
			}
			table = phys_to_virt(entry & PTE_ADDRESS);
		}
		if (level == 0) {
			uint64_t first = *address >> PAGE_SHIFT & 511, left = (end - *address) >> PAGE_SHIFT;
			*count = (unsigned)(left < 512 - first ? left : 512 - first);
			return &table[*address >> 12 & 511];
		}
		/* Nothing below this entry: on to the next one. */
		uint64_t span = 1ull << (12 + 9 * level);
		*address = (*address & ~(span - 1)) + span;
	}
	return NULL;
}
