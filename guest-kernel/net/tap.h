/* SPDX-License-Identifier: MIT */
/*
 * Where sockets of AF_PACKET (socket/packet) meet the network: frames as they go out and come in, frames of their own, and what they make an
 * interface's device let through. All with the net lock. While no such socket is open a frame costs one look at `taps`.
 */
#ifndef NET_TAP_H
#define NET_TAP_H

#include <stdbool.h>
#include <stdint.h>

#define LINK_HEADER 14u /* Ethernet's; of the loopback, too, as on Linux */
#define LINK_ADDRESS 6u

/* packet(7) */
enum { PACKET_HOST = 0, PACKET_BROADCAST, PACKET_MULTICAST, PACKET_OTHERHOST, PACKET_OUTGOING };
enum { PACKET_MR_MULTICAST = 0, PACKET_MR_PROMISC, PACKET_MR_ALLMULTI, PACKET_MR_UNICAST };
enum { ETH_P_802_3 = 1, ETH_P_ALL = 3, ETH_P_802_2 = 4, ETH_P_IP = 0x800, ETH_P_IPV6 = 0x86dd };

struct interface;
struct packet_socket;
struct pbuf;

/* A frame on its way, while tap_*() runs. Its memory may be a device's, and change. */
struct frame {
	uint8_t link[LINK_HEADER]; /* a copy: what is judged is this */
	uint32_t bytes; /* all of them */
	uint8_t kind; /* PACKET_HOST, ... */
	uint16_t protocol; /* an EtherType, or ETH_P_802_* */
	uint16_t hardware; /* ARPHRD_* */
	unsigned interface;
	bool sum_missing, sum_good; /* of TCP or UDP: the device adds it, or has checked it */
	uint64_t wall_ns;
	const struct packet_socket *sender; /* NULL: none of AF_PACKET; it does not see it go out */
	const struct pbuf *body; /* tap.c's: what is behind the link header, from body_at on */
	uint32_t body_at;
};

/** Its bytes [at, at + bytes), which it has; `frame` is a struct frame. */
void frame_read(const void *frame, uint32_t at, void *to, uint32_t bytes);

extern struct packet_socket *taps; /* the first of the sockets that see frames (socket/packet/packet.c); NULL: there is none */
/** For each of them: it sees this frame, or does not care. */
void packet_sockets_see(const struct frame *frame);

static inline bool tap_is_open(void)
{
	return __builtin_expect(taps != 0, 0);
}
/** `taps` has changed: while somebody looks, packets over the loopback have their header's checksum, which nobody else asks for. */
void tap_changed(void);
void tap_received(struct interface *i, const uint8_t *data, uint32_t bytes, bool checked);
void tap_sent(struct interface *i, const struct pbuf *p);
/** Over the loopback, without a link header: it goes out, or comes in. */
void tap_loop(const struct pbuf *p, bool out);

/** A whole frame, to go out or over the loopback. 0, -ENXIO, -ENETDOWN, -ENOBUFS. */
int tap_send(const struct packet_socket *sender, unsigned interface, uint16_t protocol, const uint8_t *frame, uint32_t bytes);

/* What a socket makes an interface's device let through, beside what the stack wants of it. */
struct link_membership {
	struct link_membership *next_of_link, *next; /* tap's; and the owner's */
	unsigned interface;
	uint16_t type; /* PACKET_MR_* */
	uint8_t address[LINK_ADDRESS];
	unsigned count; /* the owner's */
};
void link_membership_begin(struct link_membership *m);
void link_membership_end(struct link_membership *m);

#endif
