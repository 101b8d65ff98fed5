/* SPDX-License-Identifier: MIT */
/* Timers in the order of their deadlines; equal ones in the order of their arming. No lock: the owner's. */
#ifndef SCHED_TIMER_QUEUE_H
#define SCHED_TIMER_QUEUE_H

#include "kernel/time.h"

/** Insert one that is on no queue. */
void timer_queue_insert(struct timer_queue *queue, struct timer *timer);
/** Take off one that is on this queue. */
void timer_queue_remove(struct timer_queue *queue, struct timer *timer);
/** Take the first timer off that is due at `now`. NULL: none. */
struct timer *timer_queue_pop(struct timer_queue *queue, uint64_t now);
/** The next deadline; UINT64_MAX: none. */
static inline uint64_t timer_queue_next(const struct timer_queue *queue)
{
	return queue->first ? queue->first->deadline_ns : UINT64_MAX;
}

#endif
