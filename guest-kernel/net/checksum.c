/* SPDX-License-Identifier: MIT */
/*
 * The Internet checksum (RFC 1071). Its sum does not care for the width of what is added, as long as carries come back in at the low end:
 * four words of 32 bits at a time go into 64-bit sums, which are folded at the end.
 */
#include "net/lwip/hooks.h"

#include <stdint.h>

#include "base/string.h"

static inline uint32_t word_at(const uint8_t *at)
{
	uint32_t word;
	memcpy(&word, at, sizeof(word)); /* not aligned, of no type */
	return word;
}

unsigned short net_checksum(const void *data, int bytes)
{
	const uint8_t *at = data;
	uint64_t a = 0, b = 0;
	for (; bytes >= 16; bytes -= 16, at += 16) {
		a += (uint64_t)word_at(at) + word_at(at + 8);
		b += (uint64_t)word_at(at + 4) + word_at(at + 12);
	}
	a += b;
	for (; bytes >= 4; bytes -= 4, at += 4) {
		a += word_at(at);
	}
	if (bytes >= 2) {
		a += (uint32_t)at[0] | (uint32_t)at[1] << 8;
		at += 2;
		bytes -= 2;
	}
	if (bytes) {
		a += at[0];
	}
	a = (a & 0xffffffff) + (a >> 32);
	a = (a & 0xffffffff) + (a >> 32);
	a = (a & 0xffff) + (a >> 16);
	a = (a & 0xffff) + (a >> 16);
	return (unsigned short)a;
}
