/* SPDX-License-Identifier: MIT */
/*
 * Memory and string routines. memcpy and memset use REP MOVS/STOS, which every processor with SVM or VT-x runs at full
 * speed (Intel optimization manual 3.7.6): whole words first, since an emulator does them element by element.
 */
#include "base/string.h"

#if !__STDC_HOSTED__
void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	void *d = to;
	size_t words = n / 8, rest = n % 8;
	__asm__ volatile("rep movsq" : "+D"(d), "+S"(from), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(rest) : : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	unsigned char *d = to;
	const unsigned char *s = from;
	if (d <= s || d >= s + n) {
		return memcpy(to, from, n);
	}
	while (n-- > 0) {
		d[n] = s[n];
	}
	return to;
}

void *memset(void *to, int byte, size_t n)
{
	void *d = to;
	size_t words = n / 8, rest = n % 8;
	unsigned long pattern = (unsigned char)byte * 0x0101010101010101ul;
	__asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(pattern) : "memory");
	__asm__ volatile("rep stosb" : "+D"(d), "+c"(rest) : "a"(pattern) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;
	for (; n > 0; n--, x++, y++) {
		if (*x != *y) {
			return *x - *y;
		}
	}
	return 0;
}

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
	size_t n = 0;
	while (s[n]) {
		n++;
	}
	return n;
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

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c) {
			return (char *)s;
		}
		if (!*s) {
			return NULL;
		}
	}
}

char *strrchr(const char *s, int c)
{
	const char *last = NULL;
	for (;; s++) {
		if (*s == (char)c) {
			last = s;
		}
		if (!*s) {
			return (char *)last;
		}
	}
}

char *strstr(const char *s, const char *needle)
{
	size_t n = strlen(needle);
	for (; *s; s++) {
		if (strncmp(s, needle, n) == 0) {
			return (char *)s;
		}
	}
	return n == 0 ? (char *)s : NULL;
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

unsigned long string_number(const char *s, const char **end)
{
	unsigned long value = 0;
	unsigned base = 10;
	const char *p = s;
	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
	}
	const char *digits = p;
	for (;; p++) {
		unsigned digit = *p >= '0' && *p <= '9' ? (unsigned)(*p - '0')
			       : *p >= 'a' && *p <= 'f' ? (unsigned)(*p - 'a') + 10
			       : *p >= 'A' && *p <= 'F' ? (unsigned)(*p - 'A') + 10
							: 99;
		if (digit >= base) {
			break;
		}
		value = value * base + digit;
	}
	*end = p == digits ? s : p;
	return value;
}
