/* SPDX-License-Identifier: MIT */
/*
 * The processor's own 4-level page tables (APM vol. 2, 5.3; SDM vol. 3, 4.5). Accessed and dirty are set at once, so
 * the processor never writes to the tables. 1 GiB leaves are left out: not every long-mode processor has them.
 */
#include "mem_internal.h"

#define PTE_PRESENT (1ull << 0)
#define PTE_WRITE (1ull << 1)
#define PTE_USER (1ull << 2)
#define PTE_UNCACHED (3ull << 3) /* PWT and PCD: UC with the PAT's reset value */
#define PTE_ACCESSED_DIRTY (3ull << 5)
#define PTE_LARGE (1ull << 7)
#define PTE_NO_EXECUTE (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull

static uint64_t host_leaf(hpa_t hpa, unsigned prot, unsigned level)
{
	return hpa.value | PTE_PRESENT | PTE_ACCESSED_DIRTY | (level ? PTE_LARGE : 0) |
	       (prot & MAP_WRITE ? PTE_WRITE : 0) | (prot & MAP_USER ? PTE_USER : 0) |
	       (prot & MAP_UNCACHED ? PTE_UNCACHED : 0) | (prot & MAP_EXEC ? 0 : PTE_NO_EXECUTE);
}

static uint64_t host_table(hpa_t next, unsigned level)
{
	return next.value | PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED_DIRTY;
}

static bool host_is_leaf(uint64_t entry, unsigned level)
{
	return entry & PTE_LARGE;
}

static hpa_t host_address(uint64_t entry, unsigned level)
{
	return HPA(entry & PTE_ADDRESS);
}

static unsigned host_prot(uint64_t entry)
{
	return MAP_READ | (entry & PTE_WRITE ? MAP_WRITE : 0) | (entry & PTE_USER ? MAP_USER : 0) |
	       (entry & PTE_UNCACHED ? MAP_UNCACHED : 0) | (entry & PTE_NO_EXECUTE ? 0 : MAP_EXEC);
}

const struct paging_format host_format = {
	.levels = 4,
	.max_leaf_level = 1,
	.leaf = host_leaf,
	.table = host_table,
	.is_leaf = host_is_leaf,
	.address = host_address,
	.prot = host_prot,
};
