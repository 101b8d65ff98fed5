/* SPDX-License-Identifier: MIT */
/*
 * The timer queue: a leftist heap (Crane, 1972). No timer is due before its parent, and of each one's two heaps the right one has the shorter way to a free
 * place. That way is `rank` - 1 steps long, and a heap of n timers has rank log2(n + 1) at most. Two heaps are merged along these ways, so that
 * inserting, taking the first and removing any are bounded by the logarithm each time, not on the average: programs may arm 100,000 timers.
 */
#include "sched/timer_queue.h"

#include <stdbool.h>
#include <stddef.h>

static bool is_before(const struct timer *a, const struct timer *b)
{
	return a->deadline_ns < b->deadline_ns || (a->deadline_ns == b->deadline_ns && a->order < b->order);
}

static uint32_t rank(const struct timer *t)
{
	return t ? t->rank : 0;
}

/* Its heaps are leftist: so is it. False: it has the rank that it had. */
static bool settle(struct timer *t)
{
	if (rank(t->left) < rank(t->right)) {
		struct timer *left = t->left;
		t->left = t->right;
		t->right = left;
	}
	uint32_t before = t->rank;
	t->rank = rank(t->right) + 1;
	return t->rank != before;
}

/* Below `t` a rank has changed. On the way up each that changes is one more than that below, so that no more do than the highest rank has. */
static void climb(struct timer *t)
{
	while (t && settle(t)) {
		t = t->parent;
	}
}

/* Either may be NULL. The result has no parent. */
static struct timer *merge(struct timer *a, struct timer *b)
{
	struct timer *root = NULL, *last = NULL, **at = &root;
	while (a && b) {
		struct timer *first = is_before(b, a) ? b : a;
		b = first == a ? b : a;
		first->parent = last;
		*at = last = first;
		at = &first->right;
		a = first->right;
	}
	*at = a ? a : b;
	if (*at) {
		(*at)->parent = last;
	}
	for (; last; last = last->parent) {
		settle(last);
	}
	return root;
}

void timer_queue_insert(struct timer_queue *queue, struct timer *timer)
{
	struct timer *parent = NULL, *at = queue->first;
	while (at && at->deadline_ns <= timer->deadline_ns) {
		parent = at;
		at = at->right;
	}
	timer->parent = parent;
	timer->left = at;
	timer->right = NULL;
	timer->rank = 1;
	timer->order = queue->order++;
	if (at) {
		at->parent = timer;
	}
	if (!parent) {
		queue->first = timer;
		return;
	}
	parent->right = timer;
	climb(parent);
}

void timer_queue_remove(struct timer_queue *queue, struct timer *timer)
{
	struct timer *parent = timer->parent, *rest = timer->right ? merge(timer->left, timer->right) : timer->left;
	if (rest) {
		rest->parent = parent;
	}
	timer->rank = 0;
	if (!parent) {
		queue->first = rest;
		return;
	}
	*(parent->left == timer ? &parent->left : &parent->right) = rest;
	climb(parent);
}

struct timer *timer_queue_pop(struct timer_queue *queue, uint64_t now)
{
	struct timer *timer = queue->first;
	if (!timer || timer->deadline_ns > now) {
		return NULL;
	}
	timer_queue_remove(queue, timer);
	return timer;
}
