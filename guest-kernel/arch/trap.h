/* SPDX-License-Identifier: MIT */
/* Inside of arch/: vectors, the panic with registers, user-copy faults. */
#ifndef ARCH_TRAP_H
#define ARCH_TRAP_H

#include <stdint.h>

#include "kernel/trap.h"

#define VECTOR_UPCALL 0x20 /* Bulkhead's events: no EOI */
#define VECTOR_TIMER 0x21
#define VECTOR_IRQ_FIRST 0x30
#define VECTOR_IRQ_LAST 0xef
#define VECTOR_SPURIOUS 0xff

/** Set by the bare machine's local APIC: ends an interrupt. */
extern void (*irq_end)(void);
/** A fixed vector's handler (timer, upcall). */
void irq_set(uint8_t vector, void (*handler)(void *arg), void *arg);

_Noreturn void trap_panic(const struct trap_frame *frame, const char *reason);

#endif
