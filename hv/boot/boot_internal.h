/* SPDX-License-Identifier: MIT */
/*
 * Boot loaders' structures into struct boot_info. The parsers are pure: they reach physical memory only through `at`, which
 * returns NULL for what it cannot reach, so a host test can hand them any bytes.
 */
#ifndef HV_BOOT_INTERNAL_H
#define HV_BOOT_INTERNAL_H

#include <stdbool.h>
#include "hv/boot.h"

#define MULTIBOOT2_LOADER_MAGIC 0x36d76289u

/** `bytes` at a physical address, readable for now; NULL if any of them is out of reach. */
typedef const void *(*boot_at_t)(uint64_t address, uint64_t bytes);

/** Fill *info (zeroed by the caller). -EINVAL, and why in words. */
int boot_parse_pvh(struct boot_info *info, uint64_t start, boot_at_t at, const char **why);
int boot_parse_multiboot2(struct boot_info *info, uint64_t start, boot_at_t at, const char **why);

/** Usable RAM: add the whole pages of [start, end), joined with what it touches. Ranges beyond BOOT_MAX_RAM are lost, never invented. */
void ram_add(struct boot_info *info, uint64_t start, uint64_t end);
/** Take out every page that [start, end) touches. */
void ram_remove(struct boot_info *info, uint64_t start, uint64_t end);
/** Where `bytes` fit with this alignment, lowest first, below `limit`. 0: nowhere. */
uint64_t ram_find(const struct boot_info *info, uint64_t bytes, uint64_t align, uint64_t limit);
/** Is this whole page usable RAM? */
bool ram_has(const struct boot_info *info, uint64_t page);
/** A loader's memory map entry: RAM counts in the first pass, everything else takes away from it in the second. */
void ram_entry(struct boot_info *info, uint64_t start, uint64_t size, bool is_ram, unsigned pass);
/** The loader's module: the bundle. -EINVAL if it is empty or wraps. */
int boot_bundle_set(struct boot_info *info, uint64_t start, uint64_t size, const char **why);

#endif
