/* SPDX-License-Identifier: MIT */
/*
 * A ring of slots that the program has mapped (TPACKET_V2 of Linux's packet_mmap): a frame is put into the next slot, if that is the kernel's, and
 * is the program's from then on until it writes TP_STATUS_KERNEL into the slot. The ring is a file in memory, whose pages are held as long as the ring is;
 * where the next slot is the kernel knows by itself, and of what is in the pages it reads only the slot's status.
 */
#include "socket/packet/packet.h"

#include "base/string.h"
#include "kernel/memory.h"
#include "kernel/page_cache.h"
#include "kernel/reserve.h"
#include "kernel/vfs.h"
#include "net/net.h"

#define ALIGNMENT 16u
#define ALIGN(n) (((n) + ALIGNMENT - 1) & ~(ALIGNMENT - 1))
#define ADDRESS_AT ALIGN(RING_HEADER) /* of a struct sockaddr_ll in a slot */
#define HEADER_BYTES (ADDRESS_AT + (uint32_t)sizeof(struct frame_address))
#define LINK_ROOM 16u
#define SHARE 8 /* of memory, for all rings */
#define NS 1000000000ull

struct slot_header { /* struct tpacket2_hdr */
	uint32_t status, all, bytes;
	uint16_t link_at, network_at;
	uint32_t seconds, ns;
	uint16_t tag, tag_protocol;
	uint8_t zero[4];
};
_Static_assert(sizeof(struct slot_header) == RING_HEADER, "struct tpacket2_hdr");

struct packet_ring {
	struct inode *inode; /* c */
	struct ring_request shape; /* c */
	uint32_t slots_of_block, reserve; /* c */
	uint32_t next; /* n: the slot that is filled next; read without */
	uint64_t page_count; /* c, but while it is made */
	struct page *pages[]; /* c; referenced */
};

static uint64_t pages_used; /* atomic: of all rings */

void packet_ring_free(struct packet_ring *ring)
{
	if (!ring) {
		return;
	}
	for (uint64_t n = 0; n < ring->page_count; n++) {
		page_put(ring->pages[n]);
	}
	__atomic_fetch_sub(&pages_used, (uint64_t)ring->shape.block_bytes / PAGE_SIZE * ring->shape.blocks, __ATOMIC_RELAXED);
	if (ring->inode) {
		inode_put(ring->inode);
	}
	kfree(ring);
}

/* ---- making ---- */

static int shape_check(const struct packet_socket *s, const struct ring_request *r)
{
	bool block = r->block_bytes && r->block_bytes <= INT32_MAX && r->block_bytes % PAGE_SIZE == 0;
	bool slot = r->slot_bytes >= HEADER_BYTES + s->reserve && r->slot_bytes % ALIGNMENT == 0 && r->slot_bytes <= r->block_bytes;
	if (!block || !slot) {
		return -EINVAL;
	}
	return (uint64_t)(r->block_bytes / r->slot_bytes) * r->blocks == r->slots ? 0 : -EINVAL;
}

/* All rings together have an eighth of memory. */
static bool pages_claim(uint64_t count)
{
	uint64_t total, free;
	memory_usage(&total, &free);
	if (count > total / SHARE || __atomic_add_fetch(&pages_used, count, __ATOMIC_RELAXED) <= total / SHARE) {
		return count <= total / SHARE;
	}
	__atomic_fetch_sub(&pages_used, count, __ATOMIC_RELAXED);
	return false;
}

static int ring_create(const struct packet_socket *s, const struct ring_request *r, struct packet_ring **out)
{
	uint64_t count = (uint64_t)r->block_bytes / PAGE_SIZE * r->blocks;
	if (!pages_claim(count)) {
		return -ENOMEM;
	}
	struct packet_ring *ring = kzalloc(sizeof(*ring) + count * sizeof(ring->pages[0]));
	if (!ring) {
		__atomic_fetch_sub(&pages_used, count, __ATOMIC_RELAXED);
		return -ENOMEM;
	}
	ring->shape = *r;
	ring->slots_of_block = r->block_bytes / r->slot_bytes;
	ring->reserve = s->reserve;
	ring->inode = memory_area_create(count * PAGE_SIZE);
	int error = ring->inode ? 0 : -ENOMEM;
	while (!error && ring->page_count < count) {
		reserve_renew();
		error = page_cache_get(ring->inode, ring->page_count, &ring->pages[ring->page_count]);
		ring->page_count += !error;
	}
	if (error) {
		packet_ring_free(ring);
		return -ENOMEM;
	}
	*out = ring;
	return 0;
}

/* The other one, or none, takes its place. */
static int ring_exchange(struct packet_socket *s, struct packet_ring *ring)
{
	net_lock();
	int error = ring && s->ring ? -EBUSY : 0;
	struct packet_ring *old = error ? ring : s->ring;
	if (!error) {
		spin_lock(&s->base.lock);
		s->ring = ring;
		spin_unlock(&s->base.lock);
	}
	net_unlock();
	packet_ring_free(old);
	return error;
}

