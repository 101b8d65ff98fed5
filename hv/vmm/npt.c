/* SPDX-License-Identifier: MIT */
/*
 * The nested page table's format: that of long mode, walked as a user access (APM vol. 2, 15.25.5), so U is always set.
 * Accessed and dirty are set from the start: nobody reads them, and the walker need not write them. Uncached is PCD and
 * PWT, the host PAT's entry 3, UC.
 */
#include "svm.h"

#define NPT_P (1ull << 0)
#define NPT_W (1ull << 1)
#define NPT_U (1ull << 2)
#define NPT_UC (3ull << 3)
#define NPT_AD (3ull << 5)
#define NPT_LARGE (1ull << 7)
#define NPT_NX (1ull << 63)
#define NPT_ADDRESS 0x000ffffffffff000ull

static uint64_t npt_leaf(hpa_t hpa, unsigned prot, unsigned level)
{
	uint64_t entry = hpa.value | NPT_P | NPT_U | NPT_AD;
	entry |= prot & MAP_WRITE ? NPT_W : 0;
	entry |= prot & MAP_EXEC ? 0 : NPT_NX;
	entry |= prot & MAP_UNCACHED ? NPT_UC : 0;
	return entry | (level > 0 ? NPT_LARGE : 0);
}

static uint64_t npt_table(hpa_t next, unsigned level)
{
	return next.value | NPT_P | NPT_W | NPT_U | NPT_AD;
}

static bool npt_present(uint64_t entry)
{
	return entry & NPT_P;
}

static bool npt_is_leaf(uint64_t entry, unsigned level)
{
	return level == 0 || (entry & NPT_LARGE);
}

static hpa_t npt_address(uint64_t entry, unsigned level)
{
	return HPA(entry & NPT_ADDRESS);
}

static unsigned npt_prot(uint64_t entry)
{
	return MAP_READ | (entry & NPT_W ? MAP_WRITE : 0) | (entry & NPT_NX ? 0 : MAP_EXEC) |
	       (entry & NPT_UC ? MAP_UNCACHED : 0);
}

const struct paging_format npt_format = {
	.name = "NPT",
	.levels = 4,
	.max_leaf_level = 2,
	.leaf = npt_leaf,
	.table = npt_table,
	.present = npt_present,
	.is_leaf = npt_is_leaf,
	.address = npt_address,
	.prot = npt_prot,
};
