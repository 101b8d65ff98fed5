/* SPDX-License-Identifier: MIT */
/* The virtual local APIC: priorities, in service and EOI, whom an IPI reaches, what is refused; posted interrupts. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "hv/domain.h"

#define COUNT 3
#define ICR 0x830

static struct vcpu vcpus[COUNT];
static struct domain domain;
static uint32_t pages[COUNT][1024];
static uint32_t signals[COUNT], signal_pages[COUNT], posted[COUNT];
static bool post_works;
static struct vmm_ops fake;
const struct vmm_ops *vmm = &fake;

void sched_notify(struct vcpu *v)
{
}

void vcpu_signal(struct vcpu *v, uint32_t signal, uint8_t page)
{
	signals[v->id] |= signal;
	signal_pages[v->id] = page;
}

static bool post(struct vcpu *v, uint8_t vector)
{
	posted[v->id] = vector;
	return post_works;
}

static int set_up(void **state)
{
	memset(signals, 0, sizeof(signals));
	memset(posted, 0, sizeof(posted));
	fake.post = NULL;
	domain = (struct domain){ .vcpu_count = COUNT };
	for (unsigned i = 0; i < COUNT; i++) {
		vcpus[i] = (struct vcpu){ .domain = &domain, .id = i, .apic = pages[i] };
		domain.vcpus[i] = &vcpus[i];
		vapic_reset(&vcpus[i]);
	}
	return 0;
}

static int msr_set(unsigned who, uint32_t index, uint64_t value)
{
	return vapic_msr(&vcpus[who], index, true, &value);
}

static uint64_t msr_get(unsigned who, uint32_t index)
{
	uint64_t value = 0;
	assert_int_equal(vapic_msr(&vcpus[who], index, false, &value), 0);
	return value;
}

static void take(unsigned who, uint8_t vector)
{
	assert_int_equal(vapic_next(&vcpus[who]), vector);
	vapic_taken(&vcpus[who], vector);
}

static void the_highest_comes_first(void **state)
{
	assert_int_equal(vapic_next(&vcpus[0]), 0);
	for (unsigned vector = 0x20; vector < 256; vector += 0x10) {
		vapic_raise(&vcpus[0], (uint8_t)vector);
	}
	for (unsigned vector = 0xf0; vector >= 0x20; vector -= 0x10) {
		take(0, (uint8_t)vector);
		assert_int_equal(vapic_next(&vcpus[0]), 0); /* a lower class waits */
		assert_int_equal(msr_set(0, 0x80b, 0), 0);
	}
	assert_int_equal(vapic_next(&vcpus[0]), 0);
	assert_int_equal(vcpus[0].irr, 0); /* and costs nothing any more */
}

static void service_nests(void **state)
{
	vapic_raise(&vcpus[0], 0x45);
	take(0, 0x45);
	vapic_raise(&vcpus[0], 0x4f); /* of the same class */
	vapic_raise(&vcpus[0], 0x45); /* again */
	assert_int_equal(vapic_next(&vcpus[0]), 0);
	vapic_raise(&vcpus[0], 0x80);
	take(0, 0x80);
	assert_int_equal(msr_get(0, 0x814), 1u << 0); /* ISR 80h */
	assert_int_equal(msr_get(0, 0x812), 1u << 5); /* ISR 45h */
	assert_int_equal(msr_get(0, 0x822), 1u << 5 | 1u << 15); /* IRR */
	msr_set(0, 0x80b, 0);
	assert_int_equal(vapic_next(&vcpus[0]), 0);
	msr_set(0, 0x80b, 0);
	take(0, 0x4f);
	msr_set(0, 0x80b, 0);
	take(0, 0x45);
}

static void tpr_wakes_nobody(void **state)
{
	msr_set(0, 0x808, 0x50);
	vapic_raise(&vcpus[0], 0x5f);
	assert_false(vapic_ready(&vcpus[0]));
	assert_int_equal(vapic_next(&vcpus[0]), 0x5f);
	vapic_raise(&vcpus[0], 0x60);
	assert_true(vapic_ready(&vcpus[0]));
	assert_int_equal(msr_get(0, 0x808), 0x50);
}

static void ipis_reach(uint64_t command, unsigned mask)
{
	set_up(NULL);
	assert_int_equal(msr_set(1, ICR, command | 0x77), 0);
	for (unsigned i = 0; i < COUNT; i++) {
		assert_int_equal(vapic_next(&vcpus[i]), mask >> i & 1 ? 0x77 : 0);
	}
}

