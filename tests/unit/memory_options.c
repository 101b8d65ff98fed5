/* SPDX-License-Identifier: MIT */
/* What a tmpfs may be told at its mount: numbers, suffixes, shares of memory, and all that is not one of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "kernel/memory.h"
#include "kernel/vfs.h"

void memory_usage(uint64_t *total_pages, uint64_t *free_pages)
{
	*total_pages = 1000;
	*free_pages = 0;
}

static int parse(struct memory_options *options, const char *text)
{
	*options = (struct memory_options){ .pages = 7, .nodes = 7, .mode = 7, .uid = 7, .gid = 7 };
	return memory_options_parse(options, text);
}

static void known_options(void **state)
{
	struct memory_options o;
	assert_int_equal(parse(&o, "size=2m,mode=1750,uid=1000,gid=42,nr_inodes=4K"), 0);
	assert_int_equal(o.pages, 512);
	assert_int_equal(o.mode, 01750);
	assert_int_equal(o.uid, 1000);
	assert_int_equal(o.gid, 42);
	assert_int_equal(o.nodes, 4096);
	assert_int_equal(parse(&o, "size=50%"), 0);
	assert_int_equal(o.pages, 500);
	assert_int_equal(parse(&o, "size=1"), 0);
	assert_int_equal(o.pages, 1);
	assert_int_equal(parse(&o, "nr_blocks=1k,size=0"), 0);
	assert_int_equal(o.pages, 0);
	assert_int_equal(parse(&o, ",nr_blocks=3,,"), 0);
	assert_int_equal(o.pages, 3);
}

static void nothing_said(void **state)
{
	struct memory_options o;
	assert_int_equal(parse(&o, ""), 0);
	assert_true(o.pages == 7 && o.nodes == 7 && o.mode == 7 && o.uid == 7 && o.gid == 7);
}

static void huge_numbers(void **state)
{
	struct memory_options o;
	assert_int_equal(parse(&o, "size=99999999999g"), 0);
	assert_int_equal(o.pages, UINT64_MAX >> PAGE_SHIFT);
	assert_int_equal(parse(&o, "size=18446744073709551615"), -EINVAL);
	assert_int_equal(parse(&o, "size=99999999999999999999999"), -EINVAL);
	assert_int_equal(parse(&o, "uid=4294967295"), -EINVAL);
	assert_int_equal(parse(&o, "uid=4294967294"), 0);
	assert_int_equal(parse(&o, "size=100000000%"), 0);
}

static void refused(void **state)
{
	static const char *const texts[] = { "size", "size=", "size=x", "size=1q", "size=1kk", "size=1m ", "mode=8", "mode=1k", "uid=1k", "uid=1%",
		"nr_inodes=5%", "size=-1", "colour=blue", "size=1m,colour=blue", "SIZE=1",
		"size=1mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm" };
	struct memory_options o;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(parse(&o, texts[i]), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(known_options), cmocka_unit_test(nothing_said), cmocka_unit_test(huge_numbers),
		cmocka_unit_test(refused) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
