/* SPDX-License-Identifier: MIT */
/*
 * Processor set-up: GDT, TSS with the interrupt stacks, IDT, SYSCALL registers, protection bits (SMEP, SMAP, UMIP, WP, NX) where
 * CPUID has them. AMD64 APM vol. 2, 4.8 (descriptors), 8.9.4 (IST), 6.1.1 (SYSCALL), 3.1.3 (CR4).
 */
#include "arch/cpu.h"
#include "arch/trap.h"
#include "base/string.h"
#include "kernel/memory.h"
#include "kernel/vdso.h"
#include "kernel/platform.h"
#include "kernel/trap.h"

#define IST_STACK 8192
#define IDT_INTERRUPT_GATE 0x8e00u

enum ist { IST_DOUBLE_FAULT = 1, IST_NMI, IST_MACHINE_CHECK, IST_DEBUG, IST_COUNT };

struct idt_gate {
	uint16_t offset_low, selector, flags, offset_middle;
	uint32_t offset_high, reserved;
};

struct table_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct cpu_features cpu_features;

extern const uint64_t trap_stubs[256];
extern char boot_stack_top[], syscall_entry[];

unsigned cpu_count = 1;
static struct cpu boot_cpu;
static struct cpu *cpus[CPU_MAX] = { &boot_cpu };
static uint8_t boot_ist_stacks[IST_COUNT - 1][IST_STACK] __attribute__((aligned(16)));
static struct idt_gate idt[256];

struct cpu *cpu_at(unsigned index)
{
	return cpus[index];
}

static void idt_fill(void)
{
	for (unsigned v = 0; v < 256; v++) {
		unsigned ist = v == 8 ? IST_DOUBLE_FAULT : v == 2 ? IST_NMI : v == 18 ? IST_MACHINE_CHECK : v == 1 ? IST_DEBUG : 0;
		unsigned dpl = v == 3 ? 3 : 0; /* INT3 */
		idt[v] = (struct idt_gate){
			.offset_low = (uint16_t)trap_stubs[v],
			.selector = KERNEL_CS,
			.flags = (uint16_t)(IDT_INTERRUPT_GATE | dpl << 13 | ist),
			.offset_middle = (uint16_t)(trap_stubs[v] >> 16),
			.offset_high = (uint32_t)(trap_stubs[v] >> 32),
		};
	}
}

static void gdt_load(struct cpu *cpu)
{
	uint64_t tss = (uint64_t)&cpu->tss;
	cpu->gdt[KERNEL_CS / 8] = 0x00af9b000000ffffull;
	cpu->gdt[KERNEL_SS / 8] = 0x00cf93000000ffffull;
	/* gdt[4], SYSRET's base selector, stays empty: in a 32-bit segment SYSCALL would go to where CSTAR says (APM vol. 2, 6.1.1). */
	cpu->gdt[USER_SS / 8] = 0x00cff3000000ffffull;
	cpu->gdt[USER_CS / 8] = 0x00affb000000ffffull;
	cpu->gdt[VDSO_PROCESSOR_SELECTOR / 8] = 0x0040f10000000000ull | cpu->index; /* read-only data of programs, limit: the number */
	cpu->gdt[TSS_SELECTOR / 8] = (sizeof(cpu->tss) - 1) | (tss & 0xffffff) << 16 | 0x89ull << 40 | (tss >> 24 & 0xff) << 56;
	cpu->gdt[TSS_SELECTOR / 8 + 1] = tss >> 32;
	struct table_pointer pointer = { sizeof(cpu->gdt) - 1, (uint64_t)cpu->gdt };
	__asm__ volatile("lgdt %0" : : "m"(pointer));
	__asm__ volatile("pushq %0; leaq 1f(%%rip), %%rax; pushq %%rax; lretq; 1:" : : "i"(KERNEL_CS) : "rax", "memory");
	__asm__ volatile("mov %0, %%ss" : : "r"(KERNEL_SS));
	__asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs" : : "r"(0));
	__asm__ volatile("ltr %w0" : : "r"(TSS_SELECTOR));
}

