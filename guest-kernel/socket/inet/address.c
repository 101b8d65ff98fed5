/* SPDX-License-Identifier: MIT */
/*
 * Addresses as programs write them (ip(7), ipv6(7)) and as lwIP does. A socket of AF_INET6 speaks IPv4 with addresses ::ffff:a.b.c.d,
 * unless IPV6_V6ONLY forbids it; inside they are IPv4's.
 */
#include "socket/inet/inet.h"

#include "base/string.h"
#include "net/internal.h"
#include "net/net.h"
#include "lwip/ip.h"
#include "lwip/netif.h"

struct sockaddr_in {
	uint16_t family, port;
	uint32_t address;
	uint64_t zero;
};

struct sockaddr_in6 {
	uint16_t family, port;
	uint32_t flow, address[4], scope;
};

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

void address_set_any(ip_addr_t *a, const struct inet_socket *s)
{
	memset(a, 0, sizeof(*a));
	IP_SET_TYPE(a, !s->v6 ? IPADDR_TYPE_V4 : s->v6_only ? IPADDR_TYPE_V6 : IPADDR_TYPE_ANY);
}

bool address_is_any(const ip_addr_t *a)
{
	return IP_IS_ANY_TYPE_VAL(*a) || ip_addr_isany(a);
}

static int read_in6(const struct inet_socket *s, const struct sockaddr_in6 *in, struct endpoint *out)
{
	out->port = lwip_ntohs(in->port);
	if (memcmp(in->address, mapped, sizeof(mapped)) == 0) {
		IP_SET_TYPE(&out->address, IPADDR_TYPE_V4);
		ip_2_ip4(&out->address)->addr = in->address[3];
		return s->v6_only ? -ENETUNREACH : 0;
	}
	IP_SET_TYPE(&out->address, IPADDR_TYPE_V6);
	memcpy(ip_2_ip6(&out->address)->addr, in->address, sizeof(in->address));
	if (ip6_addr_islinklocal(ip_2_ip6(&out->address)) || ip6_addr_ismulticast_linklocal(ip_2_ip6(&out->address))) {
		out->interface = in->scope;
		ip6_addr_set_zone(ip_2_ip6(&out->address), (u8_t)in->scope);
	}
	return 0;
}

/* The family has been looked at. */
int endpoint_read(const struct inet_socket *s, const struct address *a, struct endpoint *out)
{
	memset(out, 0, sizeof(*out));
	if (s->v6 && (a->family == AF_INET6 || a->family == AF_UNSPEC || s->base.type == SOCK_STREAM)) {
		struct sockaddr_in6 in = { 0 };
		if (a->length + FAMILY_BYTES < sizeof(in) - sizeof(in.scope)) {
			return -EINVAL;
		}
		memcpy(&in, a, a->length + FAMILY_BYTES < sizeof(in) ? a->length + FAMILY_BYTES : sizeof(in));
		return in.family == AF_INET6 || in.family == AF_UNSPEC ? read_in6(s, &in, out) : -EAFNOSUPPORT;
	}
	struct sockaddr_in in;
	if (a->length + FAMILY_BYTES < sizeof(in)) {
		return -EINVAL;
	}
	if (a->family != AF_INET && a->family != AF_UNSPEC) {
		return -EAFNOSUPPORT;
	}
	memcpy(&in, a, sizeof(in));
	out->port = lwip_ntohs(in.port);
	IP_SET_TYPE(&out->address, IPADDR_TYPE_V4);
	ip_2_ip4(&out->address)->addr = in.address;
	return s->v6 && s->v6_only ? -EINVAL : 0;
}

void endpoint_tell(const struct inet_socket *s, const struct endpoint *e, struct address *out)
{
	if (!s->v6) {
		struct sockaddr_in in = { AF_INET, lwip_htons(e->port), IP_IS_V4(&e->address) ? ip_2_ip4(&e->address)->addr : 0, 0 };
		memcpy(out, &in, sizeof(in));
		out->length = sizeof(in) - FAMILY_BYTES;
		return;
	}
	struct sockaddr_in6 in = { .family = AF_INET6, .port = lwip_htons(e->port) };
	if (IP_IS_V4_VAL(e->address)) {
		memcpy(in.address, mapped, sizeof(mapped));
		in.address[3] = ip_2_ip4(&e->address)->addr;
	} else {
		memcpy(in.address, ip_2_ip6(&e->address)->addr, sizeof(in.address));
		in.scope = ip6_addr_zone(ip_2_ip6(&e->address));
	}
	memcpy(out, &in, sizeof(in));
	out->length = sizeof(in) - FAMILY_BYTES;
}

