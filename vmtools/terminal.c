/* SPDX-License-Identifier: MIT */
/* See terminal.h. */
#include "terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define TERM_MAX 32u /* as the guest kernel takes it */

static struct termios before;
static bool is_raw;

bool terminal_present(void)
{
	return isatty(0) && isatty(1);
}

bool terminal_size(unsigned *rows, unsigned *columns)
{
	struct winsize size;
	if (ioctl(1, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) {
		return false;
	}
	*rows = size.ws_row;
	*columns = size.ws_col;
	return true;
}

/* The first of these that is set is the locale of characters (locale(7)). */
static bool has_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *locale = getenv(names[i]);
		if (locale && *locale) {
			return strcasestr(locale, "UTF-8") || strcasestr(locale, "utf8");
		}
	}
	return false;
}

void terminal_environment(char *text, size_t size)
{
	static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-";
	const char *term = getenv("TERM");
	bool is_name = term && *term && strlen(term) < TERM_MAX && strspn(term, good) == strlen(term);
	snprintf(text, size, "%s%s%s", is_name ? " TERM=" : "", is_name ? term : "", has_utf8() ? " LANG=C.UTF-8" : "");
}

void terminal_raw(void)
{
	struct termios raw;
	if (is_raw || tcgetattr(0, &before) != 0) {
		return;
	}
	raw = before;
	cfmakeraw(&raw);
	is_raw = tcsetattr(0, TCSADRAIN, &raw) == 0;
	atexit(terminal_restore);
}

void terminal_restore(void)
{
	if (is_raw) {
		tcsetattr(0, TCSADRAIN, &before);
		is_raw = false;
	}
}
