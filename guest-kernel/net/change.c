/* SPDX-License-Identifier: MIT */
/* What programs change of the network (tables.h): an interface's state, MTU and addresses, and routes. */
#include "net/tables.h"

#include "abi/errno.h"
#include "base/string.h"
#include "lwip/dhcp.h"
#include "lwip/nd6.h"
#include "net/alias.h"
#include "net/internal.h"

#define MTU_LEAST 68u

int net_link_set(unsigned index, bool up)
{
	struct net_link link;
	if (!net_link_by_index(index, &link)) {
		return -ENODEV;
	}
	if (up) {
		netif_set_up(link.netif);
	} else {
		netif_set_down(link.netif);
	}
	alias_follow(link.netif);
	return 0;
}

int net_link_listen(unsigned index, uint32_t flags, uint32_t change)
{
	struct net_link link;
	if (!net_link_by_index(index, &link)) {
		return -ENODEV;
	}
	struct interface *i = interface_of(link.netif);
	change &= IFF_PROMISC | IFF_ALLMULTI;
	if (i && change) { /* the loopback has no filter */
		i->listens = (i->listens & ~change) | (flags & change);
		interface_filter_set(i);
	}
	return 0;
}

int net_mtu_set(unsigned index, uint32_t mtu)
{
	struct net_link link;
	if (!net_link_by_index(index, &link)) {
		return -ENODEV;
	}
	const struct interface *i = interface_of(link.netif);
	if (mtu < MTU_LEAST || mtu > (i ? i->dev->mtu : 65535u)) {
		return -EINVAL;
	}
	link.netif->mtu = (u16_t)mtu;
	net_path_changes++;
	alias_follow(link.netif);
	return 0;
}

/* Whoever sets addresses by hand wants none from DHCP any more. */
static void dhcp_end(struct netif *netif)
{
	if (netif_dhcp_data(netif)) {
		ip4_addr_t address = *netif_ip4_addr(netif), mask = *netif_ip4_netmask(netif), gateway = *netif_ip4_gw(netif);
		dhcp_stop(netif);
		dhcp_cleanup(netif);
		netif_set_addr(netif, &address, &mask, &gateway);
	}
}

/* Whatever address was in its slot before, with whatever lifetimes. lwIP counts them down, and takes the address away at their end. */
static void address6_life_set(struct netif *netif, s8_t slot, const struct net_address *address)
{
	netif_ip6_addr_set_valid_life(netif, slot, address->ends ? address->valid_seconds : IP6_ADDR_LIFE_STATIC);
	netif_ip6_addr_set_pref_life(netif, slot, address->ends ? address->preferred_seconds : IP6_ADDR_LIFE_STATIC);
	nd6_clear_destination_cache(); /* its network is on the link, or no longer (route.c) */
}

static int address6_set(struct netif *netif, const struct net_address *address)
{
	ip6_addr_t to = { .addr = { 0 } };
	s8_t slot;
	memcpy(to.addr, address->bytes, 16);
	ip6_addr_assign_zone(&to, IP6_UNICAST, netif);
	if (netif_get_ip6_addr_match(netif, &to) >= 0) {
		return -EEXIST;
	}
	if (netif_add_ip6_address(netif, &to, &slot) != ERR_OK) {
		return -ENOBUFS;
	}
	address6_life_set(netif, slot, address);
	netif_ip6_addr_set_state(netif, slot, netif == &loop_netif ? IP6_ADDR_PREFERRED : IP6_ADDR_TENTATIVE); /* nobody else can have it there */
	return 0;
}

/* Where the interface has it; below 0: nowhere. */
static s8_t address6_slot(struct netif *netif, const struct net_address *address)
{
	ip6_addr_t of = { .addr = { 0 } };
	memcpy(of.addr, address->bytes, 16);
	ip6_addr_assign_zone(&of, IP6_UNICAST, netif);
	return netif_get_ip6_addr_match(netif, &of);
}

int net_address_change(const struct net_address *address)
{
	struct net_link link;
	if (!net_link_by_index(address->index, &link)) {
		return -ENODEV;
	}
	if (!address->v6) {
		return 0; /* nothing is kept that can change */
	}
	s8_t slot = address6_slot(link.netif, address);
	if (slot < 0) {
		return -EADDRNOTAVAIL;
	}
	address6_life_set(link.netif, slot, address);
	if (ip6_addr_isdeprecated(netif_ip6_addr_state(link.netif, slot)) && (!address->ends || address->preferred_seconds)) {
		netif_ip6_addr_set_state(link.netif, slot, IP6_ADDR_PREFERRED);
	}
	return 0;
}

static void first_label(struct netif *netif, const char *label)
{
	struct interface *i = interface_of(netif);
	if (i) {
		string_copy(i->label, label, sizeof(i->label));
	}
}

int net_address_set(unsigned index, const struct net_address *address, bool another)
{
	struct net_link link;
	if (!net_link_by_index(index, &link)) {
		return -ENODEV;
	}
	if (address->v6) {
		return address6_set(link.netif, address);
	}
	if (address->bits > 32) {
		return -EINVAL;
	}
	ip4_addr_t to, mask, gateway = *netif_ip4_gw(link.netif);
	memcpy(&to, address->bytes, 4);
	mask_put(&mask, address->bits);
	struct netif *alias = alias_with(link.netif, &to);
	if (alias) {
		alias_remove(alias);
	}
	if (another && !ip4_addr_isany(netif_ip4_addr(link.netif)) && !ip4_addr_cmp(netif_ip4_addr(link.netif), &to)) {
		return alias_add(link.netif, &to, &mask, address->label);
	}
	dhcp_end(link.netif);
	netif_set_addr(link.netif, &to, &mask, &gateway);
	first_label(link.netif, address->label);
	return 0;
}

