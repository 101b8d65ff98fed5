/* SPDX-License-Identifier: MIT */
/*
 * The back (device) half of a split virtqueue. It completes in the order in which the front half made available
 * (VIRTIO_F_IN_ORDER's rule), whatever the order in which the device finishes: so the ring itself is the journal, and
 * what is in flight is available minus used. A new back half starts at used.idx.
 * Nothing that the front half writes can do more harm than a failed request: every index is bounded, every address goes
 * through ring_access, and a chain is copied out before it is judged.
 */
#ifndef BULKHEAD_VIRTIO_RING_BACK_H
#define BULKHEAD_VIRTIO_RING_BACK_H

#include "abi/errno.h"
#include "virtio/ring.h"

#define RING_CHAIN_MAX 66 /* segments of a chain: 64 of data, a header, a status byte */

struct ring_access {
	/** A pointer for the processor to the front end's [gpa, gpa + bytes), or NULL where that is not granted. */
	void *(*cpu)(void *owner, uint64_t gpa, uint64_t bytes, bool write);
	void *owner;
};

struct ring_segment {
	uint64_t gpa;
	uint32_t len;
	bool write; /* the device writes it */
};

struct ring_chain {
	uint16_t position; /* names the chain to ring_back_complete */
	uint16_t count;
	struct ring_segment segments[RING_CHAIN_MAX]; /* read-only ones first */
};

/* A piece of the front end's memory that the back half may reach, as one grant has it. */
struct ring_span {
	uint64_t gpa, bytes;
	void *at; /* for the processor, where the grant is for it */
};

/* The commonest chain: two segments, both to be written, in an indirect table. */
struct ring_pair {
	uint16_t position;
	struct ring_segment segments[2];
};

struct ring_back {
	struct ring_access access;
	const struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t size;
	bool event_idx;
	uint16_t taken; /* next available index to take */
	uint16_t published; /* used.idx as we wrote it; taken - published chains are with the device */
	uint16_t signalled; /* used.idx when the peer was last considered for a signal */
	struct {
		uint32_t len;
		uint16_t head;
		bool done;
	} entries[RING_SIZE_MAX]; /* by position % size */
};

/** Start at used.idx. -EINVAL: size; -EFAULT: the rings are not where the front end granted access, or misaligned. */
int ring_back_init(struct ring_back *ring, const struct ring_access *access, uint32_t size, uint64_t desc, uint64_t driver,
	uint64_t device, bool event_idx);
/** How many chains there are to be taken; -EPROTO: as ring_back_take. */
static inline int ring_back_available(const struct ring_back *ring)
{
	uint16_t available = ring_load(&ring->avail->idx), open = (uint16_t)(available - ring->published);
	return open > ring->size || open < (uint16_t)(ring->taken - ring->published) ? -EPROTO : (uint16_t)(available - ring->taken);
}

static inline bool ring_span_has(const struct ring_span *span, uint64_t gpa, uint64_t bytes)
{
	return bytes <= span->bytes && gpa - span->gpa <= span->bytes - bytes;
}

/** One of those that ring_back_available counted, if it is a pair whose table lies in `tables`: true, and *pair is it. False: nothing was taken, and it
 *  is ring_back_take's to judge. Lengths may be 0. In line, for it is taken once for each frame that is received. */
static inline bool ring_back_take_pair(struct ring_back *ring, const struct ring_span *tables, struct ring_pair *pair)
{
	uint16_t slot = ring->taken & (ring->size - 1), head = ring_load(&ring->avail->ring[slot]);
	if (head >= ring->size) {
		return false;
	}
	const volatile struct vring_desc *d = &ring->desc[head];
	uint64_t at = d->addr;
	if (d->len != 2 * sizeof(*d) || d->flags != VRING_DESC_INDIRECT || at % 16 || !ring_span_has(tables, at, 2 * sizeof(*d))) {
		return false;
	}
	d = (const volatile struct vring_desc *)((const char *)tables->at + (at - tables->gpa));
	if (d[0].flags != (VRING_DESC_NEXT | VRING_DESC_WRITE) || d[0].next != 1 || d[1].flags != VRING_DESC_WRITE) {
		return false;
	}
	pair->segments[0] = (struct ring_segment){ .gpa = d[0].addr, .len = d[0].len, .write = true };
	pair->segments[1] = (struct ring_segment){ .gpa = d[1].addr, .len = d[1].len, .write = true };
	ring->entries[slot].head = head;
	ring->entries[slot].done = false;
	pair->position = ring->taken++;
	return true;
}

/** Take the next chain. 1: *chain is it. 0: none available. -EINVAL: a chain that makes no sense; complete its position
 *  with length 0. -EPROTO: the available index itself is impossible; the queue is dead until the front end resets it. */
int ring_back_take(struct ring_back *ring, struct ring_chain *chain);
/** A chain is finished, `len` bytes of it written. The front half sees it at ring_back_publish. */
static inline void ring_back_complete(struct ring_back *ring, uint16_t position, uint32_t len)
{
	uint16_t slot = position & (ring->size - 1);
	ring->entries[slot].len = len;
	ring->entries[slot].done = true;
}
/** Put all that is finished, in order, on the used ring. True: signal the peer. */
bool ring_back_publish(struct ring_back *ring);
/** Ask for a signal at the next available chain but `more` (without EVENT_IDX at each). True: there is a chain already; look again. */
bool ring_back_arm(struct ring_back *ring, uint16_t more);
/** Chains taken and not yet on the used ring. */
static inline uint16_t ring_back_in_flight(const struct ring_back *ring)
{
	return (uint16_t)(ring->taken - ring->published);
}

#endif
