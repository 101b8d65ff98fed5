/* SPDX-License-Identifier: MIT */
/*
 * Boot memory: the PVH start info (Xen's x86/HVM direct boot ABI; lib/abi/pvh.h) is copied here before anything is allocated,
 * then memory is taken by first fit around the kernel image, the boot module and the lowest MiB.
 */
#include "mm/boot_memory.h"
#include "abi/pvh.h"
#include "base/string.h"
#include "kernel/memory.h"
#include "kernel/platform.h"

#define LOW_MEMORY 0x100000ull /* firmware's data; left alone */
#define BOOT_MAPPED (4ull << 30)

extern char kernel_text_start[], kernel_end[];

struct boot_memory boot_memory;

static void ram_add(uint64_t start, uint64_t end)
{
	struct boot_memory *b = &boot_memory;
	start = (start + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	end &= ~(PAGE_SIZE - 1);
	if (start >= end || b->ram_count == BOOT_RANGES) {
		return;
	}
	unsigned at = b->ram_count++;
	for (; at > 0 && b->ram[at - 1].start > start; at--) {
		b->ram[at] = b->ram[at - 1];
	}
	b->ram[at] = (struct boot_range){ start, end };
}

void boot_memory_reserve(uint64_t start, uint64_t bytes)
{
	struct boot_memory *b = &boot_memory;
	if (bytes && b->reserved_count < BOOT_RANGES) {
		uint64_t end = (start + bytes + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
		b->reserved[b->reserved_count++] = (struct boot_range){ start & ~(PAGE_SIZE - 1), end };
	}
}

void boot_memory_read(uint64_t start_info)
{
	struct boot_memory *b = &boot_memory;
	struct pvh_start_info info = *(const struct pvh_start_info *)phys_to_virt(start_info);
	const struct pvh_memmap *map = phys_to_virt(info.memmap_paddr);
	for (uint32_t i = 0; info.version >= 1 && i < info.memmap_entries; i++) {
		if (map[i].type == PVH_MEM_RAM) {
			ram_add(map[i].addr, map[i].addr + map[i].size);
		}
	}
	if (info.cmdline_paddr) {
		string_copy(b->cmdline, phys_to_virt(info.cmdline_paddr), sizeof(b->cmdline));
	}
	if (info.nr_modules) {
		const struct pvh_module *module = phys_to_virt(info.modlist_paddr);
		b->module = module->paddr;
		b->module_bytes = module->size;
		boot_memory_reserve(b->module, b->module_bytes);
	}
	b->rsdp = info.rsdp_paddr;
	boot_memory_reserve(0, LOW_MEMORY);
	uint64_t image = (uint64_t)kernel_text_start - KERNEL_BASE;
	boot_memory_reserve(image, (uint64_t)(kernel_end - kernel_text_start));
}

const struct boot_range *boot_memory_reserved(uint64_t start, uint64_t end)
{
	const struct boot_range *first = NULL;
	for (unsigned i = 0; i < boot_memory.reserved_count; i++) {
		const struct boot_range *r = &boot_memory.reserved[i];
		if (r->start < end && r->end > start && (!first || r->start < first->start)) {
			first = r;
		}
	}
	return first;
}

uint64_t boot_memory_alloc(uint64_t bytes, uint64_t align)
{
	bytes = (bytes + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	for (unsigned i = 0; i < boot_memory.ram_count; i++) {
		uint64_t at = boot_memory.ram[i].start;
		for (;;) {
			at = (at + align - 1) & ~(align - 1);
			if (at + bytes > boot_memory.ram[i].end || at + bytes > BOOT_MAPPED) {
				break;
			}
			const struct boot_range *hit = boot_memory_reserved(at, at + bytes);
			if (!hit) {
				boot_memory_reserve(at, bytes);
				memset(phys_to_virt(at), 0, bytes);
				return at;
			}
			at = hit->end;
		}
	}
	kernel_panic("no memory for %lu bytes at boot", bytes);
}
