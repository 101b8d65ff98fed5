/* SPDX-License-Identifier: MIT */
/*
 * What sockets of whole messages share: UDP, raw ones, and those of ICMP's echoes. datagram.c: what has arrived, and errors, wait to be read;
 * datagram_send.c: a message on its way out. udp.c and raw.c have what is each one's own.
 */
#ifndef SOCKET_INET_DATAGRAM_H
#define SOCKET_INET_DATAGRAM_H

#include "socket/inet/inet.h"

#include "lwip/err.h"

#define PAYLOAD_PAGES 16u /* of 64 KiB */

/* A message in pages of the I/O zone, each referenced. */
struct payload {
	struct page *pages[PAYLOAD_PAGES];
	unsigned count;
	uint32_t bytes;
};

/* A message on its way out. */
struct message {
	struct payload payload;
	struct endpoint to;
	const struct outgoing *how; /* its time to live and the like */
};

enum { ORIGIN_LOCAL = 1, ORIGIN_ICMP, ORIGIN_ICMP6 };

/* An error about something that this socket has sent (IP_RECVERR in ip(7)). */
struct error_told {
	int error; /* ECONNREFUSED, ... */
	uint8_t origin, type, code; /* ICMP's */
	uint32_t info;
	ip_addr_t teller;
};

/* ---- datagram.c, with the net lock: while lwIP hands over a packet ---- */
/** It waits to be read, or is dropped; the buffer is taken. It came from there. */
void datagram_arrived(struct inet_socket *s, struct pbuf *p, const ip_addr_t *from, uint16_t port);
/** With IP_RECVERR: it waits to be read, with what came back of the message (the buffer is taken, NULL: nothing), which had gone there. */
void datagram_error(struct inet_socket *s, struct pbuf *p, const struct endpoint *to, const struct error_told *told);
/** Nobody reads any more, and nothing arrives. */
void datagrams_drop(struct inet_socket *s);

void datagram_socket_close(struct socket *s);
int datagram_socket_shutdown(struct socket *s, unsigned closed);
long datagram_socket_receive(struct socket *s, struct incoming *i);
int datagram_socket_extras(struct socket *s, struct incoming *i, struct control_room *room);
unsigned datagram_socket_poll(struct socket *s, struct poll_table *table);
int datagram_socket_queued(struct socket *s, bool out, int *bytes);
uint64_t datagram_socket_held(struct socket *s);

/* ---- datagram_send.c ---- */
void payload_drop(struct payload *y);
/** The destination that was named, or the connection's. */
int datagram_where_to(struct inet_socket *s, const struct outgoing *o, struct endpoint *to);
/** Could it go there? Takes a port, too. */
int datagram_way_check(struct inet_socket *s, const struct outgoing *o, struct endpoint *to);
/** The pages stay the caller's. */
int datagram_payload_send(struct inet_socket *s, const struct outgoing *o, struct payload *y, struct endpoint *to);
int datagram_socket_connect(struct socket *s, const struct address *to, bool wait);
long datagram_socket_send(struct socket *s, struct outgoing *o);

/* ---- cork.c ---- */
/** Is this message to be followed, or to follow another? */
bool cork_is_wanted(const struct inet_socket *s, const struct outgoing *o);
/** The datagram that it is to be added to, a new one if there is none, and whether it then leaves. Whatever comes of it, cork_end() is next. */
int cork_begin(struct inet_socket *s, const struct outgoing *o, struct message **m, bool *last);
void cork_end(struct inet_socket *s, bool over); /* it has left, or cannot */
/** The socket ends. */
void cork_drop(struct inet_socket *s);

/* ---- udp.c; net lock ---- */
int udp_bind_automatic(struct inet_socket *s); /* it needs a port to send from */
err_t udp_hand_over(struct inet_socket *s, const struct outgoing *o, struct pbuf *p, const struct endpoint *to, struct netif *netif,
		    const ip_addr_t *from);

/* ---- raw.c ---- */
/** What the message itself must be. */
int raw_check(struct inet_socket *s, struct payload *y);
/* With the net lock. */
int raw_bind_automatic(struct inet_socket *s);
err_t raw_hand_over(struct inet_socket *s, const struct outgoing *o, struct pbuf *p, const struct endpoint *to, struct netif *netif,
		    const ip_addr_t *from);

#endif
