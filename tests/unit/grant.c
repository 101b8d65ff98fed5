/* SPDX-License-Identifier: MIT */
/* The grant table: what is refused, and that at any time each byte has exactly the protection that was last given. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "hv/link.h"

#define PAGE 4096ull
#define MEMORY (64 * PAGE)

static int give(struct bh_grant *table, uint64_t page, uint64_t pages, uint32_t prot)
{
	int error = grant_check(table, page * PAGE, pages * PAGE, prot, MEMORY);
	if (!error) {
		grant_set(table, page * PAGE, pages * PAGE, prot);
	}
	return error;
}

static void ranges_are_pages_inside_the_memory(void **state)
{
	struct bh_grant table[BH_MAX_GRANTS] = { 0 };
	assert_int_equal(grant_check(table, 1, PAGE, 1, MEMORY), -EINVAL);
	assert_int_equal(grant_check(table, 0, 100, 1, MEMORY), -EINVAL);
	assert_int_equal(grant_check(table, 0, 0, 1, MEMORY), -EINVAL);
	assert_int_equal(grant_check(table, 0, PAGE, 16, MEMORY), -EINVAL);
	assert_int_equal(grant_check(table, MEMORY, PAGE, 1, MEMORY), -EINVAL);
	assert_int_equal(grant_check(table, PAGE, MEMORY, 1, MEMORY), -EINVAL);
	assert_int_equal(grant_check(table, ~0ull & ~(PAGE - 1), 2 * PAGE, 1, MEMORY), -EINVAL);
	assert_int_equal(grant_check(table, 0, MEMORY, 15, MEMORY), 0);
}

static void ranges_never_overlap(void **state)
{
	struct bh_grant table[BH_MAX_GRANTS] = { 0 };
	assert_int_equal(give(table, 8, 4, 3), 0);
	assert_int_equal(give(table, 7, 2, 3), -EINVAL);
	assert_int_equal(give(table, 11, 2, 3), -EINVAL);
	assert_int_equal(give(table, 9, 1, 0), -EINVAL); /* taken back as it was given, or not at all */
	assert_int_equal(give(table, 0, 64, 3), -EINVAL);
	assert_int_equal(give(table, 12, 1, 3), 0);
	assert_int_equal(give(table, 7, 1, 3), 0);
}

static void the_protection_changes_in_place(void **state)
{
	struct bh_grant table[BH_MAX_GRANTS] = { 0 };
	assert_int_equal(give(table, 8, 4, 3), 0);
	assert_int_equal(grant_set(table, 8 * PAGE, 4 * PAGE, 12), 3);
	assert_int_equal(table[0].prot, 12);
	assert_int_equal(give(table, 8, 4, 0), 0);
	assert_int_equal(table[0].len, 0);
	assert_int_equal(give(table, 8, 4, 0), -ENOENT);
}

static void the_table_is_full_at_sixteen(void **state)
{
	struct bh_grant table[BH_MAX_GRANTS] = { 0 };
	for (uint64_t i = 0; i < BH_MAX_GRANTS; i++) {
		assert_int_equal(give(table, i * 2, 1, 3), 0);
	}
	assert_int_equal(give(table, 60, 1, 3), -ENOSPC);
	assert_int_equal(give(table, 4, 1, 1), 0); /* a change takes no entry */
	assert_int_equal(give(table, 4, 1, 0), 0);
	assert_int_equal(give(table, 60, 1, 3), 0);
}

/* Against a byte a page. */
static void any_sequence_agrees_with_a_model(void **state)
{
	struct bh_grant table[BH_MAX_GRANTS] = { 0 };
	uint8_t model[64] = { 0 };
	srand(7);
	for (unsigned step = 0; step < 100000; step++) {
		uint64_t page = (uint64_t)rand() % 64, pages = 1 + (uint64_t)rand() % 6;
		uint32_t prot = (uint32_t)rand() % 16;
		if (give(table, page, pages, prot) == 0) {
			memset(model + page, (int)prot, pages);
		}
		uint8_t seen[64] = { 0 };
		for (unsigned i = 0; i < BH_MAX_GRANTS; i++) {
			for (uint64_t at = 0; at < table[i].len / PAGE; at++) {
				assert_int_equal(seen[table[i].gpa / PAGE + at], 0);
				seen[table[i].gpa / PAGE + at] = (uint8_t)table[i].prot;
			}
		}
		assert_memory_equal(seen, model, sizeof(model));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_pages_inside_the_memory), cmocka_unit_test(ranges_never_overlap),
		cmocka_unit_test(the_protection_changes_in_place), cmocka_unit_test(the_table_is_full_at_sixteen),
		cmocka_unit_test(any_sequence_agrees_with_a_model),
	};
	return cmocka_run_group_tests_name("grant", tests, NULL, NULL);
}
