/* SPDX-License-Identifier: MIT */
/*
 * The PVH boot protocol: a 32-bit entry point named by an ELF note, and the start info it is
 * handed in EBX. One door for every program that Bulkhead runs, and for Bulkhead itself under
 * `qemu -kernel`.
 * Source: Xen's public documentation of the "x86/HVM direct boot ABI", version 1 of the struct.
 */
#ifndef BULKHEAD_ABI_PVH_H
#define BULKHEAD_ABI_PVH_H

#include <stdint.h>

#define PVH_MAGIC 0x336ec578u
#define PVH_NOTE_NAME "Xen"
#define PVH_NOTE_PHYS32_ENTRY 18

struct pvh_start_info {
	uint32_t magic; /* PVH_MAGIC */
	uint32_t version; /* 1: memmap fields are valid */
	uint32_t flags;
	uint32_t nr_modules;
	uint64_t modlist_paddr; /* struct pvh_module[nr_modules] */
	uint64_t cmdline_paddr; /* NUL-terminated */
	uint64_t rsdp_paddr; /* 0: none (a Bulkhead domain has no ACPI) */
	uint64_t memmap_paddr; /* struct pvh_memmap[memmap_entries] */
	uint32_t memmap_entries;
	uint32_t reserved;
};

struct pvh_module {
	uint64_t paddr;
	uint64_t size; /* bytes */
	uint64_t cmdline_paddr;
	uint64_t reserved;
};

enum pvh_memory_type { PVH_MEM_RAM = 1, PVH_MEM_RESERVED = 2, PVH_MEM_ACPI = 3, PVH_MEM_NVS = 4 };

struct pvh_memmap {
	uint64_t addr;
	uint64_t size; /* bytes */
	uint32_t type; /* enum pvh_memory_type; values above 4 are reserved memory */
	uint32_t reserved;
};

_Static_assert(sizeof(struct pvh_start_info) == 56, "PVH start info");
_Static_assert(sizeof(struct pvh_module) == 32, "PVH module");
_Static_assert(sizeof(struct pvh_memmap) == 24, "PVH memory map");

#endif
