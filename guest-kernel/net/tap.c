/* SPDX-License-Identifier: MIT */
/* See tap.h. A frame is shown as a device gets it or has filled it, without a copy; each socket copies what it wants of it. */
#include "net/tap.h"

#include "abi/errno.h"
#include "base/big_endian.h"
#include "base/string.h"
#include "kernel/time.h"
#include "lwip/pbuf.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "net/interface.h"
#include "net/internal.h"
#include "net/net.h"
#include "net/tables.h"

enum { ARPHRD_ETHER = 1, ARPHRD_LOOPBACK = 772 };
#define ETHERTYPE_LEAST 1536u /* below: a length (IEEE 802.3, 3.2.6) */

static const struct packet_socket *sender_now; /* whose frame is on its way */

void frame_read(const void *frame, uint32_t at, void *to, uint32_t bytes)
{
	const struct frame *f = frame;
	if (at < LINK_HEADER) {
		uint32_t n = bytes < LINK_HEADER - at ? bytes : LINK_HEADER - at;
		memcpy(to, f->link + at, n);
		to = (uint8_t *)to + n;
		at += n;
		bytes -= n;
	}
	if (bytes) {
		pbuf_copy_partial(f->body, to, (u16_t)bytes, (u16_t)(at - LINK_HEADER + f->body_at));
	}
}

static uint16_t protocol_of(const struct frame *f)
{
	uint16_t type = get16(f->link + 12), first = 0;
	if (type >= ETHERTYPE_LEAST || f->kind == PACKET_OUTGOING) {
		return type;
	}
	if (f->bytes >= LINK_HEADER + sizeof(first)) {
		frame_read(f, LINK_HEADER, &first, sizeof(first));
	}
	return first == 0xffff ? ETH_P_802_3 : ETH_P_802_2;
}

/* TCP's checksum, and over the loopback UDP's, is no work of the stack's. */
static bool sums_are_left(const struct frame *f)
{
	enum { PROTOCOL4 = LINK_HEADER + 9, PROTOCOL6 = LINK_HEADER + 6, TCP = 6, UDP = 17 };
	uint32_t at = get16(f->link + 12) == ETH_P_IPV6 ? PROTOCOL6 : PROTOCOL4;
	uint8_t protocol = 0;
	if (at < f->bytes) {
		frame_read(f, at, &protocol, 1);
	}
	return protocol == TCP || (protocol == UDP && f->hardware == ARPHRD_LOOPBACK);
}

static uint8_t kind_of(const struct frame *f, const uint8_t *own)
{
	static const uint8_t all[LINK_ADDRESS] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	if (f->link[0] & 1) {
		return memcmp(f->link, all, LINK_ADDRESS) == 0 ? PACKET_BROADCAST : PACKET_MULTICAST;
	}
	return memcmp(f->link, own, LINK_ADDRESS) == 0 ? PACKET_HOST : PACKET_OTHERHOST;
}

void tap_changed(void)
{
	u16_t sum = NETIF_CHECKSUM_GEN_IP;
	NETIF_SET_CHECKSUM_CTRL(&loop_netif, (u16_t)(taps ? loop_netif.chksum_flags | sum : loop_netif.chksum_flags & ~sum));
}

void tap_received(struct interface *i, const uint8_t *data, uint32_t bytes, bool checked)
{
	const struct pbuf body = { .payload = (void *)(uintptr_t)data, .len = (u16_t)bytes, .tot_len = (u16_t)bytes };
	struct frame f = { .bytes = bytes, .hardware = ARPHRD_ETHER, .interface = netif_get_index(&i->netif), .sum_good = checked,
		.wall_ns = time_wall_ns(), .body = &body, .body_at = LINK_HEADER };
	if (bytes < LINK_HEADER) {
		return;
	}
	memcpy(f.link, data, LINK_HEADER);
	f.kind = kind_of(&f, i->dev->mac);
	f.protocol = protocol_of(&f);
	packet_sockets_see(&f);
}

void tap_sent(struct interface *i, const struct pbuf *p)
{
	struct frame f = { .bytes = p->tot_len, .kind = PACKET_OUTGOING, .hardware = ARPHRD_ETHER, .interface = netif_get_index(&i->netif),
		.wall_ns = time_wall_ns(), .sender = sender_now, .body = p, .body_at = LINK_HEADER };
	if (p->tot_len < LINK_HEADER) {
		return;
	}
	pbuf_copy_partial(p, f.link, LINK_HEADER, 0);
	f.protocol = protocol_of(&f);
	f.sum_missing = !sender_now && i->dev->csum && sums_are_left(&f);
	packet_sockets_see(&f);
}

