/* SPDX-License-Identifier: MIT */
/*
 * printf-style formatting for freestanding programs: conversions d u x o with l, ll, z; c s %; flags '-' and '0' (30
 * digits at most), width, and for strings precision (both also '*').
 */
#ifndef BULKHEAD_BASE_FORMAT_H
#define BULKHEAD_BASE_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/** As C11's vsnprintf: writes at most size bytes with the NUL, returns the length that the whole text has. */
int format_text_va(char *to, size_t size, const char *format, va_list arguments)
	__attribute__((format(printf, 3, 0)));
int format_text(char *to, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
