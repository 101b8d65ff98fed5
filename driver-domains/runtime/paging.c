/* SPDX-License-Identifier: MIT */
/*
 * The domain's own page tables: VA = GPA, nothing both writable and executable, page 0 and the stack's guard page absent, the
 * windows on front ends for data only. APM vol. 2, 5.3; SMEP and SMAP (5.6.5) where the processor has them.
 */
#include "runtime.h"

#define ENTRY_PRESENT 1ull
#define ENTRY_WRITE 2ull
#define ENTRY_UNCACHED 0x18ull /* PWT, PCD */
#define ENTRY_LARGE 0x80ull
#define ENTRY_NX (1ull << 63)
#define ENTRY_ADDRESS 0x000ffffffffff000ull
#define LARGE_PAGE (1ull << 21)
#define CR4_PGE (1u << 7) /* no leaf is global; as in the hypervisor: emulators empty their TLB when it changes */
#define CR4_SMEP (1u << 20)
#define CR4_SMAP (1u << 21)

static uint64_t *paging_root;

static uint64_t *table_new(void)
{
	uint64_t *table = heap_alloc(4096, 4096);
	if (!table) {
		domain_panic("no memory for page tables");
	}
	return table;
}

void paging_init(void)
{
	paging_root = table_new();
}

static uint64_t *table_below(uint64_t *entry)
{
	if (!(*entry & ENTRY_PRESENT)) {
		*entry = (uint64_t)table_new() | ENTRY_PRESENT | ENTRY_WRITE;
	}
	return (uint64_t *)(*entry & ENTRY_ADDRESS);
}

void paging_map(uint64_t from, uint64_t bytes, unsigned flags)
{
	uint64_t bits = ENTRY_PRESENT | (flags & MAP_WRITE ? ENTRY_WRITE : 0) | (flags & MAP_EXEC ? 0 : ENTRY_NX) |
			(flags & MAP_UNCACHED ? ENTRY_UNCACHED : 0);
	for (uint64_t at = from, end = from + bytes; at < end;) {
		uint64_t *table = paging_root;
		for (unsigned shift = 39; shift > 21; shift -= 9) {
			table = table_below(&table[(at >> shift) & 511]);
		}
		uint64_t *entry = &table[(at >> 21) & 511];
		if (at % LARGE_PAGE == 0 && end - at >= LARGE_PAGE && !(*entry & ENTRY_PRESENT)) {
			*entry = at | bits | ENTRY_LARGE;
			at += LARGE_PAGE;
			continue;
		}
		table_below(entry)[(at >> 12) & 511] = at | bits;
		at += 4096;
	}
}

void paging_switch(void)
{
	uint32_t a = 0, b, c = 0, d;
	uint64_t cr4;
	__asm__ volatile("mov %0, %%cr3" : : "r"(paging_root) : "memory");
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (a < 7) {
		return;
	}
	a = 7;
	c = 0;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	cr4 |= CR4_PGE | (b & (1u << 7) ? CR4_SMEP : 0) | (b & (1u << 20) ? CR4_SMAP : 0);
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
}
