/* SPDX-License-Identifier: MIT */
/* Waiting for something to happen. */
#ifndef PLATFORM_IDLE_H
#define PLATFORM_IDLE_H

#include <stdint.h>

/** Wait for an interrupt or event, at most until a monotonic time (UINT64_MAX: no end), and handle it. Interrupts are off before and after. */
void platform_idle(uint64_t deadline_ns);

#endif
