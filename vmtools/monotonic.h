/* SPDX-License-Identifier: MIT */
/* The host's clock that never goes back, by which all of the tools measure and wait (clock_gettime(2)). */
#ifndef VMTOOLS_MONOTONIC_H
#define VMTOOLS_MONOTONIC_H

#include <stdint.h>
#include <time.h>

static inline uint64_t monotonic_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
