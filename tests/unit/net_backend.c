/* SPDX-License-Identifier: MIT */
/*
 * The network back end over the loop and over a device that keeps what it is given: frames and headers, refusals, grants, replay, resets,
 * who rings when it is busy, the filter, garbage.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "env/env.h"
#include "env/host.h"
#include "loop/loop.h"
#include "runtime/net_backend.h"

#define SIZE 16
#define CPU_ALL (BH_GRANT_CPU_READ | BH_GRANT_CPU_WRITE)
#define DMA_ALL (BH_GRANT_DMA_READ | BH_GRANT_DMA_WRITE)

/* One queue's rings. */
struct rings {
	_Alignas(16) struct vring_desc desc[SIZE];
	uint16_t avail[2 + SIZE + 1];
	_Alignas(4) uint16_t used[2 + 4 * SIZE + 1];
};

static struct front { /* the front end's memory, GPA 0 on */
	struct rings rings[3];
	_Alignas(4) struct virtio_net_header headers[SIZE];
	_Alignas(16) struct vring_desc tables[SIZE]; /* of the receiver */
	uint8_t command[1024], answer[128]; /* of the control queue */
	_Alignas(4096) uint8_t data[8][NET_BUFFER_BYTES]; /* granted for frames */
	_Alignas(4096) uint8_t secret[4096]; /* not granted */
} *front;
static struct bh_link link_page;
static struct loop loop;
static struct net_backend backend;
static unsigned signals, recalls;
static bool in_tables; /* buffers come in indirect tables */
static uint64_t look;

/* A device that keeps what it is given. */
static struct net_frame *frames[SIZE * 2];
static struct net_buffer *buffers[SIZE * 2];
static unsigned frame_count, buffer_count, room;
static int refusal; /* what it says instead */

static int keep_send(struct netdev *dev, struct net_frame *frame)
{
	if (refusal || frame_count == room) {
		return refusal ? refusal : -EAGAIN;
	}
	frames[frame_count++] = frame;
	return 0;
}

static int keep_receive(struct netdev *dev, struct net_buffer *buffer)
{
	if (refusal || buffer_count == room) {
		return refusal ? refusal : -EAGAIN;
	}
	buffers[buffer_count++] = buffer;
	return 0;
}

static void keep_nothing(struct netdev *dev)
{
}

static void finish_frame(void)
{
	struct net_frame *frame = frames[0];
	memmove(frames, frames + 1, --frame_count * sizeof(frames[0]));
	frame->done(frame);
}

static void finish_buffer(uint32_t filled)
{
	struct net_buffer *buffer = buffers[0];
	memmove(buffers, buffers + 1, --buffer_count * sizeof(buffers[0]));
	buffer->filled = filled;
	buffer->done(buffer);
}

static void keep_recall(struct netdev *dev)
{
	recalls++;
}

static struct { /* as it was set */
	unsigned flags, count, times;
	uint8_t groups[NET_CONTROL_GROUPS][NET_MAC_BYTES];
} filter;

static int keep_filter(struct netdev *dev, unsigned flags, const uint8_t (*groups)[NET_MAC_BYTES], unsigned count)
{
	filter.flags = flags;
	filter.count = count;
	filter.times++;
	assert_true(count <= NET_CONTROL_GROUPS);
	memcpy(filter.groups, groups, count * NET_MAC_BYTES);
	return 0;
}

static int keep_counters(struct netdev *dev, struct net_counters *to)
{
	*to = (struct net_counters){ .received = 7, .missed = 3, .collisions = 9 };
	return 0;
}

static const struct netdev_ops keep_ops = { keep_send, keep_receive, keep_nothing, keep_nothing, keep_recall, keep_filter, keep_counters };

static void count_signal(void *arg)
{
	signals++;
}

static uint64_t gpa(const void *p)
{
	return (uint64_t)((const char *)p - (const char *)front);
}

static void drop_backend(void)
{
	struct net_send *s = backend.sends;
	struct net_receive *r = backend.receives;
	for (; backend.sends; backend.sends = backend.sends->next) {
		s = backend.sends < s ? backend.sends : s;
	}
	for (; backend.receives; backend.receives = backend.receives->next) {
		r = backend.receives < r ? backend.receives : r;
	}
	env_free(s, NET_BACKEND_QUEUE * sizeof(*s));
	env_free(r, NET_BACKEND_QUEUE * sizeof(*r));
}

