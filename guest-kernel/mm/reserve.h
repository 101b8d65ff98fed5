/* SPDX-License-Identifier: MIT */
/* Inside of mm/: how the page allocator keeps the books of reservations (reserve.c), and what takes memory back (reclaim.c). */
#ifndef MM_RESERVE_H
#define MM_RESERVE_H

#include "kernel/reserve.h"

/** The allocator has these free pages, of which `io` in the I/O zone. Once, before anything is allocated. */
void reserve_init(uint64_t pages, uint64_t io);
/** May `count` pages be taken? From the thread's reservation, or out of what is promised to nobody. `io`: of the I/O zone. */
bool reserve_take(uint32_t count, bool io, bool optional);
/** An ordinary request was served by the I/O zone after all. */
void reserve_moved(uint32_t count);
/** Pages were freed. `io`: they are of the I/O zone. */
void reserve_give(uint32_t count, bool io);
/**
 * There is no block of what reserve_take gave: it goes back to the thread's reservation, where the thread has one, for it may take the pages one by
 * one then. Whoever waits for memory would have them otherwise. `io`, `optional`: as they were for reserve_take.
 */
void reserve_return(uint32_t count, bool io, bool optional);
/** reserve_more where the caller may wait and its allocation is not optional. False: there will never be so many. */
bool reserve_for_size(uint32_t pages);
/** Another processor wants this one's stock (IPI_STOCK). Interrupts are off. */
void reserve_serve(void);

/* For reclaim.c. */
void reserve_wait_wanted(void); /* until somebody waits for memory */
enum reserve_wait { RESERVE_NOBODY_WAITS, RESERVE_SOME_CAME, RESERVE_NONE_CAME };
enum reserve_wait reserve_wait_come(uint64_t deadline_ns); /* until nobody waits, or time is up */
bool reserve_wanted(uint32_t *pages, uint32_t *io); /* what the first one wants; false: nobody waits any more */
bool reserve_is_promised(uint32_t pages, uint32_t io); /* operations that run have so much, and give back what they do not use */
size_t page_reclaim(size_t pages); /* clean pages of the cache; how many */
uint64_t mapped_files_give_up(uint64_t pages); /* evict.c: so many at most; how many */
void reserve_fail_every(uint32_t count); /* debug builds: so often an operation is made to wait */
void reclaim_start(void);

#endif
