/* SPDX-License-Identifier: MIT */
/* The network adapter's component against a fake adapter: bring-up, frames both ways, offloads, interrupts, link, hangs, hostile contents. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "e1000e/e1000e.h"
#include "e1000e/e1000e_registers.h"
#include "env/env.h"
#include "env/host.h"
#include "tests/fake/mmio.h"
#include "tests/fake/nic.h"

#define MS 1000000ull
#define FRAMES 600
#define BUFFERS 600

static struct fake_nic nic;
static struct e1000e *driver;
static struct netdev *dev;

struct out {
	struct net_frame frame;
	struct net_segment segments[NET_FRAME_SEGMENTS];
	uint8_t bytes[2048];
	unsigned done;
};
struct in {
	struct net_buffer buffer;
	uint8_t bytes[NET_BUFFER_BYTES];
	unsigned done;
};
static struct out outs[FRAMES];
static struct in ins[BUFFERS];
static unsigned done_order[FRAMES + BUFFERS], outs_done, ins_done, link_calls;

static void out_done(struct net_frame *frame)
{
	struct out *o = frame->owner;
	o->done++;
	done_order[outs_done++ % FRAMES] = (unsigned)(o - outs);
}

static void in_done(struct net_buffer *buffer)
{
	struct in *i = buffer->owner;
	i->done++;
	ins_done++;
}

static void link_changed(void *user)
{
	link_calls++;
}

/* `bytes` in `segments` pieces of about the same size. */
static int out_send(unsigned n, uint32_t bytes, unsigned segments, struct net_offload offload)
{
	struct out *o = &outs[n];
	uint32_t at = 0;
	for (uint32_t i = 0; i < sizeof(o->bytes); i++) {
		o->bytes[i] = (uint8_t)(n * 13 + i);
	}
	for (unsigned i = 0; i < segments; i++) {
		uint32_t len = i == segments - 1 ? bytes - at : bytes / segments;
		o->segments[i] = (struct net_segment){ .bus = (uintptr_t)o->bytes + at % 512, .len = len };
		if (bytes <= sizeof(o->bytes)) {
			o->segments[i].bus = (uintptr_t)o->bytes + at;
		}
		at += len;
	}
	o->done = 0;
	o->frame = (struct net_frame){ .offload = offload, .segment_count = segments, .segments = o->segments, .done = out_done, .owner = o };
	return dev->ops->send(dev, &o->frame);
}

static int in_give(unsigned n)
{
	struct in *i = &ins[n];
	i->done = 0;
	i->buffer = (struct net_buffer){ .segment = { .bus = (uintptr_t)i->bytes, .len = sizeof(i->bytes) }, .done = in_done, .owner = i };
	return dev->ops->receive(dev, &i->buffer);
}

static void start(void)
{
	driver = e1000e_create(&nic.pci);
	assert_non_null(driver);
	dev = e1000e_netdev(driver);
	dev->link_changed = link_changed;
}

static int set_up(void **state)
{
	srandom(3);
	nic_init(&nic, false);
	env_host_live = 0;
	outs_done = ins_done = link_calls = 0;
	driver = NULL;
	return 0;
}

static int set_up_old(void **state)
{
	set_up(state);
	nic_destroy(&nic);
	nic_init(&nic, true);
	return 0;
}

static int tear_down(void **state)
{
	nic_destroy(&nic);
	assert_int_equal(nic.violations, 0);
	assert_int_equal(env_host_live, 0);
	return 0;
}

static const struct net_offload plain;

static void finds_its_address(void **state)
{
	static const uint8_t mac[] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
	start();
	assert_memory_equal(dev->mac, mac, 6);
	assert_true(dev->link_up && dev->csum && dev->tso4 && dev->tso6 && dev->gso_bare);
	assert_int_equal(dev->mtu, 1500);
	e1000e_destroy(driver);
	nic.registers[REG_RAH / 4] = 0; /* not valid: the EEPROM says */
	nic.nvm[0] = 0x1b00;
	nic.nvm[1] = 0x2221;
	nic.nvm[2] = 0x4443;
	start();
	static const uint8_t other[] = { 0x00, 0x1b, 0x21, 0x22, 0x43, 0x44 };
	assert_memory_equal(dev->mac, other, 6);
	assert_int_equal(nic.registers[REG_RAH / 4], RAH_AV | 0x4443);
	e1000e_destroy(driver);
	driver = NULL;
	nic.registers[REG_RAH / 4] = 0;
	nic.nvm[0] |= 1; /* a group's */
	assert_null(e1000e_create(&nic.pci));
}

