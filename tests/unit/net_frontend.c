/* SPDX-License-Identifier: MIT */
/*
 * The virtio-net front end, the hypervisor's link and grants, and in the place of a driver domain a wire with its end tied to its start,
 * which works, dies at any step, or is hostile: it then writes whatever it likes wherever it may, and is rebooted when it is complained
 * of. Every frame and buffer comes back exactly once and in order; what was given back as sent has been on the wire; what is received is whole.
 * `net_frontend SEED STEPS` plays the hostile wire for longer.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "guest-kernel/net/netdevs.h"
#include "kernel/lock.h"
#include "kernel/memory.h"
#include "kernel/time.h"
#include "runtime/net_control.h"
#include "tests/fake/front.h"
#include "virtio/ring_back.h"

#define PACKETS 512
#define FRAMES 400
#define FRAME_BYTES 4096
#define HEADER_BYTES 12
#define ETHERNET 14
#define MOST 1514

/* --- the kernel above: it sends numbered frames and looks at what comes --- */

static struct netdev *dev;
static void *front;
static uint8_t *packets;

static struct sent {
	struct net_frame frame;
	struct net_segment segments[2];
	uint64_t number;
	bool out;
} sent[FRAMES];
static struct got {
	struct net_buffer buffer;
	bool out;
} got[PACKETS];
static uint64_t next_number, next_done, next_received, received_count;
static unsigned buffers_out;
static struct got *buffer_order[PACKETS]; /* as they were handed over */
static unsigned order_in, order_out;
static bool trusting; /* the wire is honest: nothing is lost or doubled */
static unsigned link_changes, sleeps;
static struct { /* what the stack wants, and what the wire's device has */
	unsigned flags, count;
	uint8_t groups[80][NET_MAC_BYTES];
} wanted, device;

uint64_t time_ns(void)
{
	return 1000;
}

int interface_register(struct netdev *registered)
{
	dev = registered;
	return 0;
}

void packet_memory(uint64_t *phys, uint64_t *bytes)
{
	*phys = virt_to_phys(packets);
	*bytes = PACKETS * NET_BUFFER_BYTES;
}

static uint32_t frame_length(uint64_t number)
{
	return (uint32_t)(ETHERNET + 8 + number * 2654435761u % (MOST - ETHERNET - 8 + 1));
}

static uint8_t frame_byte(uint64_t number, uint32_t at)
{
	return (uint8_t)(number * 7 + at * 13 + (at >> 8));
}

static void frame_check(const uint8_t *bytes, uint32_t length, uint64_t *number)
{
	memcpy(number, bytes + ETHERNET, sizeof(*number));
	assert_int_equal(length, frame_length(*number));
	for (uint32_t i = ETHERNET + 8; i < length; i++) {
		assert_int_equal(bytes[i], frame_byte(*number, i));
	}
}

static bool number_seen(uint64_t number);

static void frame_done(struct net_frame *frame)
{
	struct sent *s = frame->owner;
	assert_int_equal(fake_front.locks_held, 0);
	assert_true(s->out);
	assert_int_equal(s->number, next_done);
	assert_true(!trusting || number_seen(s->number));
	next_done++;
	s->out = false;
}

static void buffer_done(struct net_buffer *buffer)
{
	struct got *g = buffer->owner;
	assert_int_equal(fake_front.locks_held, 0);
	assert_true(g->out);
	assert_ptr_equal(g, buffer_order[order_out % PACKETS]);
	assert_true(buffer->filled <= buffer->segment.len);
	order_out++;
	g->out = false;
	buffers_out--;
	if (trusting) {
		uint64_t number;
		assert_true(buffer->last);
		assert_int_equal(buffer->offload.flags, NET_DATA_VALID);
		frame_check(phys_to_virt(buffer->segment.bus), buffer->filled, &number);
		assert_true(number >= next_received); /* some may be lost at a death */
		next_received = number + 1;
		received_count++;
	}
}

