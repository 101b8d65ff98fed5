/* SPDX-License-Identifier: MIT */
/* The list of areas: joining, splitting, gaps, references to files; and random use against an array of pages. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "kernel/file.h"
#include "kernel/memory.h"
#include "guest-kernel/mm/area.h"
#include "guest-kernel/mm/shared.h"

static int allocations_left = -1; /* -1: no limit */
static struct file file;

void *kmalloc(size_t bytes)
{
	if (allocations_left == 0) {
		return NULL;
	}
	allocations_left -= allocations_left > 0;
	return malloc(bytes);
}

void kfree(void *memory)
{
	free(memory);
}

void file_get(struct file *f)
{
	f->references++;
}

void file_put(struct file *f)
{
	assert_true(f->references > 0);
	f->references--;
}

void file_map_writable_again(struct file *f)
{
}

void file_unmap_writable(struct file *f)
{
}

void shared_get(struct shared_memory *shared)
{
}

void shared_put(struct shared_memory *shared)
{
}

static struct area *add(struct area_list *areas, uint64_t start, uint64_t end, unsigned prot, struct file *f, uint64_t offset)
{
	const struct area model = { .start = start, .end = end, .prot = prot, .file = f, .offset = offset };
	return area_insert(areas, area_copy(&model));
}

static unsigned count(struct area_list *areas)
{
	unsigned n = 0;
	list_for_each(node, &areas->list) {
		n++;
	}
	return n;
}

static void clear(struct area_list *areas)
{
	while (!list_empty(&areas->list)) {
		area_remove(areas, container_of(areas->list.next, struct area, link));
	}
	assert_int_equal(file.references, 0);
}

static void neighbours_alike_are_one(void **state)
{
	struct area_list areas;
	area_list_init(&areas);
	add(&areas, 0x1000, 0x2000, PROT_READ, NULL, 0);
	add(&areas, 0x3000, 0x4000, PROT_READ, NULL, 0);
	assert_int_equal(count(&areas), 2);
	struct area *all = add(&areas, 0x2000, 0x3000, PROT_READ, NULL, 0);
	assert_int_equal(count(&areas), 1);
	assert_int_equal(all->start, 0x1000);
	assert_int_equal(all->end, 0x4000);
	add(&areas, 0x4000, 0x5000, PROT_READ | PROT_WRITE, NULL, 0);
	assert_int_equal(count(&areas), 2);
	clear(&areas);
}

static void file_areas_join_only_where_the_file_goes_on(void **state)
{
	struct area_list areas;
	area_list_init(&areas);
	add(&areas, 0x10000, 0x12000, PROT_READ, &file, 0x4000);
	add(&areas, 0x12000, 0x13000, PROT_READ, &file, 0x6000);
	assert_int_equal(count(&areas), 1);
	add(&areas, 0x13000, 0x14000, PROT_READ, &file, 0x9000);
	assert_int_equal(count(&areas), 2);
	assert_int_equal(file.references, 2);
	clear(&areas);
}

static void split_keeps_the_file_offset(void **state)
{
	struct area_list areas;
	area_list_init(&areas);
	add(&areas, 0x10000, 0x20000, PROT_READ, &file, 0x4000);
	assert_int_equal(area_split(&areas, 0x13000), 0);
	assert_int_equal(area_split(&areas, 0x13000), 0);
	assert_int_equal(area_split(&areas, 0x30000), 0);
	assert_int_equal(count(&areas), 2);
	assert_int_equal(area_find(&areas, 0x12fff)->end, 0x13000);
	assert_int_equal(area_find(&areas, 0x13000)->offset, 0x7000);
	allocations_left = 0;
	assert_int_equal(area_split(&areas, 0x11000), -ENOMEM);
	allocations_left = -1;
	assert_int_equal(count(&areas), 2);
	clear(&areas);
}

