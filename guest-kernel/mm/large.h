/* SPDX-License-Identifier: MIT */
/*
 * 2 MiB blocks of anonymous memory. A large leaf holds one reference to each of its block's 512 pages. As long as only large leaves lead to
 * it the block is *whole*, and its first page's count stands for all of them; the first who wants a part has it split for good: each
 * page counts by itself then, for large leaves that others still have, too.
 */
#ifndef MM_LARGE_H
#define MM_LARGE_H

#include <stdbool.h>

#include "kernel/memory.h"

#define LARGE_ORDER 9
#define LARGE_PAGES 512u
#define LARGE_SIZE (LARGE_PAGES * PAGE_SIZE)
#define PAGE_WHOLE 128u /* page.flags: the first page of a whole block; under large_lock */

/** A whole block with one reference, not zeroed. NULL: none to spare. */
struct page *large_alloc(void);
void large_get(struct page *block);
void large_put(struct page *block);
/** Whether one large leaf is all that leads to it. */
bool large_sole(struct page *block);
void large_split(struct page *block);

#endif