static bool user_send(void)
{
	struct sent *s = &sent[next_number % FRAMES];
	if (s->out) {
		return false;
	}
	uint8_t *to = fake_front.zone + (next_number % FRAMES) * FRAME_BYTES;
	uint32_t length = frame_length(next_number), first = ETHERNET + (uint32_t)(next_number % 8);
	memset(to, 0xaa, ETHERNET);
	memcpy(to + ETHERNET, &next_number, 8);
	for (uint32_t i = ETHERNET + 8; i < length; i++) {
		to[i] = frame_byte(next_number, i);
	}
	s->segments[0] = (struct net_segment){ .bus = virt_to_phys(to), .len = first };
	s->segments[1] = (struct net_segment){ .bus = virt_to_phys(to + first), .len = length - first };
	s->frame = (struct net_frame){ .segment_count = 2, .segments = s->segments, .done = frame_done, .owner = s,
		.offload = { .flags = NET_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16 } };
	s->number = next_number;
	s->out = true;
	int error = dev->ops->send(dev, &s->frame);
	if (error) {
		assert_int_equal(error, -EAGAIN);
		s->out = false;
		return false;
	}
	next_number++;
	return true;
}

static void user_offer_buffers(unsigned most)
{
	for (unsigned i = 0; i < PACKETS && most; i++) {
		struct got *g = &got[i];
		if (g->out) {
			continue;
		}
		g->buffer = (struct net_buffer){ .segment = { .bus = virt_to_phys(packets + i * NET_BUFFER_BYTES), .len = NET_BUFFER_BYTES },
			.done = buffer_done, .owner = g };
		g->out = true;
		if (dev->ops->receive(dev, &g->buffer)) {
			g->out = false;
			return;
		}
		buffer_order[order_in++ % PACKETS] = g;
		buffers_out++;
		most--;
	}
}

static void user_filter(unsigned flags, unsigned count)
{
	wanted.flags = flags | (count > 64 ? NET_FILTER_ALL_MULTICAST : 0);
	wanted.count = count > 64 ? 0 : count;
	for (unsigned i = 0; i < count; i++) {
		memcpy(wanted.groups[i], (uint8_t[]){ 0x33, 0x33, (uint8_t)random(), (uint8_t)random(), 0, (uint8_t)i }, NET_MAC_BYTES);
	}
	assert_int_equal(dev->ops->filter(dev, flags, (const uint8_t(*)[NET_MAC_BYTES])wanted.groups, count), 0);
}

static bool filter_is_there(void)
{
	return device.flags == wanted.flags && device.count == wanted.count && memcmp(device.groups, wanted.groups, wanted.count * NET_MAC_BYTES) == 0;
}

static void user_step(void)
{
	switch (random() % 40) {
	case 0:
		user_filter((unsigned)random() % 4, (unsigned)random() % 70);
		return;
	default:
		break;
	}
	switch (random() % 6) {
	case 0:
		for (unsigned n = (unsigned)random() % 20; n && user_send(); n--) {
		}
		break;
	case 1:
		user_offer_buffers((unsigned)random() % 40);
		break;
	case 2:
		dev->ops->poll(dev);
		break;
	default:
		dev->ops->flush(dev);
	}
}

/* --- the driver domain: a wire that brings back what it is given --- */

#define WIRE_FRAMES 64

static struct {
	struct ring_back rings[3];
	struct ring_chain chain;
	bool alive, running[3], bell;
	bool no_tables; /* it refuses them */
	struct net_control control;
	struct netdev dev;
	struct {
		uint8_t bytes[MOST];
		uint32_t length;
	} frames[WIRE_FRAMES];
	unsigned in, out;
	uint64_t seen_next; /* lower numbers have been on it */
} wire;

static bool number_seen(uint64_t number)
{
	return number < wire.seen_next;
}

static bool wire_granted(uint64_t gpa, uint64_t bytes, uint32_t prot)
{
	for (unsigned i = 0; i < BH_MAX_GRANTS; i++) {
		const struct bh_grant *g = &fake_front.back_view.grants[i];
		if (g->len && (g->prot & prot) == prot && gpa >= g->gpa && bytes <= g->len && gpa - g->gpa <= g->len - bytes) {
			return true;
		}
	}
	return false;
}

static void *wire_cpu(void *owner, uint64_t gpa, uint64_t bytes, bool write)
{
	return wire_granted(gpa, bytes, BH_GRANT_CPU_READ | (write ? BH_GRANT_CPU_WRITE : 0)) ? phys_to_virt(gpa) : NULL;
}

