/* SPDX-License-Identifier: MIT */
/* What setrlimit(2) allows the current process of memory: RLIMIT_AS, DATA, STACK, MEMLOCK. The caller holds the address space's lock. */
#ifndef MM_LIMITS_H
#define MM_LIMITS_H

#include "mm/address_space.h"

/** Whether `pages` more of this kind fit, with `gone` pages of whatever kind about to go. */
bool limit_allows(struct address_space *as, unsigned prot, unsigned flags, uint64_t pages, uint64_t gone);
/** Whether a stack may be so long. */
bool limit_allows_stack(uint64_t bytes);
/** Whether `bytes` of heap do. */
bool limit_allows_heap(uint64_t bytes);
/** Whether anything may be locked at all. */
bool limit_may_lock(void);
/** Whether so many pages may be locked, all together. */
bool limit_allows_locked(uint64_t pages);
/** How many pages from start to end are of areas with one of these flags; 0: of all. */
uint64_t areas_count(struct address_space *as, uint64_t start, uint64_t end, unsigned flags);

#endif
