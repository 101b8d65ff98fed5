/* SPDX-License-Identifier: MIT */
/* What the programs of tests/network send and compare. */
#ifndef TESTS_NETWORK_STREAM_H
#define TESTS_NETWORK_STREAM_H

#include <stdint.h>

/** The byte at a place of the endless stream: no two pages of it are alike. */
static inline uint8_t stream_byte(uint64_t at)
{
	uint64_t x = (at >> 3) * 0x9e3779b97f4a7c15ull;
	x ^= x >> 29;
	return (uint8_t)(x >> 8 * (at & 7));
}

#endif
