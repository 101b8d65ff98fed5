/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's own memory: whole pages, taken at boot and while domains are built, never in an exit path, and
 * never given back. The pool is mapped in the hypervisor's address space, VA == PA, read-write, no-execute. Domain
 * memory (pool_take_domain) comes out of the rest of the machine's RAM and is not mapped.
 */
#ifndef HV_POOL_H
#define HV_POOL_H

#include <stddef.h>
#include "hv/addr.h"

/** `pages` contiguous zeroed pages, aligned to `align_pages` (a power of two). NULL: pool exhausted. */
void *pool_alloc(size_t pages, size_t align_pages);

static inline hpa_t pool_hpa(const void *memory)
{
	return HPA((uint64_t)memory);
}

/** Unmapped RAM for a domain: `bytes` aligned to `align`. value 0: none left. Boot processor only. */
hpa_t pool_take_domain(uint64_t bytes, uint64_t align);

#endif
