/* SPDX-License-Identifier: MIT */
/*
 * The other processors: INIT, then start-up interrupts at a page of low memory that holds the way into long mode (Intel SDM vol. 3,
 * 9.4.4; arch/boot.asm). One is started at a time; it comes up as its own idle thread. The bare machine's MADT names their APICs; under
 * Bulkhead the domain page says how many there are, and a vCPU's index is its APIC's ID.
 */
#include "arch/processors.h"
#include "arch/apic.h"
#include "arch/cpu.h"
#include "arch/fpu.h"
#include "arch/ipi.h"
#include "arch/trap.h"
#include "base/string.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/time.h"
#include "mm/page_table.h"
#include "platform/acpi.h"
#include "platform/event.h"
#include "platform/idle.h"
#include "sched/sched.h"

#define TRAMPOLINE 0x8000ull /* as in boot.asm; boot leaves the lowest MiB alone */
#define INIT_NS 10000000ull
#define RETRY_NS 200000000ull
#define PATIENCE_NS 5000000000ull

extern const char trampoline_start[], trampoline_end[];

/* What the processor that starts takes, once (boot.asm). */
struct cpu *processor_starting;
uint64_t processor_stack;

_Noreturn void processor_run(struct cpu *cpu);

/** The new processor's first C code, on its idle thread's stack with interrupts off. */
void processor_run(struct cpu *cpu)
{
	cpu_load(cpu);
	fpu_start();
	if (platform_is_bulkhead()) {
		events_start();
	} else {
		apic_start();
	}
	__atomic_store_n(&cpu->online, true, __ATOMIC_RELEASE);
	while (__atomic_load_n(&cpu_count, __ATOMIC_ACQUIRE) <= cpu->index) {
		cpu_relax(); /* nobody reckons with it yet */
	}
	sched_run_idle();
}

/** Wait until the processor is there, at most so long. */
static bool wait_online(const struct cpu *cpu, uint64_t ns)
{
	uint64_t end = time_ns() + ns;
	while (!__atomic_load_n(&cpu->online, __ATOMIC_ACQUIRE) && time_ns() < end) {
		cpu_relax();
	}
	return cpu->online;
}

static bool processor_start(unsigned index, uint32_t apic_id)
{
	struct cpu *cpu = cpu_create(index);
	if (!cpu || !sched_add_processor(cpu)) {
		return false;
	}
	cpu->apic_id = apic_id;
	processor_stack = cpu->kernel_top;
	__atomic_store_n(&processor_starting, cpu, __ATOMIC_RELEASE);
	uint64_t flags = interrupts_save();
	apic_send_init(apic_id);
	interrupts_restore(flags);
	thread_sleep_until(time_ns() + INIT_NS, false);
	bool up = false;
	for (unsigned tries = 0; tries < 2 && !up; tries++) {
		flags = interrupts_save();
		apic_send_start(apic_id, TRAMPOLINE >> PAGE_SHIFT);
		interrupts_restore(flags);
		up = wait_online(cpu, RETRY_NS);
	}
	up = up || wait_online(cpu, PATIENCE_NS);
	/* One that has not come so far finds nothing any more; one that has taken its structure is on its way. */
	if (!up && !__atomic_exchange_n(&processor_starting, (struct cpu *)NULL, __ATOMIC_ACQ_REL)) {
		up = wait_online(cpu, PATIENCE_NS);
	}
	if (up) {
		__atomic_store_n(&cpu_count, index + 1, __ATOMIC_RELEASE);
	} else {
		kprintf("processor %u (APIC %u) does not start", index, apic_id);
	}
	return up;
}

void processors_start(void)
{
	struct acpi_interrupts found = { 0 };
	const struct bh_domain_page *page = platform_domain_page();
	if (!page) {
		found = acpi_interrupts();
	}
	unsigned count = page ? page->vcpu_count : found.cpu_count;
	if (count > 1) {
		memcpy(phys_to_virt(TRAMPOLINE), trampoline_start, (size_t)(trampoline_end - trampoline_start));
	}
	bool up = true;
	for (unsigned i = 0; i < count && up && cpu_count < CPU_MAX; i++) {
		uint32_t apic_id = page ? i : found.apic_ids[i];
		if (apic_id != cpu_at(0)->apic_id) {
			up = processor_start(cpu_count, apic_id);
		}
	}
	if (cpu_count > 1) {
		kprintf("%u processors", cpu_count);
	}
}
