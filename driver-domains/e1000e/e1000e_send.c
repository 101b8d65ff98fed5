/* SPDX-License-Identifier: MIT */
/*
 * The send ring (7.2): extended data descriptors, and a context descriptor before a frame whose checksum or segmentation the
 * adapter's context does not describe yet. Only the last descriptor of what one flush shows reports its end: those before it ended
 * earlier, because the ring is worked through in order.
 */
#include "e1000e_internal.h"

#include "abi/errno.h"
#include "base/string.h"

#define IP_START 14u /* behind the Ethernet header */
#define IP4_CHECKSUM (IP_START + 10u)
#define SUM_OFFSET_MAX 255u /* context fields of a byte */
#define DELAY_US 256u /* about, of an interrupt for frames that were sent */

static unsigned pieces_of(const struct net_frame *frame)
{
	unsigned count = 0;
	for (uint32_t i = 0; i < frame->segment_count; i++) {
		count += (frame->segments[i].len + SEND_PIECE - 1) / SEND_PIECE;
	}
	return count;
}

static uint32_t bytes_of(const struct net_frame *frame)
{
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < frame->segment_count; i++) {
		bytes += frame->segments[i].len;
		if (frame->segments[i].len == 0) {
			return 0;
		}
	}
	return bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
}

/* Offsets that lie in the frame and fit their fields. */
static bool offload_valid(const struct netdev *dev, const struct net_offload *o, uint32_t bytes)
{
	if (!(o->flags & NET_NEEDS_CSUM)) {
		return o->gso == NET_GSO_NONE && bytes <= FRAME_BYTES_MAX;
	}
	uint32_t field = (uint32_t)o->csum_start + o->csum_offset;
	if (!dev->csum || o->csum_start < IP_START || field > SUM_OFFSET_MAX || field + 2 > bytes) {
		return false;
	}
	if (o->gso == NET_GSO_NONE) {
		return bytes <= FRAME_BYTES_MAX;
	}
	bool known = (o->gso == NET_GSO_TCP4 && dev->tso4) || (o->gso == NET_GSO_TCP6 && dev->tso6);
	return known && o->gso_bytes != 0 && o->header_bytes > field && o->header_bytes <= SUM_OFFSET_MAX && o->header_bytes < bytes &&
	       (uint32_t)o->header_bytes + o->gso_bytes <= FRAME_BYTES_MAX && bytes <= dev->send_bytes_max;
}

static void descriptor_add(struct e1000e *nic, const struct e1000e_send_descriptor *d)
{
	nic->send_descriptors[nic->send.tail] = *d;
	nic->send.tail = ring_next(nic->send.tail);
}

/* 7.2.11: one context serves all frames that follow with the same offsets; segmentation has the frame's length in it. */
static void context_add(struct e1000e *nic, const struct net_offload *o, uint32_t bytes)
{
	bool gso = o->gso != NET_GSO_NONE, ip4 = o->gso == NET_GSO_TCP4;
	struct e1000e_context wanted = { o->csum_start, o->csum_offset };
	if (!gso && memcmp(&wanted, &nic->context, sizeof(wanted)) == 0) {
		return;
	}
	struct e1000e_send_descriptor d = { 0 };
	d.context.ip_start = IP_START;
	d.context.ip_offset = ip4 ? IP4_CHECKSUM : 0;
	d.context.ip_end = ip4 ? (uint16_t)(o->csum_start - 1) : 0;
	d.context.sum_start = (uint8_t)o->csum_start;
	d.context.sum_offset = (uint8_t)(o->csum_start + o->csum_offset);
	d.command = TX_DEXT;
	if (gso) {
		d.command |= TX_TSE | TX_CONTEXT_TCP | (ip4 ? TX_CONTEXT_IP4 : 0) | (bytes - o->header_bytes);
		d.options = (uint8_t)o->header_bytes;
		d.special = o->gso_bytes;
		wanted = (struct e1000e_context){ 0 };
	} else {
		d.command |= o->csum_offset == 16 ? TX_CONTEXT_TCP : 0;
	}
	nic->context = wanted;
	descriptor_add(nic, &d);
}

/* The options count in a frame's first descriptor (7.2.12.4); each has them, since QEMU looks at the last one's. */
static void data_add(struct e1000e *nic, const struct net_frame *frame)
{
	const struct net_offload *o = &frame->offload;
	uint32_t command = TX_DEXT | TX_TYPE_DATA | TX_IFCS | (o->gso ? TX_TSE : 0);
	uint8_t options = o->flags & NET_NEEDS_CSUM ? TX_OPTION_SUM | (o->gso == NET_GSO_TCP4 ? TX_OPTION_IP : 0) : 0;
	for (uint32_t i = 0; i < frame->segment_count; i++) {
		const struct net_segment *s = &frame->segments[i];
		for (uint32_t at = 0; at < s->len; at += SEND_PIECE) {
			uint32_t len = s->len - at < SEND_PIECE ? s->len - at : SEND_PIECE;
			bool last = i == frame->segment_count - 1 && at + len == s->len;
			struct e1000e_send_descriptor d = { .address = s->bus + at, .command = command | len | (last ? TX_EOP : 0), .options = options };
			descriptor_add(nic, &d);
		}
	}
}

