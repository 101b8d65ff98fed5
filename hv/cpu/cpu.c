/* SPDX-License-Identifier: MIT */
/*
 * A processor's own memory and its start: descriptor tables (APM vol. 2, 4.6 to 4.8, 12.2), control registers, GS. The
 * hypervisor has one code and one data segment, and one task state segment a processor for the interrupt stacks.
 */
#include "cpu_internal.h"

#include "hv/boot.h"
#include "hv/log.h"
#include "hv/pool.h"
#include "hv/port.h"
#include "mem/mem_internal.h"

#define MSR_PAT 0x277
#define PAT_RESET 0x0007040600070406ull
#define MSR_EFER 0xc0000080
#define EFER_NXE (1ull << 11)
#define MSR_GS_BASE 0xc0000101
#define CR0_HYPERVISOR 0x80010033ull /* PG, WP, NE, ET, MP, PE */
#define CR4_HYPERVISOR 0x6e0ull /* OSXMMEXCPT, OSFXSR, PGE (no leaf here is global; guests have it), MCE, PAE */
#define CR4_UMIP (1ull << 11)
#define CR4_OSXSAVE (1ull << 18)
#define CR4_SMEP (1ull << 20)
#define CR4_SMAP (1ull << 21)

struct cpu_area cpu_areas[HV_MAX_CPUS];
uint32_t cpu_count = 1;
_Atomic bool cpu_released;
_Atomic bool cpu_stopping;

struct cpu *cpu_at(uint32_t index)
{
	return &cpu_areas[index].cpu;
}

/* Code and data are where entry.asm's table has them, so their segments stay loaded. */
static void gdt_load(struct cpu_area *area)
{
	uint64_t tss = (uint64_t)&area->tss;
	struct descriptor_pointer pointer = { sizeof(area->gdt) - 1, (uint64_t)area->gdt };
	area->gdt[SELECTOR_CODE / 8] = 0x00209b0000000000; /* 64-bit */
	area->gdt[SELECTOR_DATA / 8] = 0x00cf93000000ffff;
	area->gdt[SELECTOR_TSS / 8] = (sizeof(struct tss) - 1) | (tss & 0xffffff) << 16 | 0x89ull << 40 | (tss >> 24 & 0xff) << 56;
	area->gdt[SELECTOR_TSS / 8 + 1] = tss >> 32;
	for (unsigned i = 0; i < IST_COUNT; i++) {
		area->tss.ist[i] = (uint64_t)area->ist[i] + sizeof(area->ist[i]);
	}
	area->tss.iomap = sizeof(area->tss);
	__asm__ volatile("lgdt %0; lldt %w1; ltr %w2" : : "m"(pointer), "r"(0), "r"(SELECTOR_TSS) : "memory");
}

void cpu_tables_init(uint32_t index)
{
	struct cpu_area *area = &cpu_areas[index];
	area->cpu.self = &area->cpu;
	area->cpu.index = index;
	gdt_load(area);
	msr_write(MSR_GS_BASE, (uint64_t)&area->cpu);
	trap_load();
}

void cpu_paging_load(void)
{
	uint32_t features[4], structured[4], extended[4];
	cpuid(1, 0, features);
	cpuid(7, 0, structured);
	cpuid(0x80000001, 0, extended);
	if (!(extended[3] >> 20 & 1)) {
		hv_panic("this processor has no execute protection (NX), or the firmware has turned it off");
	}
	msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_NXE);
	msr_write(MSR_PAT, PAT_RESET);
	uint64_t cr4 = CR4_HYPERVISOR | (features[2] >> 26 & 1 ? CR4_OSXSAVE : 0) |
		       (structured[1] >> 7 & 1 ? CR4_SMEP : 0) | (structured[1] >> 20 & 1 ? CR4_SMAP : 0) |
		       (structured[2] >> 2 & 1 ? CR4_UMIP : 0);
	__asm__ volatile("mov %0, %%cr3" : : "r"(pool_hpa(host_paging.root).value) : "memory");
	__asm__ volatile("mov %0, %%cr0" : : "r"(CR0_HYPERVISOR) : "memory");
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
}

void cpu_idle(void)
{
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}

void cpu_take_interrupts(void)
{
	__asm__ volatile("sti; nop; cli" : : : "memory");
}

void cpu_send(uint32_t index, uint8_t vector)
{
	lapic_ipi(cpu_areas[index].cpu.apic_id, vector);
}

void cpu_kick(uint32_t index)
{
	cpu_send(index, VECTOR_KICK);
}

static void others_signal(uint32_t command)
{
	for (uint32_t i = 0; i < cpu_count; i++) {
		if (i != cpu_current()->index) {
			lapic_ipi(cpu_areas[i].cpu.apic_id, command);
		}
	}
}

void cpu_release_all(void)
{
	cpu_released = true;
	others_signal(VECTOR_KICK);
}

void cpu_stop_others(void)
{
	cpu_stopping = true;
	others_signal(ICR_NMI);
}