static void wire_follow(void)
{
	static const struct ring_access access = { wire_cpu, NULL };
	const struct bh_link *link = &fake_front.back_view;
	for (unsigned i = 0; i < 3; i++) {
		const struct bh_queue *q = &link->queues[i];
		if (!wire.running[i] && link->state == BH_LINK_UP && q->ready && (link->status & VIRTIO_STATUS_DRIVER_OK)) {
			assert_int_equal(ring_back_init(&wire.rings[i], &access, q->size, q->desc, q->driver, q->device,
				link->features & VIRTIO_F_EVENT_IDX), 0);
			wire.running[i] = true;
		}
	}
}

/* Who has lied about what is finished may find the ring impossible. */
static bool wire_take(unsigned queue)
{
	int taken = wire.running[queue] ? ring_back_take(&wire.rings[queue], &wire.chain) : 0;
	assert_true(taken >= 0 || !trusting);
	return taken > 0;
}

static void wire_take_frame(void)
{
	struct ring_chain *c = &wire.chain;
	if (wire.in - wire.out == WIRE_FRAMES || !wire_take(1)) {
		return;
	}
	assert_true(c->count >= 2);
	assert_int_equal(c->segments[0].len, HEADER_BYTES);
	const struct virtio_net_header *header = wire_cpu(NULL, c->segments[0].gpa, HEADER_BYTES, false);
	assert_non_null(header);
	assert_int_equal(header->flags, NET_NEEDS_CSUM);
	assert_int_equal(header->csum_start, 34);
	uint8_t *to = wire.frames[wire.in % WIRE_FRAMES].bytes;
	uint32_t length = 0;
	for (unsigned i = 1; i < c->count; i++) {
		assert_false(c->segments[i].write);
		assert_true(wire_granted(c->segments[i].gpa, c->segments[i].len, BH_GRANT_DMA_READ));
		assert_false(wire_granted(c->segments[i].gpa, c->segments[i].len, BH_GRANT_DMA_WRITE));
		memcpy(to + length, phys_to_virt(c->segments[i].gpa), c->segments[i].len);
		length += c->segments[i].len;
	}
	uint64_t number;
	frame_check(to, length, &number);
	if (trusting) {
		assert_true(number <= wire.seen_next); /* none is left out; after a death some come again */
		wire.seen_next = number + 1 > wire.seen_next ? number + 1 : wire.seen_next;
	}
	wire.frames[wire.in % WIRE_FRAMES].length = length;
	wire.in++;
	ring_back_complete(&wire.rings[1], c->position, 0);
}

static void wire_bring_back(void)
{
	struct ring_chain *c = &wire.chain;
	if (wire.in == wire.out || !wire_take(0)) {
		return;
	}
	const uint8_t *from = wire.frames[wire.out % WIRE_FRAMES].bytes;
	uint32_t length = wire.frames[wire.out % WIRE_FRAMES].length;
	assert_int_equal(c->count, 2);
	assert_int_equal(c->segments[0].len, HEADER_BYTES);
	assert_true(c->segments[1].len >= MOST);
	assert_true(wire_granted(c->segments[1].gpa, c->segments[1].len, BH_GRANT_DMA_WRITE));
	struct virtio_net_header *header = wire_cpu(NULL, c->segments[0].gpa, HEADER_BYTES, true);
	assert_non_null(header);
	*header = (struct virtio_net_header){ .flags = NET_DATA_VALID, .num_buffers = 1 };
	memcpy(phys_to_virt(c->segments[1].gpa), from, length);
	wire.out++;
	ring_back_complete(&wire.rings[0], c->position, HEADER_BYTES + length);
}

/* By the real back end's judge. */
static void wire_obey(void)
{
	while (wire_take(2)) {
		const struct ring_segment *first = &wire.chain.segments[0];
		const uint8_t *head = wire_cpu(NULL, first->gpa, first->len, false);
		bool refused = wire.no_tables && head && head[0] == VIRTIO_NET_CTRL_MAC;
		uint32_t len = refused ? 1 : net_control_answer(&wire.control, &fake_front.back_view, &wire.chain);
		if (refused) {
			*(uint8_t *)wire_cpu(NULL, wire.chain.segments[wire.chain.count - 1].gpa, 1, true) = VIRTIO_NET_ERR;
		}
		ring_back_complete(&wire.rings[2], wire.chain.position, len);
	}
}