static void loop_show(const struct pbuf *p, uint32_t body_at, const uint8_t *link, bool out)
{
	static const uint8_t none[LINK_ADDRESS];
	struct frame f = { .bytes = LINK_HEADER + p->tot_len - body_at, .kind = PACKET_OUTGOING, .hardware = ARPHRD_LOOPBACK,
		.interface = netif_get_index(&loop_netif), .wall_ns = time_wall_ns(), .sender = out ? sender_now : NULL, .body = p, .body_at = body_at };
	memcpy(f.link, link, LINK_HEADER);
	f.kind = out ? PACKET_OUTGOING : kind_of(&f, none);
	f.protocol = protocol_of(&f);
	f.sum_missing = !sender_now && sums_are_left(&f);
	packet_sockets_see(&f);
}

void tap_loop(const struct pbuf *p, bool out)
{
	uint8_t link[LINK_HEADER] = { 0 };
	bool v6 = p->len && *(const uint8_t *)p->payload >> 4 == 6;
	put16(link + 12, v6 ? ETH_P_IPV6 : ETH_P_IP);
	loop_show(p, 0, link, out);
}

/* From or to 127.0.0.0/8: such a packet comes out of the stack alone, not from a wire (RFC 1122, 3.2.1.3 (g)); Linux drops it here, too. */
static bool is_martian(const struct pbuf *p)
{
	enum { FROM = LINK_HEADER + 12, TO = LINK_HEADER + 16, LOOPBACK_NET = 127 };
	return pbuf_get_at(p, FROM) == LOOPBACK_NET || pbuf_get_at(p, TO) == LOOPBACK_NET;
}

/* IP takes it: it is for this station, and its header is all there, which lwIP looks at first. */
static bool is_packet(const struct pbuf *p, const uint8_t *link, uint16_t protocol)
{
	static const uint8_t own[LINK_ADDRESS];
	if (memcmp(link, own, LINK_ADDRESS) != 0) {
		return false;
	}
	if (protocol == ETH_P_IPV6) {
		return p->tot_len >= LINK_HEADER + IP6_HLEN;
	}
	return protocol == ETH_P_IP && p->tot_len >= LINK_HEADER + IP_HLEN && !is_martian(p);
}

/* What no protocol here takes is seen go out and come in, which is all that happens to it on Linux, too. */
static int loop_send(uint16_t protocol, struct pbuf *p)
{
	uint8_t link[LINK_HEADER];
	pbuf_copy_partial(p, link, LINK_HEADER, 0);
	if (is_packet(p, link, protocol)) {
		pbuf_remove_header(p, LINK_HEADER);
		net_active(); /* its answer may wait for a neighbour, as that to a frame from a device */
		return loop_queue(p, &loop_netif) == ERR_OK ? 0 : -ENOBUFS;
	}
	if (tap_is_open()) {
		loop_show(p, LINK_HEADER, link, true);
		loop_show(p, LINK_HEADER, link, false);
	}
	return 0;
}

int tap_send(const struct packet_socket *sender, unsigned interface, uint16_t protocol, const uint8_t *frame, uint32_t bytes)
{
	struct net_link link;
	if (!net_link_by_index(interface, &link)) {
		return -ENXIO;
	}
	if (!(link.flags & IFF_UP)) {
		return -ENETDOWN;
	}
	struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)bytes, PBUF_RAM);
	if (!p) {
		return -ENOBUFS;
	}
	pbuf_take(p, frame, (u16_t)bytes);
	struct interface *i = interface_of(link.netif);
	sender_now = sender;
	int error = !i ? loop_send(protocol, p) : transmit_as_it_is(i, p) == ERR_OK ? 0 : -ENOBUFS;
	sender_now = NULL;
	pbuf_free(p);
	return error;
}

/* ---- what the device is to let through ---- */

static struct interface *membership_interface(const struct link_membership *m)
{
	struct net_link link;
	return net_link_by_index(m->interface, &link) ? interface_of(link.netif) : NULL;
}

void link_membership_begin(struct link_membership *m)
{
	struct interface *i = membership_interface(m);
	if (i) { /* the loopback has no filter */
		m->next_of_link = i->memberships;
		i->memberships = m;
		interface_filter_set(i);
	}
}

void link_membership_end(struct link_membership *m)
{
	struct interface *i = membership_interface(m);
	for (struct link_membership **at = i ? &i->memberships : NULL; at && *at; at = &(*at)->next_of_link) {
		if (*at == m) {
			*at = m->next_of_link;
			interface_filter_set(i);
			return;
		}
	}
}
