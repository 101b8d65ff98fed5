/* SPDX-License-Identifier: MIT */
/*
 * Taking translations out of processors. Page tables are changed first, then flush_finish() makes every processor that has the address
 * space loaded forget, and only then are the pages let go of that the old translations led to.
 */
#ifndef MM_FLUSH_H
#define MM_FLUSH_H

#include <stdint.h>

#include "kernel/memory.h"

#define FLUSH_PAGES 32 /* dropped one by one; more by loading CR3 again */
#define FLUSH_HELD 64

struct address_space;

struct flush {
	struct address_space *as;
	unsigned count; /* of translations, also beyond FLUSH_PAGES */
	unsigned held_count;
	uint64_t addresses[FLUSH_PAGES];
	uintptr_t held[FLUSH_HELD]; /* pages; with HELD_LARGE: blocks */
};

static inline void flush_begin(struct flush *flush, struct address_space *as)
{
	flush->as = as;
	flush->count = flush->held_count = 0;
}
/** The translation of this page, or of the large page that begins here, has been changed. */
static inline void flush_page(struct flush *flush, uint64_t address)
{
	if (flush->count < FLUSH_PAGES) {
		flush->addresses[flush->count] = address;
	}
	flush->count++;
}
/** Many have been changed. */
static inline void flush_all(struct flush *flush)
{
	flush->count = FLUSH_PAGES + 1;
}
/** Let go of a page, once no translation leads to it. */
void flush_put(struct flush *flush, struct page *page);
void flush_put_large(struct flush *flush, struct page *block); /* a large leaf's reference */
/** No spin lock is held. */
void flush_finish(struct flush *flush);
/** Another processor asks for it. Interrupts are off. */
void flush_serve(void);

#endif
