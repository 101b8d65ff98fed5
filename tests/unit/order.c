/* SPDX-License-Identifier: MIT */
/* The order of functions by their turns: made-up kernels whose best order is known. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "order.h"

#define BASE 0x100000ull

/* Functions fN of one size, one behind the other. */
static void add_all(struct order *o, unsigned count, uint64_t size)
{
	char name[48];
	for (unsigned i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		assert_int_equal(order_add(o, name, BASE + i * size, size), 0);
	}
}

static int read_text(struct order *o, const char *text)
{
	FILE *in = fmemopen((void *)text, strlen(text), "r");
	assert_non_null(in);
	int error = order_read(o, in);
	fclose(in);
	return error;
}

/* Every fourth function of 16 runs in each of four turns: four pages each as they lie, one page each in the best order. */
static void gather(void **state)
{
	struct order o = { 0 };
	unsigned list[16], again[16];
	add_all(&o, 16, 1024);
	assert_int_equal(read_text(&o, "trace a\nturn 100000 101000 102000 103000\nturn 100400 101400 102400 103400\n"
				       "trace b\nturn 100800 101800 102800 103800\nturn 100c00 101c00 102c00 103c00\n"), 0);
	assert_int_equal(order_make(&o, list), 16);
	for (unsigned trace = 0; trace < 2; trace++) {
		for (unsigned turn = 0; turn < 2; turn++) {
			assert_int_equal(order_pages(&o, NULL, 0, trace, turn), 4);
			assert_int_equal(order_pages(&o, list, 16, trace, turn), 1);
		}
	}
	assert_int_equal(order_make(&o, again), 16);
	assert_memory_equal(list, again, sizeof(list));
	order_free(&o);
}

/* What is larger than a page counts with all its pages, and does not stand between two that one page could hold. */
static void large(void **state)
{
	struct order o = { 0 };
	unsigned list[3];
	order_add(&o, "small1", BASE, 2048);
	order_add(&o, "large", BASE + 0x800, 3 * 4096);
	order_add(&o, "small2", BASE + 0x3800, 2048);
	assert_int_equal(read_text(&o, "trace t\nturn 100000 103800\nturn 100800\nturn 100000 100800 103800\n"), 0);
	assert_int_equal(order_make(&o, list), 3);
	assert_int_equal(order_pages(&o, NULL, 0, 0, 0), 2);
	assert_int_equal(order_pages(&o, NULL, 0, 0, 1), 4);
	assert_int_equal(order_pages(&o, list, 3, 0, 0), 1);
	assert_int_equal(order_pages(&o, list, 3, 0, 1), 3);
	assert_int_equal(order_pages(&o, list, 3, 0, 2), 4);
	order_free(&o);
}

static void left_out(void **state)
{
	struct order o = { 0 };
	unsigned list[4];
	assert_int_equal(order_make(&o, list), 0);
	add_all(&o, 4, 512);
	assert_int_equal(order_make(&o, list), 0);
	assert_int_equal(read_text(&o, "trace t\nturn 100600 100200\n"), 0);
	assert_int_equal(order_make(&o, list), 2);
	assert_true(list[0] + list[1] == 4 && list[0] * list[1] == 3);
	order_free(&o);
}

/* The linker takes all functions of a name, GCC's parts of them among them. */
static void names(void **state)
{
	struct order o = { 0 };
	unsigned list[4];
	order_add(&o, "read", BASE, 64);
	order_add(&o, "reader", BASE + 64, 64);
	order_add(&o, "read.part.0", BASE + 128, 64);
	order_add(&o, "read", BASE + 192, 64);
	assert_int_equal(read_text(&o, "trace t\nturn 100080\n"), 0);
	assert_int_equal(order_make(&o, list), 3);
	assert_true(list[0] == 0 && list[1] == 2 && list[2] == 3);
	order_free(&o);
}

/* Thirteen functions and the switch, three times; what runs outside of them is passed over, and a turn of two functions goes to the next. */
static void cut(void **state)
{
	struct order o = { .switch_address = BASE - 64 };
	uint64_t ran[64];
	unsigned count = 0;
	char *text, expected[512] = "turn";
	size_t size;
	add_all(&o, 14, 64);
	for (unsigned i = 0; i < 13; i++) {
		ran[count++] = BASE + i * 64 + 3;
		snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), " %llx", BASE + i * 64);
	}
	ran[count++] = BASE - 64;
	ran[count++] = BASE + 13 * 64;
	ran[count++] = BASE - 64;
	for (unsigned i = 0; i < 12; i++) {
		ran[count++] = BASE + i * 64;
	}
	snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), "\nturn");
	for (unsigned i = 0; i < 14; i++) {
		if (i != 12) {
			snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), " %llx", BASE + i * 64);
		}
	}
	strcat(expected, "\n");
	FILE *out = open_memstream(&text, &size);
	order_cut(&o, ran, count, out);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
	order_free(&o);
}

/* Of 1000 turns as many are taken as a word has bits, from the first to the last. */
static void thinned(void **state)
{
	struct order o = { .switch_address = BASE - 64 };
	uint64_t *ran = malloc(1000 * 14 * sizeof(*ran));
	unsigned count = 0;
	char *text;
	size_t size;
	add_all(&o, 1012, 64);
	for (unsigned turn = 0; turn < 1000; turn++) {
		for (unsigned i = 0; i < 13; i++) {
			ran[count++] = BASE + (i ? 1000 + i - 1 : turn) * 64;
		}
		ran[count++] = turn < 999 ? BASE - 64 : BASE + 1000 * 64;
	}
	FILE *out = open_memstream(&text, &size);
	fprintf(out, "trace t\n");
	order_cut(&o, ran, count, out);
	fclose(out);
	assert_int_equal(read_text(&o, text), 0);
	assert_int_equal(o.traces[0].turns, ORDER_TURNS);
	assert_true(o.functions[999].turns[0] == 1ull << 63);
	assert_true(o.functions[1000].turns[0] == ~0ull);
	free(text);
	free(ran);
	order_free(&o);
}

static void refused(void **state)
{
	struct order o = { 0 };
	unsigned list[4];
	add_all(&o, 4, 64);
	assert_int_equal(read_text(&o, "turn 100000\n"), -EINVAL);
	assert_int_equal(read_text(&o, "trace t\nturn 100001\n"), -EINVAL);
	assert_int_equal(read_text(&o, "trace t\nturn 100100\n"), -EINVAL);
	assert_int_equal(read_text(&o, "trace t\nturn x\n"), -EINVAL);
	assert_int_equal(read_text(&o, "trace t\nother\n"), -EINVAL);
	assert_int_equal(read_text(&o, "trace t\nturn 100000\nturn 100040\ntrace t\nturn 100080\n"), 0);
	assert_int_equal(o.trace_count, 1);
	assert_int_equal(o.traces[0].turns, 1);
	assert_int_equal(order_make(&o, list), 1);
	assert_int_equal(list[0], 2);
	order_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gather), cmocka_unit_test(large), cmocka_unit_test(left_out), cmocka_unit_test(names),
		cmocka_unit_test(cut), cmocka_unit_test(thinned), cmocka_unit_test(refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
