/* SPDX-License-Identifier: MIT */
/*
 * The encodings of VT-d as pure functions: second-level page-table entries (Intel VT-d, 9.8), context entries (9.3),
 * interrupt remapping table entries (9.10) and what makes devices and I/O APICs raise them (5.1.2.2, 5.1.5).
 */
#include "vtd.h"

#define PTE_READ 1ull
#define PTE_WRITE 2ull
#define PTE_LARGE (1ull << 7)
#define PTE_SNOOP (1ull << 11)

#define CONTEXT_DOMAIN_SHIFT 8
#define IRTE_VECTOR_SHIFT 16
#define IRTE_VERIFY_ID (1ull << 18) /* SVT: all bits of the requester ID (SQ) */
#define MESSAGE_BASE 0xfee00000ull
#define MESSAGE_REMAPPABLE (1ull << 4)
#define IOAPIC_REMAPPABLE (1u << 16) /* bit 48 of the entry */

static uint64_t leaf_snoop; /* written once, with the format */

static uint64_t leaf(hpa_t hpa, unsigned prot, unsigned level)
{
	return (hpa.value & VTD_ADDRESS) | (prot & MAP_READ ? PTE_READ : 0) | (prot & MAP_WRITE ? PTE_WRITE : 0) |
	       (level > 0 ? PTE_LARGE : 0) | leaf_snoop;
}

static uint64_t table(hpa_t next, unsigned level)
{
	return (next.value & VTD_ADDRESS) | PTE_READ | PTE_WRITE;
}

static bool is_leaf(uint64_t entry, unsigned level)
{
	return entry & PTE_LARGE;
}

static hpa_t address(uint64_t entry, unsigned level)
{
	return HPA(entry & VTD_ADDRESS);
}

static unsigned prot(uint64_t entry)
{
	return (entry & PTE_READ ? MAP_READ : 0) | (entry & PTE_WRITE ? MAP_WRITE : 0);
}

struct paging_format vtd_format = {
	.leaf = leaf,
	.table = table,
	.is_leaf = is_leaf,
	.address = address,
	.prot = prot,
};

void vtd_format_init(unsigned levels, unsigned max_leaf_level, bool snoop, void (*written)(const void *at, size_t bytes))
{
	vtd_format.levels = levels;
	vtd_format.max_leaf_level = max_leaf_level;
	vtd_format.written = written;
	leaf_snoop = snoop ? PTE_SNOOP : 0;
}

/* Translation type 0: requests without a translation of the device's own, by the second-level tables; others blocked. */
struct vtd_pair vtd_context(hpa_t root, unsigned levels, uint16_t domain)
{
	return (struct vtd_pair){ (root.value & VTD_ADDRESS) | VTD_PRESENT,
				  (levels - 2) | (uint64_t)domain << CONTEXT_DOMAIN_SHIFT };
}

struct vtd_pair vtd_irte(uint8_t vector, uint32_t apic_id, bool x2apic, uint16_t requester)
{
	return (struct vtd_pair){ (uint64_t)apic_id << (x2apic ? 32 : 40) | (uint64_t)vector << IRTE_VECTOR_SHIFT |
				  VTD_PRESENT, IRTE_VERIFY_ID | requester };
}

uint64_t vtd_message(unsigned index)
{
	return MESSAGE_BASE | MESSAGE_REMAPPABLE | (index & 0x7fff) << 5 | (index >> 15 & 1) << 2;
}

uint32_t vtd_ioapic_entry(unsigned index)
{
	return (index & 0x7fff) << 17 | IOAPIC_REMAPPABLE;
}
