/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's pool for tests (hv/pool.h): one block of the host's memory, watched by the recording. Domain memory
 * that pool_take_domain hands out is numbers only: nobody reads it here.
 */
#ifndef MODEL_MEMORY_H
#define MODEL_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Empty the pool and watch it. */
void memory_reset(void);
/** So many more pages can be had; UINT32_MAX: all there are. */
extern unsigned memory_left;
/** Called with each page that is handed out; may be NULL. */
extern void (*memory_handed_out)(const void *page);
/** The next page handed out is this one, though it was handed out before: for the tests that want to be caught. */
extern void *memory_recycled;

#define MEMORY_PAGES 8192u
/** Which page of the pool; MEMORY_PAGES: none. */
unsigned memory_page(const void *at);

#endif
