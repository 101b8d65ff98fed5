/* SPDX-License-Identifier: MIT */
/* The start info of the PVH boot protocol (abi/pvh.h). Every address in it is the loader's word and is checked before use. */
#include "boot_internal.h"

#include "abi/errno.h"
#include "abi/pvh.h"
#include "base/string.h"

static void cmdline_copy(struct boot_info *info, uint64_t from, boot_at_t at)
{
	for (size_t i = 0; from && i < sizeof(info->cmdline) - 1; i++) {
		const char *c = at(from + i, 1);
		if (!c || !*c) {
			break;
		}
		info->cmdline[i] = *c;
	}
}

static int module_take(struct boot_info *info, const struct pvh_start_info *start, boot_at_t at, const char **why)
{
	if (start->nr_modules == 0) {
		return 0;
	}
	const struct pvh_module *module = at(start->modlist_paddr, sizeof(*module));
	if (!module) {
		*why = "PVH module list out of reach";
		return -EINVAL;
	}
	return boot_bundle_set(info, module->paddr, module->size, why);
}

int boot_parse_pvh(struct boot_info *info, uint64_t start_address, boot_at_t at, const char **why)
{
	const struct pvh_start_info *start = at(start_address, sizeof(*start));
	if (!start || start->magic != PVH_MAGIC) {
		*why = "no PVH start info";
		return -EINVAL;
	}
	if (start->version < 1 || start->memmap_entries == 0) {
		*why = "PVH start info without a memory map";
		return -EINVAL;
	}
	const struct pvh_memmap *map = at(start->memmap_paddr, start->memmap_entries * sizeof(*map));
	if (!map) {
		*why = "PVH memory map out of reach";
		return -EINVAL;
	}
	for (unsigned pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < start->memmap_entries; i++) {
			ram_entry(info, map[i].addr, map[i].size, map[i].type == PVH_MEM_RAM, pass);
		}
	}
	info->loader = "PVH";
	info->rsdp = HPA(start->rsdp_paddr);
	cmdline_copy(info, start->cmdline_paddr, at);
	return module_take(info, start, at, why);
}