static void start(uint32_t access)
{
	link_page.grants[0] = (struct bh_grant){ .gpa = 0, .len = gpa(front->data), .prot = CPU_ALL };
	link_page.grants[1] = (struct bh_grant){ .gpa = gpa(front->data), .len = sizeof(front->data), .prot = access };
	for (unsigned i = 0; i < 3; i++) {
		const struct rings *r = &front->rings[i];
		link_page.queues[i] = (struct bh_queue){ .size = SIZE, .ready = 1, .desc = gpa(r->desc), .driver = gpa(r->avail), .device = gpa(r->used) };
	}
	link_page.status = VIRTIO_STATUS_DRIVER_OK;
	link_page.state = BH_LINK_UP;
	assert_int_equal(net_backend_init(&backend, &link_page, &loop.dev, access, count_signal, NULL), 0);
}

static void slow(void)
{
	drop_backend();
	loop.dev.ops = &keep_ops;
	room = SIZE * 2;
	start(DMA_ALL);
}

static int set_up(void **state)
{
	env_host_live = 0;
	front = aligned_alloc(4096, sizeof(*front));
	memset(front, 0, sizeof(*front));
	memset(&link_page, 0, sizeof(link_page));
	link_page.window = link_page.dma_window = (uintptr_t)front;
	link_page.front_memory = sizeof(*front);
	link_page.features = VIRTIO_F_VERSION_1;
	strcpy(link_page.peer, "guest");
	loop_init(&loop);
	signals = recalls = frame_count = buffer_count = 0;
	refusal = 0;
	look = UINT64_MAX;
	start(CPU_ALL);
	return 0;
}

static int tear_down(void **state)
{
	while (frame_count) {
		finish_frame();
	}
	while (buffer_count) {
		finish_buffer(0);
	}
	loop_init(&loop);
	drop_backend();
	free(front);
	return env_host_live == 0 ? 0 : -1;
}

static uint16_t *avail_index(unsigned queue)
{
	return &front->rings[queue].avail[1];
}

static struct vring_used *used(unsigned queue)
{
	return (struct vring_used *)front->rings[queue].used;
}

static uint32_t last_length(unsigned queue)
{
	return used(queue)->ring[(uint16_t)(used(queue)->idx - 1) % SIZE].len;
}

static void make_available(unsigned queue, unsigned head)
{
	front->rings[queue].avail[2 + *avail_index(queue) % SIZE] = (uint16_t)head;
	++*avail_index(queue);
}

static struct vring_desc *parts_of(unsigned queue)
{
	return queue == 0 && in_tables ? front->tables : front->rings[queue].desc;
}

/* Descriptors at 2 * place: a header and one piece. */
static void chain(unsigned queue, unsigned place, const void *data, uint32_t len)
{
	uint16_t write = queue == 0 ? VRING_DESC_WRITE : 0;
	struct vring_desc *d = &parts_of(queue)[2 * place];
	bool table = d != &front->rings[queue].desc[2 * place];
	if (table) {
		front->rings[queue].desc[2 * place] = (struct vring_desc){ gpa(d), 2 * sizeof(*d), VRING_DESC_INDIRECT, 0 };
	}
	d[0] = (struct vring_desc){ gpa(&front->headers[queue * 8 + place]), 12, (uint16_t)(VRING_DESC_NEXT | write),
		(uint16_t)(table ? 1 : 2 * place + 1) };
	d[1] = (struct vring_desc){ gpa(data), len, write, 0 };
	make_available(queue, 2 * place);
}

static void work(void)
{
	while (net_backend_work(&backend, &look)) {
	}
}

static void frames_come_back(void **state)
{
	for (unsigned i = 0; i < NET_BUFFER_BYTES; i++) {
		front->data[0][i] = (uint8_t)(i * 7);
	}
	chain(0, 0, front->data[1], NET_BUFFER_BYTES);
	chain(0, 1, front->data[2], NET_BUFFER_BYTES);
	work();
	assert_int_equal(used(0)->idx, 0);
	chain(1, 0, front->data[0], 900);
	work();
	assert_true(loop_work(&loop));
	work();
	assert_int_equal(used(0)->idx, 1);
	assert_int_equal(used(1)->idx, 1);
	assert_int_equal(last_length(0), 12 + 900);
	assert_int_equal(last_length(1), 0);
	assert_memory_equal(front->data[1], front->data[0], 900);
	assert_int_equal(front->headers[0].flags, NET_DATA_VALID);
	assert_int_equal(front->headers[0].num_buffers, 1);
	assert_int_equal(signals, 1);
}

static void the_header_says_what_to_do(void **state)
{
	slow();
	front->headers[8] = (struct virtio_net_header){ .flags = 0xff, .gso_type = 4, .hdr_len = 74, .gso_size = 1440, .csum_start = 54, .csum_offset = 16,
		.num_buffers = 9 };
	chain(1, 0, front->data[0], 2000);
	work();
	assert_int_equal(frame_count, 1);
	const struct net_offload *o = &frames[0]->offload;
	assert_int_equal(o->flags, NET_NEEDS_CSUM);
	assert_int_equal(o->gso, NET_GSO_TCP6);
	assert_int_equal(o->header_bytes, 74);
	assert_int_equal(o->gso_bytes, 1440);
	assert_int_equal(o->csum_start, 54);
	assert_int_equal(o->csum_offset, 16);
	assert_int_equal(frames[0]->segments[0].bus, link_page.dma_window + gpa(front->data[0]));
	assert_int_equal(frames[0]->segments[0].len, 2000);
}

