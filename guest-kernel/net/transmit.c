/* SPDX-License-Identifier: MIT */
/*
 * lwIP's packets to the device. Headers and small pieces are copied into the frame's bounce packet, so that lwIP may write into its headers
 * again at once, as TCP does when it sends a segment once more; larger pieces go by reference wherever the device reaches them. For these
 * a frame holds the first pbuf of the chain that it refers to (not the header's: TCP takes a segment whose pbuf is held for one that is
 * still on its way), and each page of the I/O zone, which TCP may let go of as soon as the other side has it.
 *
 * Segments of TCP that follow each other under one hold of the net lock go out as one frame, if the device cuts frames (join.h). A full
 * queue costs no packet of TCP's: it keeps what it could not send and is asked again when there is room.
 */
#include "net/interface.h"

#include "abi/errno.h"
#include "arch/cpu.h"
#include "base/big_endian.h"
#include "base/string.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "lwip/priv/tcp_priv.h"
#include "net/lwip/hooks.h"
#include "net/net.h"
#include "net/packet.h"
#include "net/tap.h"

#define COPY_MOST 192u /* bytes: less is copied rather than referred to */
#define HEADERS_MOST 136u /* Ethernet, IP and TCP with options */
#define GSO_SPARE 64u /* bytes of headers that count elsewhere */
#define RECLAIM_NS 50000000ull
#define PHYSMAP_END 0xffffc90000000000ull

static struct {
	uint64_t zone, zone_end, packets, packets_end; /* physical */
} reach;

static void sent_done(struct net_frame *frame)
{
	struct sending *s = frame->owner;
	struct interface *i = s->interface;
	spin_lock(&i->lock);
	s->next = i->sent;
	__atomic_store_n(&i->sent, s, __ATOMIC_RELEASE);
	bool wake = __atomic_load_n(&i->stalled, __ATOMIC_RELAXED);
	spin_unlock(&i->lock);
	if (wake) {
		waitq_wake_all(&i->work);
	}
}

static void reclaim_time(struct timer *timer)
{
	struct interface *i = timer->arg;
	__atomic_store_n(&i->reclaim_due, true, __ATOMIC_SEQ_CST);
	waitq_wake_all(&i->work);
}

/* ---- a frame ---- */

static bool in_zone(uint64_t phys)
{
	return phys >= reach.zone && phys < reach.zone_end;
}

bool transmit_reaches(const void *data)
{
	uint64_t at = (uint64_t)data;
	if (at < PHYSMAP || at >= PHYSMAP_END) {
		return false;
	}
	return !platform_is_bulkhead() || in_zone(at - PHYSMAP) || (at - PHYSMAP >= reach.packets && at - PHYSMAP < reach.packets_end);
}

/* The pages of [from, to), both in the zone. */
static void pages_hold(uint64_t from, uint64_t to)
{
	for (uint64_t at = from & ~(PAGE_SIZE - 1); at < to; at += PAGE_SIZE) {
		page_get(page_from_phys(at));
	}
}

static void pages_let_go(uint64_t from, uint64_t to)
{
	for (uint64_t at = from & ~(PAGE_SIZE - 1); at < to; at += PAGE_SIZE) {
		page_put(page_from_phys(at));
	}
}

/* What follows the last segment in memory makes it longer. False: too many segments. */
static bool sending_add(struct sending *s, uint64_t phys, uint32_t bytes)
{
	struct net_segment *last = s->frame.segment_count ? &s->segments[s->frame.segment_count - 1] : NULL;
	uint64_t hold_from = phys;
	if (last && last->bus + last->len == phys && in_zone(phys) == in_zone(last->bus)) {
		hold_from = (phys + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1); /* the page of its end is held already */
		last->len += bytes;
	} else if (s->frame.segment_count < NET_FRAME_SEGMENTS) {
		s->segments[s->frame.segment_count++] = (struct net_segment){ .bus = phys, .len = bytes };
	} else {
		return false;
	}
	if (in_zone(phys)) {
		pages_hold(hold_from, phys + bytes);
	}
	s->bytes += bytes;
	return true;
}

