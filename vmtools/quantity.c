/* SPDX-License-Identifier: MIT */
/* See quantity.h. No sign, no blank, no exponent is accepted, so a number has one way to be written in each unit. */
#include "quantity.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The digits at the start of `text`; *end behind them. */
static int digits(const char *text, uint64_t *value, const char **end)
{
	int base = text[0] == '0' && text[1] == 'x' ? 16 : 10;
	const char *start = base == 16 ? text + 2 : text;
	if (!strchr(base == 16 ? "0123456789abcdefABCDEF" : "0123456789", *start) || *start == '\0') {
		return -EINVAL;
	}
	char *behind;
	errno = 0;
	*value = strtoull(start, &behind, base);
	*end = behind;
	return errno ? -ERANGE : 0;
}

int quantity_number(const char *text, uint64_t max, uint64_t *value)
{
	const char *end;
	int error = digits(text, value, &end);
	if (error) {
		return error;
	}
	if (*end) {
		return -EINVAL;
	}
	return *value > max ? -ERANGE : 0;
}

static int scale(uint64_t *value, uint64_t factor)
{
	return __builtin_mul_overflow(*value, factor, value) ? -ERANGE : 0;
}

int quantity_size(const char *text, uint64_t *bytes)
{
	const char *end;
	int error = digits(text, bytes, &end);
	if (error) {
		return error;
	}
	if (*end == '\0') {
		return 0;
	}
	if (end[1] != '\0') {
		return -EINVAL;
	}
	switch (*end) {
	case 'K':
	case 'k':
		return scale(bytes, 1ull << 10);
	case 'M':
	case 'm':
		return scale(bytes, 1ull << 20);
	case 'G':
	case 'g':
		return scale(bytes, 1ull << 30);
	default:
		return -EINVAL;
	}
}

int quantity_duration(const char *text, uint64_t *us)
{
	const char *end;
	int error = digits(text, us, &end);
	if (error) {
		return error;
	}
	if (strcmp(end, "us") == 0) {
		return 0;
	}
	if (strcmp(end, "ms") == 0) {
		return scale(us, 1000);
	}
	return strcmp(end, "s") == 0 ? scale(us, 1000000) : -EINVAL;
}

int quantity_seconds(const char *text, uint64_t *ns)
{
	const char *end = text;
	uint64_t whole = 0;
	bool only_fraction = text[0] == '.' && text[1] >= '0' && text[1] <= '9';
	int error = only_fraction ? 0 : digits(text, &whole, &end);
	if (error) {
		return error;
	}
	uint64_t fraction = 0, unit = 1000000000;
	if (*end == '.') {
		for (end++; *end >= '0' && *end <= '9'; end++) {
			unit /= 10;
			fraction += unit * (uint64_t)(*end - '0');
		}
	}
	if (*end == 's') {
		end++;
	}
	if (*end) {
		return -EINVAL;
	}
	*ns = whole;
	return scale(ns, 1000000000) || __builtin_add_overflow(*ns, fraction, ns) ? -ERANGE : 0;
}
