/* SPDX-License-Identifier: MIT */
/*
 * Usable RAM as sorted, disjoint, page-aligned ranges. Rounding always loses: RAM shrinks to whole pages, what is taken out
 * grows to whole pages; a range for which there is no room in the table is given up.
 */
#include "boot_internal.h"

#include "abi/errno.h"
#include "base/string.h"

#define RAM_LIMIT (1ull << 46) /* the hypervisor's identity map ends below the middle of the address space */

static uint64_t round_down(uint64_t value)
{
	return value & ~(PAGE_SIZE - 1);
}

static uint64_t round_up(uint64_t value)
{
	return value > UINT64_MAX - PAGE_SIZE ? round_down(UINT64_MAX) : round_down(value + PAGE_SIZE - 1);
}

static void range_delete(struct boot_info *info, unsigned i)
{
	info->ram_count--;
	memmove(&info->ram[i], &info->ram[i + 1], (info->ram_count - i) * sizeof(info->ram[0]));
}

static void range_insert(struct boot_info *info, unsigned i, uint64_t start, uint64_t end)
{
	if (info->ram_count == BOOT_MAX_RAM || start >= end) {
		return;
	}
	memmove(&info->ram[i + 1], &info->ram[i], (info->ram_count - i) * sizeof(info->ram[0]));
	info->ram[i].start = start;
	info->ram[i].size = end - start;
	info->ram_count++;
}

void ram_add(struct boot_info *info, uint64_t start, uint64_t end)
{
	unsigned i = 0;
	start = round_up(start);
	end = round_down(end < RAM_LIMIT ? end : RAM_LIMIT);
	if (start >= end) {
		return;
	}
	while (i < info->ram_count && info->ram[i].start + info->ram[i].size < start) {
		i++;
	}
	while (i < info->ram_count && info->ram[i].start <= end) {
		uint64_t other_end = info->ram[i].start + info->ram[i].size;
		start = info->ram[i].start < start ? info->ram[i].start : start;
		end = other_end > end ? other_end : end;
		range_delete(info, i);
	}
	range_insert(info, i, start, end);
}

void ram_remove(struct boot_info *info, uint64_t start, uint64_t end)
{
	start = round_down(start);
	end = round_up(end);
	for (unsigned i = 0; i < info->ram_count && start < end;) {
		uint64_t a = info->ram[i].start, b = a + info->ram[i].size;
		if (b <= start || a >= end) {
			i++;
			continue;
		}
		range_delete(info, i);
		range_insert(info, i, end, b);
		range_insert(info, i, a, start < b ? start : b);
		i += a < start;
	}
}

uint64_t ram_find(const struct boot_info *info, uint64_t bytes, uint64_t align, uint64_t limit)
{
	for (unsigned i = 0; i < info->ram_count; i++) {
		uint64_t end = info->ram[i].start + info->ram[i].size;
		uint64_t at = (info->ram[i].start + align - 1) & ~(align - 1);
		end = end < limit ? end : limit;
		if (at < end && end - at >= bytes) {
			return at;
		}
	}
	return 0;
}

bool ram_has(const struct boot_info *info, uint64_t page)
{
	for (unsigned i = 0; i < info->ram_count; i++) {
		if (page >= info->ram[i].start && page < info->ram[i].start + info->ram[i].size) {
			return true;
		}
	}
	return false;
}

void ram_entry(struct boot_info *info, uint64_t start, uint64_t size, bool is_ram, unsigned pass)
{
	uint64_t end = size > UINT64_MAX - start ? UINT64_MAX : start + size;
	if (pass == 0 && is_ram) {
		ram_add(info, start, end);
	} else if (pass == 1 && !is_ram) {
		ram_remove(info, start, end);
	}
}

int boot_bundle_set(struct boot_info *info, uint64_t start, uint64_t size, const char **why)
{
	if (size == 0 || start < PAGE_SIZE || start >= RAM_LIMIT || size > RAM_LIMIT - start) {
		*why = "the module's address or size is impossible";
		return -EINVAL;
	}
	info->bundle = (const void *)start;
	info->bundle_size = size;
	return 0;
}