static bool sending_copy(struct sending *s, const void *data, uint32_t bytes)
{
	if (bytes > NET_BUFFER_BYTES - s->bounced) {
		return false;
	}
	uint8_t *to = s->bounce->data + s->bounced;
	memcpy(to, data, bytes);
	s->bounced += bytes;
	return sending_add(s, virt_to_phys(to), bytes);
}

static bool sending_piece(struct sending *s, const uint8_t *data, uint32_t bytes, bool *referred)
{
	uint32_t copied = s->bytes ? 0 : HEADERS_MOST; /* headers lie in the first piece */
	if (bytes <= copied || bytes <= COPY_MOST || !transmit_reaches(data)) {
		copied = bytes;
	}
	if (copied && !sending_copy(s, data, copied)) {
		return false;
	}
	*referred = copied < bytes;
	return !*referred || sending_add(s, virt_to_phys(data + copied), bytes - copied);
}

/* What lies behind the first `skip` bytes of a packet. */
static bool sending_fill(struct sending *s, struct pbuf *p, uint32_t skip)
{
	uint32_t left = p->tot_len;
	bool held = false;
	for (struct pbuf *q = p; q && left; q = q->next) {
		uint32_t bytes = q->len < left ? q->len : left;
		uint32_t from = skip < bytes ? skip : bytes;
		bool referred = false;
		if (bytes > from && !sending_piece(s, (uint8_t *)q->payload + from, bytes - from, &referred)) {
			return false;
		}
		if (referred && !held) {
			pbuf_ref(q);
			s->held[s->held_count++] = q;
			held = true;
		}
		skip -= from;
		left -= bytes;
	}
	return true;
}

static void sending_let_go(struct sending *s)
{
	for (uint32_t n = 0; n < s->frame.segment_count; n++) {
		const struct net_segment *segment = &s->segments[n];
		if (in_zone(segment->bus)) {
			pages_let_go(segment->bus, segment->bus + segment->len);
		}
	}
	for (unsigned n = 0; n < s->held_count; n++) {
		pbuf_free(s->held[n]);
	}
	s->next = s->interface->sending_free;
	s->interface->sending_free = s;
	s->interface->sending_out--;
}

void transmit_reclaim(struct interface *i)
{
	if (!__atomic_load_n(&i->sent, __ATOMIC_ACQUIRE)) {
		return;
	}
	spin_lock(&i->lock);
	struct sending *s = i->sent;
	i->sent = NULL;
	spin_unlock(&i->lock);
	while (s) {
		struct sending *next = s->next;
		sending_let_go(s);
		s = next;
	}
}

static struct sending *sending_new(struct interface *i)
{
	if (i->sending_out > i->dev->send_depth / 2) {
		i->dev->ops->poll(i->dev);
		transmit_reclaim(i);
	}
	struct sending *s = i->sending_free;
	if (s) {
		i->sending_free = s->next;
		i->sending_out++;
		s->frame = (struct net_frame){ .segments = s->segments, .done = sent_done, .owner = s };
		s->bounced = s->held_count = s->bytes = 0;
	}
	return s;
}

/* ---- offloads ---- */

/* Where the TCP header of a whole frame is, and how long what it heads; 0: it is no such frame. */
static unsigned tcp_find(const uint8_t *frame, uint32_t bytes, uint32_t *length)
{
	unsigned at = 54;
	if (get16(frame + 12) == 0x0800 && frame[23] == 6 && (get16(frame + 20) & 0x3fff) == 0) {
		at = 14 + (frame[14] & 15) * 4u;
		*length = get16(frame + 16) - (at - 14);
	} else if (get16(frame + 12) == 0x86dd && frame[20] == 6) {
		*length = get16(frame + 18);
	} else {
		return 0;
	}
	return at + *length <= bytes && *length >= 20 ? at : 0;
}