/* Each is dropped, and the next one goes. */
static void refuses_what_makes_no_sense(void **state)
{
	struct vring_desc *d = front->rings[1].desc, *r = parts_of(0);
	slow();
	chain(1, 0, front->data[0], 60);
	d[0].len = 11;
	work();
	chain(1, 0, front->data[0], 60);
	d[0].flags = 0; /* nothing but the header */
	work();
	chain(1, 0, front->data[0], 60);
	d[1].flags = VRING_DESC_WRITE;
	work();
	chain(1, 0, front->secret, 60);
	work();
	chain(1, 0, front->data[0], sizeof(front->data) + 1);
	work();
	chain(1, 0, front->data[0], 60);
	d[0].addr = gpa(front->data); /* a header where the processor may not read */
	work();
	for (unsigned i = 0; i < SIZE; i++) {
		d[i] = (struct vring_desc){ gpa(front->data[0]), 60, VRING_DESC_NEXT, (uint16_t)((i + 1) % SIZE) };
	}
	make_available(1, 0); /* a loop */
	work();
	assert_int_equal(used(1)->idx, 7);
	assert_int_equal(frame_count, 0);
	chain(0, 0, front->data[0], NET_BUFFER_BYTES - 1);
	work();
	chain(0, 0, front->secret, NET_BUFFER_BYTES);
	work();
	chain(0, 0, front->data[0], NET_BUFFER_BYTES);
	r[0].flags = VRING_DESC_WRITE;
	work();
	chain(0, 0, front->data[0], NET_BUFFER_BYTES);
	r[0].addr++; /* not aligned */
	work();
	chain(0, 0, front->data[0], NET_BUFFER_BYTES);
	r[0].addr = gpa(front->data[1]);
	work();
	chain(0, 0, front->data[0], NET_BUFFER_BYTES);
	r[0].flags = VRING_DESC_NEXT;
	r[1].flags = 0; /* to be read */
	work();
	assert_int_equal(used(0)->idx, 6);
	assert_int_equal(last_length(0), 0);
	assert_int_equal(buffer_count, 0);
	chain(1, 0, front->data[0], 60);
	chain(0, 0, front->data[1], NET_BUFFER_BYTES);
	work();
	assert_int_equal(frame_count, 1);
	assert_int_equal(buffer_count, 1);
}

/* Memory that is granted for reading only is not received into. */
static void grants_have_a_direction(void **state)
{
	slow();
	link_page.grants[1].prot = BH_GRANT_DMA_READ;
	chain(0, 0, front->data[0], NET_BUFFER_BYTES);
	chain(1, 0, front->data[0], 60);
	work();
	assert_int_equal(buffer_count, 0);
	assert_int_equal(frame_count, 1);
}

/* The grant that the last address was in is asked first: not when it was taken back, and another one then does. */
static void grants_are_asked_anew(void **state)
{
	slow();
	chain(0, 0, front->data[0], NET_BUFFER_BYTES);
	chain(1, 0, front->data[0], 60);
	work();
	assert_int_equal(buffer_count, 1);
	assert_int_equal(frame_count, 1);
	struct bh_grant taken = link_page.grants[1];
	link_page.grants[1] = (struct bh_grant){ 0 };
	chain(0, 1, front->data[1], NET_BUFFER_BYTES);
	chain(1, 1, front->data[1], 60);
	work();
	assert_int_equal(buffer_count, 1);
	assert_int_equal(frame_count, 1);
	link_page.grants[BH_MAX_GRANTS - 1] = taken;
	chain(0, 2, front->data[2], NET_BUFFER_BYTES);
	chain(1, 2, front->data[2], 60);
	work();
	assert_int_equal(buffer_count, 2);
	assert_int_equal(frame_count, 2);
	chain(0, 3, front->secret, NET_BUFFER_BYTES);
	work();
	assert_int_equal(buffer_count, 2);
}

static void what_was_not_filled_has_no_length(void **state)
{
	slow();
	chain(0, 0, front->data[0], NET_BUFFER_BYTES);
	chain(0, 1, front->data[1], NET_BUFFER_BYTES);
	work();
	finish_buffer(0);
	work();
	assert_int_equal(last_length(0), 0);
	finish_buffer(60);
	work();
	assert_int_equal(last_length(0), 72);
}

