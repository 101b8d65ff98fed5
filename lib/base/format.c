/* SPDX-License-Identifier: MIT */
/* See format.h. One pass, no buffer but the caller's and 24 bytes for digits. */
#include "base/format.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/string.h"

struct sink {
	char *to;
	size_t size, length;
};

struct spec {
	bool left, zero, plus;
	int width, precision; /* -1: not given */
	int length; /* 0 int, 1 long, -1 short, -2 char */
};

static void sink_char(struct sink *sink, char c)
{
	if (sink->length + 1 < sink->size) {
		sink->to[sink->length] = c;
	}
	sink->length++;
}

static void sink_pad(struct sink *sink, char c, int count)
{
	for (; count > 0; count--) {
		sink_char(sink, c);
	}
}

static void format_string(struct sink *sink, const struct spec *spec, const char *s)
{
	s = s ? s : "(null)";
	size_t n = spec->precision >= 0 ? strnlen(s, (size_t)spec->precision) : strlen(s);
	int pad = spec->width - (int)n;
	if (!spec->left) {
		sink_pad(sink, ' ', pad);
	}
	for (size_t i = 0; i < n; i++) {
		sink_char(sink, s[i]);
	}
	if (spec->left) {
		sink_pad(sink, ' ', pad);
	}
}

static void format_number(struct sink *sink, const struct spec *spec, uint64_t value, char sign, unsigned base, bool upper)
{
	char digits[24];
	int n = 0;
	while (value != 0) {
		unsigned digit = (unsigned)(value % base);
		digits[n++] = (char)(digit < 10 ? '0' + digit : (upper ? 'A' : 'a') + digit - 10);
		value /= base;
	}
	int zeros = (spec->precision >= 0 ? spec->precision : 1) - n;
	zeros = zeros > 0 ? zeros : 0;
	int pad = spec->width - n - zeros - (sign != 0);
	if (spec->zero && !spec->left && spec->precision < 0 && pad > 0) {
		zeros += pad;
		pad = 0;
	}
	if (!spec->left) {
		sink_pad(sink, ' ', pad);
	}
	if (sign) {
		sink_char(sink, sign);
	}
	sink_pad(sink, '0', zeros);
	while (n > 0) {
		sink_char(sink, digits[--n]);
	}
	if (spec->left) {
		sink_pad(sink, ' ', pad);
	}
}

static const char *parse_number(const char *f, int *number, va_list *arguments)
{
	if (*f == '*') {
		*number = va_arg(*arguments, int);
		return f + 1;
	}
	*number = 0;
	for (; *f >= '0' && *f <= '9'; f++) {
		*number = *number * 10 + (*f - '0');
	}
	return f;
}

static const char *parse_spec(const char *f, struct spec *spec, va_list *arguments)
{
	*spec = (struct spec){ .precision = -1 };
	for (;; f++) {
		if (*f == '-') {
			spec->left = true;
		} else if (*f == '0') {
			spec->zero = true;
		} else if (*f == '+') {
			spec->plus = true;
		} else {
			break;
		}
	}
	f = parse_number(f, &spec->width, arguments);
	if (spec->width < 0) {
		spec->left = true;
		spec->width = -spec->width;
	}
	if (*f == '.') {
		f = parse_number(f + 1, &spec->precision, arguments);
	}
	for (; *f == 'l' || *f == 'z' || *f == 'h'; f++) {
		spec->length = *f == 'h' ? spec->length - 1 : 1;
	}
	return f;
}

static int64_t take_signed(const struct spec *spec, va_list *arguments)
{
	switch (spec->length) {
	case 1:
		return va_arg(*arguments, long);
	case -1:
		return (short)va_arg(*arguments, int);
	case -2:
		return (signed char)va_arg(*arguments, int);
	default:
		return va_arg(*arguments, int);
	}
}

static uint64_t take_unsigned(const struct spec *spec, va_list *arguments)
{
	switch (spec->length) {
	case 1:
		return va_arg(*arguments, unsigned long);
	case -1:
		return (unsigned short)va_arg(*arguments, unsigned);
	case -2:
		return (unsigned char)va_arg(*arguments, unsigned);
	default:
		return va_arg(*arguments, unsigned);
	}
}

static void format_conversion(struct sink *sink, char conversion, struct spec *spec, va_list *arguments)
{
	switch (conversion) {
	case 'd':
	case 'i': {
		int64_t value = take_signed(spec, arguments);
		uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
		format_number(sink, spec, magnitude, value < 0 ? '-' : spec->plus ? '+' : 0, 10, false);
		break;
	}
	case 'u':
		format_number(sink, spec, take_unsigned(spec, arguments), 0, 10, false);
		break;
	case 'x':
	case 'X':
		format_number(sink, spec, take_unsigned(spec, arguments), 0, 16, conversion == 'X');
		break;
	case 'o':
		format_number(sink, spec, take_unsigned(spec, arguments), 0, 8, false);
		break;
	case 'p':
		spec->precision = 16;
		format_number(sink, spec, (uint64_t)(uintptr_t)va_arg(*arguments, void *), 0, 16, false);
		break;
	case 'c': {
		char text[2] = { (char)va_arg(*arguments, int), '\0' };
		spec->precision = 1;
		format_string(sink, spec, text);
		break;
	}
	case 's':
		format_string(sink, spec, va_arg(*arguments, const char *));
		break;
	default:
		sink_char(sink, conversion);
		break;
	}
}

int format_text_va(char *to, size_t size, const char *format, va_list arguments)
{
	struct sink sink = { .to = to, .size = size };
	va_list list;
	va_copy(list, arguments);
	for (const char *f = format; *f; f++) {
		if (*f != '%') {
			sink_char(&sink, *f);
			continue;
		}
		struct spec spec;
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
