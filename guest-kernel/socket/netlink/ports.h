/* SPDX-License-Identifier: MIT */
/* The port numbers of netlink sockets: each has one at most, and no two the same. No lock: the owner's. */
#ifndef SOCKET_NETLINK_PORTS_H
#define SOCKET_NETLINK_PORTS_H

#include <stdbool.h>
#include <stdint.h>

struct netlink_port {
	struct netlink_port *next; /* of those in the same bucket */
	uint32_t number; /* 0: none yet */
};

/** Take that number for a port that has none. -EADDRINUSE. */
int netlink_port_take(struct netlink_port *p, uint32_t number);
/** Take `first`, else one of those that nobody is named after. False: a bounded number of them was taken; ask again, which goes on behind these. */
bool netlink_port_choose(struct netlink_port *p, uint32_t first);
void netlink_port_leave(struct netlink_port *p); /* has none: nothing */

#endif
