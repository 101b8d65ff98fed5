/* SPDX-License-Identifier: MIT */
/* Events and signals: who is rung, when an upcall is due, what a link that is not up swallows. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "hv/domain.h"

static struct vcpu vcpus[2];
static struct vmm_ops fake; /* without posted interrupts */
const struct vmm_ops *vmm = &fake;
static struct domain guest, driver;
static struct link block;
static _Atomic uint64_t pending[2];
static unsigned notified[2], completions;

void sched_notify(struct vcpu *v)
{
	notified[v - vcpus]++;
}

void recover_signal(struct domain *back)
{
	assert_ptr_equal(back, &driver);
	completions++;
}

/* The guest has its link in slot 1, the driver in slot 3. */
static int set_up(void **state)
{
	memset(vcpus, 0, sizeof(vcpus));
	memset(notified, 0, sizeof(notified));
	completions = 0;
	pending[0] = pending[1] = 0;
	vcpus[0].pending = &pending[0];
	vcpus[1].pending = &pending[1];
	guest = (struct domain){ .vcpus = { &vcpus[0] } };
	driver = (struct domain){ .vcpus = { &vcpus[1] } };
	block = (struct link){ .front = &guest, .back = &driver, .front_slot = 1, .back_slot = 3, .state = BH_LINK_UP };
	guest.links[1] = driver.links[3] = &block;
	guest.link_roles[1] = BH_LINK_FRONT;
	driver.link_roles[3] = BH_LINK_BACK;
	return 0;
}

static void an_event_is_announced_once(void **state)
{
	assert_false(event_unannounced(&vcpus[0]));
	event_raise(&vcpus[0], 5);
	assert_true(pending[0] == 1ull << 5);
	assert_true(event_unannounced(&vcpus[0]));
	assert_int_equal(notified[0], 1);
	vcpus[0].announced |= pending[0];
	assert_false(event_unannounced(&vcpus[0]));
	event_raise(&vcpus[0], 5); /* again: again */
	assert_true(event_unannounced(&vcpus[0]));
}

static void what_the_guest_took_needs_no_upcall(void **state)
{
	event_raise(&vcpus[0], 63);
	pending[0] = 0;
	assert_false(event_unannounced(&vcpus[0]));
}

static void what_the_guest_forges_is_its_own_affair(void **state)
{
	pending[0] = ~0ull;
	assert_true(event_unannounced(&vcpus[0]));
	assert_true(pending[1] == 0);
}

static void a_signal_rings_the_other_end(void **state)
{
	event_signal(&guest, 1ull << (BH_EVENT_LINK + 1));
	assert_true(pending[1] == 1ull << (BH_EVENT_LINK + 3));
	assert_true(pending[0] == 0);
	assert_int_equal(completions, 0);
	event_signal(&driver, 1ull << (BH_EVENT_LINK + 3));
	assert_true(pending[0] == 1ull << (BH_EVENT_LINK + 1));
	assert_int_equal(completions, 1);
}

static void a_link_that_is_not_up_carries_nothing(void **state)
{
	for (uint32_t at = BH_LINK_DOWN; at <= BH_LINK_REBUILD; at++) {
		block.state = at;
		event_signal(&guest, 1ull << (BH_EVENT_LINK + 1));
		event_signal(&driver, 1ull << (BH_EVENT_LINK + 3));
	}
	assert_true(pending[0] == 0 && pending[1] == 0);
	assert_int_equal(completions, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_event_is_announced_once, set_up),
		cmocka_unit_test_setup(what_the_guest_took_needs_no_upcall, set_up),
		cmocka_unit_test_setup(what_the_guest_forges_is_its_own_affair, set_up),
		cmocka_unit_test_setup(a_signal_rings_the_other_end, set_up),
		cmocka_unit_test_setup(a_link_that_is_not_up_carries_nothing, set_up),
	};
	return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