static void a_full_device_is_asked_again(void **state)
{
	slow();
	room = 1;
	for (unsigned i = 0; i < 4; i++) {
		chain(1, i, front->data[0], 60);
		chain(0, i, front->data[1], NET_BUFFER_BYTES);
	}
	work();
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(frame_count, 1);
		assert_int_equal(buffer_count, 1);
		finish_frame();
		finish_buffer(60);
		work();
	}
	assert_int_equal(used(0)->idx, 4);
	assert_int_equal(used(1)->idx, 4);
}

/* Frames to a device that is gone are dropped; a buffer waits: given back, it would come again at once. */
static void a_device_that_is_gone(void **state)
{
	slow();
	refusal = -EIO;
	chain(1, 0, front->data[0], 60);
	chain(1, 1, front->data[0], 60);
	chain(0, 0, front->data[1], NET_BUFFER_BYTES);
	work();
	assert_int_equal(used(1)->idx, 2);
	assert_int_equal(used(0)->idx, 0);
	refusal = 0;
	work();
	assert_int_equal(buffer_count, 1);
}

static void an_impossible_ring_stops_its_queue(void **state)
{
	slow();
	*avail_index(1) = 1000;
	chain(0, 0, front->data[1], NET_BUFFER_BYTES);
	work();
	assert_true(backend.send.broken && !backend.send.running);
	assert_true(backend.receive.running);
	finish_buffer(60);
	work();
	assert_int_equal(last_length(0), 72);
	link_page.status = 0; /* the driver resets the device, and starts anew */
	work();
	memset(front, 0, gpa(front->data));
	link_page.status = VIRTIO_STATUS_DRIVER_OK;
	chain(1, 0, front->data[0], 60);
	work();
	assert_int_equal(frame_count, 1);
}

/* The memory is the front end's again: the device is told, and what it finishes later touches no ring. */
static void a_reset_recalls_everything(void **state)
{
	slow();
	chain(0, 0, front->data[1], NET_BUFFER_BYTES);
	chain(1, 0, front->data[0], 60);
	work();
	assert_int_equal(recalls, 0);
	link_page.status = 0;
	work();
	assert_int_equal(recalls, 1);
	memset(front, 0, gpa(front->data));
	link_page.status = VIRTIO_STATUS_DRIVER_OK;
	work();
	finish_buffer(60);
	finish_frame();
	work();
	assert_int_equal(used(0)->idx, 0);
	assert_int_equal(used(1)->idx, 0);
	assert_int_equal(front->headers[0].num_buffers, 0);
	assert_int_equal(recalls, 1);
}

static void a_successor_starts_where_it_ended(void **state)
{
	slow();
	for (unsigned i = 0; i < 3; i++) {
		front->headers[8 + i].csum_start = (uint16_t)i;
		chain(1, i, front->data[0], 60);
		chain(0, i, front->data[1 + i], NET_BUFFER_BYTES);
	}
	work();
	finish_frame();
	finish_buffer(60);
	work();
	finish_frame(); /* it went out, but nobody was told */
	finish_buffer(60);
	drop_backend();
	frame_count = buffer_count = 0;
	start(DMA_ALL);
	work();
	assert_int_equal(frame_count, 2);
	assert_int_equal(buffer_count, 2);
	assert_int_equal(frames[0]->offload.csum_start, 1);
	assert_int_equal(buffers[0]->segment.bus, link_page.dma_window + gpa(front->data[2]));
}

static void works_only_while_the_link_is_up(void **state)
{
	slow();
	link_page.state = BH_LINK_REBUILD;
	chain(1, 0, front->data[0], 60);
	work();
	assert_int_equal(frame_count, 0);
	link_page.state = BH_LINK_UP;
	work();
	assert_int_equal(frame_count, 1);
}

/* At light load each frame rings; under load one of a batch, and the back end looks by itself. */
static void a_busy_back_end_is_rung_by_the_batch(void **state)
{
	const uint16_t *rings_at = (const uint16_t *)&used(1)->ring[SIZE];
	link_page.features |= VIRTIO_F_EVENT_IDX;
	slow();
	for (unsigned i = 1; i <= 2; i++) {
		env_host_now += NET_BACKEND_WINDOW_NS;
		chain(1, i % 8, front->data[0], 60);
		work();
		assert_int_equal(*rings_at, i);
		finish_frame();
	}
	assert_true(look == UINT64_MAX);
	assert_false(loop.dev.user_busy);
	for (unsigned i = 0; i < NET_BACKEND_BUSY; i++) {
		chain(1, i % 8, front->data[0], 60);
		work();
		finish_frame();
	}
	env_host_now += NET_BACKEND_WINDOW_NS;
	work();
	assert_int_equal(*rings_at, 2 + NET_BACKEND_BUSY + NET_BACKEND_BATCH - 1);
	assert_true(look == env_host_now + NET_BACKEND_LOOK_NS);
	assert_true(loop.dev.user_busy);
	env_host_now += NET_BACKEND_WINDOW_NS;
	look = UINT64_MAX;
	work(); /* nothing came in that time */
	assert_int_equal(*rings_at, 2 + NET_BACKEND_BUSY);
	assert_true(look == UINT64_MAX);
	assert_false(loop.dev.user_busy);
}

