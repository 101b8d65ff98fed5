/* SPDX-License-Identifier: MIT */
/* Page-table entries and the kernel's own map. AMD64 APM vol. 2, 5.3. */
#ifndef MM_PAGE_TABLE_H
#define MM_PAGE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/memory.h"

#define PTE_PRESENT 1ull
#define PTE_WRITE 2ull
#define PTE_USER 4ull
#define PTE_WRITE_THROUGH 8ull
#define PTE_UNCACHED 16ull
#define PTE_ACCESSED 32ull
#define PTE_DIRTY 64ull
#define PTE_LARGE 128ull
#define PTE_GLOBAL 256ull
#define PTE_NX (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull

/** Replace the boot tables by exact ones: text executable and read-only, all RAM at PHYSMAP no-execute. */
void kernel_map_init(void);
/** Tables come from pages from now on. */
void kernel_map_ready(void);
/** Map 4 KiB pages (or larger where aligned) in the kernel's half; flags are PTE_*. 0, -ENOMEM. */
int kernel_map(uint64_t address, uint64_t phys, uint64_t bytes, uint64_t flags);
/** Take 4 KiB pages out, with the TLB's copies. */
void kernel_unmap(uint64_t address, uint64_t bytes);
/** The leaf entry of an address that no large page covers, with the tables above. NULL: no memory. */
uint64_t *kernel_leaf_make(uint64_t address);
/** Likewise, where the tables are. */
uint64_t *kernel_leaf(uint64_t address);
/** Addresses behind VMAP_BASE, never given back. 0: none left. What can be given back: vmap.h. */
uint64_t kernel_vmap_reserve(uint64_t bytes);
/** CR3 of the kernel alone, and its PML4, whose upper half every address space copies. */
extern uint64_t kernel_cr3;
extern uint64_t *kernel_pml4;

#endif
