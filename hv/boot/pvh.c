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

/* A copy: the loader may have put its structures at any address. */
static bool copy_from(void *to, uint64_t from, uint64_t bytes, boot_at_t at)
{
	const void *there = at(from, bytes);
	if (there) {
		memcpy(to, there, bytes);
	}
	return there != NULL;
}

static int module_take(struct boot_info *info, const struct pvh_start_info *start, boot_at_t at, const char **why)
{
	struct pvh_module module;
	if (start->nr_modules == 0) {
		return 0;
	}
	if (!copy_from(&module, start->modlist_paddr, sizeof(module), at)) {
		*why = "PVH module list out of reach";
		return -EINVAL;
	}
	return boot_bundle_set(info, module.paddr, module.size, why);
}

int boot_parse_pvh(struct boot_info *info, uint64_t start_address, boot_at_t at, const char **why)
{
	struct pvh_start_info start;
	if (!copy_from(&start, start_address, sizeof(start), at) || start.magic != PVH_MAGIC) {
		*why = "no PVH start info";
		return -EINVAL;
	}
	if (start.version < 1 || start.memmap_entries == 0) {
		*why = "PVH start info without a memory map";
		return -EINVAL;
	}
	const char *map = at(start.memmap_paddr, start.memmap_entries * sizeof(struct pvh_memmap));
	if (!map) {
		*why = "PVH memory map out of reach";
		return -EINVAL;
	}
	for (unsigned pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < start.memmap_entries; i++) {
			struct pvh_memmap entry;
			memcpy(&entry, map + i * sizeof(entry), sizeof(entry));
			ram_entry(info, entry.addr, entry.size, entry.type == PVH_MEM_RAM, pass);
		}
	}
	info->loader = "PVH";
	info->rsdp = HPA(start.rsdp_paddr);
	cmdline_copy(info, start.cmdline_paddr, at);
	return module_take(info, &start, at, why);
}