static int wire_filter(struct netdev *unused, unsigned flags, const uint8_t (*groups)[NET_MAC_BYTES], unsigned count)
{
	device.flags = flags;
	device.count = count;
	memcpy(device.groups, groups, count * NET_MAC_BYTES);
	return 0;
}

static int wire_counters(struct netdev *unused, struct net_counters *to)
{
	*to = (struct net_counters){ .missed = 5, .crc_errors = 1 };
	return 0;
}

static void wire_tell(void)
{
	for (unsigned i = 0; i < 3; i++) {
		if (wire.running[i]) {
			wire.bell |= ring_back_publish(&wire.rings[i]);
			ring_back_arm(&wire.rings[i], 0);
		}
	}
}

static void wire_step(void)
{
	if (!wire.alive) {
		return;
	}
	wire_follow();
	switch (random() % 4) {
	case 0:
		wire_obey();
		break;
	case 1:
		wire_take_frame();
		break;
	case 2:
		wire_bring_back();
		break;
	default:
		wire_tell();
	}
}

static void wire_offer(void)
{
	struct bh_link_offer offer = {
		.features = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_IN_ORDER | VIRTIO_F_ACCESS_PLATFORM |
			    VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_HOST_TSO4 |
			    VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX,
		.queue_max = 256, .queue_count = 3, .config_len = 64,
	};
	static const struct netdev_ops ops = { .filter = wire_filter, .counters = wire_counters };
	const uint32_t own = VIRTIO_NET_COUNTERS;
	struct virtio_net_config config = { .mac = { 2, 1, 2, 3, 4, 5 }, .status = VIRTIO_NET_S_LINK_UP };
	memcpy(offer.config, &config, sizeof(config));
	memcpy(offer.config + VIRTIO_NET_CONFIG_GSO, &own, sizeof(own));
	fake_front_offer(&offer);
	wire.dev.ops = &ops;
	wire.control.dev = &wire.dev;
	if (!wire.alive) {
		net_control_open(&wire.control);
	}
	wire.alive = true;
}

static void bell_step(void)
{
	if (wire.bell) {
		wire.bell = false;
		virtio_net_driver.interrupt(front);
	}
}

static void everybody_step(void)
{
	user_step();
	for (unsigned n = (unsigned)random() % 8; n; n--) {
		wire_step();
	}
	if (random() % 2) {
		bell_step();
	}
}

static struct vring_used *wire_used(unsigned queue)
{
	return phys_to_virt(fake_front.link.queues[queue].device);
}

static void wire_dies(void)
{
	wire.running[0] = wire.running[1] = wire.running[2] = wire.alive = false;
	wire.in = wire.out = 0;
	fake_front_down();
	if (random() % 2) {
		virtio_net_driver.link_changed(front);
	}
	fake_front_rebuild();
	if (random() % 2) {
		wire_offer();
		virtio_net_driver.link_changed(front);
	} else {
		virtio_net_driver.link_changed(front);
		wire_offer();
	}
	assert_int_equal(fake_front.link.state, BH_LINK_UP);
}

static void count_change(void *user)
{
	assert_ptr_equal(user, &link_changes);
	link_changes++;
}

static void count_sleep(void)
{
	sleeps++;
}

static void world_start(unsigned seed)
{
	srandom(seed);
	memset(&wire, 0, sizeof(wire));
	memset(sent, 0, sizeof(sent));
	memset(got, 0, sizeof(got));
	memset(&wanted, 0, sizeof(wanted));
	wanted.flags = NET_FILTER_ALL_MULTICAST; /* until it is said */
	sleeps = 0;
	next_number = next_done = next_received = received_count = 0;
	buffers_out = order_in = order_out = link_changes = 0;
	trusting = true;
	packets = aligned_alloc(4096, PACKETS * NET_BUFFER_BYTES);
	fake_front_start(VIRTIO_ID_NET, FRAMES * FRAME_BYTES);
	wire_offer();
	struct virtio_port port = fake_front_port("virtio-net");
	assert_int_equal(virtio_net_driver.start(&port, &front), 0);
	assert_int_equal(dev->send_depth, 256);
	assert_int_equal(dev->mtu, 1500);
	assert_true(dev->csum && dev->tso4 && !dev->tso6 && dev->link_up);
	fake_front.step = count_sleep;
	dev->link_changed = count_change;
	dev->user = &link_changes;
}