static void gaps_are_found_from_the_top(void **state)
{
	struct area_list areas;
	area_list_init(&areas);
	assert_int_equal(area_gap(&areas, 0x1000, 0x1000, 0x10000, 0x1000), 0xf000);
	add(&areas, 0xe000, 0x10000, PROT_READ, NULL, 0);
	add(&areas, 0x8000, 0xc000, PROT_READ, NULL, 0);
	assert_int_equal(area_gap(&areas, 0x2000, 0x1000, 0x10000, 0x1000), 0xc000);
	assert_int_equal(area_gap(&areas, 0x3000, 0x1000, 0x10000, 0x1000), 0x5000);
	assert_int_equal(area_gap(&areas, 0x8000, 0x1000, 0x10000, 0x1000), 0);
	add(&areas, 0x18000, 0x20000, PROT_READ, NULL, 0); /* above the limit */
	assert_int_equal(area_gap(&areas, 0x2000, 0x1000, 0x10000, 0x1000), 0xc000);
	assert_true(area_is_free(&areas, 0xc000, 0xe000));
	assert_false(area_is_free(&areas, 0xc000, 0xf000));
	clear(&areas);
}

#define MODEL_PAGES 64
static void random_use_agrees_with_an_array(void **state)
{
	struct area_list areas;
	unsigned char model[MODEL_PAGES] = { 0 }; /* 0: nothing, else protection + 1 */
	area_list_init(&areas);
	srand(3);
	for (unsigned step = 0; step < 20000; step++) {
		uint64_t a = (uint64_t)rand() % MODEL_PAGES, b = a + 1 + (uint64_t)rand() % (MODEL_PAGES - a);
		unsigned prot = (unsigned)rand() % 4;
		assert_int_equal(area_split(&areas, a << 12), 0);
		assert_int_equal(area_split(&areas, b << 12), 0);
		for (struct area *at = area_find(&areas, a << 12), *next; at && at->start < b << 12; at = next) {
			next = area_next(&areas, at);
			area_remove(&areas, at);
		}
		memset(model + a, prot ? (int)prot + 1 : 0, b - a);
		if (prot) {
			add(&areas, a << 12, b << 12, prot, &file, a << 12);
		}
		for (uint64_t p = 0; p < MODEL_PAGES; p++) {
			struct area *at = area_find(&areas, p << 12);
			bool here = at && at->start <= p << 12;
			assert_int_equal(here ? at->prot + 1 : 0, model[p]);
			if (here) {
				assert_int_equal(at->offset, at->start);
			}
		}
		for (struct list *n = areas.list.next; n->next != &areas.list && n != &areas.list; n = n->next) {
			struct area *x = container_of(n, struct area, link), *y = container_of(n->next, struct area, link);
			assert_true(x->end <= y->start);
		}
	}
	clear(&areas);
}

/** As area_gap(), of what a model says. */
static uint64_t model_gap(const unsigned char *model, unsigned pages, uint64_t length, uint64_t align)
{
	for (uint64_t start = (pages - length) / align * align; start > 0 && length <= pages; start -= align) {
		uint64_t free = 0;
		while (free < length && !model[start + free]) {
			free++;
		}
		if (free == length) {
			return start << 12;
		}
	}
	return 0;
}

