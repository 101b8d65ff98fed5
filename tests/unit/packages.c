/* SPDX-License-Identifier: MIT */
/* Lists of packages as the command line has them, and the names that images get in the cache. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "packages.h"

static struct packages p;

static int parse(const char *list)
{
	const char *why = NULL;
	int error = packages_parse(&p, list, &why);
	assert_true(!error == !why);
	return error;
}

static void test_list(void **state)
{
	assert_int_equal(parse("coreutils,bash, g++,libc6=2.36-9+deb12u14,bash"), 0);
	assert_int_equal(p.count, 4);
	assert_string_equal(p.names[0], "bash");
	assert_string_equal(p.names[1], "coreutils");
	assert_string_equal(p.names[2], "g++");
	assert_string_equal(p.names[3], "libc6=2.36-9+deb12u14");
}

/* What apt would take for an option, a removal or a pattern has no way in. */
static void test_bad_names(void **state)
{
	static const char *const bad[] = { "", ",", " ", "Bash", "-y", "bash-", "a", "bash;ls", "bash=", "bash/testing",
					   "?essential", "../x", "b*", "bash=$(x)" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(bad[i]), -EINVAL);
	}
}

static void test_limits(void **state)
{
	char list[PACKAGES_MAX * 8 + 16] = "", name[100];
	for (int i = 0; i < PACKAGES_MAX; i++) {
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "p%d,", i + 100);
	}
	assert_int_equal(parse(list), 0);
	assert_int_equal(p.count, PACKAGES_MAX);
	strcat(list, "more");
	assert_int_equal(parse(list), -EINVAL);
	memset(name, 'x', sizeof(name));
	name[79] = '\0';
	assert_int_equal(parse(name), 0);
	name[79] = 'x';
	name[80] = '\0';
	assert_int_equal(parse(name), -EINVAL);
}

/* The order of the names does not matter, everything else does. */
static void test_key(void **state)
{
	parse("bash,sed");
	uint64_t key = packages_key(&p, 1, 2);
	parse("sed,bash");
	assert_true(packages_key(&p, 1, 2) == key);
	assert_false(packages_key(&p, 2, 2) == key);
	assert_false(packages_key(&p, 1, 3) == key);
	p.size = 1 << 30;
	assert_false(packages_key(&p, 1, 2) == key);
	p.size = 0;
	p.mirror = "http://127.0.0.1/debian";
	assert_false(packages_key(&p, 1, 2) == key);
	p.mirror = NULL;
	p.set_up = true;
	assert_false(packages_key(&p, 1, 2) == key);
	p.set_up = false;
	parse("bash,grep");
	assert_false(packages_key(&p, 1, 2) == key);
	parse("bash");
	assert_false(packages_key(&p, 1, 2) == key);
}

/* Of all that apt says, the first reason is kept, or the last line where there is none. */
static void test_note(void **state)
{
	char why[PACKAGES_WHY] = "";
	packages_note(why, "Reading package lists...");
	packages_note(why, "Building dependency tree...");
	packages_note(why, "W: a warning");
	assert_string_equal(why, "Building dependency tree...");
	packages_note(why, "E: Unable to locate package x");
	packages_note(why, "E: something else");
	packages_note(why, "done");
	assert_string_equal(why, "E: Unable to locate package x");
	why[0] = '\0';
	packages_note(why, "Package awk is a virtual package provided by:");
	packages_note(why, "  mawk 1.3.4");
	packages_note(why, "  gawk 1:5.2.1");
	packages_note(why, "E: Package 'awk' has no installation candidate");
	assert_string_equal(why, "awk is a virtual package provided by: mawk gawk");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list), cmocka_unit_test(test_bad_names), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_key), cmocka_unit_test(test_note),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
