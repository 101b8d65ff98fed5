/* SPDX-License-Identifier: MIT */
/*
 * The control queue of the network back end (VIRTIO 1.2, 5.1.6.5): what the front end asks of the device's filter, and of its counters. A command is
 * copied out of the front end's memory before it is judged; one that makes no sense changes nothing and is answered with VIRTIO_NET_ERR, or,
 * where there is no room for an answer, with length 0. The filter lets through at least what was asked for: while nobody has asked, all groups.
 */
#ifndef NET_CONTROL_H
#define NET_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/hypercall.h"
#include "component/netdev.h"
#include "virtio/ring_back.h"

#define NET_CONTROL_QUEUE 2
#define NET_CONTROL_GROUPS 128u /* group addresses that a command may have */
#define NET_CONTROL_BATCH 8u /* commands, before frames have their turn */

struct net_control {
	struct netdev *dev;
	bool open; /* nothing has been asked since it was opened */
	bool promiscuous, all_groups, stations; /* stations: further addresses of single stations, for which the devices have no filter */
	unsigned count;
	uint8_t groups[NET_CONTROL_GROUPS][NET_MAC_BYTES];
};

/** All groups pass, as before the first command. */
void net_control_open(struct net_control *c);
/** Carry a command out. Returns the bytes written to its chain. */
uint32_t net_control_answer(struct net_control *c, const struct bh_link *link, const struct ring_chain *chain);

#endif
