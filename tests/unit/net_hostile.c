/* SPDX-License-Identifier: MIT */
/*
 * The network stack from a device's buffers up to lwIP, under a driver domain and a network that are hostile: frames of all protocols with
 * fields changed, cut, repeated; fragments that overlap, are never complete, or end beyond the largest packet; floods of SYNs and of
 * fragments; segments that fit connections, and nearly do; a device that gives buffers back empty or in pieces, finishes frames when
 * it likes, and writes to packet memory at any time, also while the stack has a packet. The sanitizers judge each access; memory has its
 * bound, and all of it comes back when time has passed. A socket of AF_PACKET, now and then, reads all that passes, and sends such frames itself.
 * Servers here echo, and are echoed, through lwIP's raw interface.
 * `net_hostile SEED STEPS` goes on for longer.
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
#include "base/big_endian.h"
#include "kernel/memory.h"
#include "lwip/etharp.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"
#include "net/interface.h"
#include "net/internal.h"
#include "net/lwip/hooks.h"
#include "net/net.h"
#include "net/packet.h"
#include "net/tap.h"
#include "platform/virtio_port.h"
#include "socket/inet/datagram.h"
#include "tests/fake/net_kernel.h"

#define DEPTH 64u
#define MOST 1514u
#define HEAP_MOST (32u << 20)
#define SECOND 1000000000ull
#define PORT_ECHO 7
#define PORT_DEAF 9 /* its server reads nothing */

/* ---- the device ---- */
static struct {
	struct netdev dev;
	struct net_frame *frames[DEPTH];
	struct net_buffer *buffers[DEPTH];
	unsigned frame_count, buffer_count; /* oldest first */
	uint8_t *packets;
	uint64_t packet_bytes;
	bool scribbles, obeys; /* writes where it should not; does what it should, always */
	unsigned long answers; /* of TCP */
	uint8_t datagram[65536]; /* of UDP that was sent last, by its fragments */
	uint32_t datagram_bytes;
	uint32_t longest; /* IP packet of UDP, or of ICMPv6 */
	unsigned flags; /* of IPv4, of the last one of UDP or TCP */
} card;

/* What the stack last sent to our port of a connection: what a segment needs that is to be heard. */
static struct peer {
	bool known;
	uint16_t port, server;
	uint32_t sequence, acknowledged; /* ours next, its next */
} peers[32];

static unsigned below(unsigned n)
{
	return (unsigned)random() % n;
}

static void datagram_look(const uint8_t *frame, uint32_t bytes)
{
	bool udp4 = bytes >= 34 && get16(frame + 12) == 0x0800 && frame[23] == 17, six = bytes >= 54 && get16(frame + 12) == 0x86dd;
	card.longest = (udp4 || six) && bytes - 14 > card.longest ? bytes - 14 : card.longest;
	if (bytes >= 34 && get16(frame + 12) == 0x0800 && (frame[23] == 17 || frame[23] == 6)) {
		card.flags = get16(frame + 20) & 0xe000u;
		assert_int_equal(net_checksum(frame + 14, 20), 0xffff);
	}
	if (bytes >= 34 && get16(frame + 12) == 0x0800 && frame[23] == 17) {
		uint32_t offset = (get16(frame + 20) & 0x1fffu) * 8, payload = get16(frame + 16) - 20u;
		assert_true(payload + 34 <= bytes && offset + payload <= sizeof(card.datagram));
		memcpy(card.datagram + offset, frame + 34, payload);
		card.datagram_bytes = offset + payload;
	}
}

static void sent_look(const uint8_t *frame, uint32_t bytes)
{
	datagram_look(frame, bytes);
	if (bytes < 54 || get16(frame + 12) != 0x0800 || frame[23] != 6) {
		return;
	}
	const uint8_t *tcp = frame + 14 + (frame[14] & 15) * 4;
	uint32_t header = (uint32_t)(tcp - frame) + (tcp[12] >> 4) * 4u, payload = get16(frame + 16) + 14u - header;
	struct peer *p = &peers[get16(tcp + 2) % 32];
	card.answers++;
	if (p->known && p->port == get16(tcp + 2) && p->server == get16(tcp)) {
		p->acknowledged = get32(tcp + 4) + payload + (tcp[13] & 3 ? 1 : 0);
		p->known = !(tcp[13] & 4);
	}
}

static int card_send(struct netdev *dev, struct net_frame *frame)
{
	static uint8_t whole[65536];
	uint32_t bytes = 0;
	if (card.frame_count == DEPTH || (!card.obeys && below(200) == 0)) {
		return -EAGAIN;
	}
	for (uint32_t i = 0; i < frame->segment_count; i++) {
		assert_true(frame->segments[i].len && bytes + frame->segments[i].len <= sizeof(whole));
		memcpy(whole + bytes, phys_to_virt(frame->segments[i].bus), frame->segments[i].len);
		bytes += frame->segments[i].len;
	}
	assert_true(bytes >= 14 && (frame->offload.gso || bytes <= MOST));
	sent_look(whole, bytes);
	card.frames[card.frame_count++] = frame;
	return 0;
}

static int card_receive(struct netdev *dev, struct net_buffer *buffer)
{
	if (card.buffer_count == DEPTH) {
		return -EAGAIN;
	}
	assert_int_equal(buffer->segment.len, NET_BUFFER_BYTES);
	card.buffers[card.buffer_count++] = buffer;
	return 0;
}

static void card_flush(struct netdev *dev)
{
	assert_false(net_locked());
}

static void frames_finish(unsigned count)
{
	for (; count && card.frame_count; count--) {
		struct net_frame *frame = card.frames[0];
		memmove(card.frames, card.frames + 1, --card.frame_count * sizeof(card.frames[0]));
		frame->done(frame);
	}
}

static void card_poll(struct netdev *dev)
{
	frames_finish(below(DEPTH));
}

static int card_filter(struct netdev *dev, unsigned flags, const uint8_t (*groups)[NET_MAC_BYTES], unsigned count)
{
	return -EOPNOTSUPP;
}