static void refuses_what_it_does_not_drive(void **state)
{
	nic.pci.device = 0x1234;
	assert_null(e1000e_create(&nic.pci));
	nic.pci.device = 0x10d3;
	nic.pci.bars[0].size = 4096;
	assert_null(e1000e_create(&nic.pci));
	nic.pci.bars[0].size = NIC_PAGES * 4096;
	nic.wedged = true;
	assert_null(e1000e_create(&nic.pci));
	nic.wedged = false;
	nic.silent = true;
	assert_null(e1000e_create(&nic.pci));
	nic.silent = false;
	for (unsigned n = 1; !driver; n++) {
		env_host_fail_alloc = n;
		driver = e1000e_create(&nic.pci);
		assert_true(driver || env_host_live == 0);
		assert_true(n < 10);
	}
	env_host_fail_alloc = 0;
}

static void frames_go_out_in_order(void **state)
{
	start();
	for (unsigned round = 0; round < 40; round++) {
		unsigned count = 1 + (unsigned)random() % 60;
		for (unsigned n = 0; n < count; n++) {
			uint32_t bytes = 60 + (uint32_t)random() % 1455;
			assert_int_equal(out_send(n, bytes, 1 + (unsigned)random() % 6, plain), 0);
		}
		unsigned before = nic.sent_count, done = outs_done;
		nic_run(&nic);
		assert_int_equal(nic.sent_count, before); /* nobody told it */
		dev->ops->flush(dev);
		nic_run(&nic);
		dev->ops->poll(dev);
		assert_int_equal(nic.sent_count - before, count);
		assert_int_equal(outs_done - done, count);
		for (unsigned n = 0; n < count; n++) {
			const struct nic_sent *s = &nic.sent[(before + n) % NIC_FRAMES];
			assert_memory_equal(s->bytes, outs[n].bytes, s->length);
			assert_false(s->sum || s->ip_sum || s->cut);
			assert_int_equal(outs[n].done, 1);
			assert_int_equal(done_order[(done + n) % FRAMES], n);
		}
	}
	assert_int_equal(nic.contexts, 0);
}

static unsigned bells;

/* Another processor, while this one writes the register. */
static void hand_over_another(void)
{
	if (bells++ == 0) {
		assert_int_equal(out_send(1, 200, 1, plain), 0);
		dev->ops->flush(dev);
		assert_int_equal(bells, 1);
	}
}

static void the_adapter_sends_without_the_lock(void **state)
{
	start();
	bells = 0;
	nic.doorbell = hand_over_another;
	assert_int_equal(out_send(0, 100, 1, plain), 0);
	dev->ops->flush(dev);
	assert_int_equal(bells, 2);
	nic.doorbell = NULL;
	nic_run(&nic);
	dev->ops->poll(dev);
	assert_int_equal(outs_done, 2);
	assert_true(done_order[0] == 0 && done_order[1] == 1);
}

static void a_full_ring_says_so(void **state)
{
	unsigned n = 0;
	start();
	while (out_send(n, 600, 3, plain) == 0) {
		n++;
	}
	assert_true(n >= dev->send_depth / 2 && n < FRAMES);
	assert_int_equal(out_send(n, 600, 3, plain), -EAGAIN);
	dev->ops->flush(dev);
	assert_int_equal(outs_done, 0);
	nic_run(&nic);
	dev->ops->poll(dev);
	assert_int_equal(outs_done, n);
	assert_int_equal(out_send(n, 600, 3, plain), 0);
	for (n = 0; in_give(n) == 0; n++) {
	}
	assert_int_equal(n, dev->receive_depth);
	assert_int_equal(in_give(n), -EAGAIN);
}

