/* SPDX-License-Identifier: MIT */
/* What timers of programs have in common (timer_settime(2), timerfd_settime(2)): struct itimerspec, and the moments of a periodic deadline. */
#ifndef KERNEL_INTERVAL_H
#define KERNEL_INTERVAL_H

#include <stdbool.h>
#include <stdint.h>

struct interval {
	uint64_t value_ns, interval_ns; /* value 0: not armed */
};

/** -EFAULT, -EINVAL. Times behind the end of the clocks' range are brought to it. */
int interval_read(struct interval *out, uint64_t user);
int interval_write(uint64_t user, const struct interval *in);
/** The monotonic moment of `value_ns`: from now, or, if `absolute`, on that clock (CLOCK_REALTIME: 0). 0 stays 0. */
uint64_t interval_deadline(uint64_t value_ns, bool absolute, int clock);
/** Bring *deadline behind `now` in whole intervals; how many were passed, at least one if it was not later than `now`. */
uint64_t interval_forward(uint64_t *deadline, uint64_t interval_ns, uint64_t now);
/** What timer_gettime answers for a timer that fires at `deadline`: 0 for a one-shot timer that has fired. */
uint64_t interval_left(uint64_t deadline, uint64_t interval_ns, uint64_t now);

#endif