static const struct netdev_ops card_ops = { .send = card_send, .receive = card_receive, .flush = card_flush, .poll = card_poll, .filter = card_filter };

/* Anywhere in packet memory, and most of all where the last packets lie. */
static void scribble(void)
{
	if (!card.scribbles || below(4)) {
		return;
	}
	uint64_t at = (uint64_t)random() % (card.packet_bytes - 64);
	at = below(4) ? at - at % NET_BUFFER_BYTES + 14 + below(60) : at;
	for (unsigned i = below(16); i; i--) {
		card.packets[at + i] = (uint8_t)random();
	}
}

/* The frame arrives; in what way, the device chooses. */
static void deliver(const uint8_t *frame, uint32_t bytes)
{
	if (!card.buffer_count) {
		net_kernel_run();
	}
	if (!card.buffer_count) {
		return;
	}
	struct net_buffer *b = card.buffers[0];
	memmove(card.buffers, card.buffers + 1, --card.buffer_count * sizeof(card.buffers[0]));
	memcpy(phys_to_virt(b->segment.bus), frame, bytes);
	b->filled = card.obeys || below(300) ? bytes : 0;
	b->last = card.obeys || below(300) != 0;
	b->offload = (struct net_offload){ .flags = below(4) ? NET_DATA_VALID : 0 };
	b->done(b);
	if (below(3)) {
		net_kernel_run();
	}
}

/* ---- frames ---- */
static const uint8_t own_mac[6] = { 2, 1, 2, 3, 4, 5 }, peer_mac[6] = { 2, 9, 9, 9, 9, 9 };
static const uint8_t own_v6[16] = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0xff, 0xfe, 3, 4, 5 }, peer_v6[16] = { 0xfe, 0x80, [15] = 9 };

static uint32_t ethernet(uint8_t *f, unsigned type)
{
	memcpy(f, own_mac, 6);
	memcpy(f + 6, peer_mac, 6);
	put16(f + 12, type);
	if (below(20) == 0) {
		memset(f, 0xff, 6);
	}
	return 14;
}

static uint16_t sum_of(const uint8_t *data, uint32_t bytes, uint32_t sum)
{
	for (uint32_t i = 0; i < bytes; i++) {
		sum += (uint32_t)data[i] << (i % 2 ? 0 : 8);
	}
	while (sum >> 16) {
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)~sum;
}

/* A header for so much payload, which follows it. */
static uint32_t ip4(uint8_t *f, unsigned protocol, uint32_t payload, unsigned fragment)
{
	ethernet(f, 0x0800);
	uint8_t *ip = f + 14;
	memset(ip, 0, 20);
	ip[0] = 0x45;
	put16(ip + 2, 20 + payload);
	put16(ip + 4, below(8));
	put16(ip + 6, fragment);
	ip[8] = 64;
	ip[9] = (uint8_t)protocol;
	put32(ip + 12, 0x0a000200 + (below(30) ? 2 : below(256)));
	put32(ip + 16, below(30) ? 0x0a00020f : below(2) ? 0xffffffff : 0xe0000001);
	put16(ip + 10, sum_of(ip, 20, 0));
	return 34;
}

/* The same header, from there to us. */
static void ip4_to_us(uint8_t *f, uint32_t from)
{
	put32(f + 26, from);
	put32(f + 30, 0x0a00020f);
	put16(f + 24, 0);
	put16(f + 24, sum_of(f + 14, 20, 0));
}

static uint32_t ip6(uint8_t *f, unsigned next, uint32_t payload)
{
	ethernet(f, 0x86dd);
	uint8_t *ip = f + 14;
	put32(ip, 0x60000000);
	put16(ip + 4, payload);
	ip[6] = (uint8_t)next;
	ip[7] = 255;
	memcpy(ip + 8, peer_v6, 16);
	memcpy(ip + 24, own_v6, 16);
	if (below(10) == 0) {
		memset(ip + 24, 0, 16);
		ip[24] = 0xff;
		ip[25] = 2;
		ip[39] = 1;
	}
	return 54;
}

static uint32_t noise(uint8_t *to, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++) {
		to[i] = (uint8_t)(random() >> 8);
	}
	return bytes;
}

static uint32_t pseudo4(const uint8_t *f, unsigned protocol, uint32_t bytes)
{
	return get16(f + 26) + get16(f + 28) + get16(f + 30) + get16(f + 32) + protocol + bytes;
}

static uint32_t pseudo6(const uint8_t *f, unsigned protocol, uint32_t bytes)
{
	uint32_t sum = protocol + bytes;
	for (unsigned i = 22; i < 54; i += 2) {
		sum += get16(f + i);
	}
	return sum;
}

static uint32_t make_arp(uint8_t *f)
{
	uint32_t at = ethernet(f, 0x0806);
	static const uint8_t head[] = { 0, 1, 8, 0, 6, 4, 0 };
	memcpy(f + at, head, sizeof(head));
	f[at + 7] = (uint8_t)(1 + below(2));
	memcpy(f + at + 8, peer_mac, 6);
	put32(f + at + 14, 0x0a000200 + below(256));
	memcpy(f + at + 18, own_mac, 6);
	put32(f + at + 24, 0x0a00020f);
	return 42;
}

/* Where the gateway is, for which the stack has asked when it had something for it. */
static void gateway_tells(void)
{
	uint8_t frame[64];
	uint32_t bytes = make_arp(frame);
	memcpy(frame, own_mac, sizeof(own_mac));
	frame[21] = 2; /* a reply */
	put32(frame + 28, 0x0a000202);
	deliver(frame, bytes);
	net_kernel_run();
}

static uint32_t make_icmp4(uint8_t *f)
{
	static const uint8_t types[] = { 8, 8, 8, 0, 3, 3, 11, 12, 5, 13 };
	uint32_t payload = 8 + below(below(3) ? 60 : 1400), at = ip4(f, 1, payload, 0);
	noise(f + at, payload);
	f[at] = types[below(sizeof(types))];
	f[at + 1] = (uint8_t)below(16);
	if (payload > 40) { /* an error: what came back */
		memcpy(f + at + 8, f + 14, 20);
		f[at + 17] = below(2) ? 6 : 17;
	}
	put16(f + at + 2, 0);
	put16(f + at + 2, sum_of(f + at, payload, 0));
	return at + payload;
}