static void checksums_need_one_context(void **state)
{
	struct net_offload tcp = { .flags = NET_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16 };
	struct net_offload udp = { .flags = NET_NEEDS_CSUM, .csum_start = 54, .csum_offset = 6 };
	start();
	for (unsigned n = 0; n < 5; n++) {
		assert_int_equal(out_send(n, 500, 2, tcp), 0);
	}
	assert_int_equal(out_send(5, 500, 2, plain), 0);
	assert_int_equal(out_send(6, 500, 2, udp), 0);
	assert_int_equal(out_send(7, 500, 2, tcp), 0);
	dev->ops->flush(dev);
	nic_run(&nic);
	assert_int_equal(nic.contexts, 3);
	assert_true(nic.sent[4].sum && !nic.sent[4].ip_sum && nic.sent[4].sum_start == 34 && nic.sent[4].sum_offset == 50);
	assert_false(nic.sent[5].sum);
	assert_true(nic.sent[6].sum && nic.sent[6].sum_start == 54 && nic.sent[6].sum_offset == 60);
	assert_true(nic.sent[7].sum && nic.sent[7].sum_start == 34);
}

static void long_frames_are_cut_by_the_adapter(void **state)
{
	struct net_offload o = { .flags = NET_NEEDS_CSUM, .gso = NET_GSO_TCP4, .header_bytes = 54, .gso_bytes = 1460, .csum_start = 34, .csum_offset = 16 };
	start();
	assert_int_equal(out_send(0, 60000, 20, o), 0);
	o.gso = NET_GSO_TCP6;
	o.header_bytes = 74;
	o.gso_bytes = 1440;
	o.csum_start = 54;
	assert_int_equal(out_send(1, 40000, 1, o), 0);
	assert_int_equal(out_send(2, 40000, 1, o), 0);
	dev->ops->flush(dev);
	nic_run(&nic);
	assert_int_equal(nic.sent_count, 3);
	assert_int_equal(nic.contexts, 3); /* the length is in it */
	const struct nic_sent *s = &nic.sent[0];
	assert_true(s->cut && s->sum && s->ip_sum);
	assert_int_equal(s->length, 60000);
	assert_int_equal(s->payload, 60000 - 54);
	assert_int_equal(s->header, 54);
	assert_int_equal(s->piece, 1460);
	s = &nic.sent[1];
	assert_true(s->cut && s->sum && !s->ip_sum);
	assert_int_equal(s->pieces, 5); /* of 8 KiB at most */
}

static void an_emulated_one_cuts_no_ipv6(void **state)
{
	nic.subsystem = 0x00008086;
	start();
	assert_true(dev->tso4 && !dev->tso6);
	struct net_offload o = { .flags = NET_NEEDS_CSUM, .gso = NET_GSO_TCP6, .header_bytes = 74, .gso_bytes = 1440, .csum_start = 54, .csum_offset = 16 };
	assert_int_equal(out_send(0, 20000, 8, o), -EINVAL);
}

