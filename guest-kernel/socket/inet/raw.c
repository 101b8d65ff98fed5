/* SPDX-License-Identifier: MIT */
/*
 * Raw sockets (raw(7)): one hears each packet of its protocol, a copy of it, IPv4's header included, and sends with a header of lwIP's or
 * its own (IP_HDRINCL). And sockets of ICMP's echoes (icmp(7)), for ping without privileges: such a one has an identifier as its port,
 * sends requests with that and hears the answers to it. Who may have one, net.ipv4.ping_group_range says.
 */
#include "socket/inet/datagram.h"

#include "base/string.h"
#include "net/net.h"
#include "kernel/process.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/prot/icmp.h"
#include "lwip/raw.h"

#define ECHO_HEADER 8u
#define ICMP_CHECKSUM_AT 2
#define IDENTIFIER_AT 4u
enum { ECHO_REPLY4 = 0, ECHO_REQUEST4 = 8, ECHO_REQUEST6 = 128, ECHO_REPLY6 = 129 };

uint32_t ping_groups[2] = { 0, 0x7fffffff }; /* a: first and last; systemd sets it so */

/* ---- what arrives ---- */
static bool filtered(const struct inet_socket *s, uint8_t type)
{
	bool icmp4 = !s->v6 && s->base.protocol == IPPROTO_ICMP, icmp6 = s->v6 && s->base.protocol == IPPROTO_ICMPV6;
	if (icmp4) {
		return type < 32 && (s->icmp_filter[0] >> type & 1);
	}
	return icmp6 && (s->icmp_filter[type / 32] >> type % 32 & 1);
}

/* Is it this socket's? */
static bool is_wanted(const struct inet_socket *s, struct pbuf *p, unsigned header, const ip_addr_t *from)
{
	uint8_t icmp[ECHO_HEADER] = { 0 };
	unsigned have = pbuf_copy_partial(p, icmp, sizeof(icmp), (u16_t)header);
	if (s->base.state == SOCKET_CONNECTED && !ip_addr_cmp_zoneless(&s->remote.address, from)) {
		return false;
	}
	if (s->kind == INET_RAW) {
		return !filtered(s, icmp[0]);
	}
	return have == ECHO_HEADER && icmp[0] == (s->v6 ? ECHO_REPLY6 : ECHO_REPLY4) && s->port_listed &&
	       (icmp[IDENTIFIER_AT] << 8 | icmp[IDENTIFIER_AT + 1]) == s->port_listed;
}

/* Others may want it too, and lwIP goes on with it: each socket gets a copy. */
static u8_t arrived(void *arg, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *from)
{
	struct inet_socket *s = arg;
	unsigned header = ip_current_header_tot_len(), skip = s->v6 || s->kind == INET_PING ? header : 0;
	if (!is_wanted(s, p, header, from)) {
		return 0;
	}
	struct pbuf *copy = pbuf_clone(PBUF_RAW, PBUF_POOL, p);
	if (!copy) {
		s->dropped++;
		return 0;
	}
	copy = pbuf_free_header(copy, (u16_t)skip);
	if (!copy) { /* nothing but a header */
		copy = pbuf_alloc(PBUF_RAW, 0, PBUF_RAM);
	}
	if (copy) {
		datagram_arrived(s, copy, from, 0);
	}
	return 0;
}

/* ---- making, naming, closing ---- */
static bool may_ping(void)
{
	const struct credentials *c = &process_current()->credentials;
	uint32_t first = __atomic_load_n(&ping_groups[0], __ATOMIC_RELAXED), last = __atomic_load_n(&ping_groups[1], __ATOMIC_RELAXED);
	bool may = c->egid >= first && c->egid <= last;
	for (unsigned i = 0; !may && i < c->group_count; i++) {
		may = c->groups[i] >= first && c->groups[i] <= last;
	}
	return may;
}

int raw_socket_open(struct inet_socket *s)
{
	bool icmp6 = s->v6 && s->base.protocol == IPPROTO_ICMPV6;
	if (s->kind == INET_PING && !may_ping()) {
		return -EACCES;
	}
	s->headers = s->base.protocol == IPPROTO_RAW;
	s->v6_only = s->v6;
	s->checksum_at = icmp6 ? ICMP_CHECKSUM_AT : -1;
	address_set_any(&s->local.address, s);
	address_set_any(&s->remote.address, s);
	net_lock();
	errors_listen();
	s->raw = raw_new_ip_type(s->v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4, (u8_t)s->base.protocol);
	if (s->raw) {
		raw_recv(s->raw, arrived, s);
		raw_set_flags(s->raw, RAW_FLAGS_MULTICAST_LOOP);
		if (s->kind == INET_RAW) {
			s->local.port = (uint16_t)s->base.protocol; /* as Linux tells it */
			port_join(s, s->local.port);
		}
	}
	net_unlock();
	return s->raw ? 0 : -ENOBUFS;
}

