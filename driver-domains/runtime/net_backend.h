/* SPDX-License-Identifier: MIT */
/*
 * A virtio network device (VIRTIO 1.2, 5.1) over any netdev: the back end of one link. Queue 0 receives, queue 1 sends, queue 2 controls
 * (net_control.h), and comes before the others: a filter holds for what is sent after it. The frame's header (5.1.6) is a descriptor of its own, first
 * in its chain, that the processor reads or writes; the frame itself only the device does. Received: chains of a header and one buffer of
 * NET_BUFFER_BYTES, each a whole frame; one that comes back with length 0 was not used, or
 * what came was damaged. Sent: a header and up to NET_FRAME_SEGMENTS segments.
 * A front end that has much to do is left at it: it rings when it has nothing more to do (which is what a ring for less than a batch says), and the
 * device is told not to interrupt before (netdev.h, user_busy).
 * A successor starts at used.idx: frames that were not reported as sent are sent, again or for the first time.
 */
#ifndef NET_BACKEND_H
#define NET_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/hypercall.h"
#include "abi/virtio.h"
#include "component/netdev.h"
#include "net_control.h"
#include "virtio/ring_back.h"

#define NET_BACKEND_QUEUE 256
#define NET_BACKEND_WINDOW_NS 8000000ull
#define NET_BACKEND_BUSY 16 /* with so many frames in a window, both ways together, the front end rings once for NET_BACKEND_BATCH new ones ... */
#define NET_BACKEND_BATCH 64
#define NET_BACKEND_LOOK_NS 4000000ull /* ... and the back end looks by itself, should they not come */
#define NET_BACKEND_FEW 4 /* frames: where so many looks find fewer, and nobody rings between them, they are not worth the wait, for ... */
#define NET_BACKEND_LEAN 8
#define NET_BACKEND_LIGHT_MIN_NS 8000000ull /* ... so long, twice as long each time it turns out so again, ... */
#define NET_BACKEND_LIGHT_MAX_NS 256000000ull
#define NET_BACKEND_REFILL 64 /* buffers that come with one ring, while there are more than twice as many */

struct net_backend;
struct net_queue {
	struct net_backend *backend;
	struct ring_back ring;
	struct bh_queue at; /* as it was when the ring was started */
	bool running, broken;
	uint32_t generation; /* of the ring: completions of an earlier one are dropped */
	uint32_t out; /* frames or buffers with the device, of any generation */
	unsigned data_grant; /* the grant that the last frame was in */
	struct ring_span headers, data; /* grants that the last buffer was in; for one batch */
};

struct net_send {
	struct net_frame frame;
	struct net_segment segments[NET_FRAME_SEGMENTS];
	struct net_queue *queue;
	struct net_send *next; /* free */
	uint32_t generation;
	uint16_t position;
};

struct net_receive {
	struct net_buffer buffer;
	struct net_queue *queue;
	struct net_receive *next; /* free */
	struct virtio_net_header *header; /* in the front end's memory */
	uint32_t generation;
	uint16_t position;
};

struct net_backend {
	const struct bh_link *link; /* in the domain page */
	struct netdev *dev;
	uint32_t data_access; /* BH_GRANT_* that the device needs on frames */
	void (*signal)(void *arg);
	void *arg;
	struct net_queue receive, send, commands;
	struct net_control control;
	struct net_send *sends, *send_stalled; /* free; the device had no room for it */
	struct net_receive *receives, *receive_stalled;
	bool rung, heard; /* the front end rang: not looked into yet; since the last wait */
	bool front_idle; /* it has nothing more to do */
	bool busy;
	uint32_t frames, window_frames; /* both ways: since the last wait, in this window before that */
	uint64_t window_end, light_until, light_ns; /* not busy before that; how long the last time */
	unsigned lean; /* looks by time in a row that found few */
	struct ring_chain chain;
};

/** -ENOMEM. signal(arg) is called when the front end is to be rung. */
int net_backend_init(struct net_backend *b, const struct bh_link *link, struct netdev *dev, uint32_t data_access,
	void (*signal)(void *arg), void *arg);
/** What to offer on the link, now and after each change of the device's link. */
void net_backend_offer(const struct net_backend *b, struct bh_link_offer *offer);
/** The front end rang. */
void net_backend_rung(struct net_backend *b);
/** Do what there is to do, as blk_backend_work does. */
bool net_backend_work(struct net_backend *b, uint64_t *until);

#endif
