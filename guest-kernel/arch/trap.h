/* SPDX-License-Identifier: MIT */
/* Inside of arch/: vectors, the panic with registers, user-copy faults. */
#ifndef ARCH_TRAP_H
#define ARCH_TRAP_H

#include <stdint.h>

#include "kernel/trap.h"

#define VECTOR_UPCALL 0x20 /* Bulkhead's events */
#define VECTOR_TIMER 0x21
#define VECTOR_IPI 0x22
#define VECTOR_IRQ_FIRST 0x30
#define VECTOR_IRQ_LAST 0xef
#define VECTOR_SPURIOUS 0xff

/** Set where a local APIC wants to know of an interrupt's end. */
extern void (*irq_end)(void);
/** A fixed vector's handler (timer, upcall). */
void irq_set(uint8_t vector, void (*handler)(void *arg), void *arg);

_Noreturn void trap_panic(const struct trap_frame *frame, const char *reason);

#endif
