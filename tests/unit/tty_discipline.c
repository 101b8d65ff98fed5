/* SPDX-License-Identifier: MIT */
/* The line discipline without a terminal: editing, signals, flow control, canonical and raw reading, output processing. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "guest-kernel/tty/discipline.h"

struct screen {
	struct discipline d;
	char text[16384];
	unsigned length;
	int signal;
};

static void emit(void *context, const char *text, unsigned bytes)
{
	struct screen *s = context;
	memcpy(s->text + s->length, text, bytes);
	s->length += bytes;
	s->text[s->length] = '\0';
}

static void signal_take(void *context, int signal)
{
	((struct screen *)context)->signal = signal;
}

static const struct discipline_ops ops = { .emit = emit, .signal = signal_take };

static int set_up(void **state)
{
	struct screen *s = test_calloc(1, sizeof(*s));
	discipline_init(&s->d, &ops, s);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	test_free(*state);
	return 0;
}

static bool type(struct screen *s, const char *text)
{
	bool changed = false;
	s->length = 0;
	s->text[0] = '\0';
	for (; *text; text++) {
		changed |= discipline_input(&s->d, (uint8_t)*text);
	}
	return changed;
}

static void assert_reads(struct screen *s, unsigned bytes, const char *expected)
{
	char got[INPUT_SIZE + 1];
	unsigned n = discipline_read(&s->d, (uint8_t *)got, bytes);
	got[n] = '\0';
	assert_string_equal(got, expected);
}

static bool readable(struct screen *s)
{
	bool result;
	discipline_ready(&s->d, &result);
	return result;
}

static void change_modes(struct screen *s, uint32_t local_off, uint32_t local_on)
{
	struct terminal_modes modes = s->d.modes;
	modes.local = (modes.local & ~local_off) | local_on;
	discipline_set(&s->d, &modes);
}

static void a_line_is_read_when_it_is_complete(void **state)
{
	struct screen *s = *state;
	assert_false(type(s, "hello"));
	assert_false(readable(s));
	assert_true(type(s, "\r"));
	assert_string_equal(s->text, "\r\n");
	assert_true(readable(s));
	assert_reads(s, 100, "hello\n");
	assert_false(readable(s));
}

static void a_short_read_leaves_the_rest_of_the_line(void **state)
{
	struct screen *s = *state;
	type(s, "abcdef\nx\n");
	assert_reads(s, 4, "abcd");
	assert_reads(s, 100, "ef\n");
	assert_reads(s, 100, "x\n");
}

static void erase_kill_and_word_erase_edit_the_line(void **state)
{
	struct screen *s = *state;
	type(s, "abc\x7f");
	assert_string_equal(s->text, "abc\b \b");
	type(s, "\x15");
	assert_string_equal(s->text, "\b \b\b \b");
	type(s, "one two  \x17");
	assert_string_equal(s->text, "one two  \b \b\b \b\b \b\b \b\b \b");
	type(s, "x\n");
	assert_reads(s, 100, "one x\n");
	type(s, "\x7f\x7f");
	assert_string_equal(s->text, "");
}

static void erase_knows_tabs_control_and_utf8_characters(void **state)
{
	struct screen *s = *state;
	type(s, "a\t\x7f");
	assert_string_equal(s->text, "a\t\b \b\b \b\b \b\b \b\b \b\b \b\b \b");
	type(s, "\x15\x16\x01\x7f");
	assert_string_equal(s->text, "\b \b^\b^A\b \b\b \b");
	type(s, "\xc3\xa4\x7f\n");
	assert_string_equal(s->text, "\xc3\xa4\b \b\r\n");
	assert_reads(s, 100, "\n");
}

static void end_of_file_ends_a_read_and_is_no_byte(void **state)
{
	struct screen *s = *state;
	type(s, "ab\x04");
	assert_true(readable(s));
	assert_reads(s, 2, "ab");
	assert_false(readable(s));
	type(s, "\x04");
	assert_true(readable(s));
	assert_int_equal(discipline_ready(&s->d, &(bool){ false }), 0);
	assert_reads(s, 100, "");
	assert_false(readable(s));
}

static void signals_flush_the_input(void **state)
{
	struct screen *s = *state;
	type(s, "typed\x03");
	assert_int_equal(s->signal, 2);
	assert_string_equal(s->text, "typed^C");
	type(s, "\x1a");
	assert_int_equal(s->signal, 20);
	type(s, "\x1c");
	assert_int_equal(s->signal, 3);
	type(s, "x\n");
	assert_reads(s, 100, "x\n");
	change_modes(s, ISIG, 0);
	s->signal = 0;
	type(s, "\x03\n");
	assert_int_equal(s->signal, 0);
	assert_reads(s, 100, "\x03\n");
}

static void stop_and_start_hold_the_output(void **state)
{
	struct screen *s = *state;
	type(s, "\x13");
	assert_true(s->d.stopped);
	assert_string_equal(s->text, "");
	type(s, "\x11");
	assert_false(s->d.stopped);
}

static void raw_mode_gives_bytes_at_once_and_as_they_are(void **state)
{
	struct screen *s = *state;
	struct terminal_modes modes = s->d.modes;
	type(s, "half");
	modes.input = 0;
	modes.local = 0;
	discipline_set(&s->d, &modes);
	assert_reads(s, 100, "half");
	assert_true(type(s, "\r\x03\x7f"));
	assert_string_equal(s->text, "");
	assert_int_equal(discipline_ready(&s->d, &(bool){ false }), 3);
	assert_reads(s, 2, "\r\x03");
	assert_reads(s, 2, "\x7f");
}

static void echo_can_be_off_but_for_newlines(void **state)
{
	struct screen *s = *state;
	change_modes(s, ECHO, ECHONL);
	type(s, "secret\n");
	assert_string_equal(s->text, "\r\n");
	assert_reads(s, 100, "secret\n");
}

static void a_full_buffer_still_takes_the_end_of_the_line(void **state)
{
	struct screen *s = *state;
	for (unsigned i = 0; i < INPUT_SIZE + 10; i++) {
		discipline_input(&s->d, 'x');
		s->length = 0;
	}
	assert_int_equal(discipline_room(&s->d), 0);
	assert_false(readable(s));
	assert_true(type(s, "\n"));
	static uint8_t got[INPUT_SIZE + 1];
	assert_int_equal(discipline_read(&s->d, got, sizeof(got)), INPUT_SIZE);
	assert_int_equal(got[INPUT_SIZE - 1], '\n');
	/* The positions wrap. */
	type(s, "again\n");
	assert_reads(s, 100, "again\n");
}

