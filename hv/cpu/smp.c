/* SPDX-License-Identifier: MIT */
/*
 * The other processors of the MADT, started one at a time by INIT and two
 * startup IPIs (MP specification 1.4, B.4), each on its own stack and tables, then idle until the boot processor has
 * built the domains. One that does not answer is put back to INIT, so that it cannot wake later on a stack that
 * another has got.
 */
#include "cpu_internal.h"

#include "hv/boot.h"
#include "hv/log.h"
#include "hv/window.h"
#include "madt.h"

#define IDS_MAX 64
#define INIT_US 10000
#define STARTUP_US 200
#define ANSWER_US 1000000

extern const char trampoline_start[], trampoline_end[];
extern const void *cpu_start_stack;

/* entry.asm takes this for its stack: the boot processor's, then that of area cpu_count, which is starting. */
const void *cpu_start_stack = cpu_areas[0].ist;

void processor_main(void)
{
	uint32_t index = cpu_count;
	cpu_tables_init(index);
	cpu_paging_load();
	lapic_enable();
	cpu_areas[index].started = true;
	while (!cpu_released) {
		cpu_idle();
	}
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

static void processor_found(uint32_t apic_id)
{
	struct cpu_area *area = &cpu_areas[cpu_count];
	uint32_t startup = ICR_STARTUP | (uint32_t)(boot_info.low_page.value / PAGE_SIZE);
	cpu_start_stack = area->ist;
	lapic_ipi(apic_id, ICR_INIT);
	(void)answered(area, INIT_US);
	lapic_ipi(apic_id, startup);
	if (!answered(area, STARTUP_US)) {
		lapic_ipi(apic_id, startup);
	}
	if (!answered(area, ANSWER_US)) {
		lapic_ipi(apic_id, ICR_INIT);
		log_line("processor with APIC ID %u does not start", apic_id);
		return;
	}
	cpu_count++;
}

void smp_start(void)
{
	uint32_t ids[IDS_MAX];
	unsigned count = madt_processors(ids, IDS_MAX);
	if (!boot_info.low_page.value) {
		log_line("no memory below 640 KiB to start other processors from");
		return;
	}
	window_write(boot_info.low_page, trampoline_start, (size_t)(trampoline_end - trampoline_start));
	for (unsigned i = 0; i < count; i++) {
		bool reachable = ids[i] < (cpu_x2apic() ? UINT32_MAX : 0xff); /* the last is all of them */
		if (reachable && ids[i] != cpu_areas[0].cpu.apic_id && cpu_count < HV_MAX_CPUS) {
			processor_found(ids[i]);
		}
	}
	if (count > HV_MAX_CPUS) {
		log_line("this machine has more processors than %u: the others stay off", HV_MAX_CPUS);
	}
}
