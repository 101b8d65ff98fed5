/* SPDX-License-Identifier: MIT */
/* The pool over an arena, and the stock of domain memory over a made-up memory map. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "hv/boot/boot_internal.h"
#include "hv/mem/mem_internal.h"
#include "hv/pool.h"

#define PAGES 64u

static struct ram ram;
static _Alignas(65536) char arena[PAGES * PAGE_SIZE];

static int start(void **state)
{
	memset(arena, 0xaa, sizeof(arena));
	memset(&ram, 0, sizeof(ram));
	pool_init(arena, PAGES, &ram);
	return 0;
}

static void pages_are_zeroed_and_aligned(void **state)
{
	char *one = pool_alloc(1, 1), *eight = pool_alloc(8, 8);
	assert_non_null(one);
	assert_ptr_equal(one, arena);
	assert_in_range(eight, one + PAGE_SIZE, arena + sizeof(arena) - 8 * PAGE_SIZE);
	assert_int_equal((uintptr_t)eight % (8 * PAGE_SIZE), 0);
	for (size_t i = 0; i < 8 * PAGE_SIZE; i++) {
		assert_int_equal(eight[i], 0);
	}
}

static void exhausted_pool_gives_null(void **state)
{
	assert_null(pool_alloc(PAGES + 1, 1));
	assert_null(pool_alloc(SIZE_MAX, 1));
	assert_null(pool_alloc(0, 1));
	assert_ptr_equal(pool_alloc(PAGES - 3, 1), arena);
	assert_null(pool_alloc(4, 1));
	assert_null(pool_alloc(2, 16));
	assert_ptr_equal(pool_alloc(3, 1), arena + (PAGES - 3) * PAGE_SIZE);
	assert_null(pool_alloc(1, 1));
}

static void domain_memory_comes_aligned_once_and_from_above_4_gib(void **state)
{
	ram_add(&ram, 0x10000000, 0x7ff00000);
	ram_add(&ram, 4 * PAGE_SIZE_1G, 6 * PAGE_SIZE_1G);
	pool_init(arena, PAGES, &ram);
	assert_int_equal(pool_take_domain(PAGE_SIZE_1G, PAGE_SIZE_1G).value, 4 * PAGE_SIZE_1G); /* below, 1 GiB is not whole */
	assert_int_equal(pool_take_domain(PAGE_SIZE_2M, PAGE_SIZE_2M).value, 0x10000000);
	assert_int_equal(pool_take_domain(4096, 4096).value, 0x10200000);
	assert_int_equal(pool_take_domain(PAGE_SIZE_2M, PAGE_SIZE_2M).value, 0x10400000);
	assert_int_equal(pool_take_domain(4096, 4096).value, 0x10201000); /* what alignment skipped is not lost */
	assert_int_equal(pool_take_domain(PAGE_SIZE_1G, PAGE_SIZE_1G).value, 5 * PAGE_SIZE_1G);
	assert_int_equal(pool_take_domain(PAGE_SIZE_1G, PAGE_SIZE_1G).value, 0);
	assert_int_equal(pool_take_domain(1ull << 63, 4096).value, 0);
	assert_int_equal(pool_take_domain(0, 4096).value, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(pages_are_zeroed_and_aligned, start),
		cmocka_unit_test_setup(exhausted_pool_gives_null, start),
		cmocka_unit_test_setup(domain_memory_comes_aligned_once_and_from_above_4_gib, start),
	};
	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
