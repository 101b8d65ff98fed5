/* SPDX-License-Identifier: MIT */
/* See say.h. */
#include "say.h"

#include <stdarg.h>
#include <stdio.h>

static bool verbose;

int fail(int status, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fflush(stdout);
	fputs("vmctl: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	return status;
}

void say_verbose(bool on)
{
	verbose = on;
}

bool say_is_verbose(void)
{
	return verbose;
}

void say(const char *format, ...)
{
	if (!verbose) {
		return;
	}
	va_list arguments;
	va_start(arguments, format);
	fputs("vmctl: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
}
