/* SPDX-License-Identifier: MIT */
/* For units whose walks do not see the processor's caches (ECAP_REG.C is 0; Intel VT-d, 6.9). */
#include "vtd.h"

#define LINE 64u

void vtd_write_back(const void *at, size_t bytes)
{
	for (uint64_t line = (uint64_t)at & ~(uint64_t)(LINE - 1); line < (uint64_t)at + bytes; line += LINE) {
		__asm__ volatile("clflush (%0)" : : "r"(line) : "memory");
	}
	__asm__ volatile("mfence" : : : "memory");
}