/* What a router says of a packet that was too large, or would have it said: of a connection, a datagram, or something else. */
static uint32_t returned(uint8_t *to, bool v6)
{
	const struct peer *p = &peers[below(32)];
	bool tcp = below(3) != 0;
	uint32_t at = v6 ? 40 : 20;
	memset(to, 0, at + 8);
	if (v6) {
		put32(to, 0x60000000);
		to[6] = tcp ? 6 : 17;
		memcpy(to + 8, own_v6, 16);
		memcpy(to + 24, peer_v6, 16);
	} else {
		to[0] = (uint8_t)(below(20) ? 0x45 : 0x40 + below(16));
		put16(to + 2, below(1500));
		to[9] = tcp ? 6 : 17;
		put32(to + 12, 0x0a00020f);
		put32(to + 16, 0x0a000202 + (below(8) ? 0 : below(200)));
	}
	put16(to + at, tcp ? p->server : PORT_ECHO);
	put16(to + at + 2, p->port);
	put32(to + at + 4, p->acknowledged + (below(3) ? 0 : below(3000)) - 1500 * (below(4) == 0));
	return at + 8;
}

static uint32_t mtu_any(void)
{
	static const uint32_t some[] = { 0, 1, 48, 49, 55, 56, 68, 551, 552, 576, 1000, 1279, 1280, 1400, 1492, 1500, 9000, 65535, 0xffffffff };
	return below(3) ? some[below(sizeof(some) / sizeof(some[0]))] : (uint32_t)random();
}

static uint32_t make_large4(uint8_t *f)
{
	uint32_t payload = 8 + returned(f + 42, false), at = ip4(f, 1, payload, 0);
	ip4_to_us(f, 0x0a000202);
	put32(f + at, 0x03040000);
	put32(f + at + 4, mtu_any());
	put16(f + at + 2, sum_of(f + at, payload, 0));
	return at + payload;
}

static uint32_t make_large6(uint8_t *f)
{
	uint32_t payload = 8 + returned(f + 62, true), at = ip6(f, 58, payload);
	put32(f + at, 0x02000000);
	put32(f + at + 4, mtu_any());
	put16(f + at + 2, sum_of(f + at, payload, pseudo6(f, 58, payload)));
	return at + payload;
}

static uint32_t make_udp(uint8_t *f)
{
	static const uint16_t ports[] = { PORT_ECHO, PORT_ECHO, 68, 53, 1 };
	uint32_t payload = 8 + below(below(2) ? 40 : 1400), at = ip4(f, 17, payload, 0);
	noise(f + at, payload);
	put16(f + at, 67 + below(3));
	put16(f + at + 2, ports[below(5)]);
	put16(f + at + 4, payload);
	put16(f + at + 6, 0);
	return at + payload;
}

/* Of a connection, to begin one, or of none. */
static uint32_t make_tcp(uint8_t *f)
{
	unsigned which = below(32);
	struct peer *p = &peers[which];
	uint32_t payload = below(3) ? 0 : below(1400), options = below(4) ? 0 : 4 * below(11), tcp_bytes = 20 + options + payload;
	uint32_t at = ip4(f, 6, tcp_bytes, 0);
	ip4_to_us(f, 0x0a000202);
	uint8_t *tcp = f + at;
	noise(tcp, tcp_bytes);
	bool begins = !p->known || below(100) == 0;
	if (begins) {
		*p = (struct peer){ .known = true, .port = (uint16_t)(1024 + which + 32 * below(1000)), .server = below(4) ? PORT_ECHO : PORT_DEAF,
			.sequence = (uint32_t)random() };
	}
	static const int near[] = { 0, 0, 0, 0, 1, -1, 1400, -1400, 100000, 70 };
	put16(tcp, p->port);
	put16(tcp + 2, p->server);
	put32(tcp + 4, p->sequence + (uint32_t)near[below(10)]);
	put32(tcp + 8, begins ? 0 : p->acknowledged + (uint32_t)(below(5) ? 0 : near[below(10)]));
	tcp[12] = (uint8_t)((20 + options) / 4 << 4);
	tcp[13] = begins ? 2 : below(60) == 0 ? (uint8_t)random() : below(60) == 0 ? 0x11 : 0x10;
	put16(tcp + 14, below(6) ? 60000 : below(3));
	put16(tcp + 16, 0);
	put16(tcp + 16, sum_of(tcp, tcp_bytes, pseudo4(f, 6, tcp_bytes)));
	p->sequence += payload + begins;
	return at + tcp_bytes;
}

/* In units of 8 bytes; some overlap, some end beyond 64 KiB, most never become a whole. */
static uint32_t make_fragment(uint8_t *f)
{
	uint32_t payload = below(8) ? 8 * below(180) : below(1400), offset = below(3) ? below(6) * 100 : below(8192);
	uint32_t at = ip4(f, below(2) ? 17 : 1, payload, offset | (below(4) ? 0x2000 : 0));
	noise(f + at, payload);
	if (!offset) {
		put16(f + at + 2, PORT_ECHO);
		put16(f + at + 6, 0);
	}
	return at + payload;
}

static uint32_t make_fragment6(uint8_t *f)
{
	uint32_t payload = below(8) ? 8 * below(170) : below(1300), at = ip6(f, 44, payload + 8);
	f[at] = below(2) ? 17 : 58;
	f[at + 1] = 0;
	put16(f + at + 2, (below(3) ? below(6) * 100 : below(8192)) << 3 | (below(4) ? 1 : 0));
	put32(f + at + 4, below(8));
	noise(f + at + 8, payload);
	return at + 8 + payload;
}

