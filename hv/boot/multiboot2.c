/* SPDX-License-Identifier: MIT */
/*
 * The boot information of Multiboot2 (specification 2.0, 3.4): a list of tags, each 8-aligned, with its size. A tag that does
 * not lie inside the list, or is too small for its kind, spoils the whole.
 */
#include "boot_internal.h"

#include "abi/errno.h"
#include "base/string.h"

enum tag_type { TAG_END = 0, TAG_CMDLINE = 1, TAG_MODULE = 3, TAG_MEMORY_MAP = 6, TAG_RSDP_OLD = 14, TAG_RSDP_NEW = 15 };

struct tag {
	uint32_t type, size;
};

struct tag_module {
	struct tag tag;
	uint32_t start, end;
};

struct tag_memory_map {
	struct tag tag;
	uint32_t entry_size, entry_version;
};

struct memory_entry {
	uint64_t address, size;
	uint32_t type, reserved;
};

static int memory_map_take(struct boot_info *info, const struct tag_memory_map *map, const char **why)
{
	if (map->tag.size < sizeof(*map) || map->entry_size < sizeof(struct memory_entry) || map->entry_size % 8 != 0) {
		*why = "malformed Multiboot2 memory map";
		return -EINVAL;
	}
	uint32_t count = (map->tag.size - sizeof(*map)) / map->entry_size;
	for (unsigned pass = 0; pass < 2; pass++) {
		const char *at = (const char *)(map + 1);
		for (uint32_t i = 0; i < count; i++, at += map->entry_size) {
			const struct memory_entry *e = (const struct memory_entry *)at;
			ram_entry(info, e->address, e->size, e->type == 1, pass);
		}
	}
	return 0;
}

static int module_take(struct boot_info *info, const struct tag_module *module, const char **why)
{
	if (module->tag.size < sizeof(*module) || module->end < module->start) {
		*why = "malformed Multiboot2 module";
		return -EINVAL;
	}
	return info->bundle ? 0 : boot_bundle_set(info, module->start, module->end - module->start, why);
}

static void cmdline_take(struct boot_info *info, const struct tag *tag)
{
	size_t bytes = tag->size - sizeof(*tag);
	bytes = bytes < sizeof(info->cmdline) ? bytes : sizeof(info->cmdline) - 1;
	memcpy(info->cmdline, tag + 1, bytes);
	info->cmdline[bytes] = '\0';
}

static int tag_take(struct boot_info *info, const struct tag *tag, uint64_t address, const char **why)
{
	switch (tag->type) {
	case TAG_CMDLINE:
		cmdline_take(info, tag);
		return 0;
	case TAG_MODULE:
		return module_take(info, (const struct tag_module *)tag, why);
	case TAG_MEMORY_MAP:
		return memory_map_take(info, (const struct tag_memory_map *)tag, why);
	case TAG_RSDP_NEW:
		info->rsdp = HPA(address + sizeof(*tag));
		return 0;
	case TAG_RSDP_OLD:
		if (info->rsdp.value == 0) {
			info->rsdp = HPA(address + sizeof(*tag));
		}
		return 0;
	default:
		return 0;
	}
}

int boot_parse_multiboot2(struct boot_info *info, uint64_t start, boot_at_t at, const char **why)
{
	const uint32_t *total = start % 8 == 0 ? at(start, 8) : NULL;
	const char *list = total ? at(start, *total) : NULL;
	*why = "malformed Multiboot2 tags";
	if (!list) {
		return -EINVAL;
	}
	uint32_t size = *total;
	for (uint32_t offset = 8; offset <= size && size - offset >= sizeof(struct tag);) {
		const struct tag *tag = (const struct tag *)(list + offset);
		if (tag->size < sizeof(*tag) || tag->size > size - offset) {
			return -EINVAL;
		}
		if (tag->type == TAG_END) {
			*why = "Multiboot2 gave no memory map";
			info->loader = "Multiboot2";
			return info->ram_count ? 0 : -EINVAL;
		}
		int error = tag_take(info, tag, start + offset, why);
		if (error) {
			return error;
		}
		uint32_t step = (tag->size + 7) & ~7u;
		if (step == 0 || step > size - offset) {
			return -EINVAL;
		}
		offset += step;
	}
	return -EINVAL;
}
