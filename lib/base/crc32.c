/* SPDX-License-Identifier: MIT */
/* A byte at a time over a table that each call makes anew: no state, and the bundle of a RAM disk has tens of MiB. */
#include "base/crc32.h"

#define POLYNOMIAL 0xedb88320u

uint32_t crc32_update(uint32_t crc, const void *data, size_t bytes)
{
	const uint8_t *p = data;
	uint32_t table[256];
	for (uint32_t i = 0; i < 256; i++) {
		table[i] = i;
		for (unsigned bit = 0; bit < 8; bit++) {
			table[i] = table[i] & 1 ? table[i] >> 1 ^ POLYNOMIAL : table[i] >> 1;
		}
	}
	for (crc = ~crc; bytes > 0; bytes--, p++) {
		crc = table[(crc ^ *p) & 255] ^ crc >> 8;
	}
	return ~crc;
}