/* Echoes, neighbours, routers, groups, with options. */
static uint32_t make_icmp6(uint8_t *f)
{
	static const uint8_t types[] = { 128, 128, 129, 133, 134, 134, 135, 135, 136, 136, 137, 130, 131, 143, 1, 2, 3, 4 };
	uint32_t payload = 8 + 8 * below(12), at = ip6(f, 58, payload);
	uint8_t *icmp = f + at;
	noise(icmp, payload);
	icmp[0] = types[below(sizeof(types))];
	icmp[1] = 0;
	if (payload >= 24 && below(2)) {
		memcpy(icmp + 8, own_v6, 16);
	}
	for (uint32_t o = icmp[0] == 134 ? 16 : icmp[0] == 137 ? 40 : 24; o + 8 <= payload; o += 8) { /* options of 8 bytes and more */
		icmp[o] = (uint8_t)(1 + below(5));
		icmp[o + 1] = (uint8_t)(below(6) ? 1 + below(4) : below(3) * 100);
	}
	put16(icmp + 2, 0);
	put16(icmp + 2, sum_of(icmp, payload, pseudo6(f, 58, payload)));
	return at + payload;
}

static uint32_t make_extensions(uint8_t *f)
{
	static const uint8_t kinds[] = { 0, 43, 44, 60, 17, 58, 59, 6 };
	uint32_t payload = 8 * (1 + below(20)), at = ip6(f, kinds[below(4)], payload);
	noise(f + at, payload);
	for (uint32_t o = 0; o + 8 <= payload; o += 8) {
		f[at + o] = kinds[below(8)];
		f[at + o + 1] = (uint8_t)(below(5) ? 0 : below(4));
	}
	return at + payload;
}

static uint32_t make_groups4(uint8_t *f)
{
	uint32_t at = ip4(f, 2, 8, 0);
	f[at] = below(2) ? 0x11 : (uint8_t)random();
	f[at + 1] = (uint8_t)below(20);
	put32(f + at + 4, below(2) ? 0 : 0xe0000001);
	put16(f + at + 2, 0);
	put16(f + at + 2, sum_of(f + at, 8, 0));
	return at + 8;
}

static uint32_t make_noise(uint8_t *f)
{
	static const uint16_t types[] = { 0x0800, 0x86dd, 0x0806, 0x8100 };
	ethernet(f, types[below(4)]);
	uint32_t bytes = 14 + noise(f + 14, below(1500));
	f[14] = below(2) ? (uint8_t)(0x45 + below(3)) : 0x60;
	return bytes;
}

static uint32_t (*const makers[])(uint8_t *f) = { make_arp, make_icmp4, make_udp, make_tcp, make_tcp, make_tcp, make_tcp, make_fragment, make_fragment,
	make_fragment6, make_icmp6, make_icmp6, make_large4, make_large6, make_extensions, make_groups4, make_noise };

static void frame_arrives(void)
{
	static uint8_t frame[4096];
	uint32_t bytes = makers[below(sizeof(makers) / sizeof(makers[0]))](frame);
	if (below(5) == 0) {
		for (unsigned n = 1 + below(4); n; n--) {
			frame[below(4) ? below(bytes < 80 ? bytes : 80) : below(bytes)] = (uint8_t)random();
		}
	}
	if (below(20) == 0) {
		bytes = 1 + below(bytes);
	}
	for (unsigned n = below(30) ? 1 : 3; n; n--) {
		deliver(frame, bytes < MOST ? bytes : MOST);
	}
}

/* ---- a socket of AF_PACKET ---- */
struct packet_socket *taps;
static struct {
	unsigned long out, in, over_loopback, own;
} seen;

uint64_t time_wall_ns(void)
{
	return time_ns();
}

/* Every byte, in one piece and in small ones. */
void packet_sockets_see(const struct frame *f)
{
	static uint8_t whole[70000], byte;
	assert_true(f->bytes >= LINK_HEADER && f->bytes <= sizeof(whole));
	frame_read(f, 0, whole, f->bytes);
	for (unsigned n = 0; n < 8; n++) {
		frame_read(f, below(f->bytes), &byte, 1);
	}
	assert_memory_equal(whole, f->link, LINK_HEADER);
	assert_true(f->kind == PACKET_OUTGOING || f->kind <= PACKET_OTHERHOST);
	seen.out += f->kind == PACKET_OUTGOING;
	seen.in += f->kind != PACKET_OUTGOING;
	seen.over_loopback += f->hardware != 1;
	seen.own += f->sender != NULL;
}

static void tap_step(void)
{
	static uint8_t frame[4096];
	struct packet_socket *one = (void *)frame; /* nobody looks into it */
	if (below(1000) == 0) {
		taps = taps ? NULL : one;
		tap_changed();
	}
	if (below(50) == 0) {
		uint32_t bytes = makers[below(sizeof(makers) / sizeof(makers[0]))](frame);
		bytes = bytes < LINK_HEADER ? LINK_HEADER : bytes < MOST ? bytes : MOST;
		bytes = below(3) ? bytes : LINK_HEADER + below(bytes - LINK_HEADER + 1);
		if (below(3) == 0) {
			frame[LINK_HEADER + below(40)] = (uint8_t)random();
		}
		unsigned interface = 1 + below(3);
		if (interface == 2) { /* the device judges what the stack sends, not this */
			put16(frame + 12, 0x88b5);
		}
		net_lock();
		int error = tap_send(one, interface, get16(frame + 12), frame, bytes);
		net_unlock();
		assert_true(!error || error == -ENXIO || error == -ENETDOWN || error == -ENOBUFS);
	}
}

/* ---- the servers ---- */
#define CONNECTIONS 4096
static struct tcp_pcb *connections[CONNECTIONS]; /* that programs have */

static void connection_ended(void *arg, err_t error)
{
	*(struct tcp_pcb **)arg = NULL;
}

