/* SPDX-License-Identifier: MIT */
/*
 * Boot loaders' structures into struct boot_info. The parsers are pure: they reach physical memory only through `at`,
 * which returns NULL for what it cannot reach, so a host test can hand them any bytes.
 */
#ifndef HV_BOOT_INTERNAL_H
#define HV_BOOT_INTERNAL_H

#include <stddef.h>
#include "hv/boot.h"

#define MULTIBOOT2_LOADER_MAGIC 0x36d76289u

/** `bytes` at a physical address, readable for now; NULL if any of them is out of reach. */
typedef const void *(*boot_at_t)(uint64_t address, uint64_t bytes);

/** Fill *info (zeroed by the caller). NULL, or in words why that cannot be done. */
const char *boot_parse_pvh(struct boot_info *info, uint64_t start, boot_at_t at);
const char *boot_parse_multiboot2(struct boot_info *info, uint64_t start, boot_at_t at);
/** The loader's module: the bundle. */
const char *boot_bundle_set(struct boot_info *info, uint64_t start, uint64_t size);

/** Usable RAM: add the whole pages of [start, end), joined with what it touches. Ranges beyond RAM_RANGES are lost. */
void ram_add(struct ram *ram, uint64_t start, uint64_t end);
/** Take out every page that [start, end) touches. */
void ram_remove(struct ram *ram, uint64_t start, uint64_t end);
/** Where `bytes` fit with this alignment, lowest first, below `limit`. 0: nowhere. */
uint64_t ram_find(const struct ram *ram, uint64_t bytes, uint64_t align, uint64_t limit);
/** A loader's memory map, in the BIOS's form: address, size, type (1: RAM). What anything else claims is no RAM. */
void ram_map_take(struct ram *ram, const char *map, size_t entries, size_t entry_size);

#endif
