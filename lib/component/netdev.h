/* SPDX-License-Identifier: MIT */
/*
 * A network device as components see it: frames to send and buffers to fill, on bus addresses, both asynchronous.
 * The submitter owns a frame or a buffer and its segments until done() is called, exactly once for each that was taken and in the order in
 * which they were. done() may run in interrupt context and may hand over again; it is not called from within send(), receive(), flush().
 * Offloads are VIRTIO 1.2's (5.1.6): numbers and meanings alike.
 */
#ifndef BULKHEAD_NETDEV_H
#define BULKHEAD_NETDEV_H

#include <stdbool.h>
#include <stdint.h>

#define NET_MAC_BYTES 6
#define NET_FRAME_SEGMENTS 24u /* of one frame to be sent, at most */
#define NET_BUFFER_BYTES 2048u /* a buffer of this size holds any frame of the usual MTU */

#define NET_NEEDS_CSUM 1u /* send: the checksum from csum_start on is to be stored at csum_start + csum_offset, which holds the pseudo header's */
#define NET_DATA_VALID 2u /* received: checksums were checked and are right */

enum net_gso { NET_GSO_NONE = 0, NET_GSO_TCP4 = 1, NET_GSO_TCP6 = 4 };

struct net_offload {
	uint8_t flags; /* NET_NEEDS_CSUM, NET_DATA_VALID */
	uint8_t gso; /* enum net_gso: to be cut into pieces of gso_bytes of payload; with NET_NEEDS_CSUM only */
	uint16_t header_bytes; /* with gso: Ethernet, IP and TCP headers together */
	uint16_t gso_bytes;
	uint16_t csum_start, csum_offset;
};

struct net_segment {
	uint64_t bus; /* address as the device sees it */
	uint32_t len; /* bytes */
	uint32_t reserved;
};

/** A frame to be sent, from the Ethernet header on, without a frame check sequence. */
struct net_frame {
	struct net_offload offload;
	uint32_t segment_count;
	const struct net_segment *segments;
	void (*done)(struct net_frame *frame); /* the device needs its memory no more; whether it was sent is not known */
	void *owner;
	/* For the driver while it has the frame. */
	struct net_frame *next;
	uintptr_t driver[2];
};

/** Memory for one received frame, or for a piece of a longer one, which goes on in the buffers that follow. */
struct net_buffer {
	struct net_segment segment;
	uint32_t filled; /* at done(): bytes received, 0: given back unused */
	bool last; /* at done(): the frame ends here */
	struct net_offload offload; /* at done() of a frame's first buffer */
	void (*done)(struct net_buffer *buffer);
	void *owner;
	struct net_buffer *next;
	uintptr_t driver[2];
};

/** What a device counts by itself, since the driver took it over. */
struct net_counters {
	uint64_t received, sent; /* frames */
	uint64_t missed, no_buffer; /* frames that found no room: in the device, in its ring (these may still have come) */
	uint64_t crc_errors, receive_errors, length_errors, collisions;
};

/** Frames that came damaged. */
static inline uint64_t net_counters_errors(const struct net_counters *c)
{
	return c->crc_errors + c->receive_errors + c->length_errors;
}

#define NET_FILTER_ALL_MULTICAST 1u
#define NET_FILTER_PROMISCUOUS 2u

struct netdev;
struct netdev_ops {
	/** Take a frame. 0; -EAGAIN: the device's queue is full (call again after a done()); -EINVAL: outside the device's limits; -EIO: the device is gone. */
	int (*send)(struct netdev *dev, struct net_frame *frame);
	/** Take a buffer to be filled. Results as of send(). */
	int (*receive)(struct netdev *dev, struct net_buffer *buffer);
	/** Tell the device of all that was taken since the last call. Who calls is not preempted before it returns: a call beside another leaves
	 *  its part to that one. */
	void (*flush)(struct netdev *dev);
	/** Call done() for what is finished by now, for a user who looks by himself (before he sends more, say) instead of waiting for an interrupt.
	 *  After a buffer's done() a device may keep quiet until a poll() has found nothing more; of frames it may tell only when its queue has
	 *  been full: so a user polls when he has dealt with what came, and now and then while frames are out. */
	void (*poll)(struct netdev *dev);
	/** Everything that was taken comes back by its done(), at once or as soon as the device is stopped; then it goes on. Until then -EAGAIN. */
	void (*recall)(struct netdev *dev);
	/** From now on frames to these group addresses are wanted, too, or what `flags` (NET_FILTER_*) says; others may come nevertheless. Before
	 *  what is sent after this call goes out, this holds. Nothing is waited for. 0 or -EOPNOTSUPP. */
	int (*filter)(struct netdev *dev, unsigned flags, const uint8_t (*groups)[NET_MAC_BYTES], unsigned count);
	/** What it has counted up to now. May wait, a moment at most. NULL: it counts nothing. 0 or -EOPNOTSUPP. */
	int (*counters)(struct netdev *dev, struct net_counters *to);
};

struct netdev {
	const struct netdev_ops *ops;
	void *driver;
	uint8_t mac[NET_MAC_BYTES];
	uint16_t mtu; /* payload of a frame, bytes */
	uint32_t send_depth, receive_depth; /* frames and buffers that can be outstanding */
	bool csum, tso4, tso6; /* offloads for frames to be sent */
	/* What adapters cut by themselves they want with bare headers: with gso, IPv4's total length and header checksum (IPv6's payload length) are 0,
	 * and the TCP checksum field holds the pseudo header's sum made without the TCP length. False: as VIRTIO has it, with the whole frame's lengths. */
	bool gso_bare;
	uint32_t send_bytes_max; /* of a frame with gso */
	bool link_up;
	/** Set by who uses the device, before the first receive(): link_up has changed. May run in interrupt context. */
	void (*link_changed)(void *user);
	void *user;
	/** Set by the user, read before a wait: it is at work on what it got, and calls when it is done with that, so nothing needs to be told before. */
	bool user_busy;
};

#endif