static err_t echo_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
	if (!p) {
		net_tcp_select(&pcb->local_ip, pcb->local_port, &pcb->remote_ip, pcb->remote_port);
		*(struct tcp_pcb **)arg = NULL;
		tcp_arg(pcb, NULL);
		tcp_recv(pcb, NULL);
		tcp_err(pcb, NULL);
		tcp_close(pcb);
		return ERR_OK;
	}
	uint32_t bytes = p->tot_len, left = 0;
	for (struct pbuf *q = p; q; q = q->next) {
		left += q->len;
		if (tcp_sndbuf(pcb) > 50000 && q->len) {
			tcp_write(pcb, q->payload, q->len, TCP_WRITE_FLAG_COPY);
		}
	}
	assert_int_equal(left, bytes);
	tcp_recved(pcb, (u16_t)bytes);
	pbuf_free(p);
	return ERR_OK;
}

static struct pbuf *deaf_has;
static unsigned deaf_count;

static err_t deaf_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
	if (!p) {
		return ERR_OK;
	}
	if (deaf_count >= 400) {
		return ERR_MEM; /* lwIP keeps it, and the window is shut */
	}
	struct pbuf *last = p;
	while (last->next) {
		last = last->next;
	}
	last->next = deaf_has;
	deaf_has = p;
	deaf_count++;
	return ERR_OK;
}

/* They are read at last. */
static void deaf_hears(void)
{
	while (deaf_has) {
		struct pbuf *p = deaf_has;
		deaf_has = p->next;
		p->next = NULL;
		pbuf_free(p);
	}
	deaf_count = 0;
}

static void connection_socket(unsigned at);

static err_t accepted(void *arg, struct tcp_pcb *pcb, err_t error)
{
	unsigned at = 0;
	while (at < CONNECTIONS && connections[at]) {
		at++;
	}
	if (!pcb || at == CONNECTIONS) {
		return pcb ? ERR_MEM : ERR_VAL;
	}
	connections[at] = pcb;
	tcp_arg(pcb, &connections[at]);
	tcp_err(pcb, connection_ended);
	tcp_recv(pcb, arg ? deaf_received : echo_received);
	connection_socket(at);
	return ERR_OK;
}

static void echo_datagram(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from, u16_t port)
{
	struct pbuf *copy = pbuf_clone(PBUF_TRANSPORT, PBUF_RAM, p);
	if (copy) {
		udp_sendto(pcb, copy, from, port);
		pbuf_free(copy);
	}
	pbuf_free(p);
}

static void server_start(u16_t port, void *deaf)
{
	err_t error;
	struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
	pcb->local_port = port;
	pcb = tcp_listen_with_backlog_and_err(pcb, 0, &error);
	assert_non_null(pcb);
	tcp_arg(pcb, deaf);
	tcp_accept(pcb, accepted);
}

/* ---- the world ---- */
void net_tcp_urgent(const ip_addr_t *local, const ip_addr_t *remote, const struct tcp_hdr *header)
{
}

void net_tcp_leaves(const struct pbuf *p, const struct tcp_hdr *header, const struct tcp_pcb *pcb)
{
}

void net_tcp_heard(struct tcp_pcb *pcb, const struct tcp_hdr *header, const unsigned char *options, unsigned option_bytes, unsigned payload_bytes)
{
}

void net_tcp_meets(struct tcp_pcb *pcb, const struct tcp_hdr *header)
{
}

bool net_tcp_lacks_socket(struct tcp_pcb *pcb)
{
	return false;
}

uint64_t tcp_probes_next_ns(void)
{
	return 0;
}

void tcp_acks_asked(void)
{
}

void tcp_probes_tick(void)
{
}

void net_tcp_counts(const struct tcp_pcb *pcb, uint32_t bytes)
{
}

/* ---- sockets, whose errors come by ICMP: each connection has one, and the port of echoes ---- */
static struct inet_socket sockets[CONNECTIONS], echo_socket;
static unsigned long errors_told;

struct inet_socket *port_find(enum inet_kind kind, const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote, uint16_t remote_port)
{
	if (kind == INET_UDP) {
		return local_port == PORT_ECHO ? &echo_socket : NULL;
	}
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		const struct tcp_pcb *pcb = connections[i];
		if (pcb && pcb->local_port == local_port && pcb->remote_port == remote_port && ip_addr_cmp(&pcb->remote_ip, remote)) {
			return &sockets[i];
		}
	}
	return NULL;
}

void port_each_at(enum inet_kind kind, uint16_t port, void (*visit)(void *context, struct inet_socket *s), void *context)
{
	if (kind == INET_RAW) {
		visit(context, &echo_socket);
	}
}

void datagram_error(struct inet_socket *s, struct pbuf *p, const struct endpoint *to, const struct error_told *told)
{
	assert_true(!p || p->tot_len);
	errors_told++;
	if (p) {
		pbuf_free(p);
	}
}

void inet_fail(struct inet_socket *s, int error)
{
	assert_true(error > 0);
}

void tcp_pcb_drop(struct inet_socket *s)
{
}

void tcp_pcb_select(const struct tcp_pcb *pcb)
{
	net_tcp_select(&pcb->local_ip, pcb->local_port, &pcb->remote_ip, pcb->remote_port);
}

bool address_is_any(const ip_addr_t *a)
{
	return ip_addr_isany(a);
}

static void socket_start(struct inet_socket *s, struct tcp_pcb *pcb)
{
	*s = (struct inet_socket){ .kind = pcb ? INET_TCP : INET_UDP, .tcp = pcb, .mtu_discover = { PATH_WANT, PATH_WANT }, .want_errors = true };
	s->base.state = SOCKET_CONNECTED;
	if (pcb) {
		s->remote.port = pcb->remote_port;
		tcp_path_begin(s);
	}
}

static void connection_socket(unsigned at)
{
	socket_start(&sockets[at], connections[at]);
}

/* What interface.c and others name, and is not tried here. */
const struct virtio_driver virtio_net_driver;
void e1000e_probe(void)
{
}

void virtio_probe(const struct virtio_driver *driver, const char *cmdline)
{
}

