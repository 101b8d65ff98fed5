/* SPDX-License-Identifier: MIT */
/*
 * The kernel's half of every address space. W^X without exception: text is read-only wherever it is mapped, nothing else is
 * executable. All PML4 entries that the kernel ever uses are made here, so that a copy of them stays right for ever.
 */
#include "abi/errno.h"
#include "arch/cpu.h"
#include "base/string.h"
#include "kernel/lock.h"
#include "kernel/platform.h"
#include "mm/boot_memory.h"
#include "mm/page_table.h"

#define SIZE_2M (1ull << 21)
#define SIZE_1G (1ull << 30)

extern char kernel_text_start[], kernel_text_end[], kernel_rodata_end[], kernel_end[], boot_stack_guard[];

uint64_t kernel_cr3;
uint64_t *kernel_pml4;
static bool pages_ready;
static spinlock_t map_lock = SPINLOCK_INIT("kernel map");

static uint64_t table_alloc(void)
{
	if (!pages_ready) {
		return boot_memory_alloc(PAGE_SIZE, PAGE_SIZE);
	}
	struct page *page = page_alloc(ALLOC_ZERO | ALLOC_KIND(PAGE_TABLE));
	return page ? page_phys(page) : 0;
}

/** The table below `entry`, made if there is none. NULL: no memory. */
static uint64_t *table_below(uint64_t *entry)
{
	if (!(*entry & PTE_PRESENT)) {
		uint64_t phys = table_alloc();
		if (!phys) {
			return NULL;
		}
		*entry = phys | PTE_PRESENT | PTE_WRITE;
	}
	return phys_to_virt(*entry & PTE_ADDRESS);
}

static unsigned leaf_level(uint64_t address, uint64_t phys, uint64_t bytes)
{
	if (cpu_features.large_1g && !((address | phys) & (SIZE_1G - 1)) && bytes >= SIZE_1G) {
		return 2;
	}
	return !((address | phys) & (SIZE_2M - 1)) && bytes >= SIZE_2M ? 1 : 0;
}

/** The entry of an address at this level, with the tables above. NULL: no memory. */
static uint64_t *entry_locked(uint64_t address, unsigned level)
{
	uint64_t *table = kernel_pml4;
	for (unsigned l = 3; table && l > level; l--) {
		table = table_below(&table[address >> (12 + 9 * l) & 511]);
	}
	return table ? &table[address >> (12 + 9 * level) & 511] : NULL;
}

uint64_t *kernel_leaf_make(uint64_t address)
{
	spin_lock(&map_lock);
	uint64_t *entry = entry_locked(address, 0);
	spin_unlock(&map_lock);
	return entry;
}

static int map_one(uint64_t address, uint64_t phys, unsigned level, uint64_t flags)
{
	uint64_t *entry = entry_locked(address, level);
	if (!entry) {
		return -ENOMEM;
	}
	*entry = phys | flags | PTE_PRESENT | PTE_GLOBAL | (level ? PTE_LARGE : 0);
	return 0;
}

int kernel_map(uint64_t address, uint64_t phys, uint64_t bytes, uint64_t flags)
{
	int error = 0;
	spin_lock(&map_lock);
	while (bytes && !error) {
		unsigned level = leaf_level(address, phys, bytes);
		uint64_t size = 1ull << (12 + 9 * level);
		error = map_one(address, phys, level, flags);
		address += size;
		phys += size;
		bytes -= size;
	}
	spin_unlock(&map_lock);
	return error;
}

uint64_t *kernel_leaf(uint64_t address)
{
	uint64_t *table = kernel_pml4;
	for (unsigned l = 3; l > 0; l--) {
		table = phys_to_virt(table[address >> (12 + 9 * l) & 511] & PTE_ADDRESS);
	}
	return &table[address >> 12 & 511];
}

void kernel_unmap(uint64_t address, uint64_t bytes)
{
	for (uint64_t end = address + bytes; address < end; address += PAGE_SIZE) {
		*kernel_leaf(address) = 0;
		tlb_flush_page(address);
	}
}

volatile void *mmio_map(uint64_t phys, size_t bytes)
{
	uint64_t offset = phys & (PAGE_SIZE - 1);
	uint64_t size = (bytes + offset + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	uint64_t at = kernel_vmap_reserve(size);
	if (!at || kernel_map(at, phys - offset, size, PTE_WRITE | PTE_NX | PTE_UNCACHED | PTE_WRITE_THROUGH)) {
		return NULL;
	}
	return (volatile void *)(at + offset);
}

/** [start, end) of physical memory at PHYSMAP; the image's text and constants read-only. */
static void physmap_range(uint64_t start, uint64_t end)
{
	uint64_t text = (uint64_t)kernel_text_start - KERNEL_BASE, constants_end = (uint64_t)kernel_rodata_end - KERNEL_BASE;
	if (start < text && end > constants_end) {
		kernel_map(PHYSMAP + start, start, text - start, PTE_WRITE | PTE_NX);
		kernel_map(PHYSMAP + text, text, constants_end - text, PTE_NX);
		start = constants_end;
	}
	kernel_map(PHYSMAP + start, start, end - start, PTE_WRITE | PTE_NX);
}

void kernel_map_init(void)
{
	kernel_cr3 = boot_memory_alloc(PAGE_SIZE, PAGE_SIZE);
	kernel_pml4 = phys_to_virt(kernel_cr3);
	table_below(&kernel_pml4[VMAP_BASE >> 39 & 511]);
	table_below(&kernel_pml4[KERNEL_BASE >> 39 & 511]);
	/* Below 4 GiB also what lies between the ranges: firmware tables. */
	uint64_t low_end = 0;
	for (unsigned i = 0; i < boot_memory.ram_count; i++) {
		const struct boot_range *r = &boot_memory.ram[i];
		if (r->start >= 4 * SIZE_1G) {
			physmap_range(r->start, r->end);
		} else {
			low_end = r->end;
		}
	}
	physmap_range(0, (low_end + SIZE_2M - 1) & ~(SIZE_2M - 1));
	uint64_t text = (uint64_t)kernel_text_start, constants = (uint64_t)kernel_text_end;
	uint64_t data = (uint64_t)kernel_rodata_end, end = (uint64_t)kernel_end;
	kernel_map(text, text - KERNEL_BASE, constants - text, 0);
	kernel_map(constants, constants - KERNEL_BASE, data - constants, PTE_NX);
	/* All but the page below the stack that the kernel starts on, and the thread of PID 1 stays on. */
	uint64_t guard = (uint64_t)boot_stack_guard, behind = guard + PAGE_SIZE;
	kernel_map(data, data - KERNEL_BASE, guard - data, PTE_WRITE | PTE_NX);
	kernel_map(behind, behind - KERNEL_BASE, end - behind, PTE_WRITE | PTE_NX);
	cr3_write(kernel_cr3);
}

void kernel_map_ready(void)
{
	pages_ready = true;
}
