/* SPDX-License-Identifier: MIT */
/* The bare machine's interrupt controllers: local APIC (xAPIC) and I/O APIC. */
#ifndef ARCH_APIC_H
#define ARCH_APIC_H

#include <stdint.h>

/** Mask the PICs, enable the local APIC and find the I/O APIC (MADT). */
void apic_init(void);
/** One-shot timer in ns from now; 0: off. */
void apic_timer_arm(uint64_t ns);
void apic_timer_set_rate(uint64_t ticks_per_second);
/** Calibration: count down from the top, and how far it got. */
void apic_count_start(void);
uint64_t apic_count_read(void);

#endif
