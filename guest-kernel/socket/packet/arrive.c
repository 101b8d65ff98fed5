/* SPDX-License-Identifier: MIT */
/* A frame is shown to the sockets of AF_PACKET, under the net lock: nothing is waited for, and who has no room for it counts it as lost. */
#include "socket/packet/packet.h"

#include "base/big_endian.h"
#include "base/string.h"
#include "net/lwip/hooks.h"
#include "socket/filter.h"

#define OVERHEAD 512u /* charged to the receive buffer beside a frame's bytes */

static bool is_wanted(const struct packet_socket *s, const struct frame *f)
{
	if ((s->interface && s->interface != f->interface) || s == f->sender) {
		return false;
	}
	if (s->protocol != ETH_P_ALL) { /* these hear only what comes in, as on Linux */
		return s->protocol == f->protocol && f->kind != PACKET_OUTGOING;
	}
	return f->kind != PACKET_OUTGOING || !s->ignore_outgoing;
}

void frame_address_from(const struct frame *f, struct frame_address *out)
{
	*out = (struct frame_address){ .family = AF_PACKET, .protocol = __builtin_bswap16(f->protocol), .interface = (int32_t)f->interface,
		.hardware = f->hardware, .kind = f->kind, .bytes = LINK_ADDRESS };
	memcpy(out->address, f->link + LINK_ADDRESS, LINK_ADDRESS);
}

uint32_t frame_status(const struct packet_socket *s, const struct frame *f)
{
	return TP_STATUS_USER | (f->sum_missing ? TP_STATUS_CSUMNOTREADY : f->sum_good ? TP_STATUS_CSUM_VALID : 0);
}

static void count(struct packet_socket *s, bool taken)
{
	spin_lock(&s->base.lock);
	s->packets += taken;
	s->drops += !taken;
	spin_unlock(&s->base.lock);
}

/* False: no room, or no memory. */
static bool queue(struct packet_socket *s, const struct frame *f, uint32_t base, uint32_t bytes)
{
	struct seen *seen = s->charge < s->base.receive_limit ? net_memory_alloc(sizeof(*seen) + bytes) : NULL;
	if (!seen) {
		return false;
	}
	*seen = (struct seen){ .bytes = bytes, .all = f->bytes - base, .status = frame_status(s, f), .wall_ns = f->wall_ns,
		.network_at = (uint16_t)(LINK_HEADER - base) };
	frame_address_from(f, &seen->from);
	if (bytes) {
		frame_read(f, base, seen->data, bytes);
	}
	spin_lock(&s->base.lock);
	list_push_back(&s->queue, &seen->link);
	s->charge += bytes + OVERHEAD;
	spin_unlock(&s->base.lock);
	return true;
}

static void show(struct packet_socket *s, const struct frame *f)
{
	uint32_t base = s->base.type == SOCK_DGRAM ? LINK_HEADER : 0, bytes = f->bytes - base;
	if (s->base.filter) {
		struct filter_packet packet = { .read = frame_read, .from = f, .base = base, .end = f->bytes, .network = LINK_HEADER,
			.protocol = f->protocol, .hardware = f->hardware, .kind = f->kind, .interface = f->interface };
		uint32_t wanted = socket_filter_run(&s->base, &packet);
		if (!wanted) {
			return;
		}
		bytes = wanted < bytes ? wanted : bytes;
	}
	bool taken = s->ring ? packet_ring_put(s, f, base, bytes, frame_status(s, f)) : queue(s, f, base, bytes);
	count(s, taken);
	waitq_wake_all(&s->base.in);
}

void packet_sockets_see(const struct frame *f)
{
	for (struct packet_socket *s = taps, *next; s; s = next) {
		next = s->next;
		if (is_wanted(s, f)) {
			show(s, f);
		}
	}
}

void packet_queue_drop(struct packet_socket *s)
{
	for (struct list *node; (node = list_pop_front(&s->queue)) != NULL;) {
		net_memory_free(container_of(node, struct seen, link));
	}
}
