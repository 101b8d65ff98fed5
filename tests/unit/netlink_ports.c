/* SPDX-License-Identifier: MIT */
/* Netlink's ports: no number twice, given back ones are free, and the thousandth socket of a process costs what its second does. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "guest-kernel/socket/netlink/ports.h"

#define COUNT 20000u
static struct netlink_port ports[COUNT];

static int by_number(const void *a, const void *b)
{
	const struct netlink_port *x = a, *y = b;
	return (x->number > y->number) - (x->number < y->number);
}

static void a_number_is_one_sockets(void **state)
{
	struct netlink_port a = { 0 }, b = { 0 };
	assert_int_equal(netlink_port_take(&a, 5), 0);
	assert_int_equal(netlink_port_take(&b, 5), -EADDRINUSE);
	assert_int_equal(b.number, 0);
	assert_true(netlink_port_choose(&b, 5));
	assert_true(b.number >= 0x80000000u);
	netlink_port_leave(&a);
	netlink_port_leave(&b);
	assert_int_equal(a.number, 0);
	netlink_port_leave(&a);
	assert_int_equal(netlink_port_take(&b, 5), 0);
	netlink_port_leave(&b);
}

/* One call each is enough, and a call tries a bounded number of them. */
static void one_process_may_have_many(void **state)
{
	for (unsigned i = 0; i < COUNT; i++) {
		assert_true(netlink_port_choose(&ports[i], 7));
		assert_true(i == 0 ? ports[i].number == 7 : ports[i].number >= 0x80000000u);
	}
	static struct netlink_port sorted[COUNT];
	for (unsigned i = 0; i < COUNT; i++) {
		sorted[i] = ports[i];
	}
	qsort(sorted, COUNT, sizeof(sorted[0]), by_number);
	for (unsigned i = 1; i < COUNT; i++) {
		assert_true(sorted[i].number != sorted[i - 1].number);
	}
	for (unsigned i = 0; i < COUNT; i++) {
		netlink_port_leave(&ports[i]);
	}
}

/* Who has bound what would be chosen next makes others ask more often, not one of them for long. */
static void taken_ones_are_passed_in_pieces(void **state)
{
	struct netlink_port at = { 0 }, wanted = { 0 };
	assert_true(netlink_port_choose(&ports[0], 7));
	assert_true(netlink_port_choose(&at, 7));
	for (unsigned i = 1; i < 1000; i++) {
		assert_int_equal(netlink_port_take(&ports[i], (at.number - i) | 0x80000000u), 0);
	}
	unsigned calls = 1;
	while (!netlink_port_choose(&wanted, 7)) {
		calls++;
	}
	assert_true(calls >= 10 && calls <= 100);
	assert_int_equal(wanted.number, (at.number - 1000) | 0x80000000u);
	netlink_port_leave(&at);
	netlink_port_leave(&wanted);
	for (unsigned i = 0; i < 1000; i++) {
		netlink_port_leave(&ports[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_is_one_sockets),
		cmocka_unit_test(one_process_may_have_many),
		cmocka_unit_test(taken_ones_are_passed_in_pieces),
	};
	return cmocka_run_group_tests_name("netlink_ports", tests, NULL, NULL);
}
