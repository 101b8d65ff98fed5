/* SPDX-License-Identifier: MIT */
/* See format.h. One pass, no buffer but the caller's and 32 bytes for digits. */
#include "base/format.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/string.h"

struct sink {
	char *to;
	size_t size, length;
};

struct spec {
	bool left, zero, is_long;
	int width, precision; /* precision: of strings; -1: not given */
};

static void sink_char(struct sink *sink, char c)
{
	if (sink->length + 1 < sink->size) {
		sink->to[sink->length] = c;
	}
	sink->length++;
}

static void sink_field(struct sink *sink, const struct spec *spec, const char *text, size_t n)
{
	int pad = spec->width - (int)n;
	for (; pad > 0 && !spec->left; pad--) {
		sink_char(sink, ' ');
	}
	for (size_t i = 0; i < n; i++) {
		sink_char(sink, text[i]);
	}
	for (; pad > 0; pad--) {
		sink_char(sink, ' ');
	}
}

static void format_number(struct sink *sink, const struct spec *spec, uint64_t value, bool negative, unsigned base)
{
	char digits[32], *end = digits + sizeof(digits), *at = end;
	do {
		*--at = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	while (spec->zero && end - at < spec->width - negative && at > digits + 1) {
		*--at = '0';
	}
	if (negative) {
		*--at = '-';
	}
	sink_field(sink, spec, at, (size_t)(end - at));
}

static const char *parse_number(const char *f, int *number, va_list *arguments)
{
	if (*f == '*') {
		*number = va_arg(*arguments, int);
		return f + 1;
	}
	for (*number = 0; *f >= '0' && *f <= '9'; f++) {
		*number = *number * 10 + (*f - '0');
	}
	return f;
}

static const char *parse_spec(const char *f, struct spec *spec, va_list *arguments)
{
	*spec = (struct spec){ .precision = -1 };
	for (; *f == '-' || *f == '0'; f++) {
		*(*f == '-' ? &spec->left : &spec->zero) = true;
	}
	f = parse_number(f, &spec->width, arguments);
	if (*f == '.') {
		f = parse_number(f + 1, &spec->precision, arguments);
	}
	for (; *f == 'l' || *f == 'z'; f++) {
		spec->is_long = true;
	}
	return f;
}

static void format_conversion(struct sink *sink, char conversion, const struct spec *spec, va_list *arguments)
{
	if (conversion == 's') {
		const char *text = va_arg(*arguments, const char *);
		text = text ? text : "(null)";
		sink_field(sink, spec, text, strnlen(text, (size_t)spec->precision));
	} else if (conversion == 'c') {
		char c = (char)va_arg(*arguments, int);
		sink_field(sink, spec, &c, 1);
	} else if (conversion == 'd') {
		int64_t value = spec->is_long ? va_arg(*arguments, long) : va_arg(*arguments, int);
		format_number(sink, spec, value < 0 ? -(uint64_t)value : (uint64_t)value, value < 0, 10);
	} else if (conversion == 'u' || conversion == 'x' || conversion == 'o') {
		uint64_t value = spec->is_long ? va_arg(*arguments, unsigned long) : va_arg(*arguments, unsigned);
		format_number(sink, spec, value, false, conversion == 'u' ? 10 : conversion == 'x' ? 16 : 8);
	} else {
		sink_char(sink, conversion);
	}
}

int format_text_va(char *to, size_t size, const char *format, va_list arguments)
{
	struct sink sink = { .to = to, .size = size };
	struct spec spec;
	va_list list;
	va_copy(list, arguments);
	for (const char *f = format; *f; f++) {
		if (*f != '%') {
			sink_char(&sink, *f);
			continue;
		}
		f = parse_spec(f + 1, &spec, &list);
		if (!*f) {
			break;
		}
		format_conversion(&sink, *f, &spec, &list);
	}
	va_end(list);
	if (size > 0) {
		to[sink.length < size ? sink.length : size - 1] = '\0';
	}
	return (int)sink.length;
}

int format_text(char *to, size_t size, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int length = format_text_va(to, size, format, arguments);
	va_end(arguments);
	return length;
}
