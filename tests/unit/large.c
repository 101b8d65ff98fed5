/* SPDX-License-Identifier: MIT */
/* References to 2 MiB blocks against a model in which every leaf, large or small, holds its pages one by one. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "guest-kernel/mm/large.h"

#define BLOCKS 4

static struct page pages[BLOCKS][LARGE_PAGES];
static bool given[BLOCKS]; /* the block is in use, or some page of it */
static unsigned freed[BLOCKS][LARGE_PAGES]; /* how often each page came back */
static unsigned blocks_freed;

struct page *page_alloc_order(unsigned order, unsigned flags)
{
	assert_int_equal(order, LARGE_ORDER);
	assert_true(flags & ALLOC_SPARE);
	for (unsigned b = 0; b < BLOCKS; b++) {
		if (!given[b]) {
			given[b] = true;
			memset(pages[b], 0x5a, sizeof(pages[b])); /* what the pages were before does not matter */
			pages[b][0] = (struct page){ .references = 1, .flags = flags & PAGE_KIND_MASK };
			memset(freed[b], 0, sizeof(freed[b]));
			return pages[b];
		}
	}
	return NULL;
}

static unsigned block_of(const struct page *page)
{
	return (unsigned)((page - pages[0]) / LARGE_PAGES);
}

void page_free_order(struct page *page, unsigned order)
{
	unsigned b = block_of(page);
	assert_int_equal(order, LARGE_ORDER);
	assert_ptr_equal(page, pages[b]);
	assert_false(page->flags & PAGE_WHOLE);
	for (unsigned i = 0; i < LARGE_PAGES; i++) {
		assert_int_equal(freed[b][i]++, 0);
	}
	blocks_freed++;
}

void page_get(struct page *page)
{
	page->references++;
}

void page_put(struct page *page)
{
	assert_true(page->references > 0);
	if (--page->references == 0) {
		assert_int_equal(page_kind(page), PAGE_ANONYMOUS);
		assert_int_equal(freed[block_of(page)][(page - pages[0]) % LARGE_PAGES]++, 0);
	}
}

static int begin(void **state)
{
	memset(given, 0, sizeof(given));
	blocks_freed = 0;
	return 0;
}

static void a_whole_block_goes_as_one(void **state)
{
	struct page *block = large_alloc();
	assert_int_equal(memory_large_pages(), 1);
	assert_true(large_sole(block));
	large_get(block);
	assert_false(large_sole(block));
	large_put(block);
	assert_true(large_sole(block));
	assert_int_equal(blocks_freed, 0);
	large_put(block);
	assert_int_equal(blocks_freed, 1);
	assert_int_equal(memory_large_pages(), 0);
}

static void none_to_spare(void **state)
{
	for (unsigned i = 0; i < BLOCKS; i++) {
		assert_non_null(large_alloc());
	}
	assert_null(large_alloc());
	for (unsigned i = 0; i < BLOCKS; i++) {
		large_put(pages[i]);
	}
	assert_int_equal(memory_large_pages(), 0);
}

static void a_split_one_goes_page_by_page(void **state)
{
	struct page *block = large_alloc();
	large_split(block);
	large_split(block);
	assert_int_equal(memory_large_pages(), 0);
	for (unsigned i = 0; i < LARGE_PAGES; i++) {
		assert_int_equal(block[i].references, 1);
		assert_null(block[i].owner);
		page_put(block + i);
		assert_int_equal(freed[0][i], 1);
	}
	assert_int_equal(blocks_freed, 0);
}

/* The parent's leaf stays large while the child breaks its own and lets pages go. */
static void others_keep_their_large_leaf(void **state)
{
	struct page *block = large_alloc();
	large_get(block);
	large_split(block);
	for (unsigned i = 0; i < LARGE_PAGES; i++) {
		assert_int_equal(block[i].references, 2);
	}
	for (unsigned i = 0; i < LARGE_PAGES - 1; i++) {
		page_put(block + i);
	}
	assert_false(large_sole(block)); /* one page is still the child's */
	page_put(block + LARGE_PAGES - 1);
	assert_true(large_sole(block));
	large_put(block);
	for (unsigned i = 0; i < LARGE_PAGES; i++) {
		assert_int_equal(freed[0][i], 1);
	}
}

/* What leads to the block: so many large leaves, and so many small ones to each page. */
struct model {
	struct page *block;
	unsigned large, small[LARGE_PAGES];
};

static void check(const struct model *m)
{
	unsigned b = block_of(m->block), most = 0;
	for (unsigned i = 0; i < LARGE_PAGES; i++) {
		most = m->large + m->small[i] > most ? m->large + m->small[i] : most;
		assert_int_equal(freed[b][i], m->large + m->small[i] == 0);
	}
	if (m->large) {
		assert_int_equal(large_sole(m->block), most == 1);
	}
}

static void step(struct model *m)
{
	unsigned i = (unsigned)rand() % LARGE_PAGES;
	switch (rand() % 6) {
	case 0: /* fork */
		if (m->large && m->large < 5) {
			large_get(m->block);
			m->large++;
		}
		break;
	case 1: /* exit */
		if (m->large) {
			m->large--;
			large_put(m->block);
		}
		break;
	case 2: /* one breaks its leaf */
		if (m->large) {
			large_split(m->block);
			m->large--;
			for (unsigned k = 0; k < LARGE_PAGES; k++) {
				m->small[k]++;
			}
		}
		break;
	case 3: /* fork of a small leaf */
		if (m->small[i]) {
			page_get(m->block + i);
			m->small[i]++;
		}
		break;
	default: /* many small ones go */
		for (unsigned k = i; k < LARGE_PAGES && k < i + 100; k++) {
			if (m->small[k]) {
				m->small[k]--;
				page_put(m->block + k);
			}
		}
	}
}

static void at_random(void **state)
{
	srand(2);
	for (unsigned round = 0; round < 300; round++) {
		struct model m = { .block = large_alloc(), .large = 1 };
		for (unsigned i = 0; i < 60; i++) {
			step(&m);
			check(&m);
		}
		while (m.large) {
			m.large--;
			large_put(m.block);
		}
		for (unsigned i = 0; i < LARGE_PAGES; i++) {
			while (m.small[i]) {
				m.small[i]--;
				page_put(m.block + i);
			}
		}
		check(&m);
		assert_int_equal(memory_large_pages(), 0);
		given[block_of(m.block)] = false;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_whole_block_goes_as_one, begin),
		cmocka_unit_test_setup(none_to_spare, begin),
		cmocka_unit_test_setup(a_split_one_goes_page_by_page, begin),
		cmocka_unit_test_setup(others_keep_their_large_leaf, begin),
		cmocka_unit_test_setup(at_random, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
