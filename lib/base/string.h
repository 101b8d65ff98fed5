/* SPDX-License-Identifier: MIT */
/* The C library's memory and string routines, for freestanding programs (C11 7.24); hosted builds take libc's. */
#ifndef BULKHEAD_BASE_STRING_H
#define BULKHEAD_BASE_STRING_H

#include <stddef.h>
#if __STDC_HOSTED__
#include <string.h>
#else
void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int byte, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *needle);
#endif

/** Copy at most size - 1 bytes and end with NUL; returns strlen(from), so >= size means cut off. */
size_t string_copy(char *to, const char *from, size_t size);
/** Unsigned number in base 10, or 16 after "0x"; *end is set behind it. Returns 0 and *end == s if there is none. */
unsigned long string_number(const char *s, const char **end);

#endif
