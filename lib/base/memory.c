/* SPDX-License-Identifier: MIT */
/*
 * What the compiler itself calls. memcpy and memset use REP MOVS/STOS, which every processor with SVM or VT-x runs at
 * full speed (Intel optimization manual 3.7.6): whole words first, since an emulator does them element by element.
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
#endif
