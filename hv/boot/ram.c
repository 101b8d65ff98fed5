/* SPDX-License-Identifier: MIT */
/*
 * Usable RAM as sorted, disjoint, page-aligned ranges. Rounding always loses: RAM shrinks to whole pages, what is
 * taken out grows to whole pages; a range for which there is no room in the table is given up.
 */
#include "boot_internal.h"

#include "base/string.h"

#define RAM_LIMIT (1ull << 46) /* the hypervisor's identity map ends below the middle of the address space */
#define MAP_RAM 1

static uint64_t clamp(uint64_t address)
{
	return address < RAM_LIMIT ? address : RAM_LIMIT;
}

static void range_delete(struct ram *ram, unsigned i)
{
	ram->count--;
	memmove(&ram->ranges[i], &ram->ranges[i + 1], (ram->count - i) * sizeof(ram->ranges[0]));
}

static void range_insert(struct ram *ram, unsigned i, uint64_t start, uint64_t end)
{
	if (ram->count < RAM_RANGES && start < end) {
		memmove(&ram->ranges[i + 1], &ram->ranges[i], (ram->count - i) * sizeof(ram->ranges[0]));
		ram->ranges[i] = (struct ram_range){ start, end };
		ram->count++;
	}
}

void ram_add(struct ram *ram, uint64_t start, uint64_t end)
{
	unsigned i = 0;
	start = page_up(clamp(start));
	end = page_down(clamp(end));
	while (i < ram->count && ram->ranges[i].end < start) {
		i++;
	}
	while (start < end && i < ram->count && ram->ranges[i].start <= end) {
		struct ram_range other = ram->ranges[i];
		start = other.start < start ? other.start : start;
		end = other.end > end ? other.end : end;
		range_delete(ram, i);
	}
	range_insert(ram, i, start, end);
}

void ram_remove(struct ram *ram, uint64_t start, uint64_t end)
{
	start = page_down(clamp(start));
	end = page_up(clamp(end));
	for (unsigned i = ram->count; i-- > 0 && start < end;) {
		struct ram_range old = ram->ranges[i];
		if (old.start < end && start < old.end) {
			range_delete(ram, i);
			range_insert(ram, i, end, old.end);
			range_insert(ram, i, old.start, start);
		}
	}
}

uint64_t ram_find(const struct ram *ram, uint64_t bytes, uint64_t align, uint64_t limit)
{
	for (unsigned i = 0; i < ram->count; i++) {
		uint64_t at = (ram->ranges[i].start + align - 1) & ~(align - 1);
		uint64_t end = ram->ranges[i].end < limit ? ram->ranges[i].end : limit;
		if (at < end && end - at >= bytes && bytes > 0) {
			return at;
		}
	}
	return 0;
}

void ram_map_take(struct ram *ram, const char *map, size_t entries, size_t entry_size)
{
	for (size_t i = 0; i < 2 * entries; i++) { /* all RAM first, then what takes away from it */
		struct { uint64_t start, size; uint32_t type, reserved; } e;
		memcpy(&e, map + i % entries * entry_size, sizeof(e));
		uint64_t end = e.size > UINT64_MAX - e.start ? UINT64_MAX : e.start + e.size;
		if (i < entries && e.type == MAP_RAM) {
			ram_add(ram, e.start, end);
		} else if (i >= entries && e.type != MAP_RAM) {
			ram_remove(ram, e.start, end);
		}
	}
}

const char *boot_bundle_set(struct boot_info *info, uint64_t start, uint64_t size)
{
	if (size == 0 || start < PAGE_SIZE || start >= RAM_LIMIT || size > RAM_LIMIT - start) {
		return "the module's address or size is impossible";
	}
	info->bundle = (const void *)start;
	info->bundle_size = size;
	return NULL;
}
