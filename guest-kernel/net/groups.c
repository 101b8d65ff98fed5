/* SPDX-License-Identifier: MIT */
/*
 * What an interface's device is to let through: frames to the groups that lwIP has joined on it (IGMP, MLD, solicited nodes), to all nodes of IPv6
 * (RFC 4291, 2.8), which nobody joins, and what programs ask of the interface as a whole (IFF_PROMISC, IFF_ALLMULTI). lwIP tells of each change after it
 * has made it, so the list is made anew from its own. And what devices count by themselves. With the net lock, but where said.
 */
#include "net/interface.h"

#include "base/string.h"
#include "lwip/igmp.h"
#include "lwip/mld6.h"
#include "net/net.h"
#include "net/tables.h"
#include "net/tap.h"

static void group_add(struct interface_filter *f, const uint8_t group[NET_MAC_BYTES])
{
	if (f->count == INTERFACE_GROUPS) {
		f->flags |= NET_FILTER_ALL_MULTICAST;
	} else {
		memcpy(f->groups[f->count++], group, NET_MAC_BYTES);
	}
}

/* RFC 1112, 6.4: the address's last 23 bits. */
static void groups4_add(struct interface_filter *f, struct netif *netif)
{
	for (const struct igmp_group *g = netif_igmp_data(netif); g; g = g->next) {
		const uint8_t *a = (const uint8_t *)&g->group_address;
		group_add(f, (const uint8_t[NET_MAC_BYTES]){ 0x01, 0x00, 0x5e, a[1] & 0x7f, a[2], a[3] });
	}
}

/* RFC 2464, 7: the last 32 bits. */
static void groups6_add(struct interface_filter *f, struct netif *netif)
{
	group_add(f, (const uint8_t[NET_MAC_BYTES]){ 0x33, 0x33, 0, 0, 0, 1 });
	for (const struct mld_group *g = netif_mld6_data(netif); g; g = g->next) {
		const uint8_t *a = (const uint8_t *)g->group_address.addr;
		group_add(f, (const uint8_t[NET_MAC_BYTES]){ 0x33, 0x33, a[12], a[13], a[14], a[15] });
	}
}

/* What sockets of AF_PACKET have asked for. Another address of its own is heard with all others (as Linux's drivers do that have one filter). */
static void memberships_add(struct interface_filter *f, const struct link_membership *m)
{
	for (; m; m = m->next_of_link) {
		if (m->type == PACKET_MR_MULTICAST) {
			group_add(f, m->address);
		} else {
			f->flags |= m->type == PACKET_MR_ALLMULTI ? NET_FILTER_ALL_MULTICAST : NET_FILTER_PROMISCUOUS;
		}
	}
}

void interface_filter_set(struct interface *i)
{
	struct interface_filter f = { .flags = (i->listens & IFF_PROMISC ? NET_FILTER_PROMISCUOUS : 0) |
					       (i->listens & IFF_ALLMULTI ? NET_FILTER_ALL_MULTICAST : 0) };
	groups4_add(&f, &i->netif);
	groups6_add(&f, &i->netif);
	memberships_add(&f, i->memberships);
	if (f.flags != i->filter.flags || f.count != i->filter.count || memcmp(f.groups, i->filter.groups, f.count * NET_MAC_BYTES) != 0) {
		i->filter = f;
		(void)i->dev->ops->filter(i->dev, f.flags, (const uint8_t(*)[NET_MAC_BYTES])f.groups, f.count); /* or all frames come anyway */
	}
}

static err_t groups4_changed(struct netif *netif, const ip4_addr_t *group, enum netif_mac_filter_action action)
{
	interface_filter_set(interface_of(netif));
	return ERR_OK;
}

static err_t groups6_changed(struct netif *netif, const ip6_addr_t *group, enum netif_mac_filter_action action)
{
	interface_filter_set(interface_of(netif));
	return ERR_OK;
}

void interface_groups_follow(struct interface *i)
{
	netif_set_igmp_mac_filter(&i->netif, groups4_changed);
	netif_set_mld_mac_filter(&i->netif, groups6_changed);
}

void interfaces_count(void)
{
	struct net_counters counters;
	for (struct interface *i = interfaces; i; i = i->next) {
		const struct netdev_ops *ops = i->dev->ops;
		if (ops->counters && ops->counters(i->dev, &counters) == 0) {
			net_lock();
			i->counters = counters;
			net_unlock();
		}
	}
}