/* The first address is gone: the next one is the first. A gateway stays that is still in its network. */
static void address_promote(struct netif *netif)
{
	struct netif *alias = alias_at(netif, 0);
	ip4_addr_t gateway = *netif_ip4_gw(netif), address = { 0 }, mask = { 0 };
	netif_set_addr(netif, NULL, NULL, NULL);
	first_label(netif, alias ? alias_label(alias) : "");
	if (!alias) {
		return;
	}
	ip4_addr_copy(address, *netif_ip4_addr(alias));
	ip4_addr_copy(mask, *netif_ip4_netmask(alias));
	alias_remove(alias);
	netif_set_addr(netif, &address, &mask, NULL);
	if (alias_leads(netif, &gateway)) {
		netif_set_gw(netif, &gateway);
	}
}

int net_address_remove(unsigned index, const struct net_address *address)
{
	struct net_link link;
	if (!net_link_by_index(index, &link)) {
		return -ENODEV;
	}
	if (address->v6) {
		s8_t slot = address6_slot(link.netif, address);
		if (slot < 0) {
			return -EADDRNOTAVAIL;
		}
		netif_ip6_addr_set_state(link.netif, slot, IP6_ADDR_INVALID);
		return 0;
	}
	ip4_addr_t to;
	memcpy(&to, address->bytes, 4);
	struct netif *alias = alias_with(link.netif, &to);
	if (alias) {
		alias_remove(alias);
	} else if (ip4_addr_cmp(netif_ip4_addr(link.netif), &to)) {
		dhcp_end(link.netif);
		address_promote(link.netif);
	} else {
		return -EADDRNOTAVAIL;
	}
	return 0;
}

/* The interface in whose network the route's gateway is. */
static struct netif *gateway_netif(const struct net_route *route)
{
	ip4_addr_t gateway;
	struct netif *netif;
	memcpy(&gateway, route->gateway, 4);
	NETIF_FOREACH(netif)
	{
		if (netif != &loop_netif && (!route->index || netif_get_index(netif) == route->index) &&
		    !ip4_addr_isany(netif_ip4_addr(netif)) && ip4_addr_netcmp(&gateway, netif_ip4_addr(netif), netif_ip4_netmask(netif))) {
			return netif;
		}
	}
	return NULL;
}

static int default_add(const struct net_route *route, bool replace)
{
	struct netif *netif = gateway_netif(route), *old = netif_default;
	if (!netif) {
		return -ENETUNREACH;
	}
	netif = netif_get_by_index(netif_get_index(netif));
	if (!replace && old == netif && !ip4_addr_isany(netif_ip4_gw(netif))) {
		return -EEXIST;
	}
	if (replace && old) {
		netif_set_gw(old, NULL);
	}
	ip4_addr_t gateway;
	memcpy(&gateway, route->gateway, 4);
	netif_set_gw(netif, &gateway);
	netif_set_default(netif);
	return 0;
}

/* An IPv6 gateway for which no link is named must be on one, and not be this machine itself; each link has link-local ones. */
static int gateway6_link(struct net_route *route)
{
	struct net_route way;
	if (route->gateway[0] == 0xfe && (route->gateway[1] & 0xc0) == 0x80) {
		return -EINVAL;
	}
	if (!net_path_to(true, route->gateway, &way) || way.gateway_set) {
		return -EHOSTUNREACH;
	}
	route->index = way.index;
	return way.type == RTN_LOCAL ? -EINVAL : 0;
}

/* IPv4's default gateway is lwIP's; all others are route.c's. */
int net_route_add(const struct net_route *route, bool replace)
{
	struct net_route new = *route;
	struct net_link link;
	if (!route->v6 && !route->bits && route->gateway_set) {
		return default_add(route, replace);
	}
	if (!route->v6 && route->gateway_set) {
		struct netif *netif = gateway_netif(route);
		new.index = netif ? netif_get_index(netif) : 0;
		if (!netif) {
			return -ENETUNREACH;
		}
	}
	int error = route->v6 && route->gateway_set && !route->index ? gateway6_link(&new) : 0;
	if (error) {
		return error;
	}
	if (route->bits > (route->v6 ? 128u : 32u) || !net_link_by_index(new.index, &link)) {
		return new.index ? -EINVAL : -ENODEV;
	}
	if (!(link.flags & IFF_UP)) {
		return -ENETDOWN;
	}
	new.scope = new.v6 || new.gateway_set ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	new.protocol = RTPROT_BOOT;
	uint8_t network[sizeof(new.to)] = { 0 };
	network_of(new.to, new.bits, network);
	if (memcmp(network, new.to, new.v6 ? 16 : 4) != 0) {
		return -EINVAL; /* an address in the network, not the network */
	}
	return net_added_route_put(&new, replace);
}

int net_route_remove(const struct net_route *route)
{
	struct net_route now;
	if (!net_added_route_remove(route)) {
		return 0;
	}
	if (route->v6 || route->bits || !net_route_at(0, &now) || !now.gateway_set || now.v6 || now.bits || (route->index && route->index != now.index) ||
	    (route->gateway_set && memcmp(route->gateway, now.gateway, 4) != 0)) {
		return -ESRCH;
	}
	netif_set_gw(netif_default, NULL);
	return 0;
}
