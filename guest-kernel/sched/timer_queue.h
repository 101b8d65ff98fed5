/* SPDX-License-Identifier: MIT */
/* Timers in the order of their deadlines; equal ones in the order of their arming. No lock: the owner's. */
#ifndef SCHED_TIMER_QUEUE_H
#define SCHED_TIMER_QUEUE_H

#include "kernel/time.h"

/** Insert; a timer that is on the queue moves. */
void timer_queue_insert(struct list *queue, struct timer *timer);
/** Take the first timer off that is due at `now`. NULL: none. */
struct timer *timer_queue_pop(struct list *queue, uint64_t now);
/** The next deadline; UINT64_MAX: none. */
uint64_t timer_queue_next(const struct list *queue);

#endif
