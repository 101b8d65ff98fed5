/* SPDX-License-Identifier: MIT */
/*
 * The boot processor's way from the entry to machine_start(): read the loader's structures while the first 4 GiB are mapped
 * one to one, take the pool, build the final page tables, then interrupt controllers, time and the other processors.
 */
#include "boot_internal.h"

#include "acpi/acpi_internal.h"
#include "cpu/cpu_internal.h"
#include "hv/log.h"
#include "hv/pool.h"
#include "mem/mem_internal.h"

#define EARLY_LIMIT (4ull << 30)
#define LOW_MEMORY_END 0xa0000ull
#define FIRST_MIB (1ull << 20)
#define POOL_MIN (4ull << 20)
#define POOL_MAX (32ull << 20)
#define POOL_SHARE 16 /* of RAM */

struct boot_info boot_info;

_Noreturn void boot_main(uint32_t magic, uint32_t structure);

static const void *early_at(uint64_t address, uint64_t bytes)
{
	return address != 0 && address < EARLY_LIMIT && bytes <= EARLY_LIMIT - address ? (const void *)address : NULL;
}

/* Take out of the RAM what is in use already. */
static void ram_reserve(void)
{
	struct boot_info *info = &boot_info;
	uint64_t bundle = (uint64_t)info->bundle;
	uint64_t start = (uint64_t)image_start, end = (uint64_t)image_end;
	if (bundle < end && start < bundle + info->bundle_size) {
		hv_panic("the loader put the module over the hypervisor");
	}
	ram_remove(info, start, end);
	ram_remove(info, bundle, bundle + info->bundle_size);
	for (uint64_t page = LOW_MEMORY_END - PAGE_SIZE; page > 0 && !info->low_page.value; page -= PAGE_SIZE) {
		if (ram_has(info, page)) {
			info->low_page = HPA(page);
		}
	}
	ram_remove(info, 0, FIRST_MIB);
}

static uint64_t pool_size(void)
{
	uint64_t ram = 0;
	for (unsigned i = 0; i < boot_info.ram_count; i++) {
		ram += boot_info.ram[i].size;
	}
	uint64_t bytes = ram / POOL_SHARE & ~(PAGE_SIZE_2M - 1);
	return bytes < POOL_MIN ? POOL_MIN : bytes > POOL_MAX ? POOL_MAX : bytes;
}

static void memory_init(void)
{
	uint64_t bytes = pool_size();
	uint64_t start = ram_find(&boot_info, bytes, PAGE_SIZE_2M, EARLY_LIMIT);
	if (!start) {
		hv_panic("no %lu MiB of contiguous RAM below 4 GiB", (unsigned long)(bytes >> 20));
	}
	ram_remove(&boot_info, start, start + bytes);
	pool_init((void *)start, bytes / PAGE_SIZE);
	pool_stock_init();
	host_paging_init(start, bytes);
}

static void info_log(void)
{
	uint64_t ram = 0;
	for (unsigned i = 0; i < boot_info.ram_count; i++) {
		ram += boot_info.ram[i].size;
	}
	log_line("Bulkhead, started by %s: %u processor%s, %lu MiB for domains, pool %lu KiB free, bundle %lu KiB", boot_info.loader, cpu_count,
		 cpu_count == 1 ? "" : "s", (unsigned long)(ram >> 20), (unsigned long)(pool_free_pages() * 4), (unsigned long)(boot_info.bundle_size >> 10));
}

void boot_main(uint32_t magic, uint32_t structure)
{
	const char *why = NULL;
	trap_init();
	cpu_tables_init(0);
	console_init();
	int error = magic == MULTIBOOT2_LOADER_MAGIC ? boot_parse_multiboot2(&boot_info, structure, early_at, &why) :
						       boot_parse_pvh(&boot_info, structure, early_at, &why);
	if (error) {
		hv_panic("boot: %s", why);
	}
	acpi_root_find(early_at(boot_info.rsdp.value, 36) ? boot_info.rsdp : HPA(0));
	ram_reserve();
	memory_init();
	acpi_init();
	pic_mask();
	lapic_init();
	lapic_enable();
	cpu_areas[0].cpu.apic_id = lapic_id();
	ioapic_init();
	time_init();
	smp_start();
	console_listen();
	info_log();
	machine_start();
}
