/* SPDX-License-Identifier: MIT */
/* The control line as vmctl hears it: facts out of event lines in any pieces, answers to the command that asked, nonsense survived. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>

#include "control.h"

static struct control c;
static int machine; /* the other end of the line */
static char answers[1024];

static int setup(void **state)
{
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	control_init(&c, ends[0]);
	machine = ends[1];
	answers[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	control_release(&c);
	close(c.fd);
	close(machine);
	return 0;
}

static void hears(const char *text)
{
	control_input(&c, text, strlen(text), 1000);
}

static void collect(void *to, char kind, const char *text)
{
	size_t used = strlen(answers);
	snprintf(answers + used, sizeof(answers) - used, "%s%c%s;", (const char *)to, kind, text);
}

static void sees(const char *text)
{
	char bytes[256];
	ssize_t n = recv(machine, bytes, sizeof(bytes) - 1, MSG_DONTWAIT);
	bytes[n > 0 ? n : 0] = '\0';
	assert_string_equal(bytes, text);
}

static void events(void **state)
{
	hears("log something\n@ rea");
	assert_true(c.spoke);
	assert_false(c.ready);
	hears("dy\r\n@ started\n");
	assert_true(c.ready && c.started);
	assert_int_equal(c.started_ns, 1000);
	hears("@ recovery domain=ahci epoch=2 total_us=17\n@ exit status=42\n");
	assert_int_equal(c.recovery_count, 1);
	assert_string_equal(c.recoveries[0], "domain=ahci epoch=2 total_us=17");
	assert_true(c.exited);
	assert_int_equal(c.exit_status, 42);
	assert_false(c.panicked || c.refused);
}

static void the_firmware_is_not_the_machine(void **state)
{
	hears("\033[2JBdsDxe: loading Boot0001\r\nerror: no suitable video mode\nok\n");
	assert_false(c.spoke);
	hears("log first words\n");
	assert_true(c.spoke);
}

static void reasons(void **state)
{
	hears("@ panic domain=guest reason=no root: 'x' is not there\n");
	assert_true(c.panicked);
	assert_string_equal(c.panic_domain, "guest");
	assert_string_equal(c.reason, "no root: 'x' is not there");
	hears("@ refused reason=no SVM\n");
	assert_true(c.refused);
	assert_string_equal(c.reason, "no SVM");
}

static void a_domain_says_why_it_gives_up(void **state)
{
	hears("log guest: panic: no root\nlog guest: panic reason: no root: here\nlog guest: init: cannot run /bin/sh: x\n");
	assert_string_equal(c.told_by, "guest");
	assert_string_equal(c.told, "no root: here");
	assert_string_equal(c.init_by, "guest");
	assert_string_equal(c.init_error, "run /bin/sh: x");
}

static void similar_words_are_no_events(void **state)
{
	hears("@ exited status=1\n@ readying\n@exit status=2\nexit status=3\n@ exit\n@ \n@\n");
	assert_false(c.ready || c.exited);
}

static void an_answer_goes_to_the_command_that_asked(void **state)
{
	hears("@ ready\n");
	assert_int_equal(control_send(&c, "ps", collect, "A"), 0);
	assert_int_equal(control_send(&c, "kill x", collect, "B"), 0);
	sees("ps\n");
	hears("= one\nlog between\n= two\nok\n");
	assert_string_equal(answers, "A=one;A=two;Ao;");
	sees("kill x\n");
	hears("error no such domain\n");
	assert_string_equal(answers, "A=one;A=two;Ao;Beno such domain;");
	hears("ok\n= stray\n");
	assert_string_equal(answers, "A=one;A=two;Ao;Beno such domain;");
}

static void a_client_that_is_gone_gets_no_answer(void **state)
{
	char gone[] = "G";
	hears("@ ready\n");
	assert_int_equal(control_send(&c, "ps", collect, gone), 0);
	control_forget(&c, gone);
	hears("= one\nok\n");
	assert_string_equal(answers, "");
	assert_null(c.queue);
}

static void what_is_no_command_line_is_not_sent(void **state)
{
	char longer[300];
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_int_not_equal(control_send(&c, "kill a\nkill b", collect, "A"), 0);
	assert_int_not_equal(control_send(&c, "caf\xc3\xa9", collect, "A"), 0);
	assert_int_not_equal(control_send(&c, longer, collect, "A"), 0);
	sees("");
}

static void long_lines_and_zero_bytes_do_no_harm(void **state)
{
	char noise[3000];
	memset(noise, 'y', sizeof(noise));
	control_input(&c, noise, sizeof(noise), 1);
	control_input(&c, "\n\0@ ready\n", 10, 1);
	assert_true(c.ready);
}

static void values(void **state)
{
	char value[8];
	assert_string_equal(control_value("a=1 bb=22 b=3", "b", value, sizeof(value)), "3");
	assert_null(control_value("a=1 bb=22", "b", value, sizeof(value)));
	assert_string_equal(control_value("reason=all of it", "reason", value, sizeof(value)), "all of ");
	assert_string_equal(control_value("a=", "a", value, sizeof(value)), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(events, setup, teardown),
		cmocka_unit_test_setup_teardown(the_firmware_is_not_the_machine, setup, teardown),
		cmocka_unit_test_setup_teardown(reasons, setup, teardown),
		cmocka_unit_test_setup_teardown(a_domain_says_why_it_gives_up, setup, teardown),
		cmocka_unit_test_setup_teardown(similar_words_are_no_events, setup, teardown),
		cmocka_unit_test_setup_teardown(an_answer_goes_to_the_command_that_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(a_client_that_is_gone_gets_no_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_command_line_is_not_sent, setup, teardown),
		cmocka_unit_test_setup_teardown(long_lines_and_zero_bytes_do_no_harm, setup, teardown),
		cmocka_unit_test(values),
	};
	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