static void a_full_buffer_keeps_the_end_of_the_file(void **state)
{
	struct screen *s = *state;
	static uint8_t got[INPUT_SIZE + 1];
	for (unsigned i = 0; i < INPUT_SIZE; i++) {
		discipline_input(&s->d, 'x');
		s->length = 0;
	}
	type(s, "\n");
	assert_false(type(s, "\x04"));
	assert_int_equal(discipline_room(&s->d), 0);
	assert_int_equal(discipline_read(&s->d, got, sizeof(got)), INPUT_SIZE);
	assert_true(readable(s));
	type(s, "next\n");
	assert_int_equal(discipline_read(&s->d, got, sizeof(got)), 0);
	assert_reads(s, 100, "next\n");
}

static void output_maps_newlines_and_tabs(void **state)
{
	struct screen *s = *state;
	uint8_t to[32];
	unsigned used;
	assert_int_equal(discipline_output(&s->d, (const uint8_t *)"a\nb", 3, to, sizeof(to), &used), 3);
	assert_int_equal(used, 4);
	assert_memory_equal(to, "a\r\nb", 4);
	s->d.modes.output |= XTABS;
	discipline_output(&s->d, (const uint8_t *)"\tc", 2, to, sizeof(to), &used);
	assert_int_equal(used, 8);
	assert_memory_equal(to, "       c", 8);
	s->d.modes.output = 0;
	discipline_output(&s->d, (const uint8_t *)"\n\t", 2, to, sizeof(to), &used);
	assert_memory_equal(to, "\n\t", 2);
	/* It stops while there is room for the longest expansion. */
	assert_int_equal(discipline_output(&s->d, (const uint8_t *)"0123456789", 10, to, 10, &used), 3);
	assert_int_equal(used, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_is_read_when_it_is_complete),
		TEST(a_short_read_leaves_the_rest_of_the_line),
		TEST(erase_kill_and_word_erase_edit_the_line),
		TEST(erase_knows_tabs_control_and_utf8_characters),
		TEST(end_of_file_ends_a_read_and_is_no_byte),
		TEST(signals_flush_the_input),
		TEST(stop_and_start_hold_the_output),
		TEST(raw_mode_gives_bytes_at_once_and_as_they_are),
		TEST(echo_can_be_off_but_for_newlines),
		TEST(a_full_buffer_still_takes_the_end_of_the_line),
		TEST(a_full_buffer_keeps_the_end_of_the_file),
		TEST(output_maps_newlines_and_tabs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
