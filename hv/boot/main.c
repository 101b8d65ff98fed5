/* SPDX-License-Identifier: MIT */
/*
 * The boot processor's way from the entry to machine_start(): read the loader's structures while the first 4 GiB are
 * mapped one to one, take the pool, build the final page tables, then interrupt controllers, time and the other
 * processors.
 */
#include "boot_internal.h"

#include "acpi/acpi_internal.h"
#include "cpu/cpu_internal.h"
#include "hv/log.h"
#include "hv/pool.h"
#include "mem/mem_internal.h"

#define EARLY_LIMIT (4ull << 30)
#define FIRMWARE_LOW_END 0x10000ull /* the BIOS's own data, and what firmware is known to scribble on */
#define LOW_MEMORY_END 0xa0000ull
#define FIRST_MIB (1ull << 20)

struct boot_info boot_info;

_Noreturn void boot_main(uint32_t magic, uint32_t structure);

static const void *early_at(uint64_t address, uint64_t bytes)
{
	return address != 0 && address < EARLY_LIMIT && bytes <= EARLY_LIMIT - address ? (const void *)address : NULL;
}

/* Take out of the RAM what is in use already, then the pool. */
static void memory_init(void)
{
	struct ram *ram = &boot_info.ram;
	uint64_t bundle = (uint64_t)boot_info.bundle, bundle_end = bundle + boot_info.bundle_size;
	uint64_t start = (uint64_t)image_start, end = (uint64_t)image_end;
	if (bundle < end && start < bundle_end) {
		hv_panic("the loader put the module over the hypervisor");
	}
	ram_remove(ram, start, end);
	ram_remove(ram, bundle, bundle_end);
	ram_remove(ram, 0, FIRMWARE_LOW_END);
	boot_info.low_page = HPA(ram_find(ram, PAGE_SIZE, PAGE_SIZE, LOW_MEMORY_END));
	ram_remove(ram, 0, FIRST_MIB);
	uint64_t pool = ram_find(ram, POOL_PAGES * PAGE_SIZE, PAGE_SIZE_2M, EARLY_LIMIT);
	if (!pool) {
		hv_panic("no %llu MiB of contiguous RAM below 4 GiB", POOL_PAGES * PAGE_SIZE >> 20);
	}
	ram_remove(ram, pool, pool + POOL_PAGES * PAGE_SIZE);
	pool_init((void *)pool, POOL_PAGES, ram);
	host_paging_init(pool, POOL_PAGES * PAGE_SIZE);
}

void boot_main(uint32_t magic, uint32_t structure)
{
	trap_init();
	cpu_tables_init(0);
	console_init();
	const char *why = magic == MULTIBOOT2_LOADER_MAGIC ? boot_parse_multiboot2(&boot_info, structure, early_at) :
							     boot_parse_pvh(&boot_info, structure, early_at);
	if (why) {
		hv_panic("boot: %s", why);
	}
	if (!acpi_root_take(early_at(boot_info.rsdp.value, RSDP_BYTES))) {
		(void)acpi_root_search(early_at);
	}
	memory_init();
	acpi_init();
	acpi_power_init();
	ioapic_init();
	lapic_init();
	lapic_enable();
	time_init();
	smp_start();
	console_listen();
	log_line("Bulkhead, started by %s: %u processors, bundle %lu KiB", boot_info.loader, cpu_count, boot_info.bundle_size >> 10);
	machine_start();
}
