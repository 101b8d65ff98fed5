/* SPDX-License-Identifier: MIT */
/* See terminal.h. */
#include "terminal.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

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