static void world_start(unsigned seed)
{
	uint64_t phys;
	srandom(seed);
	net_kernel_start(HEAP_MOST);
	net_start();
	card.dev = (struct netdev){ .ops = &card_ops, .mac = { 2, 1, 2, 3, 4, 5 }, .mtu = 1500, .send_depth = DEPTH, .receive_depth = DEPTH,
		.csum = true, .tso4 = true, .send_bytes_max = 65550, .link_up = true };
	packet_memory(&phys, &card.packet_bytes);
	card.packets = phys_to_virt(phys);
	assert_int_equal(interface_register(&card.dev), 0);
	net_lock();
	server_start(PORT_ECHO, NULL);
	server_start(PORT_DEAF, &card);
	struct udp_pcb *udp = udp_new_ip_type(IPADDR_TYPE_ANY);
	udp_bind(udp, IP_ANY_TYPE, PORT_ECHO);
	udp_recv(udp, echo_datagram, NULL);
	socket_start(&echo_socket, NULL);
	errors_listen();
	net_unlock();
	net_kernel.meanwhile = scribble;
	net_kernel_pass(3 * SECOND);
}

/* All that the network has brought is forgotten in time; what is in use then is what was in use before. */
static size_t settle(void)
{
	card.scribbles = false;
	for (unsigned n = 0; n < 40; n++) {
		net_lock();
		deaf_hears();
		for (unsigned i = 0; i < CONNECTIONS && n == 20; i++) { /* first by itself; then programs end what is left */
			struct tcp_pcb *pcb = connections[i];
			if (pcb) {
				net_tcp_select(&pcb->local_ip, pcb->local_port, &pcb->remote_ip, pcb->remote_port);
				tcp_abort(pcb);
			}
		}
		net_unlock();
		frames_finish(DEPTH);
		net_kernel_pass(20 * SECOND);
	}
	size_t used, most;
	net_memory_usage(&used, &most);
	return used;
}

static void steps(unsigned long count, bool scribbles)
{
	size_t used, most;
	card.scribbles = scribbles;
	for (unsigned long n = 0; n < count; n++) {
		frame_arrives();
		tap_step();
		if (below(8) == 0) {
			frames_finish(below(8));
		}
		if (below(50) == 0) {
			net_kernel_pass(below(400) * 1000000ull);
		}
		if (below(3000) == 0) {
			net_lock();
			deaf_hears();
			net_unlock();
		}
		if (below(2000) == 0) { /* the link is pulled for a moment */
			card.dev.link_up = !card.dev.link_up;
			card.dev.link_changed(card.dev.user);
		}
		net_memory_usage(&used, &most);
		assert_true(used <= most && net_kernel.heap_bytes <= HEAP_MOST);
	}
	card.dev.link_up = true;
	card.dev.link_changed(card.dev.user);
}

static size_t before;

/* That the stack has: not those of the device, and of frames. */
static unsigned packets_out(void)
{
	unsigned all, free = packets_free(&all);
	return all - free - 2 * DEPTH;
}

static void wrong_frames(void **state)
{
	steps(60000, false);
	assert_true(card.answers > 1000);
	assert_true(errors_told > 100 && net_path_changes > 10);
	assert_true(seen.in > 1000 && seen.out > 100 && seen.over_loopback > 10 && seen.own > 100);
}

static void a_device_that_writes_meanwhile(void **state)
{
	unsigned long answers = card.answers;
	steps(60000, true);
	assert_true(card.answers - answers > 1000);
}

/* What lies in wait is the kernel's own copy: whatever the device writes behind each of three fragments, the echo is of what they were. */
static void fragments_are_copied(void **state)
{
	static uint8_t frame[4096], datagram[3 * 800];
	settle();
	assert_int_equal(packets_out(), 0);
	card.obeys = true;
	noise(datagram, sizeof(datagram));
	put16(datagram, 5000);
	put16(datagram + 2, PORT_ECHO);
	put16(datagram + 4, sizeof(datagram));
	put16(datagram + 6, 0);
	card.datagram_bytes = 0;
	for (unsigned n = 0; n < 3; n++) {
		uint32_t at = ip4(frame, 17, 800, n * 100 | (n < 2 ? 0x2000 : 0));
		memcpy(frame, own_mac, sizeof(own_mac));
		put16(frame + 18, 77);
		ip4_to_us(frame, 0x0a000202);
		memcpy(frame + at, datagram + n * 800, 800);
		deliver(frame, at + 800);
		net_kernel_run();
		memset(card.packets, 0xee, card.packet_bytes);
	}
	gateway_tells();
	assert_int_equal(card.datagram_bytes, sizeof(datagram));
	assert_int_equal(get16(card.datagram + 2), 5000);
	assert_memory_equal(card.datagram + 8, datagram + 8, sizeof(datagram) - 8);
	card.obeys = false;
	settle();
	assert_int_equal(packets_out(), 0);
}

/* ---- the size of packets ---- */
static ip_addr_t address4(uint32_t host)
{
	ip_addr_t a = IPADDR4_INIT(lwip_htonl(host));
	return a;
}

static bool router_tells(const ip_addr_t *to, uint32_t mtu)
{
	net_lock();
	bool learned = net_path_learn(&interfaces->netif, to, mtu);
	net_unlock();
	return learned;
}

static uint32_t mtu_to(const ip_addr_t *to)
{
	net_lock();
	uint32_t mtu = net_path_mtu(&interfaces->netif, to);
	net_unlock();
	return mtu;
}

/* The longest packet, of so many bytes to the gateway, by that rule; it has come whole. */
static uint32_t datagram_sent(enum path_rule rule, uint32_t bytes)
{
	ip_addr_t to = address4(0x0a000202);
	card.longest = card.datagram_bytes = 0;
	net_lock();
	struct udp_pcb *pcb = udp_new();
	struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, (u16_t)bytes, PBUF_RAM);
	assert_true(pcb && p);
	memset(p->payload, 'x', bytes);
	net_path_rule = rule;
	udp_sendto(pcb, p, &to, 5003);
	net_path_rule = PATH_FRAGMENTS;
	pbuf_free(p);
	udp_remove(pcb);
	net_unlock();
	gateway_tells();
	assert_int_equal(card.datagram_bytes, bytes + 8);
	return card.longest;
}

