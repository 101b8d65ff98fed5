/* SPDX-License-Identifier: MIT */
/*
 * The device's packets to lwIP, by a thread of the interface's own: a batch under one hold of the net lock, then new buffers, then a look
 * at what came meanwhile; the device signals again only when a look found nothing. Of TCP and UDP a packet goes up with its headers
 * copied and the rest as it lies in packet memory; all others, and fragments, are copied, for lwIP keeps pointers and lengths of its own
 * in them, or reads them twice, and a device may write there meanwhile. When little packet memory is free, because sockets keep what
 * nobody reads, a packet is copied into lwIP's own memory, which is bounded too, and dropped where there is none: so the device always has buffers.
 */
#include "net/interface.h"

#include "abi/errno.h"
#include "base/big_endian.h"
#include "base/string.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/thread.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip.h"
#include "lwip/priv/tcp_priv.h"
#include "net/alias.h"
#include "net/internal.h"
#include "net/net.h"
#include "net/packet.h"
#include "net/tap.h"
#include "netif/ethernet.h"

#define BATCH 64u /* packets, before others have the lock */
#define SCARCE 4 /* a packet is copied when less than this part of packet memory is free */
#define ETHERNET 14u
#define IPV6_BYTES 40u
#define UDP_BYTES 8u
#define FRAGMENT 0x3fffu /* more fragments, or not the first */
#define DHCP_CLIENT 68u
#define IP4_TO 30u /* of a frame: addresses */
#define ARP_TO 38u
#define HEADERS_USUAL 96u /* bytes that lwIP may look at before it looks whether they are there */
#define LINK_GRACE_NS 3000000000ull /* a link that is down for less, because a driver starts anew, is not down for the stack */

static void received_done(struct net_buffer *buffer)
{
	struct interface *i = buffer->owner;
	struct packet *packet = container_of(buffer, struct packet, buffer);
	packet->next = NULL;
	spin_lock(&i->lock);
	bool first = !i->received;
	*i->received_end = packet;
	i->received_end = &packet->next;
	spin_unlock(&i->lock);
	if (first) {
		waitq_wake_all(&i->work);
	}
}

static void link_changed(void *user)
{
	struct interface *i = user;
	__atomic_store_n(&i->link_due, true, __ATOMIC_SEQ_CST);
	waitq_wake_all(&i->work);
}

static struct packet *received_take(struct interface *i)
{
	spin_lock(&i->lock);
	struct packet *packet = i->received;
	if (packet) {
		i->received = packet->next;
		if (!i->received) {
			i->received_end = &i->received;
		}
	}
	spin_unlock(&i->lock);
	return packet;
}

/* How long the headers of a whole packet of TCP or UDP are, behind which lwIP reads nothing. 0: it is none. */
static unsigned headers_of(const uint8_t *frame)
{
	unsigned at = ETHERNET + IPV6_BYTES, protocol = frame[20];
	if (get16(frame + 12) == ETHTYPE_IP) {
		at = ETHERNET + (frame[ETHERNET] & 15) * 4u;
		protocol = get16(frame + 20) & FRAGMENT ? 0 : frame[23];
	} else if (get16(frame + 12) != ETHTYPE_IPV6) {
		return 0;
	}
	if (protocol == IP_PROTO_TCP) {
		return at + (frame[at + 12] >> 4) * 4u;
	}
	return protocol == IP_PROTO_UDP && get16(frame + at + 2) != DHCP_CLIENT ? at + UDP_BYTES : 0;
}

/* A packet that is not longer than what is kept for headers lies there whole. */
static struct pbuf *short_pbuf(struct packet *packet, unsigned bytes)
{
	memcpy(packet->headers, packet->data, bytes);
	if (bytes < HEADERS_USUAL) {
		memset(packet->headers + bytes, 0, HEADERS_USUAL - bytes);
	}
	return packet_pbuf(packet, bytes, bytes);
}

/* lwIP looks at a header before it looks whether it is all there: behind a short packet are zeros. NULL: no memory. */
static struct pbuf *whole_copy(const uint8_t *data, unsigned bytes)
{
	unsigned room = bytes < PACKET_HEADERS ? PACKET_HEADERS : bytes;
	struct pbuf *copy = pbuf_alloc(PBUF_RAW, (u16_t)room, PBUF_RAM);
	if (copy) {
		memcpy(copy->payload, data, bytes);
		memset((uint8_t *)copy->payload + bytes, 0, room - bytes);
		pbuf_realloc(copy, (u16_t)bytes);
	}
	return copy;
}

/* NULL: no memory, and the packet is given back. */
static struct pbuf *received_pbuf(struct packet *packet, unsigned bytes)
{
	unsigned all, free = packets_free(&all);
	bool scarce = free < all / SCARCE;
	if (!scarce && bytes <= PACKET_HEADERS) {
		return short_pbuf(packet, bytes);
	}
	if (!scarce) {
		memcpy(packet->headers, packet->data, PACKET_HEADERS);
		unsigned headers = headers_of(packet->headers);
		if (headers) {
			return packet_pbuf(packet, headers, bytes);
		}
	}
	struct pbuf *copy = whole_copy(packet->data, bytes);
	packet_put(packet);
	return copy;
}

