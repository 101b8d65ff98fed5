/* SPDX-License-Identifier: MIT */
/* The buddy allocator against a map of which pages are taken: no page is handed out twice, blocks are aligned and join again. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "guest-kernel/mm/buddy.h"

#define PAGES 4096

static struct page pages[PAGES];
static unsigned char taken[PAGES];

static void zone_make(struct buddy *b, uint64_t first, uint64_t end)
{
	for (unsigned i = 0; i < PAGES; i++) {
		pages[i] = (struct page){ 0 };
		list_init(&pages[i].link);
		taken[i] = 0;
	}
	buddy_init(b, pages, first, end);
	buddy_add(b, first, end);
}

static void take(struct page *page, unsigned order)
{
	uint64_t number = (uint64_t)(page - pages);
	assert_int_equal(number & ((1u << order) - 1), 0);
	for (uint64_t i = number; i < number + (1u << order); i++) {
		assert_true(i < PAGES);
		assert_int_equal(taken[i], 0);
		taken[i] = 1;
	}
}

static void give(struct buddy *b, struct page *page, unsigned order)
{
	for (uint64_t i = (uint64_t)(page - pages), end = i + (1u << order); i < end; i++) {
		taken[i] = 0;
	}
	buddy_free(b, page, order);
}

static void every_page_comes_out_once(void **state)
{
	struct buddy b;
	zone_make(&b, 3, 1003);
	assert_int_equal(b.free_count, 1000);
	for (unsigned i = 0; i < 1000; i++) {
		struct page *page = buddy_alloc(&b, 0);
		assert_non_null(page);
		assert_in_range(page - pages, 3, 1002);
		take(page, 0);
	}
	assert_null(buddy_alloc(&b, 0));
	assert_int_equal(b.free_count, 0);
}

static void freed_pages_join_to_the_largest_block(void **state)
{
	struct buddy b;
	zone_make(&b, 0, PAGES);
	assert_non_null(buddy_alloc(&b, 12));
	assert_null(buddy_alloc(&b, 0));
	for (unsigned i = 0; i < PAGES; i++) {
		buddy_free(&b, &pages[(i * 1021) % PAGES], 0);
	}
	assert_ptr_equal(buddy_alloc(&b, 12), pages);
}

static void pages_of_the_other_zone_never_join(void **state)
{
	struct buddy low, high;
	zone_make(&low, 0, PAGES);
	low.end = PAGES; /* as the kernel's: the ordinary zone spans the I/O zone */
	for (unsigned i = 0; i < BUDDY_ORDERS; i++) {
		list_init(&low.free[i]);
	}
	for (unsigned i = 0; i < PAGES; i++) {
		pages[i] = (struct page){ .flags = i >= 2048 ? PAGE_IO : 0 };
		list_init(&pages[i].link);
	}
	low.free_count = low.total_count = 0;
	buddy_add(&low, 0, 2048);
	buddy_init(&high, pages, 2048, PAGES);
	buddy_add(&high, 2048, PAGES);
	struct page *page = buddy_alloc(&low, 11);
	assert_ptr_equal(page, pages);
	buddy_free(&low, page, 11);
	assert_null(buddy_alloc(&low, 12));
	assert_null(buddy_alloc(&high, 12));
	assert_int_equal(high.free_count, 2048);
}

static void random_orders_keep_the_map(void **state)
{
	struct buddy b;
	struct {
		struct page *page;
		unsigned order;
	} held[256];
	unsigned count = 0;
	uint64_t pages_held = 0;
	zone_make(&b, 0, PAGES);
	srand(1);
	for (unsigned step = 0; step < 20000; step++) {
		if (count < 256 && rand() % 2) {
			unsigned order = (unsigned)rand() % 6;
			struct page *page = buddy_alloc(&b, order);
			if (page) {
				take(page, order);
				held[count].page = page;
				held[count++].order = order;
				pages_held += 1u << order;
			}
		} else if (count) {
			unsigned i = (unsigned)rand() % count;
			give(&b, held[i].page, held[i].order);
			pages_held -= 1u << held[i].order;
			held[i] = held[--count];
		}
		assert_int_equal(b.free_count, PAGES - pages_held);
	}
	while (count) {
		count--;
		give(&b, held[count].page, held[count].order);
	}
	assert_ptr_equal(buddy_alloc(&b, 12), pages);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_page_comes_out_once),
		cmocka_unit_test(freed_pages_join_to_the_largest_block),
		cmocka_unit_test(pages_of_the_other_zone_never_join),
		cmocka_unit_test(random_orders_keep_the_map),
	};
	return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