int packet_ring_set(struct packet_socket *s, const struct ring_request *r)
{
	struct packet_ring *ring = NULL;
	if (!r->blocks) {
		return r->slots ? -EINVAL : ring_exchange(s, NULL);
	}
	if (s->ring) {
		return -EBUSY;
	}
	int error = s->version != TPACKET_V2 ? -EINVAL : shape_check(s, r);
	error = error ? error : ring_create(s, r, &ring);
	return error ? error : ring_exchange(s, ring);
}

int packet_map(struct socket *base, uint64_t offset, uint64_t bytes, struct file **file)
{
	struct packet_socket *s = packet_of(base);
	net_lock();
	const struct packet_ring *ring = s->ring;
	bool fits = ring && !offset && (bytes + PAGE_SIZE - 1) / PAGE_SIZE == ring->page_count;
	struct inode *inode = fits ? ring->inode : NULL;
	if (fits) {
		inode_get(inode);
	}
	net_unlock();
	if (!fits) {
		return -EINVAL;
	}
	*file = memory_area_open(inode);
	inode_put(inode);
	return *file ? 0 : -ENOMEM;
}

/* ---- filling; net lock ---- */

static uint64_t slot_at(const struct packet_ring *ring, uint32_t slot)
{
	return (uint64_t)(slot / ring->slots_of_block) * ring->shape.block_bytes + (uint64_t)(slot % ring->slots_of_block) * ring->shape.slot_bytes;
}

static uint32_t *status_of(const struct packet_ring *ring, uint32_t slot)
{
	uint64_t at = slot_at(ring, slot);
	return (uint32_t *)(void *)((uint8_t *)page_data(ring->pages[at / PAGE_SIZE]) + at % PAGE_SIZE);
}

static void ring_write(const struct packet_ring *ring, uint64_t at, const void *data, uint32_t bytes)
{
	for (const uint8_t *from = data; bytes;) {
		uint32_t room = (uint32_t)(PAGE_SIZE - at % PAGE_SIZE), n = bytes < room ? bytes : room;
		memcpy((uint8_t *)page_data(ring->pages[at / PAGE_SIZE]) + at % PAGE_SIZE, from, n);
		at += n;
		from += n;
		bytes -= n;
	}
}

static void ring_write_frame(const struct packet_ring *ring, uint64_t at, const struct frame *f, uint32_t from, uint32_t bytes)
{
	while (bytes) {
		uint32_t room = (uint32_t)(PAGE_SIZE - at % PAGE_SIZE), n = bytes < room ? bytes : room;
		frame_read(f, from, (uint8_t *)page_data(ring->pages[at / PAGE_SIZE]) + at % PAGE_SIZE, n);
		at += n;
		from += n;
		bytes -= n;
	}
}

bool packet_ring_put(const struct packet_socket *s, const struct frame *f, uint32_t base, uint32_t bytes, uint32_t status)
{
	struct packet_ring *ring = s->ring;
	uint32_t slot = ring->next, *flag = status_of(ring, slot);
	if (__atomic_load_n(flag, __ATOMIC_ACQUIRE) != TP_STATUS_KERNEL) {
		return false;
	}
	uint32_t network_at = base ? ALIGN(HEADER_BYTES) + LINK_ROOM + ring->reserve : ALIGN(HEADER_BYTES + LINK_ROOM) + ring->reserve;
	if (network_at > UINT16_MAX) {
		return false;
	}
	uint64_t at = slot_at(ring, slot);
	uint32_t link_at = network_at - (base ? 0 : LINK_HEADER), room = link_at < ring->shape.slot_bytes ? ring->shape.slot_bytes - link_at : 0;
	bytes = bytes < room ? bytes : room;
	struct slot_header header = { .all = f->bytes - base, .bytes = bytes, .link_at = (uint16_t)link_at, .network_at = (uint16_t)network_at,
		.seconds = (uint32_t)(f->wall_ns / NS), .ns = (uint32_t)(f->wall_ns % NS) };
	struct frame_address from;
	frame_address_from(f, &from);
	ring_write(ring, at, &header, sizeof(header));
	ring_write(ring, at + ADDRESS_AT, &from, sizeof(from));
	ring_write_frame(ring, at + link_at, f, base, bytes);
	__atomic_store_n(flag, status | TP_STATUS_TS_SOFTWARE | (s->drops ? TP_STATUS_LOSING : 0), __ATOMIC_RELEASE);
	__atomic_store_n(&ring->next, (slot + 1) % ring->shape.slots, __ATOMIC_RELEASE);
	return true;
}

bool packet_ring_readable(const struct packet_socket *s)
{
	const struct packet_ring *ring = s->ring;
	if (!ring) {
		return false;
	}
	uint32_t next = __atomic_load_n(&ring->next, __ATOMIC_ACQUIRE), last = (next ? next : ring->shape.slots) - 1;
	return __atomic_load_n(status_of(ring, last), __ATOMIC_ACQUIRE) != TP_STATUS_KERNEL;
}
