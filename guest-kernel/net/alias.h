/* SPDX-License-Identifier: MIT */
/*
 * Further IPv4 addresses of an interface. lwIP's interfaces have one, so each further one is a netif of its own (an alias): behind all others in lwIP's
 * list, so that where several lead to an address the interface's first comes first; with the interface's own number, so that whoever asks
 * by number or name gets the interface; with its device, state and size. It has no IPv6 and no groups. All with the net lock.
 */
#ifndef NET_ALIAS_H
#define NET_ALIAS_H

#include <stdbool.h>

#include "lwip/netif.h"

extern unsigned alias_count;

/** Of `netif`, which is none itself, with a label of its own (16 bytes) or "". -ENOBUFS: there are too many. */
int alias_add(struct netif *netif, const ip4_addr_t *address, const ip4_addr_t *mask, const char *label);
const char *alias_label(const struct netif *alias);
void alias_remove(struct netif *alias);
/** The n-th of `netif`. NULL: it has no more. */
struct netif *alias_at(const struct netif *netif, unsigned n);
/** The one of `netif` that has this address. NULL. */
struct netif *alias_with(const struct netif *netif, const ip4_addr_t *address);
/** The netif or one of its aliases, in whose network this address is; the netif itself: none. */
struct netif *alias_near(struct netif *netif, const ip4_addr_t *address);
/** Is it in the network of one of them, the netif's included? */
bool alias_leads(struct netif *netif, const ip4_addr_t *address);
/** Whose alias it is. NULL: it is none. */
struct netif *alias_of(const struct netif *alias);
/** The interface is up or down now, its link too, or has another MTU: so have they. */
void alias_follow(const struct netif *netif);

#endif
