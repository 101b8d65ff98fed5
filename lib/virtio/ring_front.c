/* SPDX-License-Identifier: MIT */
/* The front half of a split virtqueue; ring_front.h has the rules. VIRTIO 1.2, 2.7. */
#include "virtio/ring_front.h"

#include "base/string.h"

#define RING_POISON 0xffffffffu /* no request has this id */

/* What the peer reads of a request's shape. */
static inline void ring_write_shape(struct ring_front *ring, uint16_t id, unsigned count, uint32_t writable)
{
	ring->records[id].writable = writable;
	ring->s.desc[id] = (struct vring_desc){
		.addr = ring->s.tables_bus + (size_t)id * ring->s.table_entries * sizeof(struct vring_desc),
		.len = (uint32_t)(count * sizeof(struct vring_desc)),
		.flags = VRING_DESC_INDIRECT,
	};
}

static void ring_clear(struct ring_front *ring)
{
	memset(ring->s.desc, 0, ring_desc_bytes(ring->s.size));
	memset(ring->s.avail, 0, ring_avail_bytes(ring->s.size));
	memset(ring->s.used, 0, ring_used_bytes(ring->s.size));
	for (uint16_t id = 0; ring->s.writable && id < ring->s.size; id++) {
		ring_write_shape(ring, id, ring->s.table_entries, ring->s.writable);
	}
}

int ring_front_init(struct ring_front *ring, const struct ring_front_setup *setup)
{
	if (!ring_size_valid(setup->size)) {
		return -EINVAL;
	}
	memset(ring, 0, sizeof(*ring));
	ring->s = *setup;
	for (uint16_t id = 0; id < setup->size; id++) {
		ring->free[id] = (uint16_t)(setup->size - 1 - id);
	}
	ring->free_count = setup->size;
	ring_clear(ring);
	return 0;
}

/* Write all that the peer reads of one request, for its place in the available ring. */
static inline void ring_write_request(struct ring_front *ring, uint16_t id, uint16_t position)
{
	struct vring_desc *table = ring->s.tables + (size_t)id * ring->s.table_entries;
	unsigned count = ring->s.describe(ring->s.owner, id, table);
	if (!ring->s.writable) {
		uint32_t writable = 0;
		for (unsigned i = count; i && (table[i - 1].flags & VRING_DESC_WRITE); i--) { /* 2.7.4.2: they come last */
			writable += table[i - 1].len;
		}
		ring_write_shape(ring, id, count, writable);
	}
	ring->s.avail->ring[position & (ring->s.size - 1)] = id;
}

void ring_front_submit(struct ring_front *ring, uint16_t id)
{
	ring_write_request(ring, id, ring->next_avail);
	ring->records[id].outstanding = true;
	ring->order[ring->next_avail & (ring->s.size - 1)] = id;
	ring->next_avail++;
	ring_store(&ring->s.avail->idx, ring->next_avail);
}

bool ring_front_kick(struct ring_front *ring)
{
	uint16_t before = ring->kicked;
	if (before == ring->next_avail) {
		return false;
	}
	ring->kicked = ring->next_avail;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* avail.idx is out before the peer's wish is read */
	if (!ring->s.event_idx) {
		return !(ring_load(&ring->s.used->flags) & VRING_USED_F_NO_NOTIFY);
	}
	return ring_event_passed(ring_load(ring_avail_event(ring->s.used, ring->s.size)), ring->next_avail, before);
}

bool ring_front_is_left_alone(const struct ring_front *ring)
{
	return ring->s.event_idx && ring_load(ring_avail_event(ring->s.used, ring->s.size)) != ring->next_avail;
}

bool ring_front_arm_after(struct ring_front *ring, uint16_t more)
{
	if (ring->s.event_idx) {
		ring_store(ring_used_event(ring->s.avail, ring->s.size), (uint16_t)(ring->next_used + more));
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the wish is out before the last look */
	return (uint16_t)(ring_load(&ring->s.used->idx) - ring->next_used) > more;
}

bool ring_front_arm(struct ring_front *ring)
{
	return ring_front_arm_after(ring, 0);
}

void ring_front_rebuild(struct ring_front *ring)
{
	ring_clear(ring);
	for (uint16_t i = 0; i < ring->s.size; i++) {
		ring->s.used->ring[i].id = RING_POISON;
	}
	for (uint16_t position = ring->next_used; position != ring->next_avail; position++) {
		ring_write_request(ring, ring->order[position & (ring->s.size - 1)], position);
	}
	*ring_used_event(ring->s.avail, ring->s.size) = ring->next_used;
	*ring_avail_event(ring->s.used, ring->s.size) = ring->next_used;
	ring->kicked = ring->next_used;
	ring_store(&ring->s.used->idx, ring->next_used);
	ring_store(&ring->s.avail->idx, ring->next_avail);
}
