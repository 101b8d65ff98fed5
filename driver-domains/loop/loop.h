/* SPDX-License-Identifier: MIT */
/*
 * A network device without hardware: each frame that is sent comes back as one received. A component like any driver; it copies by processor, so
 * "bus" addresses are pointers, and checksums that were still to be made are taken as right, as they are on any loopback.
 */
#ifndef BULKHEAD_LOOP_H
#define BULKHEAD_LOOP_H

#include "component/netdev.h"

#define LOOP_DEPTH 256u

struct loop {
	struct netdev dev;
	struct net_buffer *buffers[LOOP_DEPTH];
	uint32_t head, tail; /* of buffers; they run on */
	struct net_frame *frames, **frames_end; /* sent, not yet looped */
	uint32_t frame_count;
};

void loop_init(struct loop *loop);
/** Move what can be moved, calling done(); true: there was something. */
bool loop_work(struct loop *loop);

#endif