static void offloads_that_make_no_sense(void **state)
{
	const struct net_offload wrong[] = {
		{ .gso = NET_GSO_TCP4, .header_bytes = 54, .gso_bytes = 1000 }, /* without a checksum */
		{ .flags = NET_NEEDS_CSUM, .csum_start = 34, .csum_offset = 600 },
		{ .flags = NET_NEEDS_CSUM, .csum_start = 65535, .csum_offset = 65535 },
		{ .flags = NET_NEEDS_CSUM, .csum_start = 2, .csum_offset = 2 },
		{ .flags = NET_NEEDS_CSUM, .csum_start = 200, .csum_offset = 100 },
		{ .flags = NET_NEEDS_CSUM, .gso = 3, .header_bytes = 54, .gso_bytes = 1000, .csum_start = 34, .csum_offset = 16 },
		{ .flags = NET_NEEDS_CSUM, .gso = NET_GSO_TCP4, .header_bytes = 50, .gso_bytes = 1000, .csum_start = 34, .csum_offset = 16 },
		{ .flags = NET_NEEDS_CSUM, .gso = NET_GSO_TCP4, .header_bytes = 54, .gso_bytes = 0, .csum_start = 34, .csum_offset = 16 },
		{ .flags = NET_NEEDS_CSUM, .gso = NET_GSO_TCP4, .header_bytes = 54, .gso_bytes = 9000, .csum_start = 34, .csum_offset = 16 },
		{ .flags = NET_NEEDS_CSUM, .gso = NET_GSO_TCP4, .header_bytes = 300, .gso_bytes = 1000, .csum_start = 34, .csum_offset = 16 },
	};
	start();
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(out_send(i, 500, 2, wrong[i]), -EINVAL);
	}
	const struct net_offload fine = { .flags = NET_NEEDS_CSUM, .gso = NET_GSO_TCP4, .header_bytes = 54, .gso_bytes = 1000, .csum_start = 34,
		.csum_offset = 16 };
	assert_int_equal(out_send(0, 70000, 20, fine), -EINVAL);
	assert_int_equal(out_send(0, 1600, 2, plain), -EINVAL);
	assert_int_equal(out_send(0, 10, 1, plain), -EINVAL);
	assert_int_equal(out_send(0, 3, 5, plain), -EINVAL); /* empty segments */
	outs[0].frame.segment_count = NET_FRAME_SEGMENTS + 1;
	assert_int_equal(dev->ops->send(dev, &outs[0].frame), -EINVAL);
	ins[0].buffer = (struct net_buffer){ .segment = { .bus = (uintptr_t)ins[0].bytes, .len = NET_BUFFER_BYTES - 1 } };
	assert_int_equal(dev->ops->receive(dev, &ins[0].buffer), -EINVAL);
	dev->ops->flush(dev);
	nic_run(&nic);
	assert_int_equal(nic.sent_count + outs_done, 0);
}

static void give_all(unsigned count)
{
	for (unsigned n = 0; n < count; n++) {
		assert_int_equal(in_give(n), 0);
	}
	dev->ops->flush(dev);
}

static void frames_come_in(void **state)
{
	uint8_t frame[1514];
	start();
	for (unsigned i = 0; i < sizeof(frame); i++) {
		frame[i] = (uint8_t)(i * 3);
	}
	give_all(8);
	nic_receive(&nic, frame, 1514, 1514, RX_TCPCS, 0);
	nic_receive(&nic, frame, 60, 60, 0, 0);
	nic_receive(&nic, frame, 60, 60, RX_TCPCS, 0x20); /* TCPE */
	nic_receive(&nic, frame, 60, 60, RX_TCPCS | RX_IXSM, 0);
	nic_receive(&nic, frame, 60, 60, RX_TCPCS, 0x01); /* damaged */
	nic_receive(&nic, frame, 60, 2049, 0, 0); /* longer than its buffer */
	nic_receive(&nic, frame, 60, 5, 0, 0);
	dev->ops->poll(dev);
	assert_int_equal(ins_done, 7);
	const uint32_t filled[] = { 1514, 60, 60, 60, 0, 0, 0 };
	for (unsigned i = 0; i < 7; i++) {
		assert_int_equal(ins[i].buffer.filled, filled[i]);
		assert_true(ins[i].buffer.last);
		assert_int_equal(ins[i].buffer.offload.flags, i == 0 ? NET_DATA_VALID : 0);
		assert_memory_equal(ins[i].bytes, frame, filled[i]);
	}
	assert_int_equal(ins[7].done, 0);
	for (unsigned n = 0; n < 3000; n++) { /* around the ring */
		assert_int_equal(in_give(n % 7), 0);
		dev->ops->flush(dev);
		assert_true(nic_receive(&nic, frame, 100, 100, 0, 0));
		dev->ops->poll(dev);
	}
	assert_int_equal(ins_done, 7 + 3000);
}

