/* SPDX-License-Identifier: MIT */
/*
 * A pipe, for pipe.c and pipe_splice.c. Its bytes are those in the ring, and behind them those of files' pages that splice(2) has put in. Room for
 * the latter is kept in the ring, so that they can become bytes there at any moment and nothing else has to know of them.
 */
#ifndef FS_PIPE_INTERNAL_H
#define FS_PIPE_INTERNAL_H

#include "base/string.h"
#include "kernel/vfs.h"

#define PIPE_BUF 4096u

struct pipe_pages {
	uint32_t count, most;
	struct page_part parts[]; /* each with a reference; in order */
};

struct pipe {
	spinlock_t lock;
	uint32_t references; /* under lock, as all below: files and the FIFO's inode */
	uint32_t readers, writers;
	uint32_t reader_opens, writer_opens; /* counted for FIFOs that wait for the other side */
	char *ring;
	uint32_t size, start, used;
	uint32_t limit; /* that size can become */
	uint32_t held; /* room kept for pages' bytes, and for those that a splice has taken or is to bring */
	uint32_t paged; /* bytes in pages, behind those of the ring */
	struct pipe_pages *pages; /* NULL: there never were any */
	bool taken; /* by a splice, which may give some back: no other one takes meanwhile */
	struct waitq read_queue, write_queue;
};

static inline uint32_t pipe_room(const struct pipe *p)
{
	return p->size - p->used - p->held;
}

static inline uint32_t pipe_ring_take(struct pipe *p, char *to, uint32_t bytes)
{
	uint32_t n = bytes < p->used ? bytes : p->used, first = p->size - p->start;
	first = first < n ? first : n;
	memcpy(to, p->ring + p->start, first);
	memcpy(to + first, p->ring, n - first);
	p->start = (p->start + n) % p->size;
	p->used -= n;
	return n;
}

static inline uint32_t pipe_ring_put(struct pipe *p, const char *from, uint32_t bytes)
{
	uint32_t room = p->size - p->used - p->held, n = bytes < room ? bytes : room;
	uint32_t at = (p->start + p->used) % p->size, first = p->size - at;
	first = first < n ? first : n;
	memcpy(p->ring + at, from, first);
	memcpy(p->ring, from + first, n - first);
	p->used += n;
	return n;
}

bool pipe_ring_grow(struct pipe *p); /* to the limit. False: no memory */

/** What lies in pages goes into the ring: as the file has it at this moment. */
void pipe_melt_locked(struct pipe *p);
void pipe_pages_drop(struct pipe *p); /* nobody has it any more */

#endif
