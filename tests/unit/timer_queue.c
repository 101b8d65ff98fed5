/* SPDX-License-Identifier: MIT */
/* Timers come out in the order of their deadlines, equal ones in the order of arming, and never before their time. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "guest-kernel/sched/timer_queue.h"

static void make(struct timer *t, uint64_t deadline)
{
	t->rank = 0;
	t->deadline_ns = deadline;
}

static void order_of_deadlines(void **state)
{
	struct timer_queue queue = { 0 };
	static struct timer timers[500];
	srand(4);
	for (unsigned i = 0; i < 500; i++) {
		make(&timers[i], (uint64_t)rand() % 100);
		timer_queue_insert(&queue, &timers[i]);
	}
	const struct timer *last = NULL;
	for (unsigned i = 0; i < 500; i++) {
		const struct timer *t = timer_queue_pop(&queue, 1000);
		assert_non_null(t);
		if (last) {
			assert_true(last->deadline_ns < t->deadline_ns || (last->deadline_ns == t->deadline_ns && last < t));
		}
		last = t;
	}
	assert_null(timer_queue_pop(&queue, 1000));
	assert_true(timer_queue_next(&queue) == UINT64_MAX);
}

static void nothing_before_its_time(void **state)
{
	struct timer_queue queue = { 0 };
	struct timer a, b;
	make(&a, 10);
	make(&b, 20);
	timer_queue_insert(&queue, &b);
	timer_queue_insert(&queue, &a);
	assert_int_equal(timer_queue_next(&queue), 10);
	assert_null(timer_queue_pop(&queue, 9));
	assert_ptr_equal(timer_queue_pop(&queue, 10), &a);
	assert_null(timer_queue_pop(&queue, 19));
}

static void arming_again_moves(void **state)
{
	struct timer_queue queue = { 0 };
	struct timer a, b;
	make(&a, 10);
	make(&b, 20);
	timer_queue_insert(&queue, &a);
	timer_queue_insert(&queue, &b);
	timer_queue_remove(&queue, &a);
	assert_int_equal(timer_queue_next(&queue), 20);
	a.deadline_ns = 30;
	timer_queue_insert(&queue, &a);
	assert_ptr_equal(timer_queue_pop(&queue, 100), &b);
	assert_ptr_equal(timer_queue_pop(&queue, 100), &a);
	assert_null(queue.first);
}

#define MANY 100000u
#define RANK_MOST 16u /* of 100,000: log2(n + 1) */

static struct timer many[MANY];
static struct timer *sorted[MANY];

static int by_deadline(const void *a, const void *b)
{
	const struct timer *x = *(struct timer *const *)a, *y = *(struct timer *const *)b;
	return x->deadline_ns != y->deadline_ns ? (x->deadline_ns > y->deadline_ns) - (x->deadline_ns < y->deadline_ns) : (x > y) - (x < y);
}

/* What bounds the comparisons of a merge and of the way up: ranks are right, and no way to the right is longer. */
static void is_leftist(const struct timer_queue *queue)
{
	unsigned wrong = 0;
	for (unsigned i = 0; i < MANY; i++) {
		const struct timer *t = &many[i];
		if (t->rank) {
			unsigned left = t->left ? t->left->rank : 0, right = t->right ? t->right->rank : 0, steps = 1;
			for (const struct timer *r = t->right; r; r = r->right) {
				steps++;
			}
			wrong += left < right || t->rank != right + 1 || steps != t->rank || t->rank > RANK_MOST;
			wrong += t->parent ? t->parent->left != t && t->parent->right != t : queue->first != t;
			wrong += t->parent && t->parent->deadline_ns > t->deadline_ns;
		}
	}
	assert_int_equal(wrong, 0);
}

static uint64_t rising(unsigned i)
{
	return i;
}

static uint64_t falling(unsigned i)
{
	return MANY - i;
}

static uint64_t in_turn(unsigned i)
{
	return i % 2 ? i : MANY - i;
}

static uint64_t any(unsigned i)
{
	return (uint64_t)rand() % 50000;
}

/* Two thirds of them are removed; the others come out as the sorted array has them. */
static void many_as_a_sorted_model(uint64_t (*deadline)(unsigned i))
{
	struct timer_queue queue = { 0 };
	unsigned left = 0;
	for (unsigned i = 0; i < MANY; i++) {
		make(&many[i], deadline(i));
		timer_queue_insert(&queue, &many[i]);
	}
	is_leftist(&queue);
	for (unsigned i = 0; i < MANY; i++) {
		unsigned at = (unsigned)(i * 7919ul % MANY);
		if (at % 3) {
			timer_queue_remove(&queue, &many[at]);
		} else {
			sorted[left++] = &many[at];
		}
	}
	is_leftist(&queue);
	qsort(sorted, left, sizeof(sorted[0]), by_deadline);
	for (unsigned i = 0; i < left; i++) {
		assert_ptr_equal(timer_queue_pop(&queue, sorted[i]->deadline_ns), sorted[i]);
		if (i == left / 2) {
			is_leftist(&queue);
		}
	}
	assert_null(queue.first);
}

static void many_in_every_order(void **state)
{
	many_as_a_sorted_model(rising);
	many_as_a_sorted_model(falling);
	many_as_a_sorted_model(in_turn);
	many_as_a_sorted_model(any);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_of_deadlines),
		cmocka_unit_test(nothing_before_its_time),
		cmocka_unit_test(arming_again_moves),
		cmocka_unit_test(many_in_every_order),
	};
	return cmocka_run_group_tests_name("timer_queue", tests, NULL, NULL);
}
