/* SPDX-License-Identifier: MIT */
/* The timer queue as the scheduler and the idle call drive it. Interrupts are off in all of these. */
#ifndef SCHED_TIMER_H
#define SCHED_TIMER_H

#include <stdint.h>

/** The next deadline, monotonic ns; UINT64_MAX: none. */
uint64_t timers_next(void);
/** Run the callbacks that are due. */
void timers_run(uint64_t now_ns);

#endif