/* Enough frames for a window, which the first of them begins, sent without a ring. */
static void make_busy(void)
{
	for (unsigned i = 0; i <= NET_BACKEND_BUSY; i++) {
		chain(1, i % 8, front->data[0], 60);
		work();
		finish_frame();
	}
	env_host_now += NET_BACKEND_WINDOW_NS;
	work();
	assert_true(loop.dev.user_busy);
}

/* A ring for less than a batch says that the front end has done what it had; received frames set it to work again. */
static void a_front_end_at_work_is_left_at_it(void **state)
{
	link_page.features |= VIRTIO_F_EVENT_IDX;
	slow();
	chain(0, 0, front->data[1], NET_BUFFER_BYTES);
	make_busy();
	net_backend_rung(&backend);
	chain(1, 0, front->data[0], 60);
	work();
	assert_false(loop.dev.user_busy);
	work();
	assert_false(loop.dev.user_busy);
	finish_buffer(60);
	work();
	assert_true(loop.dev.user_busy);
	net_backend_rung(&backend); /* nothing to send is an answer, too */
	work();
	assert_false(loop.dev.user_busy);
}

static void look_at(unsigned frame_count)
{
	for (unsigned i = 0; i < frame_count; i++) {
		chain(1, i, front->data[0], 60);
	}
	work();
	for (unsigned i = 0; i < frame_count; i++) {
		finish_frame();
	}
	work();
}

/* Looks that find a frame each, while nobody rings, until they end. */
static void look_in_vain(void)
{
	unsigned looks = 0;
	for (; loop.dev.user_busy && looks < 2 * NET_BACKEND_LEAN; looks++) {
		env_host_now += NET_BACKEND_WINDOW_NS / NET_BACKEND_BUSY;
		look_at(1);
	}
	assert_int_equal(looks, NET_BACKEND_LEAN);
}

/* With frames enough for a window. */
static bool busy_at(uint64_t ns)
{
	env_host_now = ns - NET_BACKEND_WINDOW_NS;
	work();
	for (unsigned i = 0; i <= NET_BACKEND_BUSY; i++) {
		look_at(1);
	}
	env_host_now = ns;
	work();
	return loop.dev.user_busy;
}

/* Behind a thread that computes one client waits for its answers: looks find a frame each, and nobody rings. */
static void looks_that_find_little_end(void **state)
{
	const uint16_t *rings_at = (const uint16_t *)&used(1)->ring[SIZE];
	link_page.features |= VIRTIO_F_EVENT_IDX;
	slow();
	make_busy();
	for (uint64_t span = NET_BACKEND_LIGHT_MIN_NS; span <= NET_BACKEND_LIGHT_MAX_NS; span *= 2) {
		look_in_vain();
		assert_int_equal(*rings_at, *avail_index(1)); /* each frame rings */
		uint64_t since = env_host_now;
		assert_false(busy_at(since + span - 1)); /* not tried again so soon */
		assert_true(busy_at(since + span + NET_BACKEND_WINDOW_NS));
	}
	look_at(NET_BACKEND_FEW); /* it is worth it after all */
	look_at(NET_BACKEND_FEW);
	uint64_t before = backend.light_ns;
	look_in_vain();
	assert_true(backend.light_until - env_host_now <= NET_BACKEND_LIGHT_MAX_NS / 2 && before <= NET_BACKEND_LIGHT_MAX_NS / 4);
}

static void the_offer_says_what_the_device_is(void **state)
{
	struct bh_link_offer offer;
	struct virtio_net_config config;
	uint32_t access, gso;
	loop.dev.tso4 = loop.dev.gso_bare = true;
	net_backend_offer(&backend, &offer);
	memcpy(&config, offer.config, sizeof(config));
	memcpy(&access, offer.config + VIRTIO_NET_CONFIG_DATA_ACCESS, 4);
	memcpy(&gso, offer.config + VIRTIO_NET_CONFIG_GSO, 4);
	assert_memory_equal(config.mac, loop.dev.mac, 6);
	assert_int_equal(config.status, VIRTIO_NET_S_LINK_UP);
	assert_int_equal(config.mtu, 1500);
	assert_int_equal(access, CPU_ALL);
	assert_int_equal(gso, VIRTIO_NET_GSO_BARE);
	assert_int_equal(offer.queue_count, 3);
	assert_true(offer.features & VIRTIO_NET_F_CTRL_VQ && offer.features & VIRTIO_NET_F_CTRL_RX);
	assert_true(offer.features & VIRTIO_NET_F_CSUM && offer.features & VIRTIO_NET_F_HOST_TSO4);
	assert_false(offer.features & VIRTIO_NET_F_HOST_TSO6);
	assert_true(offer.config_len <= sizeof(offer.config));
	loop.dev.link_up = false;
	net_backend_offer(&backend, &offer);
	memcpy(&config, offer.config, sizeof(config));
	assert_int_equal(config.status, 0);
	loop.dev.ops = &keep_ops;
	net_backend_offer(&backend, &offer);
	memcpy(&gso, offer.config + VIRTIO_NET_CONFIG_GSO, 4);
	assert_int_equal(gso, VIRTIO_NET_GSO_BARE | VIRTIO_NET_COUNTERS);
}

