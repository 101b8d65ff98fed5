/* SPDX-License-Identifier: MIT */
/* What there is; see tables.h. Routes are those that lwIP follows: each interface's own network, the default interface's gateway, and those that were added. */
#include "net/tables.h"

#include "base/string.h"
#include "lwip/dhcp.h"
#include "lwip/etharp.h"
#include "lwip/priv/nd6_priv.h"
#include "net/alias.h"
#include "net/internal.h"

bool net_link_at(unsigned n, struct net_link *out)
{
	struct netif *netif = netif_get_by_index((u8_t)(n + 1));
	if (n > UINT8_MAX - 1u || !netif) {
		return false;
	}
	const struct interface *i = interface_of(netif);
	*out = (struct net_link){ .netif = netif, .index = n + 1, .name = interface_name(netif), .mtu = netif->mtu };
	bool up = netif_is_up(netif);
	out->flags = (up ? IFF_UP : 0) | (up && netif_is_link_up(netif) ? IFF_LOWER_UP | IFF_RUNNING : 0) | (i ? IFF_BROADCAST | IFF_MULTICAST : IFF_LOOPBACK);
	if (i) {
		memcpy(out->mac, netif->hwaddr, sizeof(out->mac));
		out->received = i->received_counts;
		out->sent = i->sent_counts;
		out->counters = i->counters;
		out->flags |= i->listens;
	} else {
		out->received = out->sent = loop_counts;
	}
	return true;
}

bool net_link_by_index(unsigned index, struct net_link *out)
{
	return index && net_link_at(index - 1, out);
}

bool net_link_by_name(const char *name, struct net_link *out)
{
	for (unsigned n = 0; net_link_at(n, out); n++) {
		if (strcmp(out->name, name) == 0) {
			return true;
		}
	}
	return false;
}

/* The first one, then aliases. */
static const struct netif *netif_at(const struct net_link *link, unsigned n)
{
	return n ? alias_at(link->netif, n - 1) : link->netif;
}

/* Does an address before the n-th lie in the same network? */
static bool is_secondary(const struct net_link *link, unsigned n)
{
	const struct netif *netif = netif_at(link, n), *other;
	while (n--) {
		other = netif_at(link, n);
		if (ip4_addr_cmp(netif_ip4_netmask(netif), netif_ip4_netmask(other)) &&
		    ip4_addr_netcmp(netif_ip4_addr(netif), netif_ip4_addr(other), netif_ip4_netmask(netif))) {
			return true;
		}
	}
	return false;
}

static bool address4(const struct net_link *link, unsigned n, struct net_address *out)
{
	const struct netif *netif = netif_at(link, n);
	const ip4_addr_t *address = netif_ip4_addr(netif);
	if (ip4_addr_isany(address)) {
		return false;
	}
	*out = (struct net_address){ .index = link->index, .bits = mask_bits(netif_ip4_netmask(netif)),
		.flags = IFA_F_PERMANENT | (is_secondary(link, n) ? IFA_F_SECONDARY : 0),
		.scope = link->flags & IFF_LOOPBACK ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE };
	memcpy(out->bytes, address, 4);
	const struct interface *i = interface_of(link->netif);
	const char *label = n ? alias_label(netif) : i ? i->label : "";
	string_copy(out->label, label[0] ? label : link->name, sizeof(out->label));
	return true;
}

static bool address6(const struct net_link *link, unsigned slot, struct net_address *out)
{
	u8_t state = netif_ip6_addr_state(link->netif, (s8_t)slot);
	const ip6_addr_t *address = netif_ip6_addr(link->netif, slot);
	if (ip6_addr_isinvalid(state)) {
		return false;
	}
	bool loopback = link->flags & IFF_LOOPBACK;
	*out = (struct net_address){ .index = link->index, .v6 = true, .bits = loopback ? 128 : 64,
		.scope = loopback ? RT_SCOPE_HOST : ip6_addr_islinklocal(address) ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
		.flags = (netif_ip6_addr_isstatic(link->netif, (s8_t)slot) ? IFA_F_PERMANENT : 0) |
			 (ip6_addr_istentative(state) ? IFA_F_TENTATIVE : 0) | (ip6_addr_isdeprecated(state) ? IFA_F_DEPRECATED : 0),
		.ends = !netif_ip6_addr_isstatic(link->netif, (s8_t)slot), .valid_seconds = netif_ip6_addr_valid_life(link->netif, slot),
		.preferred_seconds = netif_ip6_addr_pref_life(link->netif, slot) };
	memcpy(out->bytes, address->addr, 16);
	return true;
}

