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

/**
 * Is there anything to read? Also for those who sleep until there is, without the lock: bytes are in the ring before they are no longer in
 * pages, and whoever only moves or looks at them counts them all the while, as nobody is woken after that.
 */
static inline bool pipe_is_filled(const struct pipe *p)
{
	return __atomic_load_n(&p->paged, __ATOMIC_ACQUIRE) > 0 || __atomic_load_n(&p->used, __ATOMIC_RELAXED) > 0;
}

/* The first of them; they stay. */
static inline void pipe_ring_copy(const struct pipe *p, char *to, uint32_t bytes)
{
	uint32_t first = p->size - p->start;
	first = first < bytes ? first : bytes;
	memcpy(to, p->ring + p->start, first);
	memcpy(to + first, p->ring, bytes - first);
}

static inline uint32_t pipe_ring_take(struct pipe *p, char *to, uint32_t bytes)
{
	uint32_t n = bytes < p->used ? bytes : p->used;
	pipe_ring_copy(p, to, n);
	p->start = (p->start + n) % p->size;
	p->used -= n;
	return n;
}

static inline void pipe_ring_write(struct pipe *p, uint32_t at, const char *from, uint32_t bytes)
{
	uint32_t first = p->size - at;
	first = first < bytes ? first : bytes;
	memcpy(p->ring + at, from, first);
	memcpy(p->ring, from + first, bytes - first);
	p->used += bytes;
}

static inline uint32_t pipe_ring_put(struct pipe *p, const char *from, uint32_t bytes)
{
	uint32_t room = pipe_room(p), n = bytes < room ? bytes : room;
	pipe_ring_write(p, (p->start + p->used) % p->size, from, n);
	return n;
}

/* In front of what is there: there is room. */
static inline void pipe_ring_return(struct pipe *p, const char *from, uint32_t bytes)
{
	p->start = (p->start + p->size - bytes) % p->size;
	pipe_ring_write(p, p->start, from, bytes);
}

bool pipe_ring_grow(struct pipe *p); /* to the limit. False: no memory */

/** What lies in pages goes into the ring: as the file has it at this moment. */
void pipe_melt_locked(struct pipe *p);
void pipe_pages_drop(struct pipe *p); /* nobody has it any more */

#endif
