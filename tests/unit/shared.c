/* SPDX-License-Identifier: MIT */
/* Shared anonymous memory: what it takes is what was touched, however large it is; pages stay and are all given back; what is held is told once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/memory.h"
#include "mm/shared.h"

#define PAGES 600u

static struct page pages[PAGES];
static unsigned char data[PAGES][PAGE_SIZE];
static unsigned used, limit = PAGES;
static size_t heap_bytes; /* ever asked for */
static unsigned objects, objects_most = UINT32_MAX;

void *kzalloc(size_t bytes)
{
	if (objects == objects_most) {
		return NULL;
	}
	heap_bytes += bytes;
	objects++;
	return calloc(1, bytes);
}

void kfree(void *memory)
{
	objects -= memory != NULL;
	free(memory);
}

struct page *page_alloc(unsigned flags)
{
	for (unsigned i = 0; used < limit && i < PAGES; i++) {
		if (!pages[i].references) {
			pages[i].references = 1;
			memset(data[i], 0, PAGE_SIZE);
			used++;
			return &pages[i];
		}
	}
	return NULL;
}

void page_get(struct page *page)
{
	assert_true(page->references > 0);
	page->references++;
}

void page_put(struct page *page)
{
	assert_true(page->references > 0);
	used -= --page->references == 0;
}

uint64_t page_phys(const struct page *page)
{
	return (uint64_t)data[page - pages] - PHYSMAP;
}

static struct page *touch(struct shared_memory *shared, uint64_t index)
{
	struct page *page = shared_page(shared, index);
	if (page) {
		page_put(page);
	}
	return page;
}

static void size_costs_nothing(void **state)
{
	heap_bytes = 0;
	struct shared_memory *shared = shared_create(UINT32_MAX);
	assert_non_null(shared);
	assert_true(heap_bytes < 256);
	assert_int_equal(shared_pages(shared), UINT32_MAX);
	struct page *last = touch(shared, UINT32_MAX - 1ull), *first = touch(shared, 0);
	assert_true(first && last && first != last);
	assert_ptr_equal(touch(shared, 0), first);
	assert_ptr_equal(touch(shared, UINT32_MAX - 1ull), last);
	assert_null(touch(shared, UINT32_MAX));
	assert_true(heap_bytes < 16384);
	assert_int_equal(used, 2);
	shared_put(shared);
	assert_int_equal(used, 0);
	assert_int_equal(objects, 0);
	assert_null(shared_create(1ull + UINT32_MAX));
}

static void held_is_told_once_a_walk(void **state)
{
	struct shared_memory *shared = shared_create(1000), *other = shared_create(1);
	assert_int_equal(shared_held(shared, 1), 0);
	for (uint64_t i = 0; i < 500; i++) {
		assert_non_null(touch(shared, i * 2));
	}
	touch(other, 0);
	assert_int_equal(shared_held(shared, 2), 500);
	assert_int_equal(shared_held(other, 2), 1);
	assert_int_equal(shared_held(shared, 2), 0);
	assert_int_equal(shared_held(shared, 3), 500);
	shared_get(shared);
	shared_put(shared);
	assert_int_equal(used, 501);
	shared_put(shared);
	shared_put(other);
	assert_int_equal(used, 0);
	assert_int_equal(objects, 0);
}

static void only_what_is_named_becomes_zeros(void **state)
{
	static const uint64_t at[] = { 0, 9, 10, 11, 70, 4999, 5000 };
	struct shared_memory *shared = shared_create(6000);
	for (unsigned i = 0; i < 7; i++) {
		memset(page_data(touch(shared, at[i])), 7, PAGE_SIZE);
	}
	shared_zero(shared, 10, 4990);
	for (unsigned i = 0; i < 7; i++) {
		const unsigned char *bytes = page_data(touch(shared, at[i]));
		assert_int_equal(bytes[0], at[i] >= 10 && at[i] < 5000 ? 0 : 7);
		assert_int_equal(bytes[PAGE_SIZE - 1], bytes[0]);
	}
	assert_int_equal(used, 7);
	shared_zero(shared, 5001, 10000);
	shared_put(shared);
	assert_int_equal(used, 0);
}

static void no_memory_leaves_nothing(void **state)
{
	struct shared_memory *shared = shared_create(UINT32_MAX);
	limit = 1;
	assert_non_null(touch(shared, 5));
	assert_null(touch(shared, 6));
	limit = PAGES;
	objects_most = objects;
	assert_null(touch(shared, 1 << 30));
	assert_int_equal(used, 1);
	objects_most = UINT32_MAX;
	assert_non_null(touch(shared, 1 << 30));
	assert_int_equal(shared_held(shared, 9), 2);
	shared_put(shared);
	assert_int_equal(used, 0);
	assert_int_equal(objects, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(size_costs_nothing),
		cmocka_unit_test(held_is_told_once_a_walk),
		cmocka_unit_test(only_what_is_named_becomes_zeros),
		cmocka_unit_test(no_memory_leaves_nothing),
	};
	return cmocka_run_group_tests_name("shared", tests, NULL, NULL);
}
