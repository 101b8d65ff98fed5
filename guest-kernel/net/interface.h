/* SPDX-License-Identifier: MIT */
/*
 * Interfaces: a network device (component/netdev.h) and lwIP's netif for it in one structure. transmit.c takes lwIP's packets to the
 * device, receive.c the device's to lwIP, in a thread of the interface's own.
 *
 * Fields: [n] the net lock; [i] the interface's own lock, a spin lock that done() takes, also in interrupts; [c] constant.
 */
#ifndef NET_INTERFACE_H
#define NET_INTERFACE_H

#include <stdbool.h>
#include <stdint.h>

#include "component/netdev.h"
#include "kernel/lock.h"
#include "kernel/time.h"
#include "lwip/netif.h"
#include "net/join.h"
#include "net/netdevs.h"

struct link_membership;
struct packet;

/* /proc/net/dev's columns. */
struct interface_counts {
	uint64_t packets, bytes, errors, dropped, multicast;
};

extern struct interface_counts loop_counts; /* loop.c; [n]: both ways */

/* What a device was told to let through. */
#define INTERFACE_GROUPS 64u /* more: all */
struct interface_filter {
	unsigned flags, count; /* NET_FILTER_* */
	uint8_t groups[INTERFACE_GROUPS][NET_MAC_BYTES];
};

/* A frame on its way out, with all that it keeps alive. */
#define SENDING_HELD NET_FRAME_SEGMENTS
struct sending {
	struct net_frame frame;
	struct net_segment segments[NET_FRAME_SEGMENTS];
	struct interface *interface;
	struct sending *next;
	struct packet *bounce; /* headers, and what the device cannot reach */
	unsigned bounced; /* bytes of it */
	struct pbuf *held[SENDING_HELD];
	unsigned held_count;
	uint32_t bytes;
	struct segment segment; /* what may be joined to it */
};

struct interface {
	struct netif netif; /* [n] */
	struct netdev *dev; /* [c] */
	char name[16]; /* [c] */
	char label[16]; /* [n] its first IPv4 address's, as eth0:1; "": the name */
	struct interface *next; /* [c] once registered */
	struct interface_counts received_counts, sent_counts; /* [n] */
	struct net_counters counters; /* [n] the device's own, as they were told the last time */
	struct interface_filter filter; /* [n] */
	unsigned listens; /* [n] IFF_PROMISC, IFF_ALLMULTI as programs have set them */
	struct link_membership *memberships; /* [n] what sockets of AF_PACKET want beside that (tap.h) */
	struct sending *sending_free; /* [n] */
	unsigned sending_out; /* [n] frames that the device has, or had */
	struct sending *pending; /* [n] TCP's last frame, not given to the device yet: more may be joined to it */
	const struct pbuf *sent_last; /* [n] compared only */
	bool handed_over; /* [n] the device was given something under this hold of the lock */
	bool flush_due; /* atomic: and has not been told of all yet */
	bool stalled; /* [n] its queue was full; TCP waits */
	unsigned buffers_out; /* [n] buffers that the device has, or had */
	spinlock_t lock;
	struct packet *received, **received_end; /* [i] filled buffers */
	struct sending *sent; /* [i] frames that are done, latest first */
	bool link_due; /* atomic: the link's state has changed */
	struct waitq work; /* the thread's */
	struct timer reclaim; /* wakes it while frames that keep memory are out */
	bool reclaim_set; /* [n] it is armed, or the thread has not come to it */
	bool reclaim_due; /* atomic: it has expired */
	uint64_t down_since_ns; /* its own: the link is down, but not yet for lwIP; 0: not so */
};

extern struct interface *interfaces; /* in their order; written at boot */

/** lwIP's netif as an interface; NULL: the loopback's. */
struct interface *interface_of(const struct netif *netif);
/** "lo", "eth0". */
const char *interface_name(const struct netif *netif);
/** Find the network devices and start them. */
void interfaces_probe(const char *cmdline);
/** With the net lock, before it is let go: frames that waited for more to be joined are handed over, too. */
void interfaces_finish(void);
/** Without it: devices hear of what they were given. */
void interfaces_flush(void);

/* transmit.c; all but transmit_flush with the net lock */
int transmit_start(struct interface *i);
err_t transmit_output(struct netif *netif, struct pbuf *p);
/** A whole frame of a program's own making: nothing is added to it, nor is it joined to others. */
err_t transmit_as_it_is(struct interface *i, struct pbuf *p);
void transmit_finish(struct interface *i);
void transmit_flush(struct interface *i);
/** A device can read it where it is: it is not copied. */
bool transmit_reaches(const void *data);
/** All of a TCP segment goes into one frame. */
bool transmit_takes(const struct pbuf *p);
/** Frames that are done let go of what they kept, and who was held up by a full queue goes on. */
void transmit_reclaim(struct interface *i);

/* unanswered.c: lwIP's outputs for Ethernet */
err_t neighbour_output4(struct netif *netif, struct pbuf *p, const ip4_addr_t *to);
err_t neighbour_output6(struct netif *netif, struct pbuf *p, const ip6_addr_t *to);

/* groups.c */
/** At lwIP's birth of the interface: hear of its groups. */
void interface_groups_follow(struct interface *i);
/** Tell the device what to let through, if that is something new. */
void interface_filter_set(struct interface *i);
/** Without the net lock: ask the devices what they have counted. May wait, a moment. */
void interfaces_count(void);

/* receive.c */
int receive_start(struct interface *i);

/* address.c */
/** Addresses as the option ip= says. With the net lock. */
void interface_configure(struct interface *i);
/** Wait for those that are being asked for, a moment at most. */
void interfaces_wait(void);

#endif