static void world_finish(void)
{
	for (unsigned n = 0; n < 200000 && next_done < next_number; n++) {
		user_offer_buffers(256);
		dev->ops->flush(dev);
		dev->ops->poll(dev);
		wire_step();
	}
	assert_int_equal(next_done, next_number);
	for (unsigned n = 0; n < 1000 && !filter_is_there(); n++) {
		wire_step();
		bell_step();
	}
	assert_true(filter_is_there() || wire.no_tables);
	free(packets);
	fake_front_stop();
}

static void frames_go_and_come(void **state)
{
	world_start(31);
	for (unsigned n = 0; n < 100000; n++) {
		everybody_step();
	}
	assert_int_equal(fake_front.complaints, 0);
	assert_true(received_count > 5000);
	assert_int_equal(next_received, received_count); /* none was lost */
	world_finish();
}

static void none_is_lost_however_the_back_end_dies(void **state)
{
	world_start(32);
	for (unsigned n = 0; n < 150000; n++) {
		everybody_step();
		if (random() % 60 == 0) {
			wire_dies();
		}
	}
	assert_true(fake_front.link.epoch > 1000 && next_done > 5000 && received_count > 1000);
	world_finish();
}

/* Signals: one for the first frame after a poll that found none, none for the others; one for half of a queue of frames that was full. */
static void signals_are_few(void **state)
{
	world_start(33);
	user_offer_buffers(256);
	dev->ops->poll(dev);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned n = 0; n < 30; n++) {
			assert_true(user_send());
		}
		fake_front.doorbell = false;
		dev->ops->flush(dev);
		assert_true(fake_front.doorbell);
		wire_follow();
		unsigned bells = 0;
		for (unsigned n = 0; n < 30; n++) {
			wire_take_frame();
			wire_bring_back();
			wire_tell();
			bells += wire.bell;
			bell_step();
		}
		assert_int_equal(bells, 1);
		user_offer_buffers(256);
		dev->ops->poll(dev);
		assert_int_equal(next_done, next_number);
		dev->ops->poll(dev);
	}
	for (unsigned n = 0; n < 256; n++) {
		assert_true(user_send());
	}
	assert_false(user_send());
	dev->ops->flush(dev);
	for (unsigned n = 1; n <= 256; n++) {
		wire.in = wire.out;
		wire_take_frame();
		wire_tell();
		assert_int_equal(wire.bell, n == 129);
		bell_step();
	}
	assert_int_equal(next_done, next_number - 127);
	world_finish();
}

static void lies_are_complained_of(void **state)
{
	static const struct {
		uint32_t id, length;
		uint8_t gso;
	} lies[] = {
		{ 1, 60, 0 }, /* not its turn */
		{ 0, HEADER_BYTES + NET_BUFFER_BYTES + 1, 0 }, /* more than there is room for */
		{ 0, HEADER_BYTES + ETHERNET - 1, 0 }, /* less than a frame */
		{ 0, 0, 0 },
		{ 9999, 60, 0 },
		{ ~0u, 60, 0 },
		{ 0, 100, NET_GSO_TCP4 }, /* not agreed on */
	};
	world_start(34);
	user_offer_buffers(2);
	for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct vring_used *used = wire_used(0);
		const struct vring_desc *table = phys_to_virt(((struct vring_desc *)phys_to_virt(fake_front.link.queues[0].desc))[0].addr);
		((struct virtio_net_header *)phys_to_virt(table[0].addr))->gso_type = lies[i].gso;
		used->ring[0] = (struct vring_used_elem){ lies[i].id, lies[i].length };
		used->idx = 1;
		virtio_net_driver.interrupt(front);
		dev->ops->poll(dev);
		assert_int_equal(fake_front.complaints, i + 1);
		assert_int_equal(buffers_out, 2);
		wire_dies();
	}
	assert_true(user_send());
	wire_used(1)->ring[0] = (struct vring_used_elem){ 0, 1 }; /* nothing is to be written for it */
	wire_used(1)->idx = 1;
	dev->ops->poll(dev);
	assert_int_equal(fake_front.complaints, sizeof(lies) / sizeof(lies[0]) + 1);
	assert_int_equal(next_done, 0);
	wire_dies();
	world_finish();
}

