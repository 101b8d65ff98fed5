/* SPDX-License-Identifier: MIT */
/*
 * Sockets of AF_PACKET (packet(7)): frames as they pass the interfaces, and frames of a program's own. A socket that has a protocol is on the list
 * `taps` (net/tap.h), and with that sees frames, under the net lock: it asks its filter, and copies what that wants into its queue,
 * or into its ring, which the program has mapped.
 * Letters: n net lock, l lock, c constant after creation.
 */
#ifndef SOCKET_PACKET_PACKET_H
#define SOCKET_PACKET_PACKET_H

#include "net/tap.h"
#include "socket/socket.h"

enum {
	SOL_PACKET = 263,
	PACKET_ADD_MEMBERSHIP = 1, PACKET_DROP_MEMBERSHIP, PACKET_RX_RING = 5, PACKET_STATISTICS, PACKET_AUXDATA = 8, PACKET_ORIGDEV,
	PACKET_VERSION, PACKET_HDRLEN, PACKET_RESERVE, PACKET_TIMESTAMP = 17, PACKET_IGNORE_OUTGOING = 23,
};
enum { TPACKET_V1 = 0, TPACKET_V2 };
enum { TP_STATUS_KERNEL = 0, TP_STATUS_USER = 1, TP_STATUS_LOSING = 4, TP_STATUS_CSUMNOTREADY = 8, TP_STATUS_CSUM_VALID = 0x80,
	TP_STATUS_TS_SOFTWARE = 1u << 29 };

struct frame_address { /* struct sockaddr_ll */
	uint16_t family, protocol; /* protocol: as on the wire */
	int32_t interface;
	uint16_t hardware;
	uint8_t kind, bytes;
	uint8_t address[8];
};
_Static_assert(sizeof(struct frame_address) == 20, "struct sockaddr_ll");

struct packet_ring;

/* A frame that waits to be read. */
struct seen {
	struct list link;
	struct frame_address from;
	uint32_t bytes, all; /* those that are here; that there were */
	uint32_t status; /* TP_STATUS_* */
	uint64_t wall_ns;
	uint16_t network_at; /* in what is here */
	uint8_t data[];
};

struct packet_socket {
	struct socket base;
	struct packet_socket *next; /* n: of `taps` */
	bool listed; /* n */
	uint16_t protocol; /* n: an EtherType, ETH_P_ALL; 0: it sees nothing */
	unsigned interface; /* n: 0: all */
	uint32_t uid; /* c */
	bool ignore_outgoing; /* n */
	bool want_auxiliary, original_device; /* l */
	struct link_membership *memberships; /* n */
	struct list queue; /* l */
	uint32_t charge; /* l */
	uint32_t packets, drops; /* l: since they were asked for */
	int version; /* n: of rings, TPACKET_* */
	uint32_t reserve; /* n: PACKET_RESERVE */
	struct packet_ring *ring; /* nl: both to change it */
};

static inline struct packet_socket *packet_of(struct socket *s)
{
	return container_of(s, struct packet_socket, base);
}

/* packet.c */
/** Each of them that sees frames, or could: the net lock is held. */
void packet_each(void (*visit)(void *context, const struct packet_socket *s), void *context);
/** The address of an interface, as getsockname tells it. Net lock. */
void frame_address_of(unsigned interface, struct frame_address *out);

/* arrive.c */
void packet_queue_drop(struct packet_socket *s);
uint32_t frame_status(const struct packet_socket *s, const struct frame *f); /* TP_STATUS_*, but those of rings */
void frame_address_from(const struct frame *f, struct frame_address *out);

/* receive.c */
long packet_receive(struct socket *s, struct incoming *i);
int packet_extras(struct socket *s, struct incoming *i, struct control_room *room);
unsigned packet_poll(struct socket *s, struct poll_table *table);
int packet_queued(struct socket *s, bool out, int *bytes);

/* send.c */
long packet_send(struct socket *s, struct outgoing *o);

/* options.c */
int packet_set_option(struct socket *s, int level, int option, uint64_t user, int length);
int packet_get_option(struct socket *s, int level, int option, uint64_t user, uint64_t user_length);
void packet_memberships_end(struct packet_socket *s); /* net lock; they are freed by the caller, without it */

/* ring.c */
#define RING_HEADER 32u /* struct tpacket2_hdr */
struct ring_request { /* struct tpacket_req */
	uint32_t block_bytes, blocks, slot_bytes, slots;
};
/** As packet_mmap(7) of Linux's documentation says; all zeros: the ring goes away. */
int packet_ring_set(struct packet_socket *s, const struct ring_request *r);
/** Net lock. So much of a frame, or as much of that as a slot has room for; false: no slot is free. */
bool packet_ring_put(const struct packet_socket *s, const struct frame *f, uint32_t base, uint32_t bytes, uint32_t status);
bool packet_ring_readable(const struct packet_socket *s); /* the socket's lock */
void packet_ring_free(struct packet_ring *ring); /* NULL: nothing */
int packet_map(struct socket *s, uint64_t offset, uint64_t bytes, struct file **file);

#endif
