/* SPDX-License-Identifier: MIT */
/*
 * Sending and serving. The bare machine's local APIC sends to one processor at a time; a hypercall reaches all of them in one exit.
 */
#include "arch/ipi.h"
#include "arch/apic.h"
#include "arch/cpu.h"
#include "arch/trap.h"
#include "kernel/platform.h"
#include "mm/flush.h"
#include "mm/reserve.h"
#include "mm/vmap.h"
#include "platform/domain.h"
#include "sched/sched.h"

static void ipi_interrupt(void *unused)
{
	ipi_serve();
}

void ipi_init(void)
{
	if (platform_is_bulkhead()) {
		event_handler(BH_EVENT_IPI, ipi_interrupt, NULL);
	} else {
		irq_set(VECTOR_IPI, ipi_interrupt, NULL);
	}
}

void ipi_send(uint64_t cpu_mask, enum ipi what)
{
	uint64_t ring = 0;
	for (uint64_t left = cpu_mask; left; left &= left - 1) {
		struct cpu *cpu = cpu_at((unsigned)__builtin_ctzll(left));
		if (__atomic_fetch_or(&cpu->ipi_requests, (uint32_t)what, __ATOMIC_SEQ_CST) == 0) {
			ring |= cpu_bit(cpu);
		}
	}
	if (platform_is_bulkhead()) {
		if (ring) {
			hypercall(BH_HC_IPI, ring, BH_EVENT_IPI, 0, 0);
		}
		return;
	}
	for (; ring; ring &= ring - 1) {
		apic_send(cpu_at((unsigned)__builtin_ctzll(ring))->apic_id, VECTOR_IPI);
	}
}

void ipi_serve(void)
{
	uint32_t requests = __atomic_exchange_n(&cpu_current()->ipi_requests, 0, __ATOMIC_SEQ_CST);
	if (requests & IPI_STOP) {
		for (;;) {
			__asm__ volatile("cli; hlt");
		}
	}
	if (requests & IPI_FLUSH) {
		flush_serve();
	}
	if (requests & IPI_STOCK) {
		reserve_serve();
	}
	if (requests & IPI_VMAP) {
		vmap_serve();
	}
	if (requests & IPI_LOOK) {
		sched_look();
	}
}