#define MANY 1024u
static void many_areas_agree_with_an_array(void **state)
{
	struct area_list areas;
	static unsigned char model[MANY];
	unsigned most = 0;
	area_list_init(&areas);
	srand(4);
	for (unsigned step = 0; step < 60000; step++) {
		uint64_t a = (uint64_t)rand() % MANY, length = 1 + (uint64_t)rand() % 4, align = rand() % 4 ? 1 : 4;
		uint64_t from = a * 0x1000, b = a + length < MANY ? a + length : MANY;
		unsigned prot = 1 + (unsigned)rand() % 3;
		bool fills = step / 4000 % 2 == 0;
		if (fills && rand() % 2) { /* as mmap does */
			uint64_t at = area_gap(&areas, length << 12, 0x1000, MANY << 12, align << 12);
			assert_int_equal(at, model_gap(model, MANY, length, align));
			if (at) {
				add(&areas, at, at + (length << 12), prot, &file, at);
				memset(model + (at >> 12), (int)prot, length);
			}
			continue;
		}
		assert_int_equal(area_split(&areas, from), 0);
		assert_int_equal(area_split(&areas, b << 12), 0);
		for (struct area *at = area_find(&areas, from), *next; at && at->start < b << 12; at = next) {
			next = area_next(&areas, at);
			area_remove(&areas, at);
		}
		prot = fills && rand() % 2 ? prot : 0;
		memset(model + a, (int)prot, b - a);
		if (prot) {
			add(&areas, from, b << 12, prot, &file, from);
		}
		uint64_t p = (uint64_t)rand() % MANY;
		struct area *at = area_find(&areas, p << 12);
		assert_int_equal(at && at->start <= p << 12 ? at->prot : 0, model[p]);
		most = areas.count > most ? (unsigned)areas.count : most;
		assert_int_equal(areas.count, count(&areas));
	}
	assert_true(most > 200);
	for (uint64_t p = 0; p < MANY; p++) {
		struct area *at = area_find(&areas, p << 12);
		assert_int_equal(at && at->start <= p << 12 ? at->prot : 0, model[p]);
	}
	clear(&areas);
	assert_null(areas.top);
}

/* The sums are kept over splits, joins, growth and the way out and in again; the peak stays. */
static void sizes_are_kept(void **state)
{
	struct area_list areas;
	area_list_init(&areas);
	add(&areas, 0x1000, 0x9000, PROT_READ, NULL, 0);
	assert_int_equal(area_split(&areas, 0x3000), 0);
	assert_int_equal(areas.pages, 8);
	assert_int_equal(areas.count, 2);
	struct area *upper = area_find(&areas, 0x3000);
	area_detach(&areas, upper);
	assert_int_equal(areas.pages, 2);
	area_insert(&areas, upper);
	assert_int_equal(areas.pages, 8);
	assert_int_equal(areas.count, 1);
	area_grow(&areas, area_find(&areas, 0x1000), 0x1000, 0xb000);
	assert_int_equal(areas.pages, 10);
	assert_int_equal(areas.pages_most, 10);
	clear(&areas);
	assert_int_equal(areas.pages, 0);
	assert_int_equal(areas.count, 0);
	assert_int_equal(areas.pages_most, 10);
}

static void places_keep_away_from_a_stack(void **state)
{
	struct area_list areas;
	area_list_init(&areas);
	add(&areas, 0x700000, 0x800000, PROT_READ, NULL, 0)->flags = MAP_GROWSDOWN;
	assert_int_equal(area_gap(&areas, 0x1000, 0x1000, 0x800000, 0x1000), 0x700000 - STACK_GUARD - 0x1000);
	assert_int_equal(area_gap(&areas, 0x1000, 0x1000, 0x800000, 0x200000), 0x400000);
	assert_true(area_is_free(&areas, 0x6ff000, 0x700000));
	assert_false(area_is_clear(&areas, 0x6ff000, 0x700000));
	assert_false(area_is_clear(&areas, 0x700000 - STACK_GUARD, 0x700000 - STACK_GUARD + 0x1000));
	assert_true(area_is_clear(&areas, 0x700000 - STACK_GUARD - 0x1000, 0x700000 - STACK_GUARD));
	assert_true(area_is_clear(&areas, 0x800000, 0x900000));
	clear(&areas);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_kept),
		cmocka_unit_test(places_keep_away_from_a_stack),
		cmocka_unit_test(neighbours_alike_are_one),
		cmocka_unit_test(file_areas_join_only_where_the_file_goes_on),
		cmocka_unit_test(split_keeps_the_file_offset),
		cmocka_unit_test(gaps_are_found_from_the_top),
		cmocka_unit_test(random_use_agrees_with_an_array),
		cmocka_unit_test(many_areas_agree_with_an_array),
	};
	return cmocka_run_group_tests_name("areas", tests, NULL, NULL);
}
