/* SPDX-License-Identifier: MIT */
/* Base routines: formatting against libc's, CRC-32 against its published check value, string helpers. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/crc32.h"
#include "base/format.h"
#include "base/string.h"

#define SAME_AS_LIBC(...)                                                                          \
	do {                                                                                       \
		char ours[80], libc[80];                                                           \
		int n = format_text(ours, sizeof(ours), __VA_ARGS__);                              \
		assert_int_equal(n, snprintf(libc, sizeof(libc), __VA_ARGS__));                    \
		assert_string_equal(ours, libc);                                                   \
	} while (0)

static void format_agrees_with_libc(void **state)
{
	SAME_AS_LIBC("%d %d %u", -1, 2147483647, 4294967295u);
	SAME_AS_LIBC("%5d|%-5d|%05d|%05d|%-5d|%5d", 42, 42, 42, -42, -42, -42);
	SAME_AS_LIBC("%lx %016lx %d", 0xdeadbeefcafeul, 0xabcul, -2147483647 - 1);
	SAME_AS_LIBC("%ld %llu %zu", (long)INT64_MIN, 18446744073709551615ull, (size_t)7);
	SAME_AS_LIBC("%3c|%-3c|%c%%", 'x', 'y', 'z');
	SAME_AS_LIBC("%s|%8s|%-8s|%.2s|%*s|%.*s", "abc", "abc", "abc", "abc", 6, "z", 1, "abc");
	SAME_AS_LIBC("%03u %08x %o %030lu", 5, 0x1f, 8, 1ul);
	SAME_AS_LIBC("%d", 0);
}

static void format_is_cut_at_the_end_of_the_buffer(void **state)
{
	char text[4];
	assert_int_equal(format_text(text, sizeof(text), "%s", "abcdef"), 6);
	assert_string_equal(text, "abc");
	assert_int_equal(format_text(NULL, 0, "%d", 1234), 4);
}

static void crc32_has_its_check_value(void **state)
{
	assert_int_equal(crc32_update(0, "123456789", 9), 0xcbf43926);
	assert_int_equal(crc32_update(crc32_update(0, "1234", 4), "56789", 5), 0xcbf43926);
}

static void strings(void **state)
{
	char to[4];
	const char *end;
	assert_int_equal(string_copy(to, "hello", sizeof(to)), 5);
	assert_string_equal(to, "hel");
	assert_int_equal(string_number("123k", &end), 123);
	assert_string_equal(end, "k");
	assert_int_equal(string_number("0xfF", &end), 255);
	const char *none = "k";
	string_number(none, &end);
	assert_ptr_equal(end, none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(format_agrees_with_libc),
		cmocka_unit_test(format_is_cut_at_the_end_of_the_buffer),
		cmocka_unit_test(crc32_has_its_check_value),
		cmocka_unit_test(strings),
	};
	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