/* It stays off from a frame's interrupt to the poll that finds nothing. */
static void interrupts_wait_for_the_user(void **state)
{
	uint8_t frame[60] = { 0 };
	start();
	give_all(20);
	assert_int_equal(nic.interrupts, 0);
	nic_receive(&nic, frame, 60, 60, 0, 0);
	assert_int_equal(ins_done, 1);
	assert_int_equal(nic.interrupts, 1);
	nic_receive(&nic, frame, 60, 60, 0, 0);
	nic_receive(&nic, frame, 60, 60, 0, 0);
	assert_int_equal(nic.interrupts, 1);
	dev->ops->poll(dev);
	assert_int_equal(ins_done, 3);
	nic_receive(&nic, frame, 60, 60, 0, 0);
	assert_int_equal(nic.interrupts, 1);
	dev->ops->poll(dev);
	dev->ops->poll(dev);
	nic_receive(&nic, frame, 60, 60, 0, 0);
	assert_int_equal(nic.interrupts, 2);
	assert_int_equal(ins_done, 5);
	/* What was sent makes nobody poll, so it turns nothing off: in an interrupt of its own, and in the last poll. */
	dev->ops->poll(dev);
	out_send(0, 60, 1, plain);
	dev->ops->flush(dev);
	nic_run(&nic);
	assert_int_equal(outs_done, 1);
	unsigned interrupts = nic.interrupts;
	nic_receive(&nic, frame, 60, 60, 0, 0);
	assert_int_equal(nic.interrupts, interrupts + 1);
	out_send(0, 60, 1, plain);
	dev->ops->flush(dev);
	nic_run(&nic);
	dev->ops->poll(dev);
	assert_int_equal(outs_done, 2);
	nic_receive(&nic, frame, 60, 60, 0, 0);
	assert_int_equal(nic.interrupts, interrupts + 2);
}

/* What a domain's loop does: all there is, then the time by which to look again, UINT64_MAX: by an interrupt. */
static uint64_t look(void)
{
	uint64_t until;
	do {
		until = UINT64_MAX;
	} while (e1000e_before_wait(driver, &until));
	return until;
}

static void no_interrupt_between_looks(void **state)
{
	uint8_t frame[60] = { 0 };
	start();
	give_all(20);
	assert_true(look() == UINT64_MAX);
	nic_receive(&nic, frame, 60, 60, 0, 0);
	assert_int_equal(nic.interrupts, 1);
	assert_int_equal(ins_done, 0); /* left to the look before the wait */
	nic_receive(&nic, frame, 60, 60, 0, 0);
	assert_int_equal(nic.interrupts, 1);
	assert_true(look() == UINT64_MAX);
	assert_int_equal(ins_done, 2);
	nic_receive(&nic, frame, 60, 60, 0, 0);
	assert_int_equal(nic.interrupts, 2);
	/* What was sent is looked for, too. */
	look();
	out_send(0, 60, 1, plain);
	dev->ops->flush(dev);
	assert_true(look() <= env_host_now + E1000E_REST_MAX_NS);
	nic_run(&nic);
	assert_int_equal(nic.interrupts, 2);
	look();
	assert_int_equal(outs_done, 1);
}

/* So many frames at the end of each `gap`, with looks as the driver wants them, for 100 ms. Returns the wakes: interrupts and looks. */
static unsigned load(uint64_t gap, unsigned frames, bool closed)
{
	static unsigned n;
	uint8_t frame[60] = { 0 };
	uint64_t end = env_host_now + 100 * MS, next = env_host_now + gap, until = look();
	unsigned wakes = 0;
	while (env_host_now < end) {
		bool arrives = next <= until;
		unsigned interrupts = nic.interrupts, done = ins_done;
		env_host_now = arrives ? next : until;
		for (unsigned i = 0; arrives && i < frames; i++) {
			assert_true(nic_receive(&nic, frame, 60, 60, 0, 0));
		}
		next = !arrives ? next : closed ? UINT64_MAX : next + gap; /* closed: the next ones are answers */
		if (!arrives || nic.interrupts != interrupts) {
			wakes++;
			until = look();
		}
		next = closed && ins_done != done ? env_host_now + gap : next;
		for (; done != ins_done; done++) {
			assert_int_equal(in_give(n++ % BUFFERS), 0);
		}
		dev->ops->flush(dev);
	}
	return wakes;
}

