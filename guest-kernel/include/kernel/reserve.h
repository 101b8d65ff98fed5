/* SPDX-License-Identifier: MIT */
/*
 * Memory reservations (docs/memory-reservations.md): an operation takes credit for the most pages that it can need before it takes a
 * lock, waits there while there are too few, and then cannot fail for want of memory. Credit is a promise of free pages: all that is
 * promised, to threads and to processors' stocks, is free at every moment. `io` of the pages are of the I/O zone.
 * The fast path is one subtraction on this processor's stock; mm/reserve.c does everything else.
 */
#ifndef KERNEL_RESERVE_H
#define KERNEL_RESERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/thread.h"

/* What operations other than system calls need (system calls: kernel/reserve_table.h). */
#define RESERVE_FAULT 60, 32 /* a page fault: tables, the page, the file's page with what leads to it */
#define RESERVE_SIGNAL 8, 0 /* a handler's frame */
#define RESERVE_WRITEBACK 32, 20 /* writing a file's dirty pages back, a batch of them at a time */
#define RESERVE_EXIT 32, 16 /* closing what a process had open: files that were unlinked lose their blocks */

/** Start an operation: pages in all, of which `io` of the I/O zone. No lock is held but of lines 0 and 1 (docs/locking.md). */
void reserve_begin(uint32_t pages, uint32_t io);
/** It is over: what is left of the reservation is anyone's. */
void reserve_end(void);
/** Between two rounds of a loop, under the same locks as at the start: the whole reservation anew. */
void reserve_renew(void);
/** So many pages more for this operation than its bound says, because of a size that it was given. As reserve_begin. False: there will never be so many. */
bool reserve_more(uint32_t pages);

/* An operation within another one: a fault in a user copy. */
struct reserve_outer {
	uint32_t pages, io;
};
struct reserve_outer reserve_nest(uint32_t pages, uint32_t io);
void reserve_unnest(struct reserve_outer outer);

/** Before a wait that may have no end: nothing is kept from others meanwhile. Then take it again, waiting if need be. */
bool reserve_park(void);
void reserve_unpark(bool parked);

/** From here to the end: allocations that nothing depends on. They leave the reservation alone and fail while memory is short. */
static inline void reserve_optional_begin(void)
{
	thread_current()->reserve_optional++;
}
static inline void reserve_optional_end(void)
{
	thread_current()->reserve_optional--;
}

/** A thread has been told to end: it gets what is kept. */
void reserve_look_again(void);
/** Pages promised to operations that have not used them (a moment's value), and how many threads wait. */
void reserve_usage(uint64_t *promised, uint32_t *waiters);

#endif
