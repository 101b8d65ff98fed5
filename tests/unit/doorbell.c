/* SPDX-License-Identifier: MIT */
/* Rings are put together, and none is kept from its peer for longer than the rules say. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "guest-kernel/platform/doorbell.h"

#define PATIENCE 1000ull

static const struct stretch soon = { .ran_ns = 0, .last_ns = 100 };

static void a_ring_waits_for_company(void **state)
{
	struct doorbell d = { 0 };
	assert_false(doorbell_may_wait(&d, &soon, 0, PATIENCE)); /* there is none */
	doorbell_add(&d, 3, true, 5000);
	assert_true(doorbell_may_wait(&d, &soon, 5000, PATIENCE));
	assert_true(doorbell_may_wait(&d, &soon, 5999, PATIENCE));
	assert_false(doorbell_may_wait(&d, &soon, 6000, PATIENCE));
	doorbell_add(&d, 4, true, 5900); /* the oldest counts */
	assert_false(doorbell_may_wait(&d, &soon, 6000, PATIENCE));
	assert_int_equal(doorbell_take(&d, false), 1 << 3 | 1 << 4);
	doorbell_add(&d, 3, true, 7000);
	assert_true(doorbell_may_wait(&d, &soon, 7500, PATIENCE));
}

static void a_batch_goes_at_once(void **state)
{
	struct doorbell d = { 0 };
	for (unsigned i = 0; i + 1 < DOORBELL_BATCH; i++) {
		doorbell_add(&d, 3, i > 2, 0);
	}
	assert_true(doorbell_may_wait(&d, &soon, 1, PATIENCE));
	doorbell_add(&d, 3, true, 1);
	assert_false(doorbell_may_wait(&d, &soon, 1, PATIENCE));
}

static void nobody_waits_for_who_computes(void **state)
{
	struct doorbell d = { 0 };
	struct stretch s = { .last_ns = UINT64_MAX };
	doorbell_add(&d, 3, true, 0);
	assert_false(doorbell_may_wait(&d, &s, 1, PATIENCE)); /* new */
	stretch_end(&s, 50, true);
	assert_true(doorbell_may_wait(&d, &s, 1, PATIENCE));
	/* Preempted again and again, each time after a moment: that adds up. */
	for (unsigned i = 0; i < 10; i++) {
		stretch_end(&s, 60, false);
	}
	assert_false(doorbell_may_wait(&d, &s, 1, PATIENCE));
	stretch_end(&s, 10, true);
	assert_int_equal(s.last_ns, 610);
	assert_false(doorbell_may_wait(&d, &s, 1, PATIENCE));
	stretch_end(&s, 10, true);
	assert_true(doorbell_may_wait(&d, &s, 1, PATIENCE));
}

/* A peer that wants no ring is told with the idle call, once, and costs no call before. */
static void the_idle_call_tells_all(void **state)
{
	struct doorbell d = { 0 };
	doorbell_add(&d, 5, false, 0);
	assert_int_equal(doorbell_take(&d, false), 0);
	doorbell_add(&d, 3, true, 0);
	assert_int_equal(doorbell_take(&d, false), 1 << 3);
	assert_int_equal(doorbell_take(&d, true), 1 << 3 | 1 << 5);
	assert_int_equal(doorbell_take(&d, true), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ring_waits_for_company),
		cmocka_unit_test(a_batch_goes_at_once),
		cmocka_unit_test(nobody_waits_for_who_computes),
		cmocka_unit_test(the_idle_call_tells_all),
	};
	return cmocka_run_group_tests_name("doorbell", tests, NULL, NULL);
}
