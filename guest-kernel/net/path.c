/* SPDX-License-Identifier: MIT */
/*
 * Which way a packet takes, in words of the tables: to this machine itself, to a group, to all of a network, or by the longest prefix. What
 * `ip route get` and nmap ask for (RTM_GETROUTE, rtnetlink(7)); lwIP itself asks net/route.c.
 */
#include "net/tables.h"

#include "base/string.h"
#include "net/internal.h"

#include "lwip/ip6.h"
#include "lwip/netif.h"

static bool is_loopback(unsigned index)
{
	struct net_link link;
	return net_link_by_index(index, &link) && (link.flags & IFF_LOOPBACK);
}

/* This machine's own address; what is sent to it goes by the loopback interface, from that address, and in 127.0.0.0/8 from 127.0.0.1. */
static bool path_local(bool v6, const uint8_t *to, struct net_route *out)
{
	struct net_address address;
	struct net_link loopback;
	bool own = !v6 && to[0] == 127;
	for (unsigned n = 0; !own && net_address_at(n, &address); n++) {
		own = address.v6 == v6 && memcmp(address.bytes, to, address_bytes(v6)) == 0;
	}
	if (!own || !net_link_at(0, &loopback)) {
		return false;
	}
	static const uint8_t first[4] = { 127, 0, 0, 1 };
	*out = (struct net_route){ .index = loopback.index, .v6 = v6, .type = RTN_LOCAL, .protocol = RTPROT_KERNEL };
	memcpy(out->from, !v6 && to[0] == 127 ? first : to, address_bytes(v6));
	return true;
}

/* The address of the link whose network has the next hop, or its first one. */
static void source4(struct net_route *r, const uint8_t *hop)
{
	struct net_address address;
	bool found = false;
	for (unsigned n = 0; net_address_at(n, &address); n++) {
		bool near = net_prefix_same(address.bytes, hop, address.bits);
		if (!address.v6 && address.index == r->index && (!found || near)) {
			memcpy(r->from, address.bytes, 4);
			found = true;
			if (near) {
				return;
			}
		}
	}
}

static void source6(struct net_route *r)
{
	struct netif *netif = netif_get_by_index((u8_t)r->index);
	ip6_addr_t to = { 0 };
	memcpy(to.addr, r->to, sizeof(to.addr));
	ip6_addr_assign_zone(&to, IP6_UNKNOWN, netif);
	const ip_addr_t *from = netif ? ip6_select_source_address(netif, &to) : NULL;
	if (from) {
		memcpy(r->from, ip_2_ip6(from)->addr, sizeof(r->from));
	}
}

/* The last address of an IPv4 network on this link means all of it. */
static bool is_broadcast(unsigned index, const uint8_t *to)
{
	struct net_address address;
	for (unsigned n = 0; net_address_at(n, &address); n++) {
		uint32_t host, all = address.bits < 31 ? __builtin_bswap32(~0u >> address.bits) : 0;
		memcpy(&host, to, sizeof(host));
		if (!address.v6 && address.index == index && all && (host & all) == all && net_prefix_same(address.bytes, to, address.bits)) {
			return true;
		}
	}
	return false;
}

/* What a router has told of the way's MTU. */
static void mtu_put(struct net_route *r)
{
	ip_addr_t to = { 0 };
	uint64_t left_ns;
	IP_SET_TYPE(&to, r->v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4);
	memcpy(r->v6 ? (void *)ip_2_ip6(&to)->addr : ip_2_ip4(&to), r->to, address_bytes(r->v6));
	r->mtu = net_path_known(&to, &left_ns, &r->mtu_locked);
	r->mtu_seconds = (uint32_t)(left_ns / 1000000000);
}

bool net_path_to(bool v6, const uint8_t *to, struct net_route *out)
{
	struct net_route route;
	bool found = path_local(v6, to, out), local = found;
	for (unsigned n = 0; !local && net_route_at(n, &route); n++) {
		if (route.v6 == v6 && net_prefix_same(route.to, to, route.bits) && (!found || route.bits > out->bits)) {
			*out = route;
			found = true;
		}
	}
	if (!found) {
		return false;
	}
	memset(out->to, 0, sizeof(out->to));
	memcpy(out->to, to, address_bytes(v6));
	out->bits = (unsigned)address_bytes(v6) * 8;
	mtu_put(out);
	out->scope = RT_SCOPE_UNIVERSE;
	if (!v6 && !local) {
		bool group = to[0] >= 224 && to[0] < 240;
		out->type = group ? RTN_MULTICAST : is_broadcast(out->index, to) ? RTN_BROADCAST : RTN_UNICAST;
		out->gateway_set &= !group;
	}
	if (!local && !is_loopback(out->index)) {
		if (v6) {
			source6(out);
		} else {
			source4(out, out->gateway_set ? out->gateway : to);
		}
	}
	return true;
}
