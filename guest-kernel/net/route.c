/* SPDX-License-Identifier: MIT */
/* Where lwIP asks before it chooses by its interfaces' networks: what goes to an address of this machine's own stays in it, as on Linux. */
#include "net/internal.h"
#include "net/net.h"

#include "base/string.h"
#include "net/interface.h"
#include "net/lwip/hooks.h"
#include "lwip/netif.h"

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

struct netif *net_route4(const void *to)
{
	const ip4_addr_t *address = to;
	if (ip4_addr_isloopback(address)) {
		return &loop_netif;
	}
	struct netif *netif;
	NETIF_FOREACH(netif)
	{
		if (!ip4_addr_isany_val(*netif_ip4_addr(netif)) && ip4_addr_cmp(address, netif_ip4_addr(netif))) {
			return &loop_netif;
		}
	}
	return NULL;
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
	return NULL;
}
