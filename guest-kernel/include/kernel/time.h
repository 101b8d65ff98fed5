/* SPDX-License-Identifier: MIT */
/* Clocks. Monotonic time counts from boot by the TSC. */
#ifndef KERNEL_TIME_H
#define KERNEL_TIME_H

#include <stdint.h>

uint64_t time_ns(void); /* monotonic */
uint64_t time_wall_ns(void); /* UTC since 1970 */
void time_set_wall_ns(uint64_t ns);
uint64_t time_tsc_khz(void); /* the TSC's frequency */

/* One-shot kernel timers; callbacks run in interrupt context. */
struct timer {
	struct timer *parent, *left, *right; /* sched/timer_queue.c */
	uint64_t deadline_ns, order;
	void (*callback)(struct timer *timer);
	void *arg;
	uint32_t rank; /* 0: it is on no queue */
	uint32_t cpu; /* on whose queue it is while it is armed */
};
struct timer_queue {
	struct timer *first; /* NULL: none */
	uint64_t order; /* of the next one that is armed */
};
void timer_init(struct timer *timer, void (*callback)(struct timer *timer), void *arg);
void timer_set(struct timer *timer, uint64_t deadline_ns); /* re-arms if armed */
void timer_cancel(struct timer *timer); /* does not run after this returns; waits for the callback, so no lock is held that it takes */

#endif
