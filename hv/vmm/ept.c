/* SPDX-License-Identifier: MIT */
/*
 * The format of extended page tables (SDM vol. 3, 28.3.2). Read is always allowed, for write without read is a
 * misconfiguration. Accessed and dirty are set at once, so the processor never writes to the tables. RAM is write-back,
 * and the guest's PAT has the last word; registers are uncached, whatever it says.
 */
#include "vmx.h"

#define EPT_READ (1ull << 0)
#define EPT_WRITE (1ull << 1)
#define EPT_EXEC (1ull << 2)
#define EPT_MEMORY_WB (6ull << 3) /* UC is 0 */
#define EPT_LARGE (1ull << 7)
#define EPT_ACCESSED (1ull << 8)
#define EPT_DIRTY (1ull << 9)
#define EPT_ADDRESS 0x000ffffffffff000ull

static uint64_t ept_leaf(hpa_t hpa, unsigned prot, unsigned level)
{
	return hpa.value | EPT_READ | EPT_ACCESSED | EPT_DIRTY | (level ? EPT_LARGE : 0) | (prot & MAP_WRITE ? EPT_WRITE : 0) |
	       (prot & MAP_EXEC ? EPT_EXEC : 0) | (prot & MAP_UNCACHED ? 0 : EPT_MEMORY_WB);
}

static uint64_t ept_table(hpa_t next, unsigned level)
{
	return next.value | EPT_READ | EPT_WRITE | EPT_EXEC | EPT_ACCESSED;
}

static bool ept_is_leaf(uint64_t entry, unsigned level)
{
	return entry & EPT_LARGE;
}

static hpa_t ept_address(uint64_t entry, unsigned level)
{
	return HPA(entry & EPT_ADDRESS);
}

static unsigned ept_prot(uint64_t entry)
{
	return MAP_READ | (entry & EPT_WRITE ? MAP_WRITE : 0) | (entry & EPT_EXEC ? MAP_EXEC : 0) |
	       (entry & EPT_MEMORY_WB ? 0 : MAP_UNCACHED);
}

struct paging_format ept_format = { /* the leaf size is written once, by probe */
	.levels = 4,
	.max_leaf_level = 0,
	.leaf = ept_leaf,
	.table = ept_table,
	.is_leaf = ept_is_leaf,
	.address = ept_address,
	.prot = ept_prot,
};
