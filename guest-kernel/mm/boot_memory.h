/* SPDX-License-Identifier: MIT */
/* What the boot loader said, and memory before there is an allocator: RAM ranges, and reserved ranges within them. */
#ifndef MM_BOOT_MEMORY_H
#define MM_BOOT_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#define BOOT_RANGES 64

struct boot_range {
	uint64_t start, end; /* bytes, page-aligned */
};

struct boot_memory {
	unsigned ram_count, reserved_count;
	struct boot_range ram[BOOT_RANGES]; /* sorted, disjoint */
	struct boot_range reserved[BOOT_RANGES];
	char cmdline[1024];
	uint64_t rsdp;
	uint64_t module, module_bytes; /* module_bytes 0: none */
};
extern struct boot_memory boot_memory;

/** Read the PVH start info at this physical address (below 4 GiB). */
void boot_memory_read(uint64_t start_info);
void boot_memory_reserve(uint64_t start, uint64_t bytes);
/** Physical memory for good, zeroed, below 4 GiB; panics if there is none. Only before pages_init. */
uint64_t boot_memory_alloc(uint64_t bytes, uint64_t align);
/** The first reserved range that meets [start, end), or NULL. */
const struct boot_range *boot_memory_reserved(uint64_t start, uint64_t end);

#endif
