/* SPDX-License-Identifier: MIT */
/* The benchmark's arithmetic: lines of the program in, medians, ratios and JSON out. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "figures.h"

static void median(void **state)
{
	double odd[] = { 5, 1, 9 }, even[] = { 4, 1, 3, 2 }, one[] = { 7 };
	assert_true(figures_median(odd, 3) == 5);
	assert_true(figures_median(even, 4) == 2.5);
	assert_true(figures_median(one, 1) == 7);
	assert_true(figures_median(NULL, 0) == 0);
}

static void lines(void **state)
{
	struct figures f = { 0 };
	assert_true(figures_line(&f, MODE_MONOLITHIC, false, "bench read ops=10 ns=1000"));
	assert_true(figures_line(&f, MODE_ISOLATED, false, "bench read ops=10 ns=3000 exits=30 exits.guest=10 exits.ahci=20"));
	assert_true(figures_line(&f, MODE_ISOLATED, false, "bench read ops=10 ns=4000 exits=32"));
	assert_false(figures_line(&f, MODE_ISOLATED, false, "bench"));
	assert_false(figures_line(&f, MODE_ISOLATED, false, "bench x ops=0 ns=1"));
	assert_false(figures_line(&f, MODE_ISOLATED, false, "bench x ops=5"));
	assert_false(figures_line(&f, MODE_ISOLATED, false, "hello"));
	assert_int_equal(f.figures[0].count[MODE_ISOLATED], 2);
	assert_true(f.figures[0].ns[MODE_MONOLITHIC][0] == 100);
	assert_true(f.figures[0].exits[0] == 3);
}

static void repeatable(void **state)
{
	struct figures f = { 0 };
	figures_line(&f, MODE_MONOLITHIC, true, "bench a ops=1 ns=1000");
	figures_line(&f, MODE_ISOLATED, true, "bench a ops=1 ns=2000");
	figures_line(&f, MODE_MONOLITHIC, true, "bench a ops=1 ns=1005");
	assert_false(figures_repeatable(&f.figures[0]));
	figures_line(&f, MODE_ISOLATED, true, "bench a ops=1 ns=2010");
	assert_true(figures_repeatable(&f.figures[0]));
	f.figures[0].instructions[MODE_ISOLATED][1] = 2100;
	assert_false(figures_repeatable(&f.figures[0]));
}

static void json(void **state)
{
	struct figures f = { 0 };
	char *text = NULL;
	size_t size;
	figures_line(&f, MODE_MONOLITHIC, false, "bench a ops=2 ns=200");
	figures_line(&f, MODE_ISOLATED, false, "bench a ops=2 ns=300 exits=5");
	figures_line(&f, MODE_ISOLATED, false, "bench b ops=1 ns=10");
	FILE *out = open_memstream(&text, &size);
	figures_json(&f, out, 1, false);
	fclose(out);
	assert_non_null(strstr(text, "{\"name\": \"a\", \"runs\": 1, \"monolithic_ns\": 100, \"isolated_ns\": 150, \"time_ratio\": 1.5, \"exits\": 2.5, "));
	assert_non_null(strstr(text, "\"name\": \"b\", \"runs\": 1, \"monolithic_ns\": null, \"isolated_ns\": 10, \"time_ratio\": null, \"exits\": null"));
	free(text);
}

/* Columns of instructions only where some were counted. */
static void table(void **state)
{
	for (int counted = 0; counted < 2; counted++) {
		struct figures f = { 0 };
		char *text = NULL;
		size_t size;
		figures_line(&f, MODE_MONOLITHIC, false, "bench a ops=2 ns=2000");
		figures_line(&f, MODE_ISOLATED, false, "bench a ops=2 ns=3000 exits=5");
		for (int i = 0; i < 4 * counted; i++) {
			figures_line(&f, i % 2 ? MODE_ISOLATED : MODE_MONOLITHIC, true, "bench a ops=1 ns=1234");
		}
		FILE *out = open_memstream(&text, &size);
		figures_table(&f, out);
		fclose(out);
		assert_non_null(strstr(text, "1.50"));
		assert_int_equal(strstr(text, "instr.") != NULL, counted);
		assert_int_equal(strstr(text, "1234") != NULL, counted);
		assert_null(strstr(text, " -"));
		free(text);
	}
}

/* Ratios are Linux's figure by ours; a line of the goal counts in both means, a control in none, and a disk's instructions are not told. */
static void against(void **state)
{
	struct figures f = { 0 };
	char *text = NULL;
	size_t size;
	figures_line(&f, MODE_LINUX, false, "bench stat ops=1 ns=8000");
	figures_line(&f, MODE_MONOLITHIC, false, "bench stat ops=1 ns=2000");
	figures_line(&f, MODE_ISOLATED, false, "bench stat ops=1 ns=4000");
	figures_line(&f, MODE_LINUX, false, "bench cpu-bound ops=1 ns=9000");
	figures_line(&f, MODE_MONOLITHIC, false, "bench cpu-bound ops=1 ns=9");
	figures_line(&f, MODE_LINUX, true, "bench stat ops=1 ns=3000");
	figures_line(&f, MODE_LINUX, true, "bench stat ops=1 ns=3100");
	figures_line(&f, MODE_MONOLITHIC, true, "bench stat ops=1 ns=610");
	figures_line(&f, MODE_LINUX, true, "bench random-read-4k-depth-1 ops=1 ns=7777");
	FILE *out = open_memstream(&text, &size);
	figures_against(&f, out);
	fclose(out);
	assert_non_null(strstr(text, "stat *"));
	assert_non_null(strstr(text, "   8.00      2.00      4.00   4.00   2.00      ~3050        610"));
	assert_non_null(strstr(text, "geometric mean of 1 lines of the goal (*)                 4.00   2.00"));
	assert_non_null(strstr(text, "geometric mean of 1 lines, all but"));
	assert_null(strstr(text, "7777"));
	assert_true(figures_goal(&f, MODE_MONOLITHIC, false) == 0);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(median), cmocka_unit_test(lines), cmocka_unit_test(repeatable), cmocka_unit_test(json), cmocka_unit_test(table),
		cmocka_unit_test(against),
	};
	return cmocka_run_group_tests_name("figures", tests, NULL, NULL);
}