/* While its user is at work the adapter is looked at when a batch should be there; a user that waits is told of each frame. */
static void a_busy_user_is_not_interrupted(void **state)
{
	start();
	give_all(400);
	look();
	assert_true(load(1 * MS, 1, false) <= 110);
	dev->user_busy = true;
	load(1 * MS, 1, false);
	assert_true(load(1 * MS, 1, false) <= 100 * MS / E1000E_REST_MAX_NS + 1);
	load(20000, 1, false);
	assert_true(load(20000, 1, false) <= 5000 / (E1000E_BATCH / 2)); /* faster than the longest rest */
	dev->user_busy = false;
	look();
	assert_true(look() == UINT64_MAX);
	unsigned before = ins_done;
	assert_true(load(200000, 4, true) >= 400);
	assert_true(ins_done - before >= 4 * 400);
}

static void works_with_msi_x(void **state)
{
	uint8_t frame[60] = { 0 };
	nic.msix = true;
	start();
	assert_int_equal(nic.registers[REG_IVAR / 4], 0x88888);
	give_all(4);
	nic_receive(&nic, frame, 60, 60, 0, 0);
	assert_int_equal(nic.interrupts, 1);
	assert_int_equal(ins_done, 1);
}

static void the_link_is_followed(void **state)
{
	start();
	nic_link(&nic, false);
	assert_int_equal(link_calls, 1);
	assert_false(dev->link_up);
	nic_link(&nic, true);
	assert_int_equal(link_calls, 2);
	assert_true(dev->link_up);
	nic.registers[REG_STATUS / 4] = 0; /* without an interrupt */
	env_host_now += 1001 * MS;
	e1000e_poll(driver);
	assert_int_equal(link_calls, 3);
	env_host_now += 4000 * MS;
	nic.registers[REG_MDIC / 4] = 0;
	e1000e_poll(driver);
	assert_true(nic.registers[REG_MDIC / 4] & MDIC_READ); /* the PHY is asked why */
}

static void a_hanging_transmitter_is_reset(void **state)
{
	uint8_t frame[60] = { 1 };
	start();
	give_all(10);
	nic_receive(&nic, frame, 60, 60, 0, 0);
	dev->ops->poll(dev);
	nic.hangs = true;
	for (unsigned n = 0; n < 3; n++) {
		out_send(n, 60, 1, plain);
	}
	dev->ops->flush(dev);
	unsigned resets = nic.resets;
	env_host_now += 1000 * MS;
	e1000e_poll(driver);
	assert_int_equal(outs_done, 0);
	env_host_now += 1500 * MS;
	e1000e_poll(driver);
	assert_int_equal(nic.resets, resets + 1);
	assert_int_equal(outs_done, 3);
	assert_int_equal(ins_done, 1);
	nic.hangs = false;
	out_send(3, 60, 1, plain);
	dev->ops->flush(dev);
	nic_run(&nic);
	dev->ops->poll(dev);
	assert_int_equal(outs_done, 4);
	for (unsigned n = 0; n < 9; n++) { /* the buffers are still there */
		assert_true(nic_receive(&nic, frame, 60, 60, 0, 0));
	}
	dev->ops->poll(dev);
	assert_int_equal(ins_done, 10);
	assert_int_equal(ins[9].buffer.filled, 60);
}

static void everything_comes_back(void **state)
{
	start();
	give_all(10);
	nic.hangs = true;
	out_send(0, 60, 1, plain);
	dev->ops->flush(dev);
	dev->ops->recall(dev);
	assert_int_equal(in_give(11), -EAGAIN);
	assert_int_equal(out_send(1, 60, 1, plain), -EAGAIN);
	assert_int_equal(outs_done + ins_done, 0); /* the adapter is not stopped yet */
	e1000e_poll(driver);
	assert_int_equal(outs_done, 1);
	assert_int_equal(ins_done, 10);
	assert_int_equal(ins[3].buffer.filled, 0);
	assert_int_equal(in_give(11), 0);
}

