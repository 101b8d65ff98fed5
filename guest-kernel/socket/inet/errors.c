/* SPDX-License-Identifier: MIT */
/*
 * Errors that other machines report by ICMP (RFC 792, RFC 4443): whoever sent what came back with one is told. A socket of datagrams
 * hears those that are final if it is connected, and all if it has asked for them (IP_RECVERR), then with what came back; of connections
 * only one that is about to begin is given up. What a router says of the size of packets is believed of what a socket may have sent (RFC 5927):
 * of a connection, if the number of its segment is one that waits to be acknowledged.
 */
#include "socket/inet/datagram.h"

#include "base/string.h"
#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/raw.h"
#include "net/internal.h"

#define HEADER 8u /* of an ICMP message; behind it what came back, from its IP header on */
#define KEPT 1024u /* bytes of it, for the program */
#define FINAL 0x80u
enum { UNREACHABLE4 = 3, EXCEEDED4 = 11, PROBLEM4 = 12, UNREACHABLE6 = 1, LARGE6, EXCEEDED6, PROBLEM6 };

static struct raw_pcb *listeners[2]; /* net lock */

struct report {
	bool v6, final;
	struct error_told told;
	struct pbuf *p;
	unsigned at, transport_at; /* what came back, and its transport's header */
	ip_addr_t from, to; /* of it */
	uint8_t protocol;
	uint16_t ports[2]; /* source, destination */
	uint16_t identifier;
	uint32_t sequence;
	bool large; /* the packet was too large; told.info has what would have passed */
};

/* By code. */
static const uint8_t unreachable4[] = { ENETUNREACH, EHOSTUNREACH, ENOPROTOOPT | FINAL, ECONNREFUSED | FINAL, EMSGSIZE, EOPNOTSUPP, ENETUNREACH | FINAL,
	EHOSTDOWN | FINAL, ENONET | FINAL, ENETUNREACH | FINAL, EHOSTUNREACH | FINAL, ENETUNREACH, EHOSTUNREACH, EHOSTUNREACH | FINAL,
	EHOSTUNREACH | FINAL, EHOSTUNREACH | FINAL };
static const uint8_t unreachable6[] = { ENETUNREACH, EACCES | FINAL, EHOSTUNREACH, EHOSTUNREACH, ECONNREFUSED | FINAL, EACCES | FINAL, EACCES | FINAL };

/* 0: nothing that is told. */
static unsigned error_of_code(bool v6, unsigned type, unsigned code)
{
	if (type == (v6 ? UNREACHABLE6 : UNREACHABLE4)) {
		return v6 ? (code < sizeof(unreachable6) ? unreachable6[code] : 0) : code < sizeof(unreachable4) ? unreachable4[code] : 0;
	}
	if (type == (v6 ? EXCEEDED6 : EXCEEDED4)) {
		return EHOSTUNREACH;
	}
	return v6 && type == LARGE6 ? EMSGSIZE : type == (v6 ? PROBLEM6 : PROBLEM4) ? EPROTO | FINAL : 0;
}

/* The headers of what came back. False: they are not all there. */
static bool returned_read(struct report *r)
{
	uint8_t header[IP6_HLEN], transport[8];
	unsigned length = r->v6 ? IP6_HLEN : IP_HLEN;
	if (pbuf_copy_partial(r->p, header, (u16_t)length, (u16_t)r->at) != length) {
		return false;
	}
	IP_SET_TYPE(&r->from, r->v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4);
	IP_SET_TYPE(&r->to, r->v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4);
	if (r->v6) {
		memcpy(ip_2_ip6(&r->from)->addr, header + 8, 16);
		memcpy(ip_2_ip6(&r->to)->addr, header + 24, 16);
		r->protocol = header[6];
	} else {
		memcpy(ip_2_ip4(&r->from), header + 12, 4);
		memcpy(ip_2_ip4(&r->to), header + 16, 4);
		r->protocol = header[9];
		length = (header[0] & 0xfu) * 4;
	}
	r->transport_at = r->at + length;
	if (pbuf_copy_partial(r->p, transport, sizeof(transport), (u16_t)r->transport_at) != sizeof(transport)) {
		return false;
	}
	r->ports[0] = (uint16_t)(transport[0] << 8 | transport[1]);
	r->ports[1] = (uint16_t)(transport[2] << 8 | transport[3]);
	r->identifier = (uint16_t)(transport[4] << 8 | transport[5]);
	r->sequence = (uint32_t)r->identifier << 16 | (uint32_t)transport[6] << 8 | transport[7];
	return true;
}

/* What came back, from there on. NULL: nothing, or no memory. */
static struct pbuf *returned_copy(const struct report *r, unsigned from)
{
	unsigned bytes = r->p->tot_len > from ? r->p->tot_len - from : 0;
	bytes = bytes < KEPT ? bytes : KEPT;
	struct pbuf *copy = bytes ? pbuf_alloc(PBUF_RAW, (u16_t)bytes, PBUF_RAM) : NULL;
	if (copy) {
		pbuf_copy_partial(r->p, copy->payload, (u16_t)bytes, (u16_t)from);
	}
	return copy;
}