int raw_socket_bound(struct inet_socket *s)
{
	s->raw->local_ip = s->local.address;
	return 0;
}

/* A raw socket has no port, and may be bound again. */
int raw_socket_rebind(struct inet_socket *s, const struct endpoint *e)
{
	if (s->base.state != SOCKET_FREE) {
		return -EINVAL;
	}
	s->local.address = e->address;
	s->address_bound = !address_is_any(&e->address);
	return raw_socket_bound(s);
}

int raw_bind_automatic(struct inet_socket *s)
{
	if (s->port_listed) {
		return 0;
	}
	int error = port_take(s, 0);
	s->local.port = s->port_listed;
	return error;
}

/* ---- sending ---- */
int raw_check(struct inet_socket *s, struct payload *y)
{
	if (s->kind == INET_PING) {
		const uint8_t *icmp = y->count ? page_data(y->pages[0]) : NULL;
		bool echo = icmp && y->bytes >= ECHO_HEADER && icmp[0] == (s->v6 ? ECHO_REQUEST6 : ECHO_REQUEST4) && !icmp[1];
		return echo ? 0 : -EINVAL;
	}
	if (s->headers) {
		return y->bytes >= (s->v6 ? (unsigned)IP6_HLEN : IP_HLEN) ? 0 : -EINVAL;
	}
	return s->checksum_at >= 0 && y->bytes < (uint32_t)s->checksum_at + 2 ? -EINVAL : 0;
}

/* What the kernel fills in of a header that comes with the message (raw(7)). */
static void header_complete(struct pbuf *p, const ip_addr_t *from)
{
	struct ip_hdr *header = p->payload;
	IPH_LEN_SET(header, lwip_htons(p->tot_len));
	if (!header->_id) {
		header->_id = (u16_t)LWIP_RAND();
	}
	if (!header->src.addr) {
		header->src.addr = ip_2_ip4(from)->addr;
	}
	unsigned bytes = IPH_HL_BYTES(header);
	IPH_CHKSUM_SET(header, 0);
	IPH_CHKSUM_SET(header, inet_chksum(header, (u16_t)(bytes < p->len ? bytes : p->len)));
}

static void checksum_put(struct inet_socket *s, struct pbuf *p, const struct endpoint *to, const ip_addr_t *from)
{
	int at = s->kind == INET_PING ? ICMP_CHECKSUM_AT : s->checksum_at;
	uint16_t sum = 0;
	if (at < 0) {
		return;
	}
	pbuf_take_at(p, &sum, sizeof(sum), (u16_t)at);
	sum = s->v6 ? ip6_chksum_pseudo(p, (u8_t)s->base.protocol, p->tot_len, ip_2_ip6(from), ip_2_ip6(&to->address)) : inet_chksum_pbuf(p);
	pbuf_take_at(p, &sum, sizeof(sum), (u16_t)at);
}

/* lwIP counts the messages of ICMP that it makes itself. */
static void message_count(const struct inet_socket *s, const struct pbuf *p)
{
	if (s->v6 || s->headers || s->raw->protocol != IP_PROTO_ICMP) {
		return;
	}
	int type = pbuf_try_get_at(p, 0);
	MIB2_STATS_INC(mib2.icmpoutmsgs);
	if (type == ICMP_ECHO) {
		MIB2_STATS_INC(mib2.icmpoutechos);
	} else if (type == ICMP_ER) {
		MIB2_STATS_INC(mib2.icmpoutechoreps);
	}
}

err_t raw_hand_over(struct inet_socket *s, const struct outgoing *o, struct pbuf *p, const struct endpoint *to, struct netif *netif,
		    const ip_addr_t *from)
{
	struct raw_pcb *raw = s->raw;
	u8_t tos = raw->tos, ttl = raw->ttl, multicast_ttl = raw->mcast_ttl;
	if (s->kind == INET_PING) {
		uint16_t identifier = lwip_htons(s->port_listed);
		pbuf_take_at(p, &identifier, sizeof(identifier), IDENTIFIER_AT);
	}
	if (s->headers) {
		raw_set_flags(raw, RAW_FLAGS_HDRINCL);
		if (!s->v6) {
			header_complete(p, from);
		}
	} else {
		raw_clear_flags(raw, RAW_FLAGS_HDRINCL);
		checksum_put(s, p, to, from);
	}
	raw->tos = o->tos >= 0 ? (u8_t)o->tos : tos;
	if (o->ttl >= 0) {
		raw->ttl = raw->mcast_ttl = (u8_t)o->ttl;
	}
	ip_set_option(raw, SOF_BROADCAST); /* judged before */
	message_count(s, p);
	err_t error = raw_sendto_if_src(raw, p, &to->address, netif, from);
	raw->tos = tos;
	raw->ttl = ttl;
	raw->mcast_ttl = multicast_ttl;
	return error;
}