bool net_address_at(unsigned n, struct net_address *out)
{
	struct net_link link;
	for (unsigned l = 0; net_link_at(l, &link); l++) {
		for (unsigned a = 0; netif_at(&link, a); a++) {
			if (address4(&link, a, out) && n-- == 0) {
				return true;
			}
		}
		for (unsigned slot = 0; slot < LWIP_IPV6_NUM_ADDRESSES; slot++) {
			if (address6(&link, slot, out) && n-- == 0) {
				return true;
			}
		}
	}
	return false;
}

static bool route_default(struct net_route *out)
{
	const struct netif *netif = netif_default;
	if (!netif || !netif_is_up(netif) || ip4_addr_isany(netif_ip4_gw(netif))) {
		return false;
	}
	*out = (struct net_route){ .index = netif_get_index(netif), .gateway_set = true, .scope = RT_SCOPE_UNIVERSE,
		.protocol = dhcp_supplied_address(netif) ? RTPROT_DHCP : RTPROT_BOOT };
	memcpy(out->gateway, netif_ip4_gw(netif), 4);
	return true;
}

void network_of(const uint8_t *address, unsigned bits, uint8_t *to)
{
	for (unsigned b = 0; b < bits; b++) {
		to[b / 8] |= address[b / 8] & (0x80 >> b % 8);
	}
}

/* The network that an address lies in. The loopback's is not among them, on Linux neither. */
static bool route_of_address(const struct net_address *address, struct net_route *out)
{
	struct net_link link;
	if (!net_link_by_index(address->index, &link) || (link.flags & IFF_LOOPBACK) || !(link.flags & IFF_UP) ||
	    (!address->v6 && (address->flags & IFA_F_SECONDARY))) {
		return false;
	}
	*out = (struct net_route){ .index = address->index, .v6 = address->v6, .bits = address->bits, .protocol = RTPROT_KERNEL,
		.scope = address->v6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK };
	network_of(address->bytes, address->bits, out->to);
	if (!address->v6) {
		memcpy(out->from, address->bytes, 4);
	}
	return true;
}

static bool route_router(unsigned n, struct net_route *out)
{
	const struct nd6_neighbor_cache_entry *entry = n < LWIP_ND6_NUM_ROUTERS ? default_router_list[n].neighbor_entry : NULL;
	if (!entry || !entry->netif) {
		return false;
	}
	*out = (struct net_route){ .index = netif_get_index(entry->netif), .v6 = true, .gateway_set = true, .protocol = RTPROT_RA };
	memcpy(out->gateway, entry->next_hop_address.addr, 16);
	return true;
}

bool net_route_at(unsigned n, struct net_route *out)
{
	struct net_address address;
	if (route_default(out) && n-- == 0) {
		return true;
	}
	for (unsigned a = 0; net_address_at(a, &address); a++) {
		if (route_of_address(&address, out) && n-- == 0) {
			return true;
		}
	}
	for (unsigned r = 0; net_added_route_at(r, out); r++) {
		if (n-- == 0) {
			return true;
		}
	}
	for (unsigned r = 0; r < LWIP_ND6_NUM_ROUTERS; r++) {
		if (route_router(r, out) && n-- == 0) {
			return true;
		}
	}
	return false;
}

static bool neighbour4(unsigned n, struct net_neighbour *out)
{
	ip4_addr_t *address;
	struct netif *netif;
	struct eth_addr *mac;
	if (n >= ARP_TABLE_SIZE || !etharp_get_entry(n, &address, &netif, &mac)) {
		return false;
	}
	*out = (struct net_neighbour){ .index = netif_get_index(netif), .state = NUD_REACHABLE };
	memcpy(out->bytes, address, 4);
	memcpy(out->mac, mac->addr, sizeof(out->mac));
	return true;
}

static bool neighbour6(unsigned n, struct net_neighbour *out)
{
	static const uint16_t states[] = { [ND6_INCOMPLETE] = NUD_INCOMPLETE, [ND6_REACHABLE] = NUD_REACHABLE, [ND6_STALE] = NUD_STALE,
		[ND6_DELAY] = NUD_DELAY, [ND6_PROBE] = NUD_PROBE };
	const struct nd6_neighbor_cache_entry *entry = &neighbor_cache[n];
	if (entry->state == ND6_NO_ENTRY || !entry->netif) {
		return false;
	}
	*out = (struct net_neighbour){ .index = netif_get_index(entry->netif), .v6 = true, .state = states[entry->state] };
	memcpy(out->bytes, entry->next_hop_address.addr, 16);
	memcpy(out->mac, entry->lladdr, sizeof(out->mac));
	return true;
}

bool net_neighbour_at(unsigned n, struct net_neighbour *out)
{
	for (unsigned e = 0; e < ARP_TABLE_SIZE; e++) {
		if (neighbour4(e, out) && n-- == 0) {
			return true;
		}
	}
	for (unsigned e = 0; e < LWIP_ND6_NUM_NEIGHBORS; e++) {
		if (neighbour6(e, out) && n-- == 0) {
			return true;
		}
	}
	return false;
}
