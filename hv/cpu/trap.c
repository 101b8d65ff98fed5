/* SPDX-License-Identifier: MIT */
/*
 * The interrupt descriptor table, the same for all processors, and what comes through it. An exception in the
 * hypervisor is its own bug and ends the machine, as does a machine check or an NMI that no one sent. Host interrupts
 * run their handler after the EOI, on the stack of what they interrupted, with interrupts off.
 */
#include "cpu_internal.h"

#include "hv/boot.h"
#include "hv/log.h"

#define GATE_INTERRUPT 0x8e00ull /* present, DPL 0, 64-bit interrupt gate */
#define TRAP_NMI 2
#define TRAP_DOUBLE_FAULT 8
#define TRAP_MACHINE_CHECK 18
#define TRAP_EXCEPTIONS 32

struct gate {
	uint64_t low, high;
};

extern const char trap_stubs[256][16];

static struct gate idt[256];
static struct { irq_handler_t handler; void *arg; } irqs[256]; /* written before the device is told its vector */
static uint8_t irq_next = VECTOR_IRQ_FIRST;
static spinlock_t irq_lock;

void trap_init(void)
{
	for (unsigned i = 0; i < 256; i++) {
		uint64_t at = (uint64_t)trap_stubs[i];
		idt[i].low = (at & 0xffff) | SELECTOR_CODE << 16 | GATE_INTERRUPT << 32 | (at >> 16 & 0xffff) << 48;
		idt[i].high = at >> 32;
	}
	idt[TRAP_NMI].low |= (uint64_t)IST_NMI << 32;
	idt[TRAP_DOUBLE_FAULT].low |= (uint64_t)IST_DOUBLE_FAULT << 32;
	idt[TRAP_MACHINE_CHECK].low |= (uint64_t)IST_MACHINE_CHECK << 32;
}

void trap_load(void)
{
	struct descriptor_pointer pointer = { sizeof(idt) - 1, (uint64_t)idt };
	__asm__ volatile("lidt %0" : : "m"(pointer) : "memory");
}

static void exception(const struct trap_frame *f)
{
	uint64_t cr2;
	if (f->vector == TRAP_NMI && cpu_stopping) {
		for (;;) {
			__asm__ volatile("cli; hlt");
		}
	}
	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	hv_panic("exception %lu, processor %u, rip %lx error %lx cr2 %lx rsp %lx rbp %lx "
		 "rax %lx rbx %lx rcx %lx rdx %lx rsi %lx rdi %lx",
		 f->vector, cpu_current()->index, f->rip, f->error, cr2, f->rsp, f->rbp,
		 f->rax, f->rbx, f->rcx, f->rdx, f->rsi, f->rdi);
}

void cpu_interrupt(uint8_t vector)
{
	if (vector == VECTOR_SPURIOUS) {
		return;
	}
	lapic_write(LAPIC_EOI, 0);
	if (vector == VECTOR_TIMER) {
		timer_fired();
	} else if (vector == VECTOR_KICK) {
		if (cpu_released) {
			sched_poll();
		}
	} else if (irqs[vector].handler) {
		irqs[vector].handler(irqs[vector].arg);
	}
}

void trap_dispatch(struct trap_frame *frame)
{
	if (frame->vector < TRAP_EXCEPTIONS) {
		exception(frame);
	}
	cpu_interrupt((uint8_t)frame->vector);
}

uint8_t irq_vector_alloc(irq_handler_t handler, void *arg)
{
	uint8_t vector = 0;
	spin_lock(&irq_lock);
	if (irq_next <= VECTOR_IRQ_LAST) {
		vector = irq_next++;
		irqs[vector].arg = arg;
		__atomic_store_n(&irqs[vector].handler, handler, __ATOMIC_RELEASE);
	}
	spin_unlock(&irq_lock);
	return vector;
}
