/* SPDX-License-Identifier: MIT */
/*
 * The encodings of AMD-Vi as pure functions: page-table entries (AMD 48882, 2.2.3), device table entries (2.2.2.1),
 * interrupt table entries of 32 bits (2.2.5.2). Levels there count from 1; here 0 is the 4 KiB leaf.
 */
#include "amdvi.h"

#define PTE_PRESENT 1ull
#define PTE_NEXT_SHIFT 9
#define PTE_NEXT_MASK 7ull
#define PTE_ADDRESS 0x000ffffffffff000ull
#define PTE_COHERENT (1ull << 60)
#define PTE_READ (1ull << 61)
#define PTE_WRITE (1ull << 62)

#define DTE_MODE_SHIFT 9
#define DTE2_ORDER_SHIFT 1
#define DTE2_CONTROL_REMAP (2ull << 60)

#define IRTE_ENABLE 1u
#define IRTE_DESTINATION_SHIFT 8
#define IRTE_VECTOR_SHIFT 16

static uint64_t leaf(hpa_t hpa, unsigned prot, unsigned level)
{
	/* "Next level 0" ends the walk wherever it stands. */
	return (hpa.value & PTE_ADDRESS) | PTE_PRESENT | PTE_COHERENT | (prot & MAP_READ ? PTE_READ : 0) |
	       (prot & MAP_WRITE ? PTE_WRITE : 0);
}

static uint64_t table(hpa_t next, unsigned level)
{
	return (next.value & PTE_ADDRESS) | PTE_PRESENT | PTE_READ | PTE_WRITE | (uint64_t)level << PTE_NEXT_SHIFT;
}

static bool is_leaf(uint64_t entry, unsigned level)
{
	return (entry >> PTE_NEXT_SHIFT & PTE_NEXT_MASK) == 0;
}

static hpa_t address(uint64_t entry, unsigned level)
{
	return HPA(entry & PTE_ADDRESS);
}

static unsigned prot(uint64_t entry)
{
	return (entry & PTE_READ ? MAP_READ : 0) | (entry & PTE_WRITE ? MAP_WRITE : 0);
}

const struct paging_format amdvi_format = {
	.levels = 4,
	.max_leaf_level = 2,
	.leaf = leaf,
	.table = table,
	.is_leaf = is_leaf,
	.address = address,
	.prot = prot,
};

uint64_t amdvi_dte_translated(hpa_t root, unsigned levels)
{
	uint64_t tables = (uint64_t)levels << DTE_MODE_SHIFT | (root.value & PTE_ADDRESS);
	return AMDVI_DTE_BLOCKED | tables | PTE_READ | PTE_WRITE;
}

uint64_t amdvi_dte_interrupts_remapped(hpa_t interrupts, unsigned order)
{
	uint64_t tables = (uint64_t)order << DTE2_ORDER_SHIFT | (interrupts.value & AMDVI_DTE2_TABLE);
	return AMDVI_DTE2_BLOCKED | DTE2_CONTROL_REMAP | tables;
}

uint32_t amdvi_irte(uint8_t vector, uint8_t apic_id)
{
	return IRTE_ENABLE | (uint32_t)apic_id << IRTE_DESTINATION_SHIFT | (uint32_t)vector << IRTE_VECTOR_SHIFT;
}
