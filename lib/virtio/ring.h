/* SPDX-License-Identifier: MIT */
/*
 * Split virtqueues, what both halves share: sizes, where the event words are, when to notify. VIRTIO 1.2, 2.7.
 * Ring memory is shared with a peer that may write anything at any time: every field is read once, by these functions, into a
 * local, and only the local is judged.
 */
#ifndef BULKHEAD_VIRTIO_RING_H
#define BULKHEAD_VIRTIO_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/virtio.h"

#define RING_SIZE_MAX 256 /* entries of a queue that these halves drive */
#define VRING_AVAIL_F_NO_INTERRUPT 1u
#define VRING_USED_F_NO_NOTIFY 1u

static inline size_t ring_desc_bytes(uint16_t size)
{
	return size * sizeof(struct vring_desc);
}

static inline size_t ring_avail_bytes(uint16_t size)
{
	return sizeof(struct vring_avail) + (size + 1u) * sizeof(uint16_t);
}

static inline size_t ring_used_bytes(uint16_t size)
{
	return sizeof(struct vring_used) + size * sizeof(struct vring_used_elem) + sizeof(uint16_t);
}

static inline uint16_t ring_load(const uint16_t *field)
{
	return __atomic_load_n(field, __ATOMIC_ACQUIRE);
}

static inline void ring_store(uint16_t *field, uint16_t value)
{
	__atomic_store_n(field, value, __ATOMIC_RELEASE);
}

/* used_event lies behind the available ring, avail_event behind the used ring (2.7.6, 2.7.8). */
static inline uint16_t *ring_used_event(struct vring_avail *avail, uint16_t size)
{
	return &avail->ring[size];
}

static inline uint16_t *ring_avail_event(struct vring_used *used, uint16_t size)
{
	return (uint16_t *)&used->ring[size];
}

/** Did the index pass `event` on its way from `before` to `now`? (2.7.7.2) */
static inline bool ring_event_passed(uint16_t event, uint16_t now, uint16_t before)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

/** The sizes that a queue may have: powers of two up to RING_SIZE_MAX. */
static inline bool ring_size_valid(uint32_t size)
{
	return size != 0 && size <= RING_SIZE_MAX && (size & (size - 1)) == 0;
}

#endif
