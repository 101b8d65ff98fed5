/* SPDX-License-Identifier: MIT */
/* The ChaCha20 block function (RFC 8439, 2.3). */
#ifndef PROCESS_CHACHA_H
#define PROCESS_CHACHA_H

#include <stdint.h>

/** One block of 64 bytes from key, counter and nonce. */
void chacha20_block(const uint32_t key[8], uint32_t counter, const uint32_t nonce[3], uint32_t out[16]);

#endif