/* --- the control queue --- */

/* A command of so many bytes and room for an answer; its first byte. */
static uint8_t command(uint32_t bytes, uint32_t room)
{
	struct vring_desc *d = front->rings[2].desc;
	d[0] = (struct vring_desc){ gpa(front->command), bytes, VRING_DESC_NEXT, 1 };
	d[1] = (struct vring_desc){ gpa(front->answer), room, VRING_DESC_WRITE, 0 };
	memset(front->answer, 0xee, sizeof(front->answer));
	make_available(2, 0);
	work();
	return front->answer[0];
}

static uint8_t receive_command(uint8_t number, uint8_t on)
{
	memcpy(front->command, (uint8_t[]){ VIRTIO_NET_CTRL_RX, number, on }, 3);
	return command(3, 1);
}

/* A table of so many stations and groups. */
static uint32_t table_make(uint32_t stations, uint32_t groups)
{
	uint8_t *to = front->command;
	memcpy(to, (uint8_t[]){ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET }, 2);
	memcpy(to + 2, &stations, 4);
	to += 6 + stations * NET_MAC_BYTES;
	memcpy(to, &groups, 4);
	to += 4;
	for (uint32_t i = 0; i < groups; i++, to += NET_MAC_BYTES) {
		memcpy(to, (uint8_t[]){ 1, 0, 0x5e, 0, (uint8_t)i, 0xfb }, NET_MAC_BYTES);
	}
	return (uint32_t)(to - front->command);
}

static void the_filter_is_as_it_was_asked_for(void **state)
{
	slow();
	assert_int_equal(filter.flags, NET_FILTER_ALL_MULTICAST); /* nobody has asked */
	assert_int_equal(command(table_make(0, 3), 1), VIRTIO_NET_OK);
	assert_int_equal(filter.count, 3);
	assert_int_equal(filter.groups[2][4], 2);
	assert_int_equal(filter.flags, NET_FILTER_ALL_MULTICAST);
	assert_int_equal(receive_command(VIRTIO_NET_CTRL_RX_ALLMULTI, 0), VIRTIO_NET_OK);
	assert_int_equal(filter.flags, 0);
	assert_int_equal(filter.count, 3);
	assert_int_equal(receive_command(VIRTIO_NET_CTRL_RX_PROMISC, 1), VIRTIO_NET_OK);
	assert_int_equal(filter.flags, NET_FILTER_PROMISCUOUS);
	assert_int_equal(receive_command(VIRTIO_NET_CTRL_RX_PROMISC, 0), VIRTIO_NET_OK);
	assert_int_equal(command(table_make(1, NET_CONTROL_GROUPS - 1), 1), VIRTIO_NET_OK);
	assert_int_equal(filter.flags, NET_FILTER_PROMISCUOUS); /* a second address: no device here has a filter for that */
	assert_int_equal(command(table_make(0, NET_CONTROL_GROUPS), 1), VIRTIO_NET_OK);
	assert_int_equal(filter.count, NET_CONTROL_GROUPS);
	assert_int_equal(filter.flags, 0);
	assert_int_equal(used(2)->ring[(uint16_t)(used(2)->idx - 1) % SIZE].len, 1);
}

