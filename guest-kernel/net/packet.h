/* SPDX-License-Identifier: MIT */
/*
 * Packet memory: pieces of NET_BUFFER_BYTES that devices fill, in one block taken when the first device is found, apart from the I/O zone,
 * so that a network device can write here and nowhere else. A received packet goes up to its socket as it lies here; what is here is
 * all there is, so what sockets keep is bounded.
 */
#ifndef NET_PACKET_H
#define NET_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "component/netdev.h"
#include "lwip/pbuf.h"
#include "net/netdevs.h"

struct packet {
	struct pbuf_custom pbuf; /* while the stack has it; it comes back by itself */
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
/** Its first `bytes` as a pbuf, which gives the packet back when it is freed. */
struct pbuf *packet_pbuf(struct packet *packet, unsigned bytes);

#endif
