/* SPDX-License-Identifier: MIT */
/* /proc/net/igmp, igmp6, dev_mcast (proc(5)): groups that the interfaces are in, and what their devices were told of that. */
#include "fs/proc_internal.h"

#include "lwip/igmp.h"
#include "lwip/mld6.h"
#include "net/net.h"
#include "net/proc_net.h"
#include "net/tables.h"

enum { FLAG_LAST_REPORTER = 2, FLAG_LOADED = 4, FLAG_NO_REPORT = 8 }; /* as Linux writes them: MAF_* */

static unsigned groups4_count(const struct netif *netif)
{
	unsigned count = 0;
	for (const struct igmp_group *g = netif_igmp_data(netif); g; g = g->next) {
		count++;
	}
	return count;
}

/* lwIP speaks version 2 (RFC 2236). A timer is told in hundredths of a second. */
int proc_net_igmp(uint32_t pid, struct text *t)
{
	struct net_link link;
	text_add(t, "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n");
	net_lock();
	for (unsigned n = 0; net_link_at(n, &link); n++) {
		text_add(t, "%u\t%-10s: %5u %7s\n", link.index, link.name, groups4_count(link.netif), "V2");
		for (const struct igmp_group *g = netif_igmp_data(link.netif); g; g = g->next) {
			bool waits = g->timer != 0;
			text_add(t, "\t\t\t\t");
			proc_net_hex(t, ip4_addr_get_u32(&g->group_address), 8);
			text_add(t, " %5u %u:", (unsigned)g->use, waits);
			proc_net_hex(t, waits ? g->timer * (IGMP_TMR_INTERVAL / 10) : 0, 8);
			text_add(t, "\t\t%u\n", (unsigned)g->last_reporter_flag);
		}
	}
	net_unlock();
	return 0;
}

static void group6_put(struct text *t, const struct net_link *link, const void *address, unsigned users, unsigned flags)
{
	text_add(t, "%-4u %-15s ", link->index, link->name);
	for (unsigned n = 0; n < 16; n++) {
		text_add(t, "%02x", ((const uint8_t *)address)[n]);
	}
	text_add(t, " %5u ", users);
	proc_net_hex(t, flags, 8);
	text_add(t, " 0\n");
}

int proc_net_igmp6(uint32_t pid, struct text *t)
{
	static const uint8_t all_nodes[16] = { 0xff, 0x02, [15] = 1 };
	struct net_link link;
	net_lock();
	for (unsigned n = 0; net_link_at(n, &link); n++) {
		for (const struct mld_group *g = netif_mld6_data(link.netif); g; g = g->next) {
			group6_put(t, &link, g->group_address.addr, g->use, FLAG_LOADED | (g->last_reporter_flag ? FLAG_LAST_REPORTER : 0));
		}
		group6_put(t, &link, all_nodes, 1, FLAG_LOADED | FLAG_NO_REPORT); /* which nobody joins */
	}
	net_unlock();
	return 0;
}

int proc_net_dev_mcast(uint32_t pid, struct text *t)
{
	struct net_link link;
	net_lock();
	for (unsigned n = 0; net_link_at(n, &link); n++) {
		const struct interface *i = interface_of(link.netif);
		for (unsigned g = 0; i && g < i->filter.count; g++) {
			const uint8_t *a = i->filter.groups[g];
			text_add(t, "%-4u %-15s %-5u %-5u %02x%02x%02x%02x%02x%02x\n", link.index, link.name, 1u, 0u, a[0], a[1], a[2], a[3], a[4], a[5]);
		}
	}
	net_unlock();
	return 0;
}
