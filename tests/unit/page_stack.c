/* SPDX-License-Identifier: MIT */
/* A processor's stack of pages against the zone behind it: no page is lost or handed out twice, and what is spilled joins again. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "guest-kernel/mm/page_stack.h"

#define PAGES 1024u

static struct page pages[PAGES];
static struct buddy zone;
static struct page_stack stacks[3];

static int begin(void **state)
{
	for (unsigned i = 0; i < PAGES; i++) {
		pages[i] = (struct page){ 0 };
		list_init(&pages[i].link);
	}
	buddy_init(&zone, pages, 0, PAGES);
	buddy_add(&zone, 0, PAGES);
	for (unsigned i = 0; i < 3; i++) {
		stacks[i].count = 0;
	}
	return 0;
}

static uint64_t free_everywhere(void)
{
	return zone.free_count + stacks[0].count + stacks[1].count + stacks[2].count;
}

static void an_empty_one_has_none(void **state)
{
	assert_null(page_stack_pop(&stacks[0]));
	page_stack_spill(&stacks[0], &zone, 10);
	assert_int_equal(zone.free_count, PAGES);
}

static void a_batch_comes_in_order(void **state)
{
	page_stack_fill(&stacks[0], &zone);
	assert_int_equal(stacks[0].count, PAGE_STACK_BATCH);
	assert_int_equal(free_everywhere(), PAGES);
	struct page *before = page_stack_pop(&stacks[0]);
	for (unsigned i = 1; i < PAGE_STACK_BATCH; i++) {
		struct page *page = page_stack_pop(&stacks[0]);
		assert_ptr_equal(page, before + 1);
		before = page;
	}
	assert_null(page_stack_pop(&stacks[0]));
}

static void the_newest_is_next(void **state)
{
	page_stack_fill(&stacks[0], &zone);
	struct page *a = page_stack_pop(&stacks[0]), *b = page_stack_pop(&stacks[0]);
	page_stack_push(&stacks[0], a);
	page_stack_push(&stacks[0], b);
	assert_ptr_equal(page_stack_pop(&stacks[0]), b);
	assert_ptr_equal(page_stack_pop(&stacks[0]), a);
}

static void a_full_one_says_so_and_spills_the_oldest(void **state)
{
	struct page *taken[PAGE_STACK_MOST];
	for (unsigned i = 0; i < PAGE_STACK_MOST; i++) {
		taken[i] = buddy_alloc(&zone, 0);
	}
	for (unsigned i = 0; i < PAGE_STACK_MOST; i++) {
		assert_int_equal(page_stack_push(&stacks[0], taken[i]), i == PAGE_STACK_MOST - 1);
	}
	uint64_t before = zone.free_count;
	page_stack_spill(&stacks[0], &zone, PAGE_STACK_BATCH);
	assert_int_equal(zone.free_count, before + PAGE_STACK_BATCH);
	assert_int_equal(stacks[0].count, PAGE_STACK_MOST - PAGE_STACK_BATCH);
	assert_ptr_equal(page_stack_pop(&stacks[0]), taken[PAGE_STACK_MOST - 1]);
	struct page *oldest = NULL;
	for (struct page *page; (page = page_stack_pop(&stacks[0]));) {
		oldest = page;
	}
	assert_ptr_equal(oldest, taken[PAGE_STACK_BATCH]);
}

static void a_poor_zone_gives_what_it_has(void **state)
{
	buddy_init(&zone, pages, 0, PAGES);
	buddy_add(&zone, 3, 8);
	page_stack_fill(&stacks[0], &zone);
	assert_int_equal(stacks[0].count, 5);
	page_stack_fill(&stacks[1], &zone);
	assert_int_equal(stacks[1].count, 0);
}

/* As three processors would, with frees on another one than the allocation. */
static void at_random(void **state)
{
	static struct page *held[PAGES];
	static unsigned char taken[PAGES];
	unsigned count = 0;
	srand(1);
	for (unsigned i = 0; i < 200000; i++) {
		struct page_stack *s = &stacks[rand() % 3];
		if (rand() % 1000 < (i / 20000 % 2 ? 350 : 650)) {
			struct page *page = page_stack_pop(s);
			if (!page) {
				page_stack_fill(s, &zone);
				page = page_stack_pop(s);
			}
			if (page) {
				assert_int_equal(taken[page - pages]++, 0);
				assert_false(page->flags & PAGE_FREE);
				held[count++] = page;
			}
		} else if (count) {
			unsigned which = (unsigned)rand() % count;
			assert_int_equal(taken[held[which] - pages]--, 1);
			if (page_stack_push(s, held[which])) {
				page_stack_spill(s, &zone, PAGE_STACK_BATCH);
			}
			held[which] = held[--count];
		}
		assert_int_equal(free_everywhere() + count, PAGES);
		assert_true(s->count < PAGE_STACK_MOST);
	}
	while (count) {
		page_stack_push(&stacks[0], held[--count]);
	}
	for (unsigned i = 0; i < 3; i++) {
		page_stack_spill(&stacks[i], &zone, UINT32_MAX);
	}
	assert_int_equal(zone.free_count, PAGES);
	assert_non_null(buddy_alloc(&zone, 10));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_empty_one_has_none, begin),
		cmocka_unit_test_setup(a_batch_comes_in_order, begin),
		cmocka_unit_test_setup(the_newest_is_next, begin),
		cmocka_unit_test_setup(a_full_one_says_so_and_spills_the_oldest, begin),
		cmocka_unit_test_setup(a_poor_zone_gives_what_it_has, begin),
		cmocka_unit_test_setup(at_random, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
