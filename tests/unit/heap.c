/* SPDX-License-Identifier: MIT */
/* The kernel heap over pages of the host: alignment, no overlap, pages given back, and what happens without memory. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "kernel/memory.h"
#include "kernel/platform.h"
#include "guest-kernel/mm/reserve.h"
#include "guest-kernel/mm/scattered.h"

#define ARENA_PAGES 1024

static struct page pages[ARENA_PAGES];
static unsigned char *arena;
static unsigned used, limit = ARENA_PAGES;
static struct page *freed[ARENA_PAGES];
static unsigned freed_count, out;

uint64_t page_phys(const struct page *page)
{
	return (uint64_t)(arena + (page - pages) * PAGE_SIZE) - PHYSMAP;
}

struct page *page_from_phys(uint64_t phys)
{
	return &pages[(phys + PHYSMAP - (uint64_t)arena) / PAGE_SIZE];
}

uint64_t virt_to_phys(const void *virt)
{
	return (uint64_t)virt - PHYSMAP;
}

bool reserve_for_size(uint32_t count)
{
	return true;
}

void *scattered_alloc(unsigned order, unsigned flags)
{
	return NULL;
}

void scattered_free(void *memory)
{
	fail();
}

struct page *page_alloc_order(unsigned order, unsigned flags)
{
	if (order == 0 && freed_count) {
		out++;
		return freed[--freed_count];
	}
	unsigned at = (used + (1u << order) - 1) & ~((1u << order) - 1);
	if (at + (1u << order) > limit) {
		return NULL;
	}
	used = at + (1u << order);
	out += 1u << order;
	list_init(&pages[at].link);
	return &pages[at];
}

struct page *page_alloc(unsigned flags)
{
	return page_alloc_order(0, flags);
}

void page_free_order(struct page *page, unsigned order)
{
	out -= 1u << order;
}

void page_put(struct page *page)
{
	freed[freed_count++] = page;
	out--;
}

void kernel_panic(const char *format, ...)
{
	fprintf(stderr, "kernel_panic: %s\n", format);
	abort();
}

static void sizes_are_aligned_and_hold_what_is_written(void **state)
{
	unsigned char *object[600];
	for (unsigned i = 0; i < 600; i++) {
		object[i] = kmalloc(i * 7 + 1);
		assert_non_null(object[i]);
		assert_int_equal((uintptr_t)object[i] & 15, 0);
		memset(object[i], (int)(i & 255), i * 7 + 1);
	}
	for (unsigned i = 0; i < 600; i++) {
		for (unsigned k = 0; k < i * 7 + 1; k++) {
			assert_int_equal(object[i][k], i & 255);
		}
		kfree(object[i]);
	}
}

static void objects_never_overlap_under_random_use(void **state)
{
	static struct {
		unsigned char *at;
		unsigned size, fill;
	} held[200];
	srand(2);
	for (unsigned step = 0; step < 50000; step++) {
		unsigned i = (unsigned)rand() % 200;
		if (held[i].at) {
			for (unsigned k = 0; k < held[i].size; k += 13) {
				assert_int_equal(held[i].at[k], held[i].fill);
			}
			kfree(held[i].at);
			held[i].at = NULL;
		} else {
			held[i].size = 1 + (unsigned)rand() % 2100;
			held[i].fill = step & 255;
			held[i].at = kmalloc(held[i].size);
			assert_non_null(held[i].at);
			memset(held[i].at, (int)held[i].fill, held[i].size);
		}
	}
	for (unsigned i = 0; i < 200; i++) {
		kfree(held[i].at);
	}
	/* One free page a class may stay. */
	assert_true(out <= 14);
}

static void large_objects_are_whole_pages(void **state)
{
	unsigned before = out;
	void *large = kmalloc(10000);
	assert_int_equal((uintptr_t)large & (PAGE_SIZE - 1), 0);
	assert_int_equal(out, before + 4);
	kfree(large);
	assert_int_equal(out, before);
	assert_null(kmalloc((size_t)1 << 40));
}

static void no_memory_is_null(void **state)
{
	unsigned count = 0;
	void *last = NULL, **chain = NULL;
	limit = used + 4;
	while ((last = kmalloc(2048))) {
		*(void **)last = chain;
		chain = last;
		count++;
	}
	assert_true(count >= 2);
	assert_null(kzalloc(3000));
	while (chain) {
		void **next = *chain;
		kfree(chain);
		chain = next;
	}
	last = kmalloc(2048);
	assert_non_null(last);
	kfree(last);
	kfree(NULL);
	limit = ARENA_PAGES;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_aligned_and_hold_what_is_written),
		cmocka_unit_test(objects_never_overlap_under_random_use),
		cmocka_unit_test(large_objects_are_whole_pages),
		cmocka_unit_test(no_memory_is_null),
	};
	arena = aligned_alloc(PAGE_SIZE << 6, ARENA_PAGES * PAGE_SIZE);
	int failed = cmocka_run_group_tests_name("heap", tests, NULL, NULL);
	free(arena);
	return failed;
}
