/* SPDX-License-Identifier: MIT */
/*
 * Where lwIP asks before it chooses by its interfaces' networks: what goes to an address of this machine's own stays in it, as on Linux;
 * then the routes that programs have added, unless an interface's own network says more of the address. The default gateway is lwIP's.
 */
#include "net/internal.h"
#include "net/net.h"

#include "abi/errno.h"
#include "base/string.h"
#include "net/alias.h"
#include "net/interface.h"
#include "net/lwip/hooks.h"
#include "lwip/ip.h"
#include "lwip/nd6.h"
#include "lwip/netif.h"
#include "net/tables.h"

struct netif *net_find(const char *name)
{
	struct netif *netif;
	NETIF_FOREACH(netif)
	{
		if (strcmp(interface_name(netif), name) == 0) {
			return netif;
		}
	}
	return NULL;
}

/* ---- routes that programs have added ---- */
#define ROUTES 64u
static struct net_route routes[ROUTES]; /* net lock; in no order */
static unsigned route_count;

static const uint8_t *bytes_of(bool v6, const void *address)
{
	return v6 ? (const uint8_t *)((const ip6_addr_t *)address)->addr : (const uint8_t *)&((const ip4_addr_t *)address)->addr;
}

bool net_prefix_same(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	for (unsigned n = 0; n < bits; n++) {
		if ((a[n / 8] ^ b[n / 8]) & (0x80 >> n % 8)) {
			return false;
		}
	}
	return true;
}

static bool is_usable(const struct net_route *route)
{
	const struct netif *netif = netif_get_by_index((u8_t)route->index);
	return netif && netif_is_up(netif) && netif_is_link_up(netif);
}

/* The one with most bits in common; by this interface only, unless that is 0. NULL: none. */
static const struct net_route *route_best(bool v6, const void *address, unsigned index)
{
	const struct net_route *best = NULL;
	for (unsigned n = 0; n < route_count; n++) {
		const struct net_route *r = &routes[n];
		if (r->v6 == v6 && (!index || r->index == index) && is_usable(r) && (!best || r->bits > best->bits) &&
		    net_prefix_same(r->to, bytes_of(v6, address), r->bits)) {
			best = r;
		}
	}
	return best;
}

unsigned mask_bits(const void *mask)
{
	uint32_t rest;
	memcpy(&rest, mask, sizeof(rest));
	rest = ~lwip_ntohl(rest);
	return rest ? (unsigned)__builtin_clz(rest) : 32;
}

void mask_put(void *to, unsigned bits)
{
	uint32_t mask = lwip_htonl(bits ? ~0u << (32 - bits) : 0);
	memcpy(to, &mask, sizeof(mask));
}

/* In whose own network it is, the smallest of them, by so many bits. NULL, -1: in none. */
static struct netif *connected4(const ip4_addr_t *to, int *bits)
{
	struct netif *netif, *best = NULL;
	*bits = -1;
	NETIF_FOREACH(netif)
	{
		bool leads = netif_is_up(netif) && !ip4_addr_isany_val(*netif_ip4_addr(netif)) &&
			     ip4_addr_netcmp(to, netif_ip4_addr(netif), netif_ip4_netmask(netif));
		if (leads && (int)mask_bits(netif_ip4_netmask(netif)) > *bits) {
			*bits = (int)mask_bits(netif_ip4_netmask(netif));
			best = netif;
		}
	}
	return best;
}

static int connected_bits4(const ip4_addr_t *to)
{
	int bits;
	connected4(to, &bits);
	return bits;
}

#define PREFIX6 64
static int connected_bits6(const ip6_addr_t *to)
{
	struct netif *netif;
	NETIF_FOREACH(netif)
	{
		for (s8_t slot = 0; slot < LWIP_IPV6_NUM_ADDRESSES; slot++) {
			if (ip6_addr_isvalid(netif_ip6_addr_state(netif, slot)) && ip6_addr_netcmp_zoneless(to, netif_ip6_addr(netif, slot))) {
				return PREFIX6;
			}
		}
	}
	return -1;
}

/*
 * An address with lifetimes that a program has set brings its network along, as on Linux. lwIP takes each address with lifetimes for one by
 * a router's word, which is to say itself what is on the link; those have the same last half as the link-local address.
 */
static bool is_connected6(const struct netif *netif, const ip6_addr_t *to)
{
	const ip6_addr_t *first = netif_ip6_addr(netif, 0);
	for (s8_t slot = 1; netif_is_up(netif) && slot < LWIP_IPV6_NUM_ADDRESSES; slot++) {
		const ip6_addr_t *address = netif_ip6_addr(netif, slot);
		if (ip6_addr_isvalid(netif_ip6_addr_state(netif, slot)) && !netif_ip6_addr_isstatic(netif, slot) &&
		    ip6_addr_netcmp_zoneless(to, address) && !(address->addr[2] == first->addr[2] && address->addr[3] == first->addr[3])) {
			return true;
		}
	}
	return false;
}

static struct netif *connected6(const ip6_addr_t *to)
{
	struct netif *netif;
	NETIF_FOREACH(netif)
	{
		if (is_connected6(netif, to)) {
			return netif;
		}
	}
	return NULL;
}