/* Each is answered, and changes nothing. */
static void senseless_commands_change_nothing(void **state)
{
	slow();
	command(table_make(0, 2), 1);
	unsigned times = filter.times;
	assert_int_equal(command(table_make(0, NET_CONTROL_GROUPS + 1), 1), VIRTIO_NET_ERR);
	assert_int_equal(command(table_make(0, 2) - 1, 1), VIRTIO_NET_ERR);
	assert_int_equal(command(table_make(0, 2) + 1, 1), VIRTIO_NET_ERR);
	table_make(0, 2);
	assert_int_equal(command(7, 1), VIRTIO_NET_ERR);
	table_make(0, 2);
	assert_int_equal(command(1, 1), VIRTIO_NET_ERR);
	uint32_t bytes = table_make(0, 2);
	front->command[10] = 0x02; /* no group */
	assert_int_equal(command(bytes, 1), VIRTIO_NET_ERR);
	bytes = table_make(0, 2);
	memset(front->command + 6, 0xff, 4);
	assert_int_equal(command(bytes, 1), VIRTIO_NET_ERR);
	memset(front->command + 2, 0xff, 4);
	assert_int_equal(command(bytes, 1), VIRTIO_NET_ERR);
	assert_int_equal(receive_command(VIRTIO_NET_CTRL_RX_ALLMULTI, 2), VIRTIO_NET_ERR);
	assert_int_equal(receive_command(2, 1), VIRTIO_NET_ERR);
	front->command[0] = 0x77;
	assert_int_equal(command(3, 1), VIRTIO_NET_ERR);
	assert_int_equal(command(0, 1), 0xee); /* no chain at all */
	assert_int_equal(command(sizeof(front->command), 1), VIRTIO_NET_ERR);
	memcpy(front->command, (uint8_t[]){ VIRTIO_NET_CTRL_RX, 0, 1 }, 3);
	front->rings[2].desc[0] = (struct vring_desc){ gpa(front->secret), 3, VRING_DESC_NEXT, 1 };
	make_available(2, 0);
	work();
	assert_int_equal(front->answer[0], VIRTIO_NET_ERR);
	front->rings[2].desc[0] = (struct vring_desc){ gpa(front->command), 3, 0, 0 }; /* nowhere for an answer */
	make_available(2, 0);
	work();
	front->rings[2].desc[0] = (struct vring_desc){ gpa(front->command), 3, VRING_DESC_NEXT, 1 };
	front->rings[2].desc[1].addr = gpa(front->secret);
	uint16_t before = used(2)->idx;
	make_available(2, 0);
	work();
	assert_int_equal(used(2)->idx, before + 1); /* carried out, but nobody can be told */
	assert_int_equal(used(2)->ring[before % SIZE].len, 0);
	assert_int_equal(filter.times, times + 1);
	assert_int_equal(filter.count, 2);
}

static void counters_are_told(void **state)
{
	struct net_counters c;
	slow();
	memcpy(front->command, (uint8_t[]){ VIRTIO_NET_CTRL_COUNTERS, VIRTIO_NET_CTRL_COUNTERS_GET }, 2);
	assert_int_equal(command(2, 1 + sizeof(c)), VIRTIO_NET_OK);
	memcpy(&c, front->answer + 1, sizeof(c));
	assert_true(c.received == 7 && c.missed == 3 && c.collisions == 9);
	assert_int_equal(front->answer[1 + sizeof(c)], 0xee);
	assert_int_equal(command(2, 5), VIRTIO_NET_OK); /* as much as there is room for */
	assert_int_equal(front->answer[5], 0xee);
	assert_int_equal(command(3, 1 + sizeof(c)), VIRTIO_NET_ERR);
	drop_backend();
	loop_init(&loop);
	start(CPU_ALL);
	assert_int_equal(command(2, 1 + sizeof(c)), VIRTIO_NET_ERR); /* the loop counts nothing */
}

/* What is asked before frames are handed over holds before they go. A reset, a broken queue or another back end's life ends it. */
static void the_filter_comes_first_and_ends_with_the_device(void **state)
{
	slow();
	link_page.state = BH_LINK_REBUILD;
	unsigned times = filter.times;
	chain(1, 0, front->data[0], 60);
	chain(0, 0, front->data[1], NET_BUFFER_BYTES);
	command(table_make(0, 1), 1);
	assert_int_equal(filter.times, times);
	room = 0; /* the device takes neither frames nor buffers */
	link_page.state = BH_LINK_UP;
	work();
	assert_int_equal(filter.times, times + 1);
	room = SIZE;
	work();
	receive_command(VIRTIO_NET_CTRL_RX_ALLMULTI, 0);
	assert_int_equal(filter.flags, 0);
	link_page.status = 0;
	work();
	assert_int_equal(filter.flags, NET_FILTER_ALL_MULTICAST);
	assert_int_equal(filter.count, 0);
	memset(front, 0, gpa(front->data));
	link_page.status = VIRTIO_STATUS_DRIVER_OK;
	receive_command(VIRTIO_NET_CTRL_RX_ALLMULTI, 0);
	assert_int_equal(filter.flags, 0);
	*avail_index(2) = (uint16_t)(*avail_index(2) + 1000);
	work();
	assert_int_equal(filter.flags, NET_FILTER_ALL_MULTICAST);
	assert_true(backend.commands.broken && backend.send.running);
}