static void features_find(void)
{
	struct cpuid top = cpuid(0, 0), basic = cpuid(1, 0);
	struct cpuid seven = top.eax >= 7 ? cpuid(7, 0) : (struct cpuid){ 0 };
	uint32_t extended_max = cpuid(0x80000000u, 0).eax;
	cpu_features.smap = seven.ebx >> 20 & 1;
	cpu_features.xsave = basic.ecx >> 26 & 1;
	cpu_features.xsaveopt = cpu_features.xsave && (cpuid(13, 1).eax & 1);
	cpu_features.large_1g = extended_max >= 0x80000001u && (cpuid(0x80000001u, 0).edx >> 26 & 1);
	cpu_features.invariant_tsc = extended_max >= 0x80000007u && (cpuid(0x80000007u, 0).edx >> 8 & 1);
}

static void control_set(void)
{
	struct cpuid seven = cpuid(0, 0).eax >= 7 ? cpuid(7, 0) : (struct cpuid){ 0 };
	uint64_t cr4;
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	cr4 |= CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	cr4 |= cpu_features.xsave ? CR4_OSXSAVE : 0;
	cr4 |= seven.ebx >> 7 & 1 ? CR4_SMEP : 0;
	cr4 |= seven.ebx >> 20 & 1 ? CR4_SMAP : 0;
	cr4 |= seven.ecx >> 2 & 1 ? CR4_UMIP : 0;
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
}

static void cpu_set_up(struct cpu *cpu, unsigned index, uint8_t (*ist_stacks)[IST_STACK])
{
	cpu->self = cpu;
	cpu->index = index;
	cpu->timer_armed_ns = UINT64_MAX;
	cpu->timers_next_ns = UINT64_MAX;
	cpu->slice_end_ns = UINT64_MAX;
	list_init(&cpu->queue.runnable);
	cpu->queue.urgent = &cpu->queue.runnable;
	spin_init(&cpu->queue.lock, "run queue");
	cpu->tss.io_map = sizeof(cpu->tss);
	for (unsigned i = 0; i < IST_COUNT - 1; i++) {
		cpu->tss.ist[i] = (uint64_t)ist_stacks[i] + IST_STACK;
	}
}

struct cpu *cpu_create(unsigned index)
{
	struct cpu *cpu = index < CPU_MAX ? kzalloc(sizeof(*cpu) + 64) : NULL;
	void *stacks = cpu ? kmalloc((IST_COUNT - 1) * IST_STACK) : NULL;
	if (!stacks) {
		kfree(cpu);
		return NULL;
	}
	cpu = (struct cpu *)(((uintptr_t)cpu + 63) & ~63ull); /* for good: it is never freed */
	cpu_set_up(cpu, index, stacks);
	cpus[index] = cpu;
	return cpu;
}

void cpu_load(struct cpu *cpu)
{
	gdt_load(cpu);
	msr_write(MSR_GS_BASE, (uint64_t)cpu);
	msr_write(MSR_KERNEL_GS_BASE, 0);
	struct table_pointer pointer = { sizeof(idt) - 1, (uint64_t)idt };
	__asm__ volatile("lidt %0" : : "m"(pointer));
	control_set();
	msr_write(MSR_EFER, msr_read(MSR_EFER) | 1);
	/* SYSCALL loads CS and SS from bits 47:32, SYSRET from 63:48 (+16 and +8). */
	msr_write(MSR_STAR, (uint64_t)(USER_SS - 8) << 48 | (uint64_t)KERNEL_CS << 32);
	msr_write(MSR_LSTAR, (uint64_t)syscall_entry);
	msr_write(MSR_SFMASK, 0x257fd5 & ~2ull); /* every flag: IF, TF, DF, AC, NT, RF among them */
}

void cpu_init(void)
{
	cpu_set_up(&boot_cpu, 0, boot_ist_stacks);
	boot_cpu.online = true;
	idt_fill();
	features_find();
	cpu_load(&boot_cpu);
}
