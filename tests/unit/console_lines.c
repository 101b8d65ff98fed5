/* SPDX-License-Identifier: MIT */
/* The two lines of the console against serial ports in memory: what a byte that comes in makes go out, and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "hv/acpi.h"
#include "hv/boot.h"
#include "hv/console/console_internal.h"
#include "hv/cpu.h"
#include "hv/log.h"

struct uart uart_com1 = { .present = true }, uart_com2 = { .present = true };
struct boot_info boot_info = { .loader = "a test" };
uint64_t tsc_khz = 1000000;

static char com1[65536], com2[262144], guest[256], command[256];
static size_t com1_length, com2_length, guest_length;

static int fresh(void **state)
{
	com1_length = com2_length = guest_length = 0;
	memset(com1, 0, sizeof(com1));
	memset(com2, 0, sizeof(com2));
	memset(guest, 0, sizeof(guest));
	command[0] = '\0';
	return 0;
}

void uart_open(struct uart *uart, uint16_t port)
{
}

void uart_write(struct uart *uart, const char *text, size_t bytes)
{
	bool first = uart == &uart_com1;
	char *to = first ? com1 : com2;
	size_t *length = first ? &com1_length : &com2_length;
	assert_true(*length + bytes < (first ? sizeof(com1) : sizeof(com2)));
	memcpy(to + *length, text, bytes);
	*length += bytes;
}

int uart_read(const struct uart *uart)
{
	return -1;
}

void uart_drain(struct uart *uart)
{
}

uint8_t irq_vector_alloc(void (*handler)(void *), void *arg)
{
	return 0;
}

int ioapic_route_isa(unsigned irq, uint8_t vector, uint32_t cpu);
int ioapic_route_isa(unsigned irq, uint8_t vector, uint32_t cpu)
{
	return 0;
}

void spin_lock(spinlock_t *lock)
{
	assert_int_equal(lock->held++, 0);
}

void spin_unlock(spinlock_t *lock)
{
	lock->held--;
}

void cpu_stop_others(void)
{
}

void acpi_power_off(void)
{
	abort();
}

void guest_console_input(char c)
{
	guest[guest_length++] = c;
}

int machine_command(const char *line, void (*print)(void *to, const char *text), void *to)
{
	snprintf(command, sizeof(command), "%s", line);
	if (strncmp(line, "ps", 2) == 0) {
		print(to, "ahci  run");
		print(to, "ning\nguest running\n@ forged\r\n");
		return 0;
	}
	if (strncmp(line, "kill", 4) == 0) {
		print(to, "kill what?\n");
		return -EINVAL;
	}
	return -ENOENT;
}

static void type(void (*input)(char), const char *text)
{
	for (; *text; text++) {
		input(*text);
	}
}

static void control_answers(void **state)
{
	type(control_input, "ps\r\n");
	assert_string_equal(command, "ps");
	assert_string_equal(com2, "= ahci  running\n= guest running\n= @ forged?\nok\n");
	fresh(NULL);
	type(control_input, "kill\n\nfly\n");
	assert_string_equal(com2, "= kill what?\nerror errno 22\nerror unknown command\n");
	assert_int_equal(com1_length, 0);
}

static void control_refuses_bad_lines_whole(void **state)
{
	char longest[128];
	type(control_input, "ki\001ll ahci\n");
	assert_string_equal(com2, "error bytes that are not printable ASCII\n");
	fresh(NULL);
	for (unsigned i = 0; i < 1000; i++) {
		control_input('a');
	}
	assert_int_equal(com2_length, 0);
	type(control_input, "\nps\n");
	assert_non_null(strstr(com2, "error line too long\n= ahci"));
	fresh(NULL);
	memset(longest, 'p', 127);
	longest[127] = '\0';
	type(control_input, longest);
	type(control_input, "\n");
	assert_string_equal(command, longest);
	fresh(NULL);
	for (unsigned c = 0x7f; c < 0x100; c++) {
		control_input((char)c);
	}
	type(control_input, "\n");
	assert_string_equal(com2, "error bytes that are not printable ASCII\n");
	assert_string_equal(command, "");
}

static void guest_has_the_line_until_it_is_called(void **state)
{
	type(console_input, "ls\r\003");
	assert_string_equal(guest, "ls\r\003");
	console_guest_write("a\r\n\033[1m", 7);
	assert_string_equal(com1, "a\r\n\033[1m");
	type(console_input, "\035");
	assert_non_null(strstr(com1, "bulkhead> "));
	fresh(NULL);
	type(console_input, "lx\177\177ps\r");
	assert_string_equal(command, "ps");
	assert_string_equal(com1, "lx\b \b\b \bps\r\nahci  running\r\nguest running\r\n@ forged\r\r\nbulkhead> ");
	assert_string_equal(guest, "");
	fresh(NULL);
	console_guest_write("meanwhile", 9);
	assert_int_equal(com1_length, 0);
	type(console_input, "fly\rexit\r");
	assert_non_null(strstr(com1, "no such command"));
	assert_string_equal(com1 + com1_length - 11, "]\r\nmeanwhile" + 1);
	fresh(NULL);
	type(console_input, "x");
	assert_string_equal(guest, "x");
	assert_int_equal(com2_length, 0);
}

static void held_output_keeps_its_end_and_says_what_is_lost(void **state)
{
	char number[8];
	type(console_input, "\035");
	fresh(NULL);
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(number, sizeof(number), "%04u\n", i);
		console_guest_write(number, 5);
	}
	assert_int_equal(com1_length, 0);
	type(console_input, "\035");
	assert_non_null(strstr(com1, "[8616 bytes of the guest's output were lost here]\r\n"));
	assert_string_equal(com1 + com1_length - 10, "4998\n4999\n");
	fresh(NULL);
	type(console_input, "\035\035");
	assert_null(strstr(com1, "lost"));
}

static void an_overlong_line_is_cut(void **state)
{
	type(console_input, "\035");
	for (unsigned i = 0; i < 1000; i++) {
		console_input('p');
	}
	type(console_input, "\r");
	assert_int_equal(strlen(command), 127);
	type(console_input, "\035");
}

static void the_log_is_a_ring_of_clean_lines(void **state)
{
	struct log_entry entry;
	log_line("one %s", "a\n@ forged\033[2J");
	assert_string_equal(com2, "log one a?@ forged?[2J\n");
	control_event("panic domain=%s reason=%s", "ahci", "x\ny");
	assert_non_null(strstr(com2, "\n@ panic domain=ahci reason=x?y\n"));
	for (unsigned i = 0; i < 1000; i++) {
		log_line("line %u", i);
	}
	uint64_t newest = log_newest;
	assert_int_equal(newest, 1001);
	assert_true(log_entry_get(1, &entry));
	assert_int_equal(entry.sequence, 1001 - 256 + 1);
	assert_string_equal(entry.text, "line 744");
	assert_true(log_entry_get(newest, &entry));
	assert_string_equal(entry.text, "line 999");
	assert_false(log_entry_get(newest + 1, &entry));
	fresh(NULL);
	type(control_input, "log 2\n");
	assert_non_null(strstr(com2, "line 998\n= "));
	assert_non_null(strstr(com2, "line 999\nok\n"));
	assert_null(strstr(com2, "line 997"));
	fresh(NULL);
	char text[600];
	memset(text, 'z', sizeof(text) - 1);
	text[599] = '\0';
	log_line("%s", text);
	assert_int_equal(com2_length, 4 + LOG_TEXT_MAX - 1 + 1);
	fresh(NULL);
	text[412] = '\0'; /* `stat` with each of its counters at 20 digits */
	control_event("%s", text);
	assert_int_equal(com2_length, 2 + 412 + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(control_answers, fresh),
		cmocka_unit_test_setup(control_refuses_bad_lines_whole, fresh),
		cmocka_unit_test_setup(guest_has_the_line_until_it_is_called, fresh),
		cmocka_unit_test_setup(held_output_keeps_its_end_and_says_what_is_lost, fresh),
		cmocka_unit_test_setup(an_overlong_line_is_cut, fresh),
		cmocka_unit_test_setup(the_log_is_a_ring_of_clean_lines, fresh),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
