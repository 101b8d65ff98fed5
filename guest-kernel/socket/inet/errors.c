/* SPDX-License-Identifier: MIT */
/*
 * Errors that other machines report by ICMP (RFC 792, RFC 4443): whoever sent what came back with one is told. A datagram socket hears
 * them if it is connected, or has asked for them (IP_RECVERR); of connections only one that is about to begin is given up.
 */
#include "socket/inet/inet.h"

#include "base/string.h"
#include "lwip/ip.h"
#include "lwip/pbuf.h"
#include "lwip/raw.h"

#define HEADER 8u /* of an ICMP message; behind it what came back, from its IP header on */
#define UNREACHABLE4 3
#define UNREACHABLE6 1
#define PORTS 4u

static struct raw_pcb *listeners[2]; /* net lock */

/* 0: nothing that is told. */
static int error_of_code(bool v6, unsigned type, unsigned code)
{
	static const uint8_t codes4[] = { ENETUNREACH, EHOSTUNREACH, ENOPROTOOPT, ECONNREFUSED, EMSGSIZE, EOPNOTSUPP, ENETUNREACH, EHOSTUNREACH,
		EHOSTUNREACH, ENETUNREACH, EHOSTUNREACH, ENETUNREACH, EHOSTUNREACH, EHOSTUNREACH, EHOSTUNREACH, EHOSTUNREACH };
	static const uint8_t codes6[] = { ENETUNREACH, EACCES, EHOSTUNREACH, EHOSTUNREACH, ECONNREFUSED, EACCES, EACCES };
	if (type != (v6 ? UNREACHABLE6 : UNREACHABLE4)) {
		return 0;
	}
	return v6 ? (code < sizeof(codes6) ? codes6[code] : 0) : code < sizeof(codes4) ? codes4[code] : 0;
}

struct returned {
	ip_addr_t from, to;
	uint8_t protocol;
	uint16_t ports[2]; /* source, destination */
};

/* The headers of what came back. False: they are not all there. */
static bool returned_read(struct pbuf *p, unsigned at, bool v6, struct returned *r)
{
	uint8_t header[IP6_HLEN], ports[PORTS];
	unsigned length = v6 ? IP6_HLEN : IP_HLEN;
	if (pbuf_copy_partial(p, header, (u16_t)length, (u16_t)at) != length) {
		return false;
	}
	memset(r, 0, sizeof(*r));
	IP_SET_TYPE(&r->from, v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4);
	IP_SET_TYPE(&r->to, v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4);
	if (v6) {
		memcpy(ip_2_ip6(&r->from)->addr, header + 8, 16);
		memcpy(ip_2_ip6(&r->to)->addr, header + 24, 16);
		r->protocol = header[6];
	} else {
		memcpy(ip_2_ip4(&r->from), header + 12, 4);
		memcpy(ip_2_ip4(&r->to), header + 16, 4);
		r->protocol = header[9];
		length = (header[0] & 0xfu) * 4;
	}
	if (pbuf_copy_partial(p, ports, sizeof(ports), (u16_t)(at + length)) != sizeof(ports)) {
		return false;
	}
	r->ports[0] = (uint16_t)(ports[0] << 8 | ports[1]);
	r->ports[1] = (uint16_t)(ports[2] << 8 | ports[3]);
	return r->protocol == IPPROTO_UDP || r->protocol == IPPROTO_TCP;
}

static void tell(struct inet_socket *s, int error)
{
	if (s->base.type == SOCK_DGRAM) {
		inet_fail(s, error);
	} else if (s->base.state == SOCKET_CONNECTING) {
		tcp_pcb_drop(s);
		inet_fail(s, error);
	}
}

static u8_t icmp_arrived(void *arg, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *from)
{
	bool v6 = ip_current_is_v6();
	unsigned at = ip_current_header_tot_len();
	struct returned r;
	uint8_t message[2];
	if (pbuf_copy_partial(p, message, sizeof(message), (u16_t)at) != sizeof(message)) {
		return 0;
	}
	int error = error_of_code(v6, message[0], message[1]);
	if (!error || !returned_read(p, at + HEADER, v6, &r)) {
		return 0;
	}
	struct inet_socket *s = port_find(r.protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM, &r.from, r.ports[0], &r.to, r.ports[1]);
	if (s) {
		tell(s, error);
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