/* The way of what a socket has sent takes no larger packets. False: it is not told so. */
static bool path_learn(const struct inet_socket *s, const struct report *r)
{
	int rule = s->mtu_discover[r->v6];
	struct netif *netif = s->interface ? netif_get_by_index((u8_t)s->interface) : ip_route(&r->from, &r->to);
	bool judged = s->kind != INET_RAW || (r->protocol != IPPROTO_TCP && r->protocol != IPPROTO_UDP); /* else a socket of that kind is to know */
	bool by_interface = rule == PATH_INTERFACE || rule == PATH_OMIT;
	if (r->v6 && by_interface) {
		return false;
	}
	if (netif && judged && !by_interface) {
		net_path_learn(netif, &r->to, r->told.info);
	}
	return r->v6 || rule != PATH_FRAGMENTS;
}

/* A socket of datagrams; its message began there. */
static void tell(struct inet_socket *s, const struct report *r, unsigned message_at)
{
	struct endpoint to = { .address = r->to, .port = s->kind == INET_UDP ? r->ports[1] : 0 };
	bool hard = r->final || (r->large && s->mtu_discover[r->v6] != PATH_FRAGMENTS);
	if (r->large && !path_learn(s, r)) {
		return;
	}
	if (!s->want_errors && (!hard || s->base.state != SOCKET_CONNECTED)) {
		return;
	}
	if (s->want_errors) {
		datagram_error(s, returned_copy(r, message_at), &to, &r->told);
	}
	inet_fail(s, r->told.error);
}

static bool has_ends(const struct inet_socket *s, const struct report *r)
{
	bool here = address_is_any(&s->local.address) || ip_addr_cmp_zoneless(&s->local.address, &r->from);
	return here && s->v6 == r->v6 && (s->base.state != SOCKET_CONNECTED || ip_addr_cmp_zoneless(&s->remote.address, &r->to));
}

static void raw_look(void *context, struct inet_socket *s)
{
	const struct report *r = context;
	if (has_ends(s, r)) {
		tell(s, r, s->headers ? r->at : r->transport_at);
	}
}

static void ping_look(void *context, struct inet_socket *s)
{
	const struct report *r = context;
	if (has_ends(s, r)) {
		tell(s, r, r->transport_at);
	}
}

static void tell_connection(struct inet_socket *s, const struct report *r)
{
	if (r->large) {
		tcp_path_told(s, r->told.info);
	} else if (r->told.type == (r->v6 ? UNREACHABLE6 : UNREACHABLE4) && s->base.state == SOCKET_CONNECTING) {
		tcp_pcb_drop(s);
		inet_fail(s, r->told.error);
	}
}

static void report_pass(struct report *r)
{
	port_each_at(INET_RAW, r->protocol, raw_look, r);
	if (r->protocol == (r->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP)) {
		port_each_at(INET_PING, r->identifier, ping_look, r);
	} else if (r->protocol == IPPROTO_UDP) {
		struct inet_socket *s = port_find(INET_UDP, &r->from, r->ports[0], &r->to, r->ports[1]);
		if (s) {
			tell(s, r, r->transport_at + 8);
		}
	} else if (r->protocol == IPPROTO_TCP) {
		struct inet_socket *s = port_find(INET_TCP, &r->from, r->ports[0], &r->to, r->ports[1]);
		if (s && s->remote.port && tcp_path_sent(s, r->sequence)) {
			tell_connection(s, r);
		}
	}
}

static u8_t icmp_arrived(void *arg, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *from)
{
	struct report r = { .v6 = ip_current_is_v6(), .p = p, .at = ip_current_header_tot_len() + HEADER };
	uint8_t message[HEADER];
	if (pbuf_copy_partial(p, message, sizeof(message), (u16_t)ip_current_header_tot_len()) != sizeof(message)) {
		return 0;
	}
	unsigned error = error_of_code(r.v6, message[0], message[1]);
	r.final = error & FINAL;
	r.told = (struct error_told){ .error = (int)(error & ~FINAL), .origin = r.v6 ? ORIGIN_ICMP6 : ORIGIN_ICMP, .type = message[0], .code = message[1],
		.teller = *from };
	r.large = r.told.error == EMSGSIZE;
	if (r.large) { /* the largest that would have passed */
		r.told.info = r.v6 ? (uint32_t)message[4] << 24 | (uint32_t)message[5] << 16 | (uint32_t)message[6] << 8 | message[7] :
				     (uint32_t)message[6] << 8 | message[7];
	}
	if (error && returned_read(&r)) {
		report_pass(&r);
	}
	return 0; /* lwIP goes on with it */
}

void errors_listen(void)
{
	for (int v6 = 0; v6 < 2; v6++) {
		if (!listeners[v6]) {
			listeners[v6] = raw_new_ip_type(v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
			if (listeners[v6]) {
				raw_recv(listeners[v6], icmp_arrived, NULL);
			}
		}
	}
}