static void destinations(void **state)
{
	ipis_reach(2ull << 32, 4); /* by ID */
	ipis_reach(1ull << 32, 2);
	ipis_reach(3ull << 32, 0); /* nobody */
	ipis_reach(~0ull << 32, 7);
	ipis_reach(5ull << 32 | 1 << 11, 5); /* by logical ID */
	ipis_reach(0x10001ull << 32 | 1 << 11, 0); /* another cluster */
	ipis_reach(1 << 18, 2); /* self */
	ipis_reach(2 << 18, 7);
	ipis_reach(3 << 18, 5);
}

static void start_and_stop(void **state)
{
	assert_int_equal(msr_set(0, ICR, 2ull << 32 | 0x4500), 0);
	assert_int_equal(msr_set(0, ICR, 2ull << 32 | 0x4608), 0);
	assert_int_equal(signals[2], VCPU_INIT | VCPU_SIPI);
	assert_int_equal(signal_pages[2], 8);
	assert_int_equal(signals[1], 0);
	assert_int_equal(msr_set(0, ICR, 1ull << 32 | 0x8500), 0); /* INIT level de-assert */
	assert_int_equal(signals[1], 0);
	assert_int_equal(msr_set(0, ICR, 3 << 18 | 0x4400), 0);
	assert_int_equal(signals[1], VCPU_NMI);
	assert_int_equal(signals[0], 0);
	assert_int_equal(vapic_next(&vcpus[1]), 0);
}

static void refused(void **state)
{
	uint64_t value;
	static const uint32_t unreadable[] = { 0x800, 0x80b, 0x83f, 0x840, 0x8ff, 0x831, 0x80e };
	for (unsigned i = 0; i < sizeof(unreadable) / sizeof(unreadable[0]); i++) {
		assert_int_equal(vapic_msr(&vcpus[0], unreadable[i], false, &value), -EINVAL);
	}
	assert_int_equal(vapic_msr(&vcpus[0], 0x7ff, false, &value), -EINVAL);
	assert_int_equal(vapic_msr(&vcpus[0], 0x900, false, &value), -EINVAL);
	assert_int_equal(msr_set(0, 0x80b, 1), -EINVAL);
	assert_int_equal(msr_set(0, 0x802, 1), -EINVAL);
	assert_int_equal(msr_set(0, 0x820, 1), -EINVAL); /* IRR */
	assert_int_equal(msr_set(0, 0x83f, 256), -EINVAL);
	assert_int_equal(msr_set(0, ICR, 15), -EINVAL); /* vectors below 16 */
	assert_int_equal(msr_set(0, ICR, 2 << 8 | 0x77), -EINVAL); /* SMI */
	assert_int_equal(msr_set(0, ICR, 7 << 8 | 0x77), -EINVAL); /* ExtINT */
	assert_int_equal(msr_set(0, 0x1b, 0), -EINVAL); /* it cannot be switched off */
	assert_int_equal(msr_get(0, 0x1b), 0xfee00d00);
	assert_int_equal(msr_get(1, 0x1b), 0xfee00c00);
	assert_int_equal(msr_get(2, 0x802), 2);
	assert_int_equal(msr_get(2, 0x80d), 4);
	assert_int_equal(msr_get(0, 0x832) >> 16, 1); /* masked, and stays so */
	msr_set(0, 0x832, 0x30);
	assert_int_equal(msr_get(0, 0x832), 0x10030);
}

static void posted_where_possible(void **state)
{
	fake.post = post;
	post_works = true;
	vapic_raise(&vcpus[1], 0x66);
	assert_int_equal(posted[1], 0x66);
	assert_int_equal(vapic_next(&vcpus[1]), 0);
	post_works = false;
	vapic_raise(&vcpus[1], 0x66);
	assert_int_equal(vapic_next(&vcpus[1]), 0x66);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_highest_comes_first, set_up), cmocka_unit_test_setup(service_nests, set_up),
		cmocka_unit_test_setup(tpr_wakes_nobody, set_up), cmocka_unit_test_setup(destinations, set_up),
		cmocka_unit_test_setup(start_and_stop, set_up), cmocka_unit_test_setup(refused, set_up),
		cmocka_unit_test_setup(posted_where_possible, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