/* Of the interface's addresses the one that is meant: IPv4's destination, or whom ARP asks for. The headers are there, or zeros. */
static struct netif *netif_for(struct interface *i, const uint8_t *frame)
{
	unsigned type = get16(frame + 12);
	ip4_addr_t to;
	if (type != ETHTYPE_IP && type != ETHTYPE_ARP) {
		return &i->netif;
	}
	memcpy(&to, frame + (type == ETHTYPE_IP ? IP4_TO : ARP_TO), sizeof(to));
	struct netif *alias = alias_with(&i->netif, &to);
	return alias ? alias : &i->netif;
}

static void packet_input(struct interface *i, struct packet *packet)
{
	const struct net_buffer *b = &packet->buffer;
	struct interface_counts *counts = &i->received_counts;
	i->buffers_out--;
	if (!b->filled || !b->last) { /* longer than the MTU: nobody has asked for that */
		counts->errors++;
		packet_put(packet);
		return;
	}
	counts->packets++;
	counts->bytes += b->filled;
	counts->multicast += packet->data[0] & 1;
	if (tap_is_open()) {
		tap_received(i, packet->data, b->filled, b->offload.flags & NET_DATA_VALID);
	}
	if ((i->filter.flags & NET_FILTER_PROMISCUOUS) && !(packet->data[0] & 1) && memcmp(packet->data, i->dev->mac, NET_MAC_BYTES) != 0) {
		packet_put(packet); /* another station's: seen, but not taken */
		return;
	}
	bool checked = b->offload.flags & (NET_DATA_VALID | NET_NEEDS_CSUM);
	struct pbuf *p = received_pbuf(packet, b->filled);
	if (!p) {
		counts->dropped++;
		return;
	}
	struct netif *netif = alias_count ? netif_for(i, p->payload) : &i->netif;
	u16_t checks = NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP;
	netif->chksum_flags = (u16_t)(checked ? netif->chksum_flags & ~checks : netif->chksum_flags | checks);
	if (netif->input(p, netif) != ERR_OK) {
		pbuf_free(p);
	}
}

static void buffers_offer(struct interface *i)
{
	while (i->buffers_out < i->dev->receive_depth) {
		struct packet *packet = packet_get();
		if (!packet) {
			return;
		}
		packet->buffer = (struct net_buffer){ .segment = { .bus = virt_to_phys(packet->data), .len = NET_BUFFER_BYTES },
			.done = received_done, .owner = i };
		if (i->dev->ops->receive(i->dev, &packet->buffer)) {
			packet_put(packet);
			return;
		}
		i->buffers_out++;
		i->handed_over = true;
	}
}

static void link_follow(struct interface *i)
{
	bool up = __atomic_load_n(&i->dev->link_up, __ATOMIC_ACQUIRE);
	uint64_t now = time_ns();
	if (up) {
		i->down_since_ns = 0;
		netif_set_link_up(&i->netif);
		alias_follow(&i->netif);
	} else if (!i->down_since_ns) {
		i->down_since_ns = now;
	} else if (now >= i->down_since_ns + LINK_GRACE_NS) {
		netif_set_link_down(&i->netif);
		alias_follow(&i->netif);
	}
}

/* TCP goes on where it found the queue full. */
static void stalled_go_on(struct interface *i)
{
	if (i->stalled && i->sending_free) {
		__atomic_store_n(&i->stalled, false, __ATOMIC_SEQ_CST);
		i->handed_over = true; /* a frame may wait, too */
		net_tcp_send_again();
	}
}

static void interface_work(struct interface *i)
{
	struct packet *packet;
	bool link = __atomic_exchange_n(&i->link_due, false, __ATOMIC_SEQ_CST), reclaim = __atomic_exchange_n(&i->reclaim_due, false, __ATOMIC_SEQ_CST);
	if (reclaim) {
		i->dev->ops->poll(i->dev);
	}
	net_lock();
	if (link || i->down_since_ns) {
		link_follow(i);
	}
	transmit_reclaim(i);
	i->reclaim_set = i->reclaim_set && !reclaim;
	acks_hold();
	for (unsigned n = 0; n < BATCH && (packet = received_take(i)); n++) {
		packet_input(i, packet);
		net_active();
	}
	acks_send();
	buffers_offer(i);
	stalled_go_on(i);
	net_unlock();
	i->dev->ops->poll(i->dev);
}

static bool work_waits(const struct interface *i)
{
	return __atomic_load_n(&i->received, __ATOMIC_ACQUIRE) || __atomic_load_n(&i->link_due, __ATOMIC_ACQUIRE) ||
	       __atomic_load_n(&i->reclaim_due, __ATOMIC_ACQUIRE);
}

static void interface_thread(void *arg)
{
	struct interface *i = arg;
	for (;;) {
		struct waiter waiter;
		wait_prepare(&i->work, &waiter);
		if (!work_waits(i)) {
			uint64_t deadline = i->down_since_ns && netif_is_link_up(&i->netif) ? i->down_since_ns + LINK_GRACE_NS : 0;
			wait_sleep(deadline, false);
		}
		wait_finish(&waiter);
		interface_work(i);
	}
}

int receive_start(struct interface *i)
{
	i->dev->user = i;
	i->dev->link_changed = link_changed;
	interface_filter_set(i);
	i->link_due = true;
	buffers_offer(i);
	return thread_create(i->name, interface_thread, i) ? 0 : -ENOMEM;
}
