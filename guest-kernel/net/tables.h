/* SPDX-License-Identifier: MIT */
/*
 * The network's links, addresses, routes and neighbours in plain words, for /proc/net, ioctl and netlink alike: the n-th of each, and the
 * changes that programs may ask for. All with the net lock.
 */
#ifndef NET_TABLES_H
#define NET_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/interface.h"

/* netdevice(7) */
enum { IFF_UP = 1, IFF_BROADCAST = 2, IFF_LOOPBACK = 8, IFF_RUNNING = 0x40, IFF_PROMISC = 0x100, IFF_ALLMULTI = 0x200, IFF_MULTICAST = 0x1000,
	IFF_LOWER_UP = 0x10000 };
/* rtnetlink(7) */
enum { RT_SCOPE_UNIVERSE = 0, RT_SCOPE_LINK = 253, RT_SCOPE_HOST = 254 };
enum { RTPROT_KERNEL = 2, RTPROT_BOOT = 3, RTPROT_RA = 9, RTPROT_DHCP = 16 };
enum { RTN_UNICAST = 1, RTN_LOCAL = 2, RTN_BROADCAST = 3, RTN_MULTICAST = 5 };
enum { NUD_INCOMPLETE = 1, NUD_REACHABLE = 2, NUD_STALE = 4, NUD_DELAY = 8, NUD_PROBE = 16 };
enum { IFA_F_SECONDARY = 1, IFA_F_DEPRECATED = 0x20, IFA_F_TENTATIVE = 0x40, IFA_F_PERMANENT = 0x80 };

struct net_link {
	struct netif *netif;
	unsigned index;
	const char *name;
	uint32_t flags, mtu;
	uint8_t mac[NET_MAC_BYTES];
	struct interface_counts received, sent;
	struct net_counters counters; /* the device's own */
};

struct net_address {
	unsigned index;
	bool v6;
	uint8_t bytes[16]; /* as on the wire; 4 of them, or all */
	unsigned bits;
	uint8_t scope, flags;
	char label[16]; /* IPv4: the link's name, or as eth0:1; set: "" is the name */
	bool ends; /* IPv6: it has lifetimes (RFC 4862, 5.5.4), from now on: */
	uint32_t valid_seconds, preferred_seconds; /* ~0: for ever */
};

struct net_route {
	unsigned index;
	bool v6, gateway_set;
	uint8_t to[16], gateway[16], from[16]; /* `from` all zero: none */
	unsigned bits;
	uint8_t scope, protocol, type; /* RTN_*; 0: unicast */
	uint32_t mtu, mtu_seconds; /* of a way to a destination: what a router has told, and for how long; 0: nothing */
	bool mtu_locked; /* it is no more than the least that is believed */
};

struct net_neighbour {
	unsigned index;
	bool v6;
	uint8_t bytes[16], mac[NET_MAC_BYTES];
	uint16_t state; /* NUD_* */
};

/** False: behind the last. Links come by their index. */
bool net_link_at(unsigned n, struct net_link *out);
bool net_address_at(unsigned n, struct net_address *out);
bool net_route_at(unsigned n, struct net_route *out);
/** How a packet gets there: its route with `to` and `bits` of this destination alone, the type and, in `from`, its source. False: no way. */
bool net_path_to(bool v6, const uint8_t *to, struct net_route *out);
bool net_neighbour_at(unsigned n, struct net_neighbour *out);
/** False: there is no such link. */
bool net_link_by_index(unsigned index, struct net_link *out);
bool net_link_by_name(const char *name, struct net_link *out);

static inline size_t address_bytes(bool v6)
{
	return v6 ? 16 : 4;
}

/** Have two addresses their first `bits` in common? */
bool net_prefix_same(const uint8_t *a, const uint8_t *b, unsigned bits);
/* Those that programs have added (route.c): the n-th. */
bool net_added_route_at(unsigned n, struct net_route *out);
int net_added_route_put(const struct net_route *route, bool replace); /* -EEXIST, -ENOBUFS */
int net_added_route_remove(const struct net_route *route); /* -ESRCH */

/* Changes: 0 or Linux's error. Setting or removing an interface's first IPv4 address ends DHCP; `another`: beside that. */
int net_link_set(unsigned index, bool up);
int net_link_listen(unsigned index, uint32_t flags, uint32_t change); /* IFF_PROMISC, IFF_ALLMULTI; others are left alone */
int net_mtu_set(unsigned index, uint32_t mtu);
int net_address_set(unsigned index, const struct net_address *address, bool another);
int net_address_change(const struct net_address *address); /* of one that is there: its lifetimes */
int net_address_remove(unsigned index, const struct net_address *address);
int net_route_add(const struct net_route *route, bool replace);
int net_route_remove(const struct net_route *route);

#endif