static void wrong_frames_are_refused(void **state)
{
	world_start(35);
	struct net_segment segments[NET_FRAME_SEGMENTS + 1];
	for (unsigned i = 0; i <= NET_FRAME_SEGMENTS; i++) {
		segments[i] = (struct net_segment){ .bus = virt_to_phys(fake_front.zone), .len = 20 };
	}
	struct net_frame frame = { .segments = segments, .done = frame_done };
	static const struct {
		uint32_t count, length;
		struct net_offload offload;
	} wrong[] = {
		{ 0, 20, { 0 } }, { 1, 13, { 0 } }, { 1, 1515, { 0 } }, { NET_FRAME_SEGMENTS + 1, 20, { 0 } }, { 2, 0, { 0 } },
		{ 1, 1000, { .gso = NET_GSO_TCP4, .gso_bytes = 1000, .header_bytes = 54 } }, /* without a checksum */
		{ 1, 1000, { .flags = NET_NEEDS_CSUM, .gso = NET_GSO_TCP6, .gso_bytes = 1000, .header_bytes = 74 } }, /* not offered */
		{ 1, 65536, { .flags = NET_NEEDS_CSUM, .gso = NET_GSO_TCP4, .gso_bytes = 1000, .header_bytes = 54 } },
	};
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		frame.segment_count = wrong[i].count;
		segments[0].len = wrong[i].length;
		frame.offload = wrong[i].offload;
		assert_int_equal(dev->ops->send(dev, &frame), -EINVAL);
	}
	struct net_buffer small = { .segment = { .bus = virt_to_phys(packets), .len = 1000 } };
	assert_int_equal(dev->ops->receive(dev, &small), -EINVAL);
	world_finish();
}

static void link_state_is_followed(void **state)
{
	world_start(36);
	struct bh_link_offer offer = fake_front.link.offer;
	((struct virtio_net_config *)offer.config)->status = 0;
	fake_front_offer(&offer);
	virtio_net_driver.link_changed(front);
	assert_false(dev->link_up);
	assert_int_equal(link_changes, 1);
	virtio_net_driver.link_changed(front);
	assert_int_equal(link_changes, 1);
	wire_offer();
	virtio_net_driver.link_changed(front);
	assert_true(dev->link_up);
	assert_int_equal(link_changes, 2);
	world_finish();
}

static void wire_works(void)
{
	wire_follow();
	wire_obey();
	wire_tell();
	bell_step();
}

/* It is handed over and not waited for; the last one counts, however many were not answered. */
static void the_filter_gets_there(void **state)
{
	world_start(37);
	user_filter(0, 2);
	assert_true(fake_front.doorbell);
	wire_works();
	assert_true(filter_is_there());
	for (unsigned n = 0; n < 10; n++) {
		user_filter(n % 2 ? NET_FILTER_PROMISCUOUS : 0, n);
	}
	for (unsigned n = 0; n < 4; n++) {
		wire_works();
	}
	assert_true(filter_is_there());
	user_filter(NET_FILTER_ALL_MULTICAST, 70);
	wire_works();
	assert_true(filter_is_there());
	assert_int_equal(sleeps, 0);
	world_finish();
}

/* The new one lets all groups through, and the first that it hears is the whole filter, whatever was out: so nothing wanted is missed. */
static void a_new_back_end_gets_the_filter(void **state)
{
	world_start(38);
	for (unsigned out = 0; out < 4; out++) {
		user_filter(0, 5);
		wire_works();
		for (unsigned n = 0; n < out; n++) {
			user_filter(0, 6 + n);
		}
		wire_dies();
		assert_int_equal(device.flags, NET_FILTER_ALL_MULTICAST);
		wire_works();
		assert_true(filter_is_there());
	}
	world_finish();
}

static void a_refused_table_lets_all_through(void **state)
{
	world_start(39);
	wire.no_tables = true;
	user_filter(0, 2);
	wire_works();
	wire_works();
	assert_int_equal(device.flags, NET_FILTER_ALL_MULTICAST);
	wire_dies(); /* the next one may take it */
	wire.no_tables = false;
	wire_works();
	assert_true(filter_is_there());
	world_finish();
}

