/* SPDX-License-Identifier: MIT */
/*
 * The boot information of Multiboot2 (specification 2.0, 3.4): a list of tags, each 8-aligned, with its size. A tag
 * that does not lie inside the list, or is too small for its kind, spoils the whole.
 */
#include "boot_internal.h"

enum tag_type { TAG_END = 0, TAG_MODULE = 3, TAG_MEMORY_MAP = 6, TAG_RSDP_OLD = 14, TAG_RSDP_NEW = 15 };

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

#define MEMORY_ENTRY_BYTES 24u

static const char *memory_map_take(struct boot_info *info, const struct tag_memory_map *map)
{
	if (map->tag.size < sizeof(*map) || map->entry_size < MEMORY_ENTRY_BYTES) {
		return "malformed Multiboot2 memory map";
	}
	size_t entries = (map->tag.size - sizeof(*map)) / map->entry_size;
	ram_map_take(&info->ram, (const char *)(map + 1), entries, map->entry_size);
	return NULL;
}

static const char *module_take(struct boot_info *info, const struct tag_module *module)
{
	if (module->tag.size < sizeof(*module) || module->end < module->start) {
		return "malformed Multiboot2 module";
	}
	return info->bundle ? NULL : boot_bundle_set(info, module->start, module->end - module->start);
}

static const char *tag_take(struct boot_info *info, const struct tag *tag, uint64_t address)
{
	if (tag->type == TAG_MODULE) {
		return module_take(info, (const struct tag_module *)tag);
	}
	if (tag->type == TAG_MEMORY_MAP) {
		return memory_map_take(info, (const struct tag_memory_map *)tag);
	}
	if (tag->type == TAG_RSDP_NEW || (tag->type == TAG_RSDP_OLD && info->rsdp.value == 0)) {
		info->rsdp = HPA(address + sizeof(*tag));
	}
	return NULL;
}

const char *boot_parse_multiboot2(struct boot_info *info, uint64_t start, boot_at_t at)
{
	const uint32_t *total = start % 8 == 0 ? at(start, 8) : NULL;
	const char *list = total ? at(start, *total) : NULL;
	uint64_t size = list ? *total : 0;
	for (uint64_t offset = 8; offset + sizeof(struct tag) <= size;) {
		const struct tag *tag = (const struct tag *)(list + offset);
		if (tag->size < sizeof(*tag) || tag->size > size - offset) {
			break;
		}
		if (tag->type == TAG_END) {
			info->loader = "Multiboot2";
			return info->ram.count ? NULL : "Multiboot2 gave no memory map";
		}
		const char *why = tag_take(info, tag, start + offset);
		if (why) {
			return why;
		}
		offset += (tag->size + 7ull) & ~7ull;
	}
	return "malformed Multiboot2 tags";
}
