/* SPDX-License-Identifier: MIT */
/*
 * The front (driver) half of a split virtqueue, with its own private record of every outstanding request, in order. The
 * records, never the ring, say what is in flight: a used entry is only a claim, judged against them, and after the back
 * half's reboot the whole ring is written anew from them.
 * Each request has one descriptor, which points to an indirect table of its own (VIRTIO 1.2, 2.7.5.3): its id is the
 * descriptor's index, and the caller keeps what it needs under that id.
 */
#ifndef BULKHEAD_VIRTIO_RING_FRONT_H
#define BULKHEAD_VIRTIO_RING_FRONT_H

#include "abi/errno.h"
#include "virtio/ring.h"

struct ring_front;

/** Write request id's descriptors to table[0..table_entries) and return their number (> 0). Everything that the peer
 *  could have overwritten (headers, status) is to be written too: it is called again for a rebuild. */
typedef unsigned (*ring_describe_t)(void *owner, uint16_t id, struct vring_desc *table);

struct ring_front_setup {
	uint16_t size; /* a power of two up to RING_SIZE_MAX */
	uint16_t table_entries; /* of each indirect table */
	uint32_t writable; /* not 0: each request has all of them, and so many bytes for the peer to write: describe() writes what differs */
	bool event_idx;
	bool in_order; /* the peer completes in order, and is held to that */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	struct vring_desc *tables; /* size * table_entries */
	uint64_t tables_bus;
	ring_describe_t describe;
	void *owner;
};

struct ring_front {
	struct ring_front_setup s;
	uint16_t next_avail; /* avail.idx as we wrote it */
	uint16_t next_used; /* used.idx up to which entries were accepted; next_avail - next_used are outstanding */
	uint16_t kicked; /* next_avail when the peer was last considered for a kick */
	uint16_t free_count;
	uint16_t free[RING_SIZE_MAX];
	uint16_t order[RING_SIZE_MAX]; /* id by position % size */
	struct {
		uint32_t writable; /* bytes that the peer may write: the bound for a used entry's length */
		bool outstanding;
	} records[RING_SIZE_MAX];
};

struct ring_completion {
	uint16_t id;
	uint32_t len;
	uint32_t writable; /* the length that a completed request of this shape has at most */
};

/** Empty rings, index 0. -EINVAL: size. */
int ring_front_init(struct ring_front *ring, const struct ring_front_setup *setup);
/** An id for a new request, or -EAGAIN. */
static inline int ring_front_id(struct ring_front *ring)
{
	return ring->free_count ? ring->free[--ring->free_count] : -EAGAIN;
}
/** Make request `id` available: describe() is called for it. */
void ring_front_submit(struct ring_front *ring, uint16_t id);
/** True: the peer wants to be notified of what was submitted since the last call. */
bool ring_front_kick(struct ring_front *ring);
/** The peer does not want to be rung for the next request alone. */
bool ring_front_is_left_alone(const struct ring_front *ring);
/** Judge the next used entry. 1: *completion is it, and ring_front_accept takes it; 0: none; -EPROTO: impossible. */
static inline int ring_front_peek(const struct ring_front *ring, struct ring_completion *completion)
{
	uint16_t claimed = (uint16_t)(ring_load(&ring->s.used->idx) - ring->next_used);
	if (claimed == 0) {
		return 0;
	}
	if (claimed > (uint16_t)(ring->next_avail - ring->next_used)) {
		return -EPROTO;
	}
	uint16_t slot = ring->next_used & (ring->s.size - 1);
	const volatile struct vring_used_elem *elem = &ring->s.used->ring[slot];
	uint32_t id = elem->id, len = elem->len;
	if (id >= ring->s.size || !ring->records[id].outstanding || (ring->s.in_order && id != ring->order[slot]) ||
	    len > ring->records[id].writable) {
		return -EPROTO;
	}
	*completion = (struct ring_completion){ .id = (uint16_t)id, .len = len, .writable = ring->records[id].writable };
	return 1;
}
static inline void ring_front_accept(struct ring_front *ring, const struct ring_completion *completion)
{
	ring->records[completion->id].outstanding = false;
	ring->free[ring->free_count++] = completion->id;
	ring->next_used++;
}
/** Ask for a signal at the next used entry. True: there is one already; look again. */
bool ring_front_arm(struct ring_front *ring);
/** Likewise, at the one that comes after `more` others. Without EVENT_IDX at each. */
bool ring_front_arm_after(struct ring_front *ring, uint16_t more);
/** The back half has rebooted and does not run: write descriptors, available ring and used index from the records, all
 *  outstanding requests in their order. Take valid completions first. Only with in_order. */
void ring_front_rebuild(struct ring_front *ring);
static inline uint16_t ring_front_in_flight(const struct ring_front *ring)
{
	return (uint16_t)(ring->next_avail - ring->next_used);
}

#endif
