/* SPDX-License-Identifier: MIT */
/*
 * Ranges of the kernel's addresses over an array of entries: what is given back is taken again, no two holders overlap, however often sizes
 * change, and where there are several processors nothing is taken again that one of them has not forgotten.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "arch/cpu.h"
#include "arch/ipi.h"
#include "kernel/platform.h"
#include "mm/vmap.h"

#define PAGES (1u << 15) /* entries that there are; a test uses fewer */
#define HELD 200u

unsigned cpu_count = 1;
static struct cpu cpus[CPU_MAX];
static unsigned running; /* the processor that the code runs on */
static uint64_t entries[PAGES];
static uint32_t remembered[PAGES]; /* bit i: processor i has it in its TLB */
static bool taken[PAGES], no_tables; /* for more than there are */
static uint64_t made; /* entries that have a table */
static uint64_t rung; /* processors that have not served yet */
static unsigned rings;

struct cpu *cpu_current(void)
{
	return &cpus[running];
}

void ipi_send(uint64_t cpu_mask, enum ipi what)
{
	assert_int_equal(what, IPI_VMAP);
	assert_int_equal(cpu_mask & cpu_bit(&cpus[running]), 0);
	rung |= cpu_mask;
	rings++;
}

void tlb_flush_all(void)
{
	for (unsigned i = 0; i < PAGES; i++) {
		remembered[i] &= ~(1u << running);
	}
}

uint64_t *kernel_leaf(uint64_t address)
{
	uint64_t index = (address - VMAP_BASE) / PAGE_SIZE;
	assert_true(index < made);
	return &entries[index];
}

uint64_t *kernel_leaf_make(uint64_t address)
{
	uint64_t index = (address - VMAP_BASE) / PAGE_SIZE;
	assert_true(index < PAGES);
	made = !no_tables && index >= made ? index + 1 : made;
	return index < made ? &entries[index] : NULL;
}

void kernel_panic(const char *format, ...)
{
	fprintf(stderr, "kernel_panic: %s\n", format);
	abort();
}

static uint64_t untouched(void)
{
	uint64_t used, left;
	kernel_vmap_usage(&used, &left);
	return left;
}

static uint64_t used(void)
{
	uint64_t bytes, left;
	kernel_vmap_usage(&bytes, &left);
	return bytes;
}

/* Mapped and touched by every processor. */
static uint64_t map(unsigned order)
{
	uint64_t at = vmap_take(order);
	uint64_t first = (at - VMAP_BASE) / PAGE_SIZE;
	assert_true(at > VMAP_BASE && !(at & (PAGE_SIZE - 1)));
	assert_false(taken[first - 1]);
	assert_int_equal(entries[first - 1], 0);
	for (uint64_t i = first; i < first + (1u << order); i++) {
		assert_false(taken[i]);
		assert_int_equal(entries[i], 0);
		assert_int_equal(remembered[i], 0);
		taken[i] = true;
		entries[i] = PTE_PRESENT;
		remembered[i] = (1u << cpu_count) - 1;
	}
	return at;
}

static void unmap(uint64_t at, unsigned order)
{
	uint64_t first = (at - VMAP_BASE) / PAGE_SIZE;
	for (uint64_t i = first; i < first + (1u << order); i++) {
		entries[i] = 0;
		taken[i] = false;
		remembered[i] &= ~(1u << running);
	}
	vmap_give(at, order);
	assert_false(entries[first - 1] & PTE_PRESENT);
}

static void serve_all(void)
{
	unsigned self = running;
	for (; rung; rung &= rung - 1) {
		running = (unsigned)__builtin_ctzll(rung);
		vmap_serve();
	}
	running = self;
}

static void one_processor_takes_again_at_once(void **state)
{
	uint64_t first = map(2), left = untouched(), in_use = used();
	unmap(first, 2);
	assert_int_equal(used(), in_use - 5 * PAGE_SIZE);
	for (unsigned i = 0; i < 100; i++) {
		uint64_t at = map(2);
		assert_int_equal(at, first);
		unmap(at, 2);
	}
	assert_int_equal(untouched(), left);
	assert_int_equal(rings, 0);
}

/* As who makes a pipe's buffer large and small for ever. */
static void addresses_end_at_what_was_in_use_at_once(void **state)
{
	static uint64_t held[HELD];
	uint64_t half = 0;
	for (unsigned round = 0; round < 400; round++) {
		unsigned order = round % 2 ? 8 : 1 + round / 2 % 3, count = order == 8 ? 20 : HELD;
		for (unsigned i = 0; i < count; i++) {
			held[i] = map(order);
			serve_all();
		}
		for (unsigned i = 0; i < count; i++) {
			unmap(held[i], order);
			serve_all();
		}
		half = round == 200 ? untouched() : half;
	}
	assert_int_equal(untouched(), half);
}

static void others_forget_first(void **state)
{
	static uint64_t held[2000];
	cpu_count = 4;
	running = 1;
	for (unsigned i = 0; i < 2000; i++) {
		held[i] = map(2);
	}
	for (unsigned i = 0; i < 2000; i++) {
		unmap(held[i], 2);
	}
	assert_int_equal(rings, 1); /* nobody has answered */
	assert_int_equal(rung, 13);
	uint64_t left = untouched();
	held[0] = map(2);
	assert_true(untouched() < left); /* map() saw that nobody remembers it */
	unmap(held[0], 2);
	left = untouched();
	for (unsigned i = 0; i < 4; i++) {
		serve_all(); /* and each time somebody asks again */
		uint64_t at = map(2);
		unmap(at, 2);
	}
	serve_all();
	assert_int_equal(untouched(), left);
	addresses_end_at_what_was_in_use_at_once(NULL);
	assert_true(rings > 10);
}

static void without_tables_nothing_is_lost(void **state)
{
	uint64_t left = untouched();
	no_tables = true;
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(vmap_take(12), 0);
	}
	no_tables = false;
	assert_int_equal(untouched(), left);
}

static void too_much_leaves_the_rest(void **state)
{
	uint64_t left = untouched();
	assert_int_equal(kernel_vmap_reserve(left + PAGE_SIZE), 0);
	assert_int_equal(untouched(), left);
	assert_true(kernel_vmap_reserve(1) != 0);
	assert_int_equal(untouched(), left - PAGE_SIZE);
	assert_true(kernel_vmap_reserve(untouched()) != 0);
	assert_int_equal(vmap_take(12), 0);
	uint64_t at = map(2);
	unmap(at, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_processor_takes_again_at_once),
		cmocka_unit_test(addresses_end_at_what_was_in_use_at_once),
		cmocka_unit_test(others_forget_first),
		cmocka_unit_test(without_tables_nothing_is_lost),
		cmocka_unit_test(too_much_leaves_the_rest),
	};
	for (unsigned i = 0; i < CPU_MAX; i++) {
		cpus[i].index = i;
	}
	return cmocka_run_group_tests_name("vmap", tests, NULL, NULL);
}
