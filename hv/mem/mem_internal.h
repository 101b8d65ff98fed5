/* SPDX-License-Identifier: MIT */
/* The hypervisor's own address space: made once by the boot processor, used by all. */
#ifndef HV_MEM_INTERNAL_H
#define HV_MEM_INTERNAL_H

#include <stddef.h>
#include "hv/boot.h"
#include "hv/paging.h"

#define POOL_PAGES 4096ull
#define WINDOW_START (1ull << 46) /* of window.c: above all identity mappings */

extern struct paging host_paging;
extern const char image_start[], image_text_end[], image_rodata_end[], image_end[];

/** The pool is [start, start + pages): aligned to 2 MiB, and reachable as such from now on; `ram` is the domains'. */
void pool_init(void *start, size_t pages, const struct ram *ram);
/** Build the final page tables and load them. */
void host_paging_init(uint64_t pool_start, uint64_t pool_bytes);
/** Map device registers or firmware tables one to one. NULL: over RAM, otherwise protected already, or no memory. */
void *host_map(hpa_t at, size_t bytes, unsigned prot);
void window_init(void);

#endif
