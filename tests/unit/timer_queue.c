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
	list_init(&t->link);
	t->deadline_ns = deadline;
}

static void order_of_deadlines(void **state)
{
	struct list queue = LIST_INIT(queue);
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
	struct list queue = LIST_INIT(queue);
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
	struct list queue = LIST_INIT(queue);
	struct timer a, b;
	make(&a, 10);
	make(&b, 20);
	timer_queue_insert(&queue, &a);
	timer_queue_insert(&queue, &b);
	a.deadline_ns = 30;
	timer_queue_insert(&queue, &a);
	assert_ptr_equal(timer_queue_pop(&queue, 100), &b);
	assert_ptr_equal(timer_queue_pop(&queue, 100), &a);
	assert_true(list_empty(&queue));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_of_deadlines),
		cmocka_unit_test(nothing_before_its_time),
		cmocka_unit_test(arming_again_moves),
	};
	return cmocka_run_group_tests_name("timer_queue", tests, NULL, NULL);
}