/* Those of dead back ends are kept; who does not answer is waited for once. */
static void counters_are_asked_for(void **state)
{
	struct net_counters c;
	world_start(40);
	fake_front.step = wire_works;
	for (unsigned n = 1; n <= 3; n++) {
		assert_int_equal(dev->ops->counters(dev, &c), 0);
		assert_true(c.missed == 5 * n && c.crc_errors == n && c.collisions == 0);
		wire_dies();
	}
	fake_front.step = count_sleep;
	fake_front.late = -ETIMEDOUT;
	for (unsigned n = 0; n < 3; n++) {
		assert_int_equal(dev->ops->counters(dev, &c), 0);
		assert_int_equal(c.missed, 15);
		assert_int_equal(sleeps, 1);
	}
	wire_works(); /* the answer comes after all */
	fake_front.step = wire_works;
	assert_int_equal(dev->ops->counters(dev, &c), 0);
	assert_int_equal(c.missed, 20);
	fake_front_down();
	virtio_net_driver.link_changed(front);
	fake_front.step = count_sleep;
	assert_int_equal(dev->ops->counters(dev, &c), 0); /* nobody is there to be asked */
	assert_int_equal(c.missed, 20);
	assert_int_equal(sleeps, 1);
	wire_dies();
	world_finish();
}

/* Whatever a wild driver can write: used rings and headers, by processor; packet memory, by device. */
static void hostile_write(void)
{
	unsigned queue = (unsigned)random() % 3, size = queue == 2 ? 8 : 256;
	struct vring_used *used = wire_used(queue);
	switch (random() % 8) {
	case 0:
		used->idx = (uint16_t)random();
		break;
	case 1:
		used->idx = (uint16_t)(used->idx + random() % 4);
		break;
	case 2:
		used->ring[random() % size] = (struct vring_used_elem){ (uint32_t)random() % 300, (uint32_t)random() % 4096 };
		break;
	case 3:
		fake_scribble(used->ring, sizeof(used->ring[0]) * size);
		break;
	case 4:
		*ring_avail_event(used, (uint16_t)size) = (uint16_t)random();
		break;
	case 5: {
		uint64_t page = fake_front.link.queues[queue].device & ~4095ull;
		fake_scribble((uint8_t *)phys_to_virt(page) + (unsigned)random() % (queue == 2 ? 3900 : 8000), (size_t)random() % 192);
		break;
	}
	case 6:
		fake_scribble(packets + random() % (PACKETS * NET_BUFFER_BYTES - 64), 64);
		break;
	default:
		used->flags = (uint16_t)random();
	}
}

static void hostile_steps(unsigned seed, unsigned long steps)
{
	world_start(seed);
	trusting = false;
	for (unsigned long n = 0; n < steps; n++) {
		user_step();
		if (wire.alive && random() % 3) {
			wire_follow();
			wire_obey();
			random() % 2 ? wire_bring_back() : wire_take_frame();
			wire_tell();
		}
		if (random() % 16 == 0) {
			hostile_write();
			wire.bell |= random() % 2;
		}
		bell_step();
		unsigned complaints = fake_front.complaints;
		if (complaints || random() % 500 == 0) {
			wire_dies();
			fake_front.complaints = 0;
		}
		assert_true(complaints <= 1); /* one an epoch */
	}
	wire_dies();
	world_finish();
}

static void a_hostile_back_end(void **state)
{
	for (unsigned seed = 100; seed < 110; seed++) {
		hostile_steps(seed, 20000);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_go_and_come),
		cmocka_unit_test(none_is_lost_however_the_back_end_dies),
		cmocka_unit_test(signals_are_few),
		cmocka_unit_test(lies_are_complained_of),
		cmocka_unit_test(wrong_frames_are_refused),
		cmocka_unit_test(link_state_is_followed),
		cmocka_unit_test(the_filter_gets_there),
		cmocka_unit_test(a_new_back_end_gets_the_filter),
		cmocka_unit_test(a_refused_table_lets_all_through),
		cmocka_unit_test(counters_are_asked_for),
		cmocka_unit_test(a_hostile_back_end),
	};
	if (argc == 3) {
		hostile_steps((unsigned)strtoul(argv[1], NULL, 0), strtoul(argv[2], NULL, 0));
		return 0;
	}
	return cmocka_run_group_tests_name("net_frontend", tests, NULL, NULL);
}