static void an_adapter_that_is_gone(void **state)
{
	start();
	give_all(10);
	out_send(0, 60, 1, plain);
	dev->ops->flush(dev);
	nic.silent = true;
	env_host_now += 1001 * MS;
	e1000e_poll(driver);
	assert_true(e1000e_gone(driver));
	assert_false(dev->link_up);
	assert_int_equal(ins_done, 10);
	assert_int_equal(outs_done, 1);
	assert_int_equal(in_give(11), -EIO);
	assert_int_equal(out_send(1, 60, 1, plain), -EIO);
}

static void the_filter_is_set(void **state)
{
	const uint8_t groups[2][6] = { { 0x33, 0x33, 0xff, 0x12, 0x34, 0x56 }, { 0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb } };
	start();
	assert_int_equal(dev->ops->filter(dev, 0, groups, 2), 0);
	/* Bits 47:36 of the address, whose last byte is the highest: ...:34:56 is 563h. */
	assert_int_equal(nic.registers[REG_MTA / 4 + 0x563 / 32], 1u << 0x563 % 32);
	assert_int_equal(nic.registers[REG_MTA / 4 + 0xfb0 / 32], 1u << 0xfb0 % 32);
	uint32_t control = RCTL_EN | RCTL_BAM | RCTL_SECRC;
	assert_int_equal(nic.registers[REG_RCTL / 4], control);
	dev->ops->filter(dev, NET_FILTER_ALL_MULTICAST, NULL, 0);
	assert_int_equal(nic.registers[REG_MTA / 4 + 0x563 / 32], 0);
	assert_int_equal(nic.registers[REG_RCTL / 4], control | RCTL_MPE);
	dev->ops->filter(dev, NET_FILTER_PROMISCUOUS, NULL, 0);
	assert_int_equal(nic.registers[REG_RCTL / 4], control | RCTL_MPE | RCTL_UPE);
}

static void it_counts(void **state)
{
	uint8_t frame[60] = { 0 };
	struct net_counters s;
	start();
	give_all(2);
	for (unsigned i = 0; i < 5; i++) {
		nic_receive(&nic, frame, 60, 60, 0, 0);
	}
	out_send(0, 60, 1, plain);
	dev->ops->flush(dev);
	nic_run(&nic);
	env_host_now += 1001 * MS;
	e1000e_poll(driver);
	assert_int_equal(dev->ops->counters(dev, &s), 0);
	assert_int_equal(s.received, 2);
	assert_int_equal(s.sent, 1);
	assert_int_equal(s.missed, 3);
	nic_receive(&nic, frame, 60, 60, 0, 0); /* what was counted since the last poll is there at once */
	assert_int_equal(dev->ops->counters(dev, &s), 0);
	assert_int_equal(s.missed, 4);
}

/* No messages, no segmentation; looked at by time. */
static void the_older_one(void **state)
{
	uint8_t frame[60] = { 0 };
	start();
	assert_true(dev->csum && !dev->tso4 && !dev->tso6 && !dev->gso_bare);
	give_all(10);
	uint64_t next = e1000e_poll(driver);
	assert_true(next - env_host_now <= 2 * MS);
	nic_receive(&nic, frame, 60, 60, RX_TCPCS, 0);
	env_host_now = next;
	next = e1000e_poll(driver);
	assert_int_equal(ins_done, 1);
	assert_true(next - env_host_now <= MS);
	for (unsigned i = 0; i < 20; i++) {
		env_host_now = e1000e_poll(driver);
	}
	assert_true(e1000e_poll(driver) - env_host_now == 2 * MS);
	uint64_t until = UINT64_MAX;
	assert_false(e1000e_before_wait(driver, &until));
	assert_true(until <= env_host_now + 2 * MS);
	nic_receive(&nic, frame, 60, 60, 0, 0);
	assert_true(e1000e_before_wait(driver, &until));
	assert_int_equal(ins_done, 2);
}