static void what_routers_tell(void **state)
{
	ip_addr_t to = address4(0x0a000202), other = address4(0x0a000203);
	settle();
	card.obeys = true;
	net_lock();
	net_paths_forget();
	net_unlock();
	gateway_tells();
	assert_int_equal(datagram_sent(PATH_WANT, 1000), 1028);
	assert_int_equal(card.flags, 0x4000);
	assert_int_equal(datagram_sent(PATH_FRAGMENTS, 1000), 1028);
	assert_int_equal(card.flags, 0);
	assert_int_equal(datagram_sent(PATH_WANT, 3000), 1500);
	assert_int_equal(card.flags, 0);
	assert_true(router_tells(&to, 1000));
	assert_false(router_tells(&to, 1400)); /* larger again is nobody's to say */
	assert_int_equal(mtu_to(&to), 1000);
	assert_int_equal(mtu_to(&other), 1500);
	assert_int_equal(datagram_sent(PATH_WANT, 3000), 996); /* fragments are of eights */
	assert_int_equal(card.flags, 0);
	assert_int_equal(datagram_sent(PATH_FRAGMENTS, 1100), 996);
	assert_int_equal(datagram_sent(PATH_WANT, 972), 1000);
	assert_int_equal(card.flags, 0x4000);
	assert_int_equal(datagram_sent(PATH_PROBE, 1472), 1500);
	assert_int_equal(card.flags, 0x4000);
	assert_int_equal(datagram_sent(PATH_OMIT, 3000), 1500);
	assert_true(router_tells(&to, 68)); /* no packets so short: routers may cut */
	assert_int_equal(datagram_sent(PATH_WANT, 500), 528);
	assert_int_equal(card.flags, 0);
	assert_int_equal(datagram_sent(PATH_WANT, 1000), 548);
	net_kernel_pass(599 * SECOND);
	assert_int_equal(mtu_to(&to), 552);
	net_kernel_pass(2 * SECOND);
	assert_int_equal(mtu_to(&to), 1500);
	card.obeys = false;
}

/* Sizes of less than a header made lwIP cut packets into nothing, without end. */
static void a_router_of_six_lies(void **state)
{
	static uint8_t frame[2000];
	ip_addr_t to = { 0 };
	settle();
	card.obeys = true;
	IP_SET_TYPE(&to, IPADDR_TYPE_V6);
	memcpy(ip_2_ip6(&to)->addr, peer_v6, 16);
	static const uint32_t lies[] = { 0, 1, 48, 50, 55, 56, 1279 };
	for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		assert_false(router_tells(&to, lies[i]));
		uint32_t payload = 8 + 48, at = ip6(frame, 58, payload);
		memcpy(frame, own_mac, sizeof(own_mac));
		memcpy(frame + 38, own_v6, 16);
		memset(frame + at, 0, payload);
		frame[at] = 2;
		put32(frame + at + 4, lies[i]);
		frame[at + 8] = 0x60;
		frame[at + 14] = 17;
		memcpy(frame + at + 16, own_v6, 16);
		memcpy(frame + at + 32, peer_v6, 16);
		put16(frame + at + 48, PORT_ECHO);
		put16(frame + at + 2, sum_of(frame + at, payload, pseudo6(frame, 58, payload)));
		deliver(frame, at + payload);
		payload = 8 + 1400;
		at = ip6(frame, 58, payload); /* an echo, and so the answer */
		memcpy(frame, own_mac, sizeof(own_mac));
		memcpy(frame + 38, own_v6, 16);
		memset(frame + at, 0, payload);
		frame[at] = 128;
		put16(frame + at + 2, sum_of(frame + at, payload, pseudo6(frame, 58, payload)));
		deliver(frame, at + payload);
		net_kernel_run();
		assert_int_equal(mtu_to(&to), 1500);
	}
	assert_true(router_tells(&to, 1300));
	assert_int_equal(mtu_to(&to), 1300);
	card.obeys = false;
}

static void the_oldest_way_is_forgotten(void **state)
{
	net_lock();
	net_paths_forget();
	net_unlock();
	for (uint32_t n = 0; n < 200; n++) {
		ip_addr_t to = address4(0x0b000000 + n);
		assert_true(router_tells(&to, 1000));
		net_kernel_pass(SECOND / 100);
	}
	unsigned known = 0;
	for (uint32_t n = 0; n < 200; n++) {
		ip_addr_t to = address4(0x0b000000 + n);
		bool small = mtu_to(&to) == 1000;
		assert_true(small == (n >= 200 - 64));
		known += small;
	}
	assert_int_equal(known, 64);
}

/* To the echo server, without options; the payload is of zeros. */
static uint32_t make_data(uint8_t *frame, uint32_t from, uint16_t port, uint32_t sequence, uint32_t acknowledged, uint8_t flags, uint32_t payload)
{
	uint32_t at = ip4(frame, 6, 20 + payload, 0);
	memcpy(frame, own_mac, sizeof(own_mac));
	ip4_to_us(frame, from);
	memset(frame + at, 0, 20 + payload);
	put16(frame + at, port);
	put16(frame + at + 2, PORT_ECHO);
	put32(frame + at + 4, sequence);
	put32(frame + at + 8, acknowledged);
	frame[at + 12] = 0x50;
	frame[at + 13] = flags;
	put16(frame + at + 14, 60000);
	put16(frame + at + 16, sum_of(frame + at, 20 + payload, pseudo4(frame, 6, 20 + payload)));
	return at + 20 + payload;
}

static uint32_t make_segment(uint8_t *frame, uint32_t from, uint16_t port, uint32_t sequence, uint32_t acknowledged, uint8_t flags)
{
	return make_data(frame, from, port, sequence, acknowledged, flags, 0);
}

