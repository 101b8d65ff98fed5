/* SPDX-License-Identifier: MIT */
/*
 * The control line (COM2, docs/control.md): a program on the host reads our lines and sends commands, a line each.
 * Each line goes out under one lock, whole. What comes in is bounded in length and in alphabet; anything else is
 * answered with an error and leaves no state behind. Commands run where the byte that ended them arrived: in COM2's
 * interrupt handler, with no lock held.
 */
#include "abi/errno.h"
#include "base/format.h"
#include "base/string.h"
#include "console_internal.h"
#include "hv/cpu.h"

#define CONTROL_LINE_MAX 128

static spinlock_t control_lock; /* COM2's output */

/* Input: only the processor that COM2 interrupts comes here. */
static char line[CONTROL_LINE_MAX];
static size_t line_length;
static const char *line_wrong; /* what is wrong with the line so far */

void control_line(const char *prefix, const char *text)
{
	if (!uart_com2.present || hv_panicking) {
		return;
	}
	spin_lock(&control_lock);
	uart_write(&uart_com2, prefix, strlen(prefix));
	uart_write(&uart_com2, text, strlen(text));
	uart_write(&uart_com2, "\n", 1);
	spin_unlock(&control_lock);
}

/* Gathers what a command prints, in any pieces, into "= " lines. */
static char answer[LOG_TEXT_MAX];
static size_t answer_length;

static void answer_print(void *to, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n') {
			answer[answer_length] = '\0';
			answer_length = 0;
			log_text_clean(answer);
			control_line("= ", answer);
		} else if (answer_length + 1 < sizeof(answer)) {
			answer[answer_length++] = *text;
		}
	}
}

static void control_run(void)
{
	char error[16];
	int result = command_run(line, answer_print, NULL);
	if (answer_length > 0) {
		answer_print(NULL, "\n");
	}
	format_text(error, sizeof(error), "errno %d", -result);
	control_line(result == 0 ? "ok" : "error ", result == 0 ? "" : result == -ENOENT ? "unknown command" : error);
}

void control_input(char c)
{
	if (c == '\r') {
		return;
	}
	if (c != '\n') {
		if (c < ' ' || c > '~') {
			line_wrong = "bytes that are not printable ASCII";
		} else if (line_length + 1 >= sizeof(line)) {
			line_wrong = "line too long";
		} else {
			line[line_length++] = c;
		}
		return;
	}
	line[line_length] = '\0';
	if (line_wrong) {
		control_line("error ", line_wrong);
	} else if (line_length > 0) {
		control_run();
	}
	line_length = 0;
	line_wrong = NULL;
}