static bool own4(const ip4_addr_t *a, bool datagrams)
{
	struct netif *netif;
	if (ip4_addr_isloopback(a)) {
		return true;
	}
	if (datagrams && (ip4_addr_ismulticast(a) || a->addr == IPADDR_BROADCAST)) {
		return true;
	}
	NETIF_FOREACH(netif)
	{
		if (ip4_addr_cmp(a, netif_ip4_addr(netif)) || (datagrams && ip4_addr_isbroadcast(a, netif))) {
			return true;
		}
	}
	return false;
}

static bool own6(const ip6_addr_t *a, bool datagrams)
{
	struct netif *netif;
	if (datagrams && ip6_addr_ismulticast(a)) {
		return true;
	}
	NETIF_FOREACH(netif)
	{
		if (netif_get_ip6_addr_match(netif, a) >= 0) {
			return true;
		}
	}
	return false;
}

bool address_is_own(const ip_addr_t *address, bool datagrams)
{
	return IP_IS_V4(address) ? own4(ip_2_ip4(address), datagrams) : own6(ip_2_ip6(address), datagrams);
}

/* The unspecified address is this machine itself. */
static void any_to_loopback(ip_addr_t *a)
{
	if (!address_is_any(a)) {
		return;
	}
	if (IP_IS_V4(a)) {
		ip_2_ip4(a)->addr = PP_HTONL(IPADDR_LOOPBACK);
	} else {
		ip6_addr_set_loopback(ip_2_ip6(a));
	}
}

bool address_is_broadcast(const ip_addr_t *a, struct netif *netif)
{
	return ip_addr_isbroadcast(a, netif) || (netif == &loop_netif && IP_IS_V4(a) && ip_2_ip4(a)->addr == PP_HTONL(0x7fffffff));
}

bool address_needs_link(const struct inet_socket *s, const struct endpoint *to)
{
	return IP_IS_V6(&to->address) && ip6_addr_islinklocal(ip_2_ip6(&to->address)) && !to->interface && !s->interface;
}

int route_find(const struct inet_socket *s, struct endpoint *to, struct netif **netif, ip_addr_t *from)
{
	any_to_loopback(&to->address);
	bool v4 = IP_IS_V4(&to->address), multicast = ip_addr_ismulticast(&to->address);
	uint32_t interface = to->interface ? to->interface : multicast && s->multicast_interface ? s->multicast_interface : s->interface;
	if (!interface && !multicast && s->kind != INET_TCP) {
		interface = s->unicast_interface;
	}
	ip_addr_t any = { 0 };
	IP_SET_TYPE(&any, v4 ? IPADDR_TYPE_V4 : IPADDR_TYPE_V6);
	const ip_addr_t *bound = s->address_bound && !address_is_any(&s->local.address) ? &s->local.address : &any;
	if (IP_GET_TYPE(bound) != IP_GET_TYPE(&any)) {
		return -ENETUNREACH;
	}
	*netif = interface ? netif_get_by_index((u8_t)interface) : ip_route(bound, &to->address);
	if (!*netif || !netif_is_up(*netif) || !net_is_reachable(*netif, &to->address)) {
		return -ENETUNREACH;
	}
	if (bound != &any && !ip_addr_ismulticast(bound)) {
		*from = *bound;
		return 0;
	}
	if (!multicast && !address_is_broadcast(&to->address, *netif) && address_is_own(&to->address, false)) {
		*from = to->address;
		return 0;
	}
	const ip_addr_t *own = ip_netif_get_local_ip(*netif, &to->address);
	if (!own || address_is_any(own)) {
		return -EADDRNOTAVAIL;
	}
	*from = *own;
	return 0;
}
