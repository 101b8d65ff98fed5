/* SPDX-License-Identifier: MIT */
/*
 * The timer queue: a sorted list. It is searched from its end, for most deadlines are later than those that are there, and it
 * is short: a timer a sleeping thread and one a device.
 */
#include "sched/timer_queue.h"

void timer_queue_insert(struct list *queue, struct timer *timer)
{
	list_remove(&timer->link);
	struct list *at = queue->prev;
	while (at != queue && container_of(at, struct timer, link)->deadline_ns > timer->deadline_ns) {
		at = at->prev;
	}
	list_insert_after(at, &timer->link);
}

struct timer *timer_queue_pop(struct list *queue, uint64_t now)
{
	if (timer_queue_next(queue) > now) {
		return NULL;
	}
	struct list *node = list_pop_front(queue);
	return node ? container_of(node, struct timer, link) : NULL;
}

uint64_t timer_queue_next(const struct list *queue)
{
	return list_empty(queue) ? UINT64_MAX : container_of(queue->next, struct timer, link)->deadline_ns;
}
