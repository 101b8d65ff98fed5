/* SPDX-License-Identifier: MIT */
/*
 * Packet memory: pieces of NET_BUFFER_BYTES that devices fill, in one block taken when the first device is found, apart from the I/O zone,
 * so that a network device can write here and nowhere else; and it can write at any time, also while the stack has a packet. So what the
 * stack judges, or writes to, is copied out once: a packet's headers. What is behind them goes up to its socket as it lies here. What is here is all there
 * is, so what sockets keep is bounded.
 */
#ifndef NET_PACKET_H
#define NET_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "component/netdev.h"
#include "lwip/pbuf.h"
#include "net/netdevs.h"

#define PACKET_HEADERS 192u /* bytes that a packet has for headers; what is no longer is all there */

struct packet {
	struct pbuf_custom head, rest; /* while the stack has it; it comes back by itself */
	unsigned users; /* atomic: of the two, those that the stack has */
	uint8_t headers[PACKET_HEADERS]; /* no device's */
	struct net_buffer buffer; /* while the device has it */
	struct packet *next;
	uint8_t *data; /* NET_BUFFER_BYTES */
};

/** A free one. NULL: there is none. */
struct packet *packet_get(void);
/** Any thread, with or without the net lock; not in an interrupt. */
void packet_put(struct packet *packet);
/** So many are free, of so many. */
unsigned packets_free(unsigned *all);
/** Its first `bytes` as pbufs, which give the packet back when they are freed: so many of `headers`, which the caller has filled, then what is behind them. */
struct pbuf *packet_pbuf(struct packet *packet, unsigned headers, unsigned bytes);

#endif
