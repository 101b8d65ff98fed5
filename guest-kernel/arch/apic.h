/* SPDX-License-Identifier: MIT */
/* Interrupt controllers: local APIC (x2APIC where the processor has it, else xAPIC) and the bare machine's I/O APIC. */
#ifndef ARCH_APIC_H
#define ARCH_APIC_H

#include <stdbool.h>
#include <stdint.h>

/** Mask the PICs, enable the local APIC and find the I/O APIC (MADT). */
void apic_init(void);
/** The local APIC of a processor that has just started, bare machine. */
void apic_start(void);
/** Under Bulkhead the x2APIC registers serve to start processors, and for what `ends_upcalls` says. */
void apic_init_bulkhead(bool ends_upcalls);
/** A fixed interrupt, an INIT, a start-up interrupt (SDM vol. 3, 11.6.1, 9.4) at another processor. Interrupts are off. */
void apic_send(uint32_t apic_id, uint8_t vector);
void apic_send_init(uint32_t apic_id);
void apic_send_start(uint32_t apic_id, uint8_t page);
/** One-shot timer in ns from now; 0: off. */
void apic_timer_arm(uint64_t ns);
void apic_timer_set_rate(uint64_t ticks_per_second);
/** Calibration: count down from the top, and how far it got. */
void apic_count_start(void);
uint64_t apic_count_read(void);

#endif
