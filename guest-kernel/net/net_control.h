/* SPDX-License-Identifier: MIT */
/*
 * The control queue of the virtio-net front end (VIRTIO 1.2, 5.1.6.5): the filter that the stack wants, and the device's counters where it tells
 * them. Commands are handed over and nobody waits for their end: a back end does them before it sends what is handed over later. While
 * too many are out the newest filter waits, and goes when one has ended. A new back end gets the whole filter first, whatever was out.
 * Who asks for counters waits a moment at most, and not again for one that did not answer.
 * All with the lock of the front end's sending queue, but where said.
 */
#ifndef NET_NET_CONTROL_H
#define NET_NET_CONTROL_H

#include "component/netdev.h"
#include "kernel/lock.h"
#include "platform/virtio_port.h"

#define NET_CONTROL_QUEUE 2u
#define NET_CONTROL_SIZE 8u
#define NET_CONTROL_GROUPS 64u /* more are not told apart: all groups then */

struct net_control_command {
	uint8_t class, command;
	uint8_t on; /* of VIRTIO_NET_CTRL_RX */
};

struct net_control_read;
struct net_control_write;
struct net_control {
	bool there; /* constant after the start: the device has the queue; so is the next */
	bool counts;
	struct ring_front ring;
	struct net_control_read *read; /* what the back end's processor reads, and what it writes: a page each */
	struct net_control_write *write;
	struct net_control_command commands[NET_CONTROL_SIZE]; /* by id */
	unsigned flags, count; /* the filter that is wanted */
	uint8_t groups[NET_CONTROL_GROUPS][NET_MAC_BYTES];
	bool wanted; /* there is one */
	bool due; /* it has not been handed over */
	bool no_table; /* the back end refuses tables: all groups */
	bool mute; /* the back end was asked for counters, and did not answer in time */
	struct net_counters before, last; /* of earlier back ends; of this one */
	bool asked; /* atomic: for counters */
	struct waitq answered;
};

/** Before the device is started: the queue, if it has been agreed on. `counts`: it tells counters. Negative errno. */
int net_control_start(struct net_control *c, const struct virtio_port *port, uint64_t features, bool counts);
/** This filter from now on. */
void net_control_filter(struct net_control *c, unsigned flags, const uint8_t (*groups)[NET_MAC_BYTES], unsigned count);
/** Ask for counters, if that makes sense. True: wait for !asked, or give up. */
bool net_control_ask(struct net_control *c);
/** What is known of them. */
void net_control_counters(const struct net_control *c, struct net_counters *to);
/** Tell the device of new commands, if there are any. */
void net_control_kick(struct net_control *c, const struct virtio_port *port);
/** Take what has ended; what was due goes. -EPROTO: the back end wrote what cannot be. */
int net_control_collect(struct net_control *c);
/** A new back end waits: the rings are empty, and the filter is the first thing in them. */
void net_control_rebuild(struct net_control *c);

#endif