static uint16_t pseudo_sum(const uint8_t *frame, uint32_t length)
{
	bool v6 = get16(frame + 12) == 0x86dd;
	uint8_t rest[4] = { 0, 6, (uint8_t)(length >> 8), (uint8_t)length };
	uint32_t sum = (uint32_t)net_checksum(frame + (v6 ? 22 : 26), v6 ? 32 : 8) + net_checksum(rest, sizeof(rest));
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* The stack leaves TCP's checksum to a device that makes it (VIRTIO 1.2, 5.1.6.2); the headers are in the bounce packet. */
static void sending_offload(struct sending *s)
{
	const struct netdev *dev = s->interface->dev;
	uint8_t *frame = s->bounce->data;
	uint32_t length = 0;
	if (!dev->csum || s->bounced < 54) {
		return;
	}
	bool joined = s->segment.count > 1;
	unsigned at = joined ? s->segment.tcp_at : tcp_find(frame, s->bytes, &length);
	if (!at || at + 20 > s->segments[0].len) {
		return;
	}
	s->frame.offload = (struct net_offload){ .flags = NET_NEEDS_CSUM, .csum_start = (uint16_t)at, .csum_offset = 16 };
	if (joined) {
		length = segment_finish(&s->segment, frame, s->bytes, dev->gso_bare);
		s->frame.offload.gso = get16(frame + 12) == 0x86dd ? NET_GSO_TCP6 : NET_GSO_TCP4;
		s->frame.offload.gso_bytes = s->segment.piece;
		s->frame.offload.header_bytes = s->segment.header_bytes;
	}
	uint16_t pseudo = pseudo_sum(frame, length);
	memcpy(frame + at + 16, &pseudo, sizeof(pseudo));
}

/* How much of a packet behind its headers would be copied, and into how many segments it goes at most. */
static bool room_for(const struct sending *s, const struct pbuf *p, uint32_t skip)
{
	uint32_t copied = s->bounced, count = s->frame.segment_count;
	for (; p; p = p->next) {
		uint32_t from = skip < p->len ? skip : p->len, bytes = p->len - from;
		copied += bytes <= COPY_MOST || !transmit_reaches((uint8_t *)p->payload + from) ? bytes : 0;
		count += bytes != 0;
		skip -= from;
	}
	return copied <= NET_BUFFER_BYTES && count <= NET_FRAME_SEGMENTS && s->held_count < SENDING_HELD;
}

bool transmit_takes(const struct pbuf *p)
{
	static const struct sending none = { .bounced = HEADERS_MOST };
	return room_for(&none, p, 0);
}

/* A segment that follows the frame that waits: it goes along. */
static bool pending_join(struct interface *i, struct pbuf *p, const struct segment *segment)
{
	struct sending *s = i->pending;
	if (!s || !segment->tcp_at || s->bytes + segment->payload > i->dev->send_bytes_max - GSO_SPARE ||
	    !segment_follows(&s->segment, s->bounce->data, segment, p->payload) || !room_for(s, p, segment->header_bytes)) {
		return false;
	}
	sending_fill(s, p, segment->header_bytes);
	segment_join(&s->segment, s->bounce->data, segment);
	return true;
}

/* ---- out ---- */

/* From here on the thread is woken when a frame is done; what was done before is seen by the look that follows. */
static void transmit_stall(struct interface *i)
{
	__atomic_store_n(&i->stalled, true, __ATOMIC_SEQ_CST);
	i->dev->ops->poll(i->dev);
	transmit_reclaim(i);
}

static int sending_send(struct sending *s)
{
	struct netdev *dev = s->interface->dev;
	int error = dev->ops->send(dev, &s->frame);
	if (error == -EAGAIN) {
		transmit_stall(s->interface);
		error = dev->ops->send(dev, &s->frame);
	}
	return error;
}

static void reclaim_later(struct interface *i)
{
	if (!i->reclaim_set) {
		i->reclaim_set = true;
		timer_set(&i->reclaim, time_ns() + RECLAIM_NS);
	}
}

/* 0; -EAGAIN: it still waits. Any other error has cost it. */
static int pending_send(struct interface *i)
{
	struct sending *s = i->pending;
	if (!s) {
		return 0;
	}
	sending_offload(s);
	bool holds = s->held_count != 0;
	int error = sending_send(s);
	if (error == -EAGAIN) {
		return error;
	}
	i->pending = NULL;
	if (error) {
		i->sent_counts.errors += s->segment.count ? s->segment.count : 1;
		sending_let_go(s);
	} else if (holds) {
		reclaim_later(i);
	}
	return 0;
}

static bool may_grow(const struct interface *i, const struct segment *segment)
{
	return segment->tcp_at && (segment->tcp_at == 34 ? i->dev->tso4 : i->dev->tso6);
}

err_t transmit_output(struct netif *netif, struct pbuf *p)
{
	struct interface *i = netif->state;
	i->sent_last = p;
	struct segment segment = segment_read(p->payload, p->len, p->tot_len);
	if (!pending_join(i, p, &segment)) {
		struct sending *s = pending_send(i) ? NULL : sending_new(i);
		if (!s && !i->pending) {
			transmit_stall(i);
			s = sending_new(i);
		}
		if (!s) {
			return ERR_MEM;
		}
		if (!sending_fill(s, p, 0)) {
			sending_let_go(s);
			i->sent_counts.dropped++;
			return ERR_BUF;
		}
		s->segment = segment;
		if (segment.count > 1) {
			put16(s->bounce->data + segment.tcp_at + 18, 0);
		}
		i->pending = s;
		if (!may_grow(i, &segment)) {
			s->segment.tcp_at = 0;
			pending_send(i);
		}
	}
	i->handed_over = true;
	i->sent_counts.packets += segment.count ? segment.count : 1;
	i->sent_counts.bytes += p->tot_len + (segment.count > 1 ? (segment.count - 1) * segment.header_bytes : 0u);
	if (tap_is_open()) {
		tap_sent(i, p);
	}
	return ERR_OK;
}

err_t transmit_as_it_is(struct interface *i, struct pbuf *p)
{
	struct sending *s = pending_send(i) ? NULL : sending_new(i);
	if (!s) {
		return ERR_MEM;
	}
	bool filled = sending_fill(s, p, 0);
	int error = filled ? sending_send(s) : -EAGAIN;
	if (error) {
		sending_let_go(s);
		return ERR_MEM;
	}
	if (s->held_count) {
		reclaim_later(i);
	}
	i->handed_over = true;
	i->sent_counts.packets++;
	i->sent_counts.bytes += p->tot_len;
	if (tap_is_open()) {
		tap_sent(i, p);
	}
	return ERR_OK;
}

void transmit_finish(struct interface *i)
{
	if (i->handed_over) {
		i->handed_over = false;
		pending_send(i);
		net_active();
		__atomic_store_n(&i->flush_due, true, __ATOMIC_RELEASE);
	}
}

/* Not preempted: others leave what they hand over meanwhile to who tells the device. */
void transmit_flush(struct interface *i)
{
	if (__atomic_load_n(&i->flush_due, __ATOMIC_RELAXED)) {
		uint64_t flags = interrupts_save();
		if (__atomic_exchange_n(&i->flush_due, false, __ATOMIC_ACQUIRE)) {
			i->dev->ops->flush(i->dev);
		}
		interrupts_restore(flags);
	}
}

int transmit_start(struct interface *i)
{
	uint64_t bytes;
	memory_io_zone(&reach.zone, &bytes);
	reach.zone_end = reach.zone + bytes;
	packet_memory(&reach.packets, &bytes);
	reach.packets_end = reach.packets + bytes;
	timer_init(&i->reclaim, reclaim_time, i);
	for (uint32_t n = 0; n < i->dev->send_depth; n++) {
		struct sending *s = kzalloc(sizeof(*s));
		struct packet *bounce = s ? packet_get() : NULL;
		if (!bounce) {
			kfree(s);
			return n ? 0 : -ENOMEM;
		}
		s->bounce = bounce;
		s->interface = i;
		s->next = i->sending_free;
		i->sending_free = s;
	}
	return 0;
}
