/* SPDX-License-Identifier: MIT */
/* See string.h. */
#include "base/string.h"

#include <stdbool.h>

#if !__STDC_HOSTED__
void *memchr(const void *s, int byte, size_t n)
{
	const unsigned char *p = s;
	for (; n > 0; n--, p++) {
		if (*p == (unsigned char)byte) {
			return (void *)p;
		}
	}
	return NULL;
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;
	while (n < max && s[n]) {
		n++;
	}
	return n;
}

size_t strlen(const char *s)
{
	return strnlen(s, (size_t)-1);
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n > 0; n--, a++, b++) {
		if (*a != *b || !*a) {
			return (unsigned char)*a - (unsigned char)*b;
		}
	}
	return 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, (size_t)-1);
}
#endif

size_t string_copy(char *to, const char *from, size_t size)
{
	size_t length = strlen(from);
	if (size > 0) {
		size_t n = length < size ? length : size - 1;
		memcpy(to, from, n);
		to[n] = '\0';
	}
	return length;
}

static unsigned digit_value(char c)
{
	char letter = c | 0x20;
	if (letter >= 'a' && letter <= 'f') {
		return (unsigned)(letter - 'a') + 10;
	}
	return c >= '0' && c <= '9' ? (unsigned)(c - '0') : 16;
}

unsigned long string_number(const char *s, const char **end)
{
	bool hex = s[0] == '0' && (s[1] | 0x20) == 'x';
	unsigned long value = 0, base = hex ? 16 : 10;
	const char *p = hex ? s + 2 : s, *digits = p;
	for (; digit_value(*p) < base; p++) {
		value = value * base + digit_value(*p);
	}
	*end = p == digits ? s : p;
	return value;
}