static void e1000e_wild_descriptors(void)
{
	struct e1000e_receive_descriptor *r = (void *)(uintptr_t)(nic.registers[REG_RDBAL / 4] | (uint64_t)nic.registers[REG_RDBAH / 4] << 32);
	struct e1000e_send_descriptor *s = (void *)(uintptr_t)(nic.registers[REG_TDBAL / 4] | (uint64_t)nic.registers[REG_TDBAH / 4] << 32);
	for (unsigned n = 0; n < 8; n++) {
		unsigned at = (unsigned)random() % 512;
		r[at].length = (uint16_t)random();
		r[at].status = (uint8_t)random();
		r[at].errors = (uint8_t)(random() & random());
		r[at].address = (uint64_t)random();
		s[(unsigned)random() % 512].status = (uint8_t)random();
	}
}

/* Whatever the adapter writes into descriptors or shows in registers: each frame and buffer comes back once, with a length that it can have. */
static void survives_a_wild_adapter(void **state)
{
	unsigned next_out = 0, next_in = 0, out_taken = 0, in_taken = 0;
	start();
	give_all(100);
	in_taken = next_in = 100;
	for (unsigned n = 0; n < 6000; n++) {
		unsigned o = next_out % FRAMES, i = next_in % BUFFERS;
		uint64_t until = UINT64_MAX;
		nic.garbage = n % 7 == 0;
		e1000e_wild_descriptors();
		if (out_taken - outs_done < FRAMES - 1 && out_send(o, 60 + (uint32_t)random() % 900, 1 + (unsigned)random() % 3, plain) == 0) {
			next_out++;
			out_taken++;
		}
		if (in_taken - ins_done < BUFFERS - 1 && in_give(i) == 0) {
			next_in++;
			in_taken++;
		}
		dev->ops->flush(dev);
		nic.ims = nic.garbage ? 0 : nic.ims;
		n % 3 ? (void)e1000e_before_wait(driver, &until) : dev->ops->poll(dev);
		if (n % 50 == 0) {
			env_host_now += 700 * MS;
			e1000e_poll(driver);
		}
		assert_true(outs_done <= out_taken && ins_done <= in_taken);
		for (unsigned k = 0; k < BUFFERS; k++) {
			assert_true(ins[k].done <= 1 && ins[k].buffer.filled <= NET_BUFFER_BYTES);
			assert_true(outs[k].done <= 1);
		}
		if (e1000e_gone(driver)) {
			e1000e_destroy(driver);
			nic.garbage = false;
			nic.registers[REG_RAL / 4] = 0x12005452;
			nic.registers[REG_RAH / 4] = RAH_AV | 0x5634;
			assert_int_equal(outs_done, out_taken);
			assert_int_equal(ins_done, in_taken);
			start();
		}
	}
	nic.garbage = false;
	e1000e_destroy(driver);
	driver = NULL;
	assert_int_equal(outs_done, out_taken);
	assert_int_equal(ins_done, in_taken);
	nic.violations = 0;
}

/* cmocka takes the signal handlers for each test: the fake registers' are put in place inside of it. */
static void in_armed_test(void **state)
{
	void (*test)(void **state) = *state;
	fake_mmio_arm();
	test(state);
	if (driver) {
		e1000e_destroy(driver);
	}
}

#define TEST(f) { #f, in_armed_test, set_up, tear_down, f }

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(finds_its_address), TEST(refuses_what_it_does_not_drive), TEST(frames_go_out_in_order), TEST(a_full_ring_says_so),
		TEST(checksums_need_one_context), TEST(long_frames_are_cut_by_the_adapter), TEST(an_emulated_one_cuts_no_ipv6),
		TEST(the_adapter_sends_without_the_lock),
		TEST(offloads_that_make_no_sense),
		TEST(frames_come_in), TEST(interrupts_wait_for_the_user), TEST(no_interrupt_between_looks),
		TEST(a_busy_user_is_not_interrupted), TEST(works_with_msi_x),
		TEST(the_link_is_followed), TEST(a_hanging_transmitter_is_reset), TEST(everything_comes_back), TEST(an_adapter_that_is_gone),
		TEST(the_filter_is_set), TEST(it_counts), { "the_older_one", in_armed_test, set_up_old, tear_down, the_older_one },
		TEST(survives_a_wild_adapter),
	};
	return cmocka_run_group_tests_name("e1000e", tests, NULL, NULL);
}