/* A client at a port of its own; our numbers begin at 1000. Its connection is there, or it is not known. */
static struct peer *client_connects(uint16_t port)
{
	static uint8_t frame[64];
	struct peer *p = &peers[port % 32];
	*p = (struct peer){ .known = true, .port = port, .server = PORT_ECHO, .sequence = 1001 };
	deliver(frame, make_segment(frame, 0x0a000202, port, 1000, 0, TCP_SYN));
	net_kernel_run();
	gateway_tells();
	p->known = p->known && p->acknowledged;
	deliver(frame, make_segment(frame, 0x0a000202, port, p->sequence, p->acknowledged, TCP_ACK));
	net_kernel_run();
	return p;
}

/* The first connection after hours is not as old as the silence: it waits for its third packet. */
static void a_connection_after_a_silence(void **state)
{
	settle();
	card.obeys = true;
	const struct peer *p = client_connects(5002);
	assert_true(p->known);
	net_kernel_pass(SECOND);
	assert_true(p->known);
	card.obeys = false;
}

/* The first packet after hours: what the stack waits for then is not as old as the silence. */
static void a_datagram_after_a_silence(void **state)
{
	static uint8_t frame[64];
	settle();
	card.obeys = true;
	uint32_t at = ip4(frame, 17, 16, 0);
	memcpy(frame, own_mac, sizeof(own_mac));
	ip4_to_us(frame, 0x0a000202);
	put16(frame + at, 5001);
	put16(frame + at + 2, PORT_ECHO);
	put16(frame + at + 4, 16);
	put16(frame + at + 6, 0);
	deliver(frame, at + 16);
	net_kernel_run();
	card.datagram_bytes = 0;
	gateway_tells();
	assert_int_equal(card.datagram_bytes, 16);
	assert_int_equal(get16(card.datagram + 2), 5001);
	card.obeys = false;
}

static void a_flood_of_syns(void **state)
{
	static uint8_t frame[4096];
	size_t used, most;
	unsigned long answers = card.answers;
	for (unsigned n = 0; n < 40000; n++) {
		uint32_t from = 0x0a000200 + below(2) * 2 + (uint32_t)random() % 65536 * 65536;
		deliver(frame, make_segment(frame, from, (uint16_t)(1024 + below(60000)), (uint32_t)random(), 0, 2));
		net_memory_usage(&used, &most);
		assert_true(used <= most);
		if (n % 64 == 0) {
			frames_finish(DEPTH);
			gateway_tells();
		}
	}
	net_kernel_run();
	assert_true(card.answers - answers > 1000);
}

/* Peers that send every second byte only: what waits for the others is bounded for all together, so that a new client is heard as before. */
static void holes_that_are_never_filled(void **state)
{
	static uint8_t frame[64];
	size_t used, most;
	settle();
	card.obeys = true;
	for (unsigned n = 0; n < 100; n++) {
		const struct peer *p = client_connects((uint16_t)(10000 + n));
		assert_true(p->known);
		for (unsigned at = 1; at < 2000; at += 2) {
			deliver(frame, make_data(frame, 0x0a000202, p->port, p->sequence + at, p->acknowledged, TCP_ACK, 1));
			frames_finish(DEPTH);
		}
		net_memory_usage(&used, &most);
		assert_true(used <= most * 3 / 4);
	}
	struct peer *p = client_connects(9999);
	assert_true(p->known);
	uint32_t before_echo = p->acknowledged;
	deliver(frame, make_data(frame, 0x0a000202, p->port, p->sequence, p->acknowledged, TCP_ACK, 10));
	net_kernel_pass(SECOND);
	assert_int_equal(p->acknowledged, before_echo + 10);
	card.obeys = false;
}

/*
 * What was to be sent again into a window that has become smaller waits for the persist timer; late, the peer acknowledges it: nothing is left to be
 * sent, and the timer still runs.
 */
static void nothing_is_left_for_the_persist_timer(void **state)
{
	net_lock();
	struct tcp_pcb *pcb = tcp_new();
	assert_non_null(pcb);
	ip_addr_set_ip4_u32_val(pcb->local_ip, lwip_htonl(0x0a00020f));
	ip_addr_set_ip4_u32_val(pcb->remote_ip, lwip_htonl(0x0a000202));
	pcb->local_port = 9;
	pcb->remote_port = 9;
	pcb->state = ESTABLISHED;
	pcb->persist_backoff = 1;
	net_tcp_select(&pcb->local_ip, 9, &pcb->remote_ip, 9);
	TCP_REG_ACTIVE(pcb);
	net_unlock();
	net_kernel_pass(2 * SECOND);
	net_lock();
	net_tcp_select(&pcb->local_ip, 9, &pcb->remote_ip, 9);
	assert_int_equal(pcb->persist_backoff, 0);
	tcp_abort(pcb);
	net_unlock();
}

static void memory_comes_back(void **state)
{
	size_t after = settle();
	assert_int_equal(packets_out(), 0);
	assert_true(after <= before + 4096);
}

static void begin(void)
{
	world_start(1);
	before = settle();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_frames),
		cmocka_unit_test(memory_comes_back),
		cmocka_unit_test(a_device_that_writes_meanwhile),
		cmocka_unit_test(fragments_are_copied),
		cmocka_unit_test(what_routers_tell),
		cmocka_unit_test(a_router_of_six_lies),
		cmocka_unit_test(the_oldest_way_is_forgotten),
		cmocka_unit_test(a_datagram_after_a_silence),
		cmocka_unit_test(a_connection_after_a_silence),
		cmocka_unit_test(nothing_is_left_for_the_persist_timer),
		cmocka_unit_test(a_flood_of_syns),
		cmocka_unit_test(holes_that_are_never_filled),
		cmocka_unit_test(memory_comes_back),
	};
	begin();
	if (argc == 3) {
		srandom((unsigned)strtoul(argv[1], NULL, 0));
		steps(strtoul(argv[2], NULL, 0), true);
		memory_comes_back(NULL);
		return 0;
	}
	return cmocka_run_group_tests_name("net_hostile", tests, NULL, NULL);
}
