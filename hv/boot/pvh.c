/* SPDX-License-Identifier: MIT */
/* The start info of the PVH boot protocol (abi/pvh.h). Every address in it is the loader's word, checked before use. */
#include "boot_internal.h"

#include "abi/pvh.h"
#include "base/string.h"

/* A copy: the loader may have put its structures at any address. */
static bool copy_from(void *to, uint64_t from, uint64_t bytes, boot_at_t at)
{
	const void *there = at(from, bytes);
	if (there) {
		memcpy(to, there, bytes);
	}
	return there != NULL;
}

const char *boot_parse_pvh(struct boot_info *info, uint64_t start_address, boot_at_t at)
{
	struct pvh_start_info start;
	struct pvh_module module;
	if (!copy_from(&start, start_address, sizeof(start), at) || start.magic != PVH_MAGIC) {
		return "no PVH start info";
	}
	const char *map = at(start.memmap_paddr, start.memmap_entries * sizeof(struct pvh_memmap));
	if (start.version < 1 || start.memmap_entries == 0 || !map) {
		return "PVH start info without a memory map";
	}
	ram_map_take(&info->ram, map, start.memmap_entries, sizeof(struct pvh_memmap));
	info->loader = "PVH";
	info->rsdp = HPA(start.rsdp_paddr);
	if (start.nr_modules == 0) {
		return NULL;
	}
	if (!copy_from(&module, start.modlist_paddr, sizeof(module), at)) {
		return "PVH module list out of reach";
	}
	return boot_bundle_set(info, module.paddr, module.size);
}