static void throw_chain(unsigned queue)
{
	struct rings *r = &front->rings[queue];
	static const uint32_t lengths[] = { 1, 12, 60, 1500, 2048, 0, 4096, ~0u };
	for (unsigned i = 0; i < SIZE; i++) {
		uint64_t at = (uint64_t)random() % (sizeof(*front) + 4096);
		r->desc[i] = (struct vring_desc){ random() & 1 ? at : at & ~2047ull, lengths[random() % 8], (uint16_t)(random() % 8),
			(uint16_t)(random() % (SIZE + 1)) };
	}
	if (queue == 2 && random() & 1) {
		r->desc[0] = (struct vring_desc){ gpa(front->command), (uint32_t)random() % 1025, VRING_DESC_NEXT, 1 };
		r->desc[1] = (struct vring_desc){ gpa(front->answer), 1 + (uint32_t)random() % 128, VRING_DESC_WRITE, 0 };
	} else if (random() & 1) { /* a sound beginning, so that more than the chain is judged */
		r->desc[0] = (struct vring_desc){ gpa(&front->headers[random() % SIZE]), 12, (uint16_t)(VRING_DESC_NEXT | (queue ? 0 : VRING_DESC_WRITE)), 1 };
	}
	if (queue == 0 && in_tables && random() % 4) { /* what is in desc[0] becomes a table's */
		front->tables[0] = r->desc[0];
		front->tables[1] = (struct vring_desc){ r->desc[1].addr, r->desc[1].len, random() % 4 ? VRING_DESC_WRITE : r->desc[1].flags, r->desc[1].next };
		r->desc[0] = (struct vring_desc){ gpa(front->tables) + (random() % 8 ? 0 : (uint64_t)random() % 64), 2 * sizeof(struct vring_desc),
			VRING_DESC_INDIRECT, 0 };
	}
	r->avail[2 + *avail_index(queue) % SIZE] = (uint16_t)(random() & 1 ? 0 : random() % (SIZE + 1));
	*avail_index(queue) = (uint16_t)(used(queue)->idx + (unsigned)random() % 3);
}

/* Whatever is in the front end's memory: no fault, and nothing outside the grants changes. */
static void survives_garbage(void **state)
{
	srandom(5);
	memset(front->secret, 0x77, sizeof(front->secret));
	for (unsigned n = 0; n < 60000; n++) {
		for (unsigned i = 0; i < sizeof(front->headers); i++) {
			((uint8_t *)front->headers)[i] = (uint8_t)random();
		}
		for (unsigned i = 0; i < 12; i++) {
			front->command[i] = (uint8_t)(random() % 4);
		}
		throw_chain(0);
		throw_chain(1);
		throw_chain(2);
		net_backend_work(&backend, &look);
		loop_work(&loop);
		net_backend_work(&backend, &look);
		if (n % 100 == 0 || backend.send.broken || backend.receive.broken || backend.commands.broken) {
			link_page.status = 0;
			net_backend_work(&backend, &look);
			link_page.status = VIRTIO_STATUS_DRIVER_OK;
		}
	}
	for (unsigned i = 0; i < sizeof(front->secret); i++) {
		assert_int_equal(front->secret[i], 0x77);
	}
	link_page.status = 0;
	net_backend_work(&backend, &look);
	unsigned sends = 0, receives = 0;
	for (const struct net_send *s = backend.sends; s; s = s->next) {
		sends++;
	}
	for (const struct net_receive *r = backend.receives; r; r = r->next) {
		receives++;
	}
	assert_int_equal(sends, NET_BACKEND_QUEUE);
	assert_int_equal(receives, NET_BACKEND_QUEUE);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_come_back), TEST(the_header_says_what_to_do), TEST(refuses_what_makes_no_sense), TEST(grants_have_a_direction),
		TEST(grants_are_asked_anew),
		TEST(what_was_not_filled_has_no_length), TEST(a_full_device_is_asked_again), TEST(a_device_that_is_gone),
		TEST(an_impossible_ring_stops_its_queue), TEST(a_reset_recalls_everything), TEST(a_successor_starts_where_it_ended),
		TEST(works_only_while_the_link_is_up), TEST(a_busy_back_end_is_rung_by_the_batch), TEST(a_front_end_at_work_is_left_at_it),
		TEST(looks_that_find_little_end), TEST(the_offer_says_what_the_device_is),
		TEST(the_filter_is_as_it_was_asked_for), TEST(senseless_commands_change_nothing), TEST(counters_are_told),
		TEST(the_filter_comes_first_and_ends_with_the_device),
		TEST(survives_garbage),
	};
	int failed = cmocka_run_group_tests_name("net_backend", tests, NULL, NULL);
	in_tables = true;
	return failed + cmocka_run_group_tests_name("net_backend, tables", tests, NULL, NULL);
}
