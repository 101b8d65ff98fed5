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
/** Pages were freed, or what reserve_take gave could not be had. `io`: they are of the I/O zone. */
void reserve_give(uint32_t count, bool io);
/** reserve_more where the caller may wait and its allocation is not optional. False: there will never be so many. */
bool reserve_for_size(uint32_t pages);
/** Another processor wants this one's stock (IPI_STOCK). Interrupts are off. */
void reserve_serve(void);

/* For reclaim.c. */
void reserve_wait_wanted(void); /* until somebody waits for memory */
bool reserve_wait_come(uint64_t deadline_ns); /* true: nobody waits, or the last who looked got what he wants, or memory came; false: time is up */
bool reserve_wanted(uint32_t *pages, uint32_t *io); /* what the last who looked in vain wants; false: it is there by now */
size_t page_reclaim(size_t pages); /* clean pages of the cache; how many */
uint64_t mapped_files_give_up(uint64_t pages); /* evict.c: so many at most; how many */
void reserve_fail_every(uint32_t count); /* debug builds: so often an operation is made to wait */
void reclaim_start(void);

#endif
