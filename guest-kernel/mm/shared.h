/* SPDX-License-Identifier: MIT */
/* Anonymous memory that several processes share (MAP_SHARED | MAP_ANONYMOUS): pages by index, made at the first touch. */
#ifndef MM_SHARED_H
#define MM_SHARED_H

#include <stdint.h>

struct page;
struct shared_memory;

struct shared_memory *shared_create(uint64_t pages); /* NULL: no memory */
void shared_get(struct shared_memory *shared);
void shared_put(struct shared_memory *shared);
uint64_t shared_pages(const struct shared_memory *shared); /* how many there can be */
/** Pages that it keeps, told once a walk; walks have numbers above 0, and there is one at a time. */
uint64_t shared_held(struct shared_memory *shared, uint64_t walk);
uint64_t shared_identity(const struct shared_memory *shared); /* a number that no other one ever has */
/** The page, referenced. NULL: no memory, or behind the end. */
struct page *shared_page(struct shared_memory *shared, uint64_t index);

/** So many pages from `first` on are zeros again, those that are there. */
void shared_zero(struct shared_memory *shared, uint64_t first, uint64_t count);

#endif
