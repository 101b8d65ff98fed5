/* SPDX-License-Identifier: MIT */
/* The kernel's random bytes: a ChaCha20 generator (RFC 8439) seeded by RDSEED/RDRAND and TSC jitter (process/random.c). */
#ifndef KERNEL_RANDOM_H
#define KERNEL_RANDOM_H

#include <stddef.h>

/** Fill the buffer. Any context; never fails, seeds itself at the first call. */
void random_bytes(void *buffer, size_t bytes);
/** Stir caller's data in (writes to /dev/urandom). */
void random_stir(const void *data, size_t bytes);

#endif