static struct netif *netif_by_route(bool v6, const void *to)
{
	const struct net_route *r = route_best(v6, to, 0);
	bool leads = r && (int)r->bits > (v6 ? connected_bits6(to) : connected_bits4(to));
	struct netif *netif = leads ? netif_get_by_index((u8_t)r->index) : v6 ? connected6(to) : NULL;
	if (netif && !v6 && r->gateway_set && alias_count) { /* of IPv4 a route leads: r is one */
		ip4_addr_t gateway;
		memcpy(&gateway, r->gateway, sizeof(gateway));
		netif = alias_near(netif, &gateway);
	}
	return netif;
}

/* Where there are aliases: that address of an interface's from which the destination, or the default gateway, is near. NULL: lwIP's own choice. */
static struct netif *netif_near(const ip4_addr_t *to)
{
	int bits;
	struct netif *netif = connected4(to, &bits);
	if (netif || !netif_default || ip4_addr_ismulticast(to) || ip4_addr_isany(netif_ip4_gw(netif_default))) {
		return netif;
	}
	return netif_is_up(netif_default) && netif_is_link_up(netif_default) ? alias_near(netif_default, netif_ip4_gw(netif_default)) : NULL;
}

const void *net_gateway4(struct netif *netif, const void *to)
{
	static ip4_addr_t gateway;
	const struct net_route *r = route_best(false, to, netif_get_index(netif));
	const struct netif *of = r ? NULL : alias_of(netif);
	if (of) {
		return ip4_addr_isany(netif_ip4_gw(of)) ? NULL : netif_ip4_gw(of);
	}
	if (!r || !r->gateway_set) {
		return r ? to : NULL;
	}
	memcpy(&gateway, r->gateway, sizeof(gateway));
	return &gateway;
}

const void *net_gateway6(struct netif *netif, const void *to)
{
	static ip6_addr_t gateway;
	const struct net_route *r = route_best(true, to, netif_get_index(netif));
	if ((!r || r->bits <= PREFIX6) && is_connected6(netif, to)) {
		return to;
	}
	if (!r || !r->gateway_set) {
		return r ? to : NULL;
	}
	memcpy(gateway.addr, r->gateway, sizeof(gateway.addr));
	ip6_addr_assign_zone(&gateway, IP6_UNICAST, netif);
	return &gateway;
}

const ip4_addr_t *net_next_hop4(struct netif *netif, const ip4_addr_t *to)
{
	if (ip4_addr_netcmp(to, netif_ip4_addr(netif), netif_ip4_netmask(netif))) {
		return to;
	}
	const ip4_addr_t *gateway = net_gateway4(netif, to);
	return gateway ? gateway : ip4_addr_isany(netif_ip4_gw(netif)) ? NULL : netif_ip4_gw(netif);
}

bool net_is_reachable(struct netif *netif, const ip_addr_t *to)
{
	if (!IP_IS_V4(to) || netif == &loop_netif || ip_addr_ismulticast(to) || ip_addr_isbroadcast(to, netif)) {
		return true;
	}
	return net_next_hop4(netif, ip_2_ip4(to)) != NULL;
}

static struct net_route *route_find(const struct net_route *like, bool exactly)
{
	size_t bytes = like->v6 ? 16 : 4;
	for (unsigned n = 0; n < route_count; n++) {
		struct net_route *r = &routes[n];
		bool same = r->v6 == like->v6 && r->bits == like->bits && memcmp(r->to, like->to, bytes) == 0;
		bool meant = (!like->index || like->index == r->index) && (!like->gateway_set || memcmp(r->gateway, like->gateway, bytes) == 0);
		if (same && (meant || !exactly)) {
			return r;
		}
	}
	return NULL;
}

bool net_added_route_at(unsigned n, struct net_route *out)
{
	for (unsigned at = 0; at < route_count; at++) {
		if (is_usable(&routes[at]) && n-- == 0) {
			*out = routes[at];
			return true;
		}
	}
	return false;
}

int net_added_route_put(const struct net_route *route, bool replace)
{
	struct net_route *r = route_find(route, false);
	if (r && !replace) {
		return -EEXIST;
	}
	if (!r && route_count == ROUTES) {
		return -ENOBUFS;
	}
	r = r ? r : &routes[route_count++];
	*r = *route;
	nd6_clear_destination_cache();
	net_paths_forget();
	return 0;
}

int net_added_route_remove(const struct net_route *route)
{
	struct net_route *r = route_find(route, true);
	if (r) {
		*r = routes[--route_count];
		nd6_clear_destination_cache();
		net_paths_forget();
	}
	return r ? 0 : -ESRCH;
}

bool net_is_own4(const void *address)
{
	struct netif *netif;
	NETIF_FOREACH(netif)
	{
		if (!ip4_addr_isany_val(*netif_ip4_addr(netif)) && ip4_addr_cmp((const ip4_addr_t *)address, netif_ip4_addr(netif))) {
			return true;
		}
	}
	return ip4_addr_isloopback((const ip4_addr_t *)address);
}

/* ---- what lwIP asks ---- */
struct netif *net_route4(const void *to)
{
	struct netif *netif = net_is_own4(to) ? &loop_netif : netif_by_route(false, to);
	return netif || !alias_count ? netif : netif_near(to);
}

struct netif *net_route6(const void *to)
{
	const ip6_addr_t *address = to;
	if (ip6_addr_isloopback(address)) {
		return &loop_netif;
	}
	struct netif *netif;
	NETIF_FOREACH(netif)
	{
		if (netif_get_ip6_addr_match(netif, address) >= 0) {
			return &loop_netif;
		}
	}
	return ip6_addr_islinklocal(address) || ip6_addr_ismulticast(address) ? NULL : netif_by_route(true, to);
}
