/* SPDX-License-Identifier: MIT */
/* The rarer searches of string.h, apart from the rest: the hypervisor does not link them. */
#include "base/string.h"

#if !__STDC_HOSTED__
char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++) {
		if (!*s) {
			return NULL;
		}
	}
	return (char *)s;
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