static int frame_add(struct e1000e *nic, struct net_frame *frame, uint32_t bytes)
{
	if (nic->gone) {
		return -EIO;
	}
	if (nic->down || ring_room(&nic->send) < pieces_of(frame) + 1) {
		return -EAGAIN;
	}
	if (nic->send.head == nic->send.tail) {
		nic->progress = env_time_ns();
	}
	if (frame->offload.flags & NET_NEEDS_CSUM) {
		context_add(nic, &frame->offload, bytes);
	}
	data_add(nic, frame);
	nic->frames[(nic->send.tail + RING_ENTRIES - 1) % RING_ENTRIES] = frame;
	return 0;
}

int e1000e_send(struct netdev *dev, struct net_frame *frame)
{
	struct e1000e *nic = dev->driver;
	if (frame->segment_count == 0 || frame->segment_count > NET_FRAME_SEGMENTS) {
		return -EINVAL;
	}
	uint32_t bytes = bytes_of(frame);
	if (bytes < IP_START || !offload_valid(dev, &frame->offload, bytes)) {
		return -EINVAL;
	}
	env_lock(&nic->lock);
	int error = frame_add(nic, frame, bytes);
	env_unlock(&nic->lock);
	return error;
}

bool e1000e_send_show(struct e1000e *nic)
{
	struct e1000e_ring *ring = &nic->send;
	if (ring->shown == ring->tail) {
		return false;
	}
	uint32_t last = (ring->tail + RING_ENTRIES - 1) % RING_ENTRIES;
	nic->send_descriptors[last].command |= TX_RS | (nic->moderate ? 0 : TX_IDE);
	nic->marks[nic->mark_tail] = (uint16_t)last;
	nic->mark_tail = ring_next(nic->mark_tail);
	ring->shown = ring->tail;
	return true;
}

static void frame_end(struct e1000e *nic, struct net_frame *frame)
{
	frame->next = NULL;
	*nic->sent_end = frame;
	nic->sent_end = &frame->next;
}

/* All descriptors up to and with `last` are done. */
static unsigned send_advance(struct e1000e *nic, uint32_t end)
{
	unsigned count = 0;
	for (; nic->send.head != end; nic->send.head = ring_next(nic->send.head)) {
		struct net_frame *frame = nic->frames[nic->send.head];
		if (frame) {
			nic->frames[nic->send.head] = NULL;
			frame_end(nic, frame);
			count++;
		}
	}
	return count;
}

unsigned e1000e_send_collect(struct e1000e *nic)
{
	unsigned found = 0;
	while (nic->mark_head != nic->mark_tail) {
		uint32_t last = nic->marks[nic->mark_head];
		if (!(__atomic_load_n(&nic->send_descriptors[last].status, __ATOMIC_ACQUIRE) & TX_DD)) {
			break;
		}
		nic->mark_head = ring_next(nic->mark_head);
		found += send_advance(nic, ring_next(last));
		nic->progress = env_time_ns();
	}
	return found;
}

void e1000e_send_drop(struct e1000e *nic)
{
	send_advance(nic, nic->send.tail);
	nic->send.shown = nic->send.tail;
	nic->mark_head = nic->mark_tail = 0;
}

void e1000e_send_start(struct e1000e *nic)
{
	struct e1000e_ring *ring = &nic->send;
	uint32_t control = TXDCTL_GRAN | TXDCTL_WTHRESH(1u) | (nic->old ? 0 : TXDCTL_82574);
	ring->head = ring->tail = ring->shown = 0;
	nic->mark_head = nic->mark_tail = 0;
	nic->context = (struct e1000e_context){ 0 };
	nic->progress = env_time_ns();
	nic_write(nic, REG_TDBAL, (uint32_t)ring->bus);
	nic_write(nic, REG_TDBAH, (uint32_t)(ring->bus >> 32));
	nic_write(nic, REG_TDLEN, RING_ENTRIES * sizeof(struct e1000e_send_descriptor));
	nic_write(nic, REG_TDH, 0);
	nic_write(nic, REG_TDT, 0);
	nic_write(nic, REG_TIDV, DELAY_US);
	nic_write(nic, REG_TADV, 2 * DELAY_US);
	nic_write(nic, REG_TXDCTL, control);
	nic_write(nic, REG_TIPG, TIPG_COPPER);
	nic_write(nic, REG_TCTL, TCTL_EN | TCTL_PSP | TCTL_CT | TCTL_COLD);
	/* A frame of many small segments takes most descriptors; the depth is for usual ones. */
	nic->dev.send_depth = RING_ENTRIES / 2;
}
