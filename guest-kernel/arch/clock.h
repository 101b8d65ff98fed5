/* SPDX-License-Identifier: MIT */
/* The clock and the one-shot timer behind time_ns() and the timer queue. */
#ifndef ARCH_CLOCK_H
#define ARCH_CLOCK_H

#include <stdint.h>

/** Find the TSC's frequency and the wall clock. */
void clock_init(void);
/** The TSC's value at a monotonic time, rounded up. */
uint64_t clock_tsc_at(uint64_t ns);
/** Set the one-shot timer to a monotonic deadline. Interrupts are off. */
void clock_arm(uint64_t deadline_ns);

#endif
