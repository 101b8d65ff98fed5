/* SPDX-License-Identifier: MIT */
/* See loop.h. A frame waits for a buffer; one that is longer than its buffer is dropped. */
#include "loop.h"

#include "abi/errno.h"
#include "base/string.h"

static uint32_t frame_bytes(const struct net_frame *frame)
{
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < frame->segment_count; i++) {
		bytes += frame->segments[i].len;
	}
	return bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
}

static int loop_send(struct netdev *dev, struct net_frame *frame)
{
	struct loop *loop = dev->driver;
	if (frame->segment_count == 0 || frame->segment_count > NET_FRAME_SEGMENTS || frame->offload.gso != NET_GSO_NONE ||
	    frame_bytes(frame) > NET_BUFFER_BYTES) {
		return -EINVAL;
	}
	if (loop->frame_count == LOOP_DEPTH) {
		return -EAGAIN;
	}
	frame->next = NULL;
	*loop->frames_end = frame;
	loop->frames_end = &frame->next;
	loop->frame_count++;
	return 0;
}

static int loop_receive(struct netdev *dev, struct net_buffer *buffer)
{
	struct loop *loop = dev->driver;
	if (buffer->segment.len < NET_BUFFER_BYTES) {
		return -EINVAL;
	}
	if (loop->tail - loop->head == LOOP_DEPTH) {
		return -EAGAIN;
	}
	loop->buffers[loop->tail++ % LOOP_DEPTH] = buffer;
	return 0;
}

static struct net_frame *frame_take(struct loop *loop)
{
	struct net_frame *frame = loop->frames;
	loop->frames = frame->next;
	loop->frames_end = loop->frames ? loop->frames_end : &loop->frames;
	loop->frame_count--;
	return frame;
}

static void frame_copy(const struct net_frame *frame, struct net_buffer *buffer)
{
	char *to = (char *)(uintptr_t)buffer->segment.bus;
	buffer->filled = 0;
	buffer->last = true;
	buffer->offload = (struct net_offload){ .flags = NET_DATA_VALID };
	for (uint32_t i = 0; i < frame->segment_count; i++) {
		const struct net_segment *s = &frame->segments[i];
		memcpy(to + buffer->filled, (const void *)(uintptr_t)s->bus, s->len);
		buffer->filled += s->len;
	}
}

bool loop_work(struct loop *loop)
{
	bool any = false;
	while (loop->frames && loop->head != loop->tail) {
		struct net_frame *frame = frame_take(loop);
		struct net_buffer *buffer = loop->buffers[loop->head++ % LOOP_DEPTH];
		frame_copy(frame, buffer);
		frame->done(frame);
		buffer->done(buffer);
		any = true;
	}
	return any;
}

static void loop_flush(struct netdev *dev)
{
}

static void loop_poll(struct netdev *dev)
{
	loop_work(dev->driver);
}

static void loop_recall(struct netdev *dev)
{
	struct loop *loop = dev->driver;
	while (loop->frames) {
		struct net_frame *frame = frame_take(loop);
		frame->done(frame);
	}
	while (loop->head != loop->tail) {
		struct net_buffer *buffer = loop->buffers[loop->head++ % LOOP_DEPTH];
		buffer->filled = 0;
		buffer->last = true;
		buffer->done(buffer);
	}
}

/* Everything is wanted back, whatever its address. */
static int loop_filter(struct netdev *dev, unsigned flags, const uint8_t (*groups)[NET_MAC_BYTES], unsigned count)
{
	return 0;
}

void loop_init(struct loop *loop)
{
	static const struct netdev_ops ops = { loop_send, loop_receive, loop_flush, loop_poll, loop_recall, loop_filter, NULL };
	static const uint8_t mac[NET_MAC_BYTES] = { 0x02, 'B', 'H', 'l', 'o', 'o' };
	memset(loop, 0, sizeof(*loop));
	loop->frames_end = &loop->frames;
	loop->dev = (struct netdev){ .ops = &ops, .driver = loop, .mtu = 1500, .send_depth = LOOP_DEPTH, .receive_depth = LOOP_DEPTH, .csum = true,
		.link_up = true };
	memcpy(loop->dev.mac, mac, sizeof(mac));
}
