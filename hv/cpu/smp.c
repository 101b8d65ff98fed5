/* SPDX-License-Identifier: MIT */
/*
 * The other processors of the MADT, started one at a time by INIT and two startup IPIs (MP specification 1.4, B.4), each on
 * its own stack and tables, then idle until the boot processor has built the domains. One that does not answer is
 * put back to INIT, so that it cannot wake later on a stack that another has got.
 */
#include "cpu_internal.h"

#include "hv/boot.h"
#include "hv/log.h"
#include "hv/window.h"
#include "madt.h"
#include "mem/mem_internal.h"

#define INIT_US 10000
#define STARTUP_US 200
#define ANSWER_US 1000000

struct trampoline_parameters {
	uint64_t cr3, stack, entry, index;
};

extern const char trampoline_start[], trampoline_end[], trampoline_parameters[];

static _Noreturn void processor_main(uint32_t index)
{
	cpu_tables_init(index);
	cpu_paging_load();
	lapic_enable();
	cpu_areas[index].started = 1;
	while (!cpu_released) {
		cpu_idle();
	}
	cpu_paging_load(); /* forget the trampoline's page */
	sched_run();
}

static bool answered(const struct cpu_area *area, uint64_t us)
{
	uint64_t start = tsc_read(), cycles = us_to_tsc(us);
	while (!area->started && tsc_read() - start < cycles) {
		__asm__ volatile("pause");
	}
	return area->started;
}

static void processor_start(uint32_t apic_id)
{
	uint32_t index = cpu_count, startup = LAPIC_STARTUP | (uint32_t)(boot_info.low_page.value >> 12);
	struct cpu_area *area = &cpu_areas[index];
	const struct trampoline_parameters parameters = {
		.cr3 = (uint64_t)host_paging.root,
		.stack = (uint64_t)area->stack + sizeof(area->stack),
		.entry = (uint64_t)processor_main,
		.index = index,
	};
	window_write(HPA(boot_info.low_page.value + (uint64_t)(trampoline_parameters - trampoline_start)), &parameters, sizeof(parameters));
	area->cpu.apic_id = apic_id;
	lapic_ipi(apic_id, LAPIC_INIT);
	delay_us(INIT_US);
	lapic_ipi(apic_id, startup);
	if (!answered(area, STARTUP_US)) {
		lapic_ipi(apic_id, startup);
	}
	if (!answered(area, ANSWER_US)) {
		lapic_ipi(apic_id, LAPIC_INIT);
		log_line("processor with APIC ID %u does not start", apic_id);
		return;
	}
	cpu_count++;
}

static void processor_found(uint32_t apic_id, uint32_t flags)
{
	if (!(flags & MADT_ENABLED) || apic_id == cpu_areas[0].cpu.apic_id) {
		return;
	}
	if (cpu_count == HV_MAX_CPUS) {
		log_line("processor with APIC ID %u is left idle: %u are in use", apic_id, cpu_count);
		return;
	}
	processor_start(apic_id);
}

void smp_start(void)
{
	uint64_t page = boot_info.low_page.value;
	const struct madt_lapic *lapic = NULL;
	const struct madt_x2apic *x2apic = NULL;
	if (!page || paging_map(&host_paging, page, HPA(page), PAGE_SIZE, MAP_READ | MAP_EXEC)) {
		log_line("no memory below 640 KiB to start other processors from");
		return;
	}
	window_write(HPA(page), trampoline_start, (size_t)(trampoline_end - trampoline_start));
	while ((lapic = madt_next(lapic, MADT_LAPIC, sizeof(*lapic)))) {
		processor_found(lapic->apic_id, lapic->flags);
	}
	while ((x2apic = madt_next(x2apic, MADT_X2APIC, sizeof(*x2apic)))) {
		processor_found(x2apic->apic_id, x2apic->flags);
	}
	(void)paging_unmap(&host_paging, page, PAGE_SIZE); /* its table is there: cannot fail */
	__asm__ volatile("invlpg (%0)" : : "r"(page) : "memory");
}
