/* SPDX-License-Identifier: MIT */
/* ChaCha20's block function, written from RFC 8439, 2.1 to 2.3; no state of its own, so that a test can feed it the RFC's vectors. */
#include "chacha.h"

static uint32_t rotate(uint32_t x, int by)
{
	return x << by | x >> (32 - by);
}

static void quarter_round(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
	*a += *b, *d = rotate(*d ^ *a, 16);
	*c += *d, *b = rotate(*b ^ *c, 12);
	*a += *b, *d = rotate(*d ^ *a, 8);
	*c += *d, *b = rotate(*b ^ *c, 7);
}

void chacha20_block(const uint32_t key[8], uint32_t counter, const uint32_t nonce[3], uint32_t out[16])
{
	uint32_t start[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };
	for (int i = 0; i < 8; i++) {
		start[4 + i] = key[i];
	}
	start[12] = counter;
	for (int i = 0; i < 3; i++) {
		start[13 + i] = nonce[i];
	}
	for (int i = 0; i < 16; i++) {
		out[i] = start[i];
	}
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 4; i++) {
			quarter_round(&out[i], &out[4 + i], &out[8 + i], &out[12 + i]);
		}
		for (int i = 0; i < 4; i++) {
			quarter_round(&out[i], &out[4 + (i + 1) % 4], &out[8 + (i + 2) % 4], &out[12 + (i + 3) % 4]);
		}
	}
	for (int i = 0; i < 16; i++) {
		out[i] += start[i];
	}
}
