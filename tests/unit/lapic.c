/* SPDX-License-Identifier: MIT */
/* The virtual local APIC: priorities, EOI, the two timer modes, and that any MSR in its range can be touched. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "hv/lapic.h"

static struct lapic apic;

static int wr(uint32_t index, uint64_t value, uint64_t now)
{
	return lapic_msr(&apic, index, true, &value, now);
}

static uint64_t rd(uint32_t index, uint64_t now)
{
	uint64_t value = ~0ull;
	assert_int_equal(lapic_msr(&apic, index, false, &value, now), 0);
	return value;
}

static int set_up(void **state)
{
	lapic_reset(&apic, 3);
	return wr(0x80f, 0x1ff, 0);
}

static void a_disabled_one_delivers_nothing(void **state)
{
	lapic_reset(&apic, 0);
	lapic_raise(&apic, 0x40);
	assert_int_equal(lapic_next(&apic), -1);
	wr(0x80f, 0x1ff, 0);
	assert_int_equal(lapic_next(&apic), 0x40);
}

static void higher_classes_go_first_and_nest(void **state)
{
	lapic_raise(&apic, 0x45);
	lapic_raise(&apic, 0xec);
	lapic_raise(&apic, 3); /* no interrupt has such a vector */
	assert_int_equal(lapic_next(&apic), 0xec);
	lapic_accept(&apic, 0xec);
	assert_int_equal(lapic_next(&apic), -1);
	lapic_raise(&apic, 0xf1);
	assert_int_equal(lapic_next(&apic), 0xf1);
	lapic_accept(&apic, 0xf1);
	wr(0x80b, 0, 0);
	assert_int_equal(lapic_next(&apic), -1);
	wr(0x80b, 0, 0);
	assert_int_equal(lapic_next(&apic), 0x45);
	wr(0x808, 0x40, 0); /* task priority of its class holds it back */
	assert_int_equal(lapic_next(&apic), -1);
}

static void one_shot(void **state)
{
	wr(0x832, 0x50, 0);
	wr(0x83e, 0xb, 0); /* divide by 1 */
	wr(0x838, 1000, 5000);
	assert_int_equal(apic.deadline, 6000);
	assert_int_equal(rd(0x839, 5400), 600);
	lapic_expire(&apic, 5999);
	assert_int_equal(lapic_next(&apic), -1);
	lapic_expire(&apic, 6000);
	assert_int_equal(lapic_next(&apic), 0x50);
	assert_int_equal(apic.deadline, 0);
	wr(0x83e, 0, 0); /* divide by 2 */
	wr(0x838, 1000, 5000);
	assert_int_equal(apic.deadline, 7000);
	assert_int_equal(rd(0x839, 5400), 800);
}

static void deadline(void **state)
{
	wr(0x6e0, 77, 0);
	assert_int_equal(apic.deadline, 0); /* only in its mode */
	wr(0x832, 0x40050, 0);
	wr(0x6e0, 77, 0);
	assert_int_equal(rd(0x6e0, 0), 77);
	lapic_expire(&apic, 80);
	assert_int_equal(lapic_next(&apic), 0x50);
	assert_int_equal(rd(0x6e0, 80), 0);
}

static void a_masked_timer_is_silent(void **state)
{
	wr(0x832, 0x10050, 0);
	wr(0x838, 10, 0);
	lapic_expire(&apic, 1u << 20);
	assert_int_equal(lapic_next(&apic), -1);
}

static void interrupts_to_oneself(void **state)
{
	wr(0x83f, 0x71, 0);
	assert_int_equal(lapic_next(&apic), 0x71);
	wr(0x830, 0x3ull << 32 | 0x72, 0);
	assert_int_equal(lapic_next(&apic), 0x72);
	wr(0x830, 0x4ull << 32 | 0x99, 0); /* to one that is not there */
	assert_int_equal(lapic_next(&apic), 0x72);
}

static void every_register_can_be_touched(void **state)
{
	for (uint32_t index = LAPIC_MSR_BASE; index < LAPIC_MSR_END; index++) {
		uint64_t value = ~0ull;
		int error = lapic_msr(&apic, index, true, &value, 1);
		assert_true(error == 0 || error == -EINVAL);
		error = lapic_msr(&apic, index, false, &value, 1);
		assert_true(error == 0 || error == -EINVAL);
		lapic_expire(&apic, ~0ull);
		(void)lapic_next(&apic);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_disabled_one_delivers_nothing, set_up),
		cmocka_unit_test_setup(higher_classes_go_first_and_nest, set_up),
		cmocka_unit_test_setup(one_shot, set_up),
		cmocka_unit_test_setup(deadline, set_up),
		cmocka_unit_test_setup(a_masked_timer_is_silent, set_up),
		cmocka_unit_test_setup(interrupts_to_oneself, set_up),
		cmocka_unit_test_setup(every_register_can_be_touched, set_up),
	};
	return cmocka_run_group_tests_name("lapic", tests, NULL, NULL);
}
