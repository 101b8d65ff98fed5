/* SPDX-License-Identifier: MIT */
/* The back half of a split virtqueue; ring_back.h has the rules. VIRTIO 1.2, 2.7. */
#include "virtio/ring_back.h"

static bool ring_part(const struct ring_access *access, uint64_t gpa, size_t bytes, size_t align, bool write, void **to)
{
	*to = gpa % align ? NULL : access->cpu(access->owner, gpa, bytes, write);
	return *to != NULL;
}

int ring_back_init(struct ring_back *ring, const struct ring_access *access, uint32_t size, uint64_t desc, uint64_t driver,
	uint64_t device, bool event_idx)
{
	void *parts[3];
	if (!ring_size_valid(size)) {
		return -EINVAL;
	}
	if (!ring_part(access, desc, ring_desc_bytes(size), 16, false, &parts[0]) ||
	    !ring_part(access, driver, ring_avail_bytes(size), 2, false, &parts[1]) ||
	    !ring_part(access, device, ring_used_bytes(size), 4, true, &parts[2])) {
		return -EFAULT;
	}
	ring->access = *access;
	ring->desc = parts[0];
	ring->avail = parts[1];
	ring->used = parts[2];
	ring->size = (uint16_t)size;
	ring->event_idx = event_idx;
	ring->taken = ring->published = ring->signalled = ring_load(&ring->used->idx);
	return 0;
}

/* A walk over one chain: the table it is in now, and how many descriptors it may still visit. */
struct ring_walk {
	const struct vring_desc *table;
	uint32_t entries, left;
	bool indirect;
};

static struct vring_desc ring_fetch(const struct vring_desc *table, uint32_t index)
{
	const volatile struct vring_desc *from = &table[index];
	return (struct vring_desc){ .addr = from->addr, .len = from->len, .flags = from->flags, .next = from->next };
}

static int ring_enter_indirect(struct ring_back *ring, struct ring_walk *walk, const struct vring_desc *d)
{
	uint32_t entries = d->len / sizeof(struct vring_desc);
	if (walk->indirect || (d->flags & VRING_DESC_NEXT) || d->len % sizeof(struct vring_desc) || entries == 0 ||
	    entries > RING_SIZE_MAX || d->addr % 16) {
		return -EINVAL;
	}
	walk->table = ring->access.cpu(ring->access.owner, d->addr, d->len, false);
	walk->entries = walk->left = entries;
	walk->indirect = true;
	return walk->table ? 0 : -EINVAL;
}

static int ring_add_segment(struct ring_chain *chain, const struct vring_desc *d)
{
	bool write = d->flags & VRING_DESC_WRITE;
	if (chain->count == RING_CHAIN_MAX || d->len == 0) {
		return -EINVAL;
	}
	if (!write && chain->count && chain->segments[chain->count - 1].write) {
		return -EINVAL; /* 2.7.4.2: what the device reads comes first */
	}
	chain->segments[chain->count++] = (struct ring_segment){ .gpa = d->addr, .len = d->len, .write = write };
	return 0;
}

static int ring_walk_chain(struct ring_back *ring, uint32_t head, struct ring_chain *chain)
{
	struct ring_walk walk = { .table = ring->desc, .entries = ring->size, .left = ring->size };
	uint32_t index = head;
	for (;;) {
		if (index >= walk.entries || walk.left-- == 0) {
			return -EINVAL;
		}
		struct vring_desc d = ring_fetch(walk.table, index);
		if (d.flags & VRING_DESC_INDIRECT) {
			int error = ring_enter_indirect(ring, &walk, &d);
			if (error) {
				return error;
			}
			index = 0;
			continue;
		}
		int error = ring_add_segment(chain, &d);
		if (error) {
			return error;
		}
		if (!(d.flags & VRING_DESC_NEXT)) {
			return 0;
		}
		index = d.next;
	}
}

int ring_back_take(struct ring_back *ring, struct ring_chain *chain)
{
	int available = ring_back_available(ring);
	if (available <= 0) {
		return available;
	}
	uint16_t slot = ring->taken & (ring->size - 1);
	uint16_t head = ring_load(&ring->avail->ring[slot]);
	ring->entries[slot].head = head;
	ring->entries[slot].done = false;
	chain->position = ring->taken++;
	chain->count = 0;
	int error = ring_walk_chain(ring, head, chain);
	return error ? error : 1;
}

bool ring_back_publish(struct ring_back *ring)
{
	uint16_t before = ring->published;
	while (ring->published != ring->taken && ring->entries[ring->published & (ring->size - 1)].done) {
		uint16_t slot = ring->published & (ring->size - 1);
		volatile struct vring_used_elem *elem = &ring->used->ring[slot];
		elem->id = ring->entries[slot].head;
		elem->len = ring->entries[slot].len;
		ring->published++;
	}
	if (ring->published == before) {
		return false;
	}
	ring_store(&ring->used->idx, ring->published);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* used.idx is out before the peer's wish is read */
	if (!ring->event_idx) {
		return !(ring_load(&ring->avail->flags) & VRING_AVAIL_F_NO_INTERRUPT);
	}
	uint16_t event = ring_load(ring_used_event(ring->avail, ring->size));
	bool signal = ring_event_passed(event, ring->published, ring->signalled);
	ring->signalled = ring->published;
	return signal;
}

bool ring_back_arm(struct ring_back *ring, uint16_t more)
{
	if (ring->event_idx) {
		ring_store(ring_avail_event(ring->used, ring->size), (uint16_t)(ring->taken + more));
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the wish is out before the last look */
	return ring_load(&ring->avail->idx) != ring->taken;
}
