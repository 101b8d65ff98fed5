/* SPDX-License-Identifier: MIT */
/*
 * A virtio-net front end without a kernel, on QEMU's own network: asks for an address (DHCP, whose UDP checksum the adapter makes), for the
 * router's (ARP), and pings it, with 1 or (`deep`) 32 pings outstanding, each payload a function of its number, over any number of deaths
 * of the back end. On a loop it sends itself what it would send the router. A ping without an answer after half a second is sent
 * again: what was received by a back end that died is lost, as on any wire. Says how many exits a frame costs, of all domains together.
 * With `watch` it first waits until the link has been down and is up again, with `cut` it sends a frame that the adapter cuts into ten.
 */
#include "probe.h"

#include "abi/virtio.h"
#include "base/big_endian.h"
#include "base/string.h"
#include "component/netdev.h"
#include "virtio/ring_front.h"

#define SIZE 64
#define DEPTH 32
#define LINK_EVENT (1ull << BH_EVENT_LINK)
#define EPOCH_EVENT (1ull << BH_EVENT_EPOCH)
#define PING_BYTES 1400
#define RESEND_MS 500
#define LONG_PORT 4321

struct queue {
	struct vring_desc desc[SIZE] __attribute__((aligned(4096)));
	struct vring_desc tables[SIZE * 2];
	uint8_t avail[sizeof(struct vring_avail) + SIZE * 2 + 2] __attribute__((aligned(64)));
	uint8_t used[sizeof(struct vring_used) + SIZE * sizeof(struct vring_used_elem) + 2] __attribute__((aligned(64)));
	struct virtio_net_header headers[SIZE];
};
static struct queue queues[2] __attribute__((aligned(4096))); /* receive, send */
static uint8_t received[SIZE][2048] __attribute__((aligned(4096))), sent[SIZE][2048] __attribute__((aligned(4096)));
static uint32_t sent_bytes[SIZE];
static struct ring_front rings[2];
static uint8_t our_mac[6], router_mac[6];
static const uint8_t broadcast[6] = { 255, 255, 255, 255, 255, 255 }, our_ip[4] = { 10, 0, 2, 15 }, router_ip[4] = { 10, 0, 2, 2 };
static uint32_t rebuilds, resent, offers, valid_sums;
static uint64_t pings[DEPTH], asked_at[DEPTH]; /* number + 1 of the ping outstanding at a place; 0: none */
static uint64_t pongs, twice, frames_received, frames_sent;
static bool loop, have_router, was_reset, link_up = true;

static unsigned describe(void *owner, uint16_t id, struct vring_desc *table)
{
	struct queue *q = owner;
	bool in = q == &queues[0];
	uint16_t write = in ? VRING_DESC_WRITE : 0;
	table[0] = (struct vring_desc){ (uint64_t)&q->headers[id], sizeof(q->headers[id]), (uint16_t)(VRING_DESC_NEXT | write), 1 };
	table[1] = (struct vring_desc){ (uint64_t)(in ? received[id] : sent[id]), in ? 2048 : sent_bytes[id], write, 0 };
	return 2;
}

static void put(uint32_t offset, uint64_t value)
{
	volatile uint32_t *at = (volatile uint32_t *)(probe_page->links[0].mmio + offset);
	at[0] = (uint32_t)value;
	if (offset >= VIRTIO_MMIO_QUEUE_DESC_LOW) {
		at[1] = (uint32_t)(value >> 32);
	}
}

static uint32_t config(uint32_t offset)
{
	return *(volatile uint32_t *)(probe_page->links[0].mmio + VIRTIO_MMIO_CONFIG + offset);
}

static void queue_start(unsigned index)
{
	struct queue *q = &queues[index];
	const struct ring_front_setup setup = {
		.size = SIZE, .table_entries = 2, .event_idx = true, .in_order = true, .desc = q->desc, .avail = (struct vring_avail *)q->avail,
		.used = (struct vring_used *)q->used, .tables = q->tables, .tables_bus = (uint64_t)q->tables, .describe = describe, .owner = q,
	};
	probe_expect(ring_front_init(&rings[index], &setup) == 0, "ring");
	put(VIRTIO_MMIO_QUEUE_SEL, index);
	put(VIRTIO_MMIO_QUEUE_NUM, SIZE);
	put(VIRTIO_MMIO_QUEUE_DESC_LOW, (uint64_t)q->desc);
	put(VIRTIO_MMIO_QUEUE_DRIVER_LOW, (uint64_t)q->avail);
	put(VIRTIO_MMIO_QUEUE_DEVICE_LOW, (uint64_t)q->used);
	put(VIRTIO_MMIO_QUEUE_READY, 1);
}

static void start(void)
{
	const uint64_t features = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_IN_ORDER | VIRTIO_NET_F_CSUM |
				  VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_HOST_TSO4;
	uint32_t low = config(0), high = config(4), access = config(VIRTIO_NET_CONFIG_DATA_ACCESS);
	memcpy(our_mac, &low, 4);
	memcpy(our_mac + 4, &high, 2);
	probe_expect(high >> 16 & VIRTIO_NET_S_LINK_UP, "link");
	probe_expect(call(BH_HC_GRANT, 0, (uint64_t)queues, sizeof(queues), 3) == 0, "grant of the rings");
	probe_expect(call(BH_HC_GRANT, 0, (uint64_t)sent, sizeof(sent), access & 5) == 0, "grant of what is sent, for reading");
	probe_expect(call(BH_HC_GRANT, 0, (uint64_t)received, sizeof(received), access) == 0, "grant of what is received");
	put(VIRTIO_MMIO_STATUS, 3);
	put(VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features & *(volatile uint32_t *)(probe_page->links[0].mmio + VIRTIO_MMIO_DEVICE_FEATURES));
	put(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	put(VIRTIO_MMIO_DRIVER_FEATURES, features >> 32);
	put(VIRTIO_MMIO_STATUS, 11);
	queue_start(0);
	queue_start(1);
	put(VIRTIO_MMIO_STATUS, 15);
	loop = access & BH_GRANT_CPU_READ;
	for (int id; (id = ring_front_id(&rings[0])) >= 0;) {
		ring_front_submit(&rings[0], (uint16_t)id);
	}
}

/* --- frames --- */

static uint16_t sum(const uint8_t *from, unsigned bytes, uint32_t start)
{
	for (unsigned i = 0; i + 1 < bytes; i += 2) {
		start += (uint32_t)from[i] << 8 | from[i + 1];
	}
	while (start >> 16) {
		start = (start & 0xffff) + (start >> 16);
	}
	return (uint16_t)start;
}

/* The next frame to be sent, its Ethernet header written; NULL: the queue is full. */
static uint8_t *frame_begin(uint16_t *id, const uint8_t *to, uint16_t type)
{
	int got = ring_front_id(&rings[1]);
	if (got < 0) {
		return NULL;
	}
	*id = (uint16_t)got;
	uint8_t *f = sent[got];
	memset(f, 0, 2048);
	memset(&queues[1].headers[got], 0, sizeof(queues[1].headers[got]));
	memcpy(f, to, 6);
	memcpy(f + 6, our_mac, 6);
	put16(f + 12, type);
	return f;
}

static void frame_end(uint16_t id, uint32_t bytes)
{
	sent_bytes[id] = bytes;
	frames_sent++;
	ring_front_submit(&rings[1], id);
}

static void ip_header(uint8_t *ip, uint8_t protocol, unsigned bytes, const uint8_t *from, const uint8_t *to)
{
	ip[0] = 0x45;
	put16(ip + 2, bytes);
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, from, 4);
	memcpy(ip + 16, to, 4);
	put16(ip + 10, (uint16_t)~sum(ip, 20, 0));
}

/* A DHCPDISCOVER (RFC 2131); the adapter makes the UDP checksum. */
static void discover(void)
{
	static const uint8_t options[] = { 0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255 }, none[4];
	uint16_t id;
	uint8_t *f = frame_begin(&id, broadcast, 0x0800), *udp = f + 34, *dhcp = f + 42;
	unsigned bytes = 8 + 240 + sizeof(options);
	ip_header(f + 14, 17, 20 + bytes, none, (const uint8_t[]){ 255, 255, 255, 255 });
	put16(udp, 68);
	put16(udp + 2, 67);
	put16(udp + 4, bytes);
	put16(udp + 6, sum(f + 26, 8, 17 + bytes)); /* the pseudo header's */
	dhcp[0] = dhcp[1] = 1;
	dhcp[2] = 6;
	put16(dhcp + 4, 0x4268);
	memcpy(dhcp + 28, our_mac, 6);
	memcpy(dhcp + 236, options, sizeof(options));
	queues[1].headers[id] = (struct virtio_net_header){ .flags = NET_NEEDS_CSUM, .csum_start = 34, .csum_offset = 6 };
	frame_end(id, 34 + bytes);
}

static void ask_router(void)
{
	static const uint8_t request[] = { 0, 1, 8, 0, 6, 4, 0, 1 };
	uint16_t id;
	uint8_t *f = frame_begin(&id, broadcast, 0x0806);
	memcpy(f + 14, request, sizeof(request));
	memcpy(f + 22, our_mac, 6);
	memcpy(f + 28, our_ip, 4);
	memcpy(f + 38, router_ip, 4);
	frame_end(id, 60);
}

static uint8_t ping_byte(uint64_t number, unsigned i)
{
	return (uint8_t)((number * 0x9e3779b97f4a7c15ull >> 56) + i * 7);
}

static bool ping(uint64_t number)
{
	uint16_t id;
	uint8_t *f = frame_begin(&id, loop ? our_mac : router_mac, 0x0800), *icmp = f + 34;
	if (!f) {
		return false;
	}
	unsigned bytes = 16 + (unsigned)(number * 37 % (PING_BYTES - 16)) / 2 * 2;
	ip_header(f + 14, 1, 20 + bytes, our_ip, router_ip);
	icmp[0] = loop ? 0 : 8;
	memcpy(icmp + 8, &number, 8);
	for (unsigned i = 16; i < bytes; i++) {
		icmp[i] = ping_byte(number, i);
	}
	put16(icmp + 2, (uint16_t)~sum(icmp, bytes, 0));
	frame_end(id, 34 + bytes);
	return true;
}

static void pong(const uint8_t *icmp, unsigned bytes)
{
	uint64_t number;
	memcpy(&number, icmp + 8, 8);
	bool right = bytes >= 16 && sum(icmp, bytes, 0) == 0xffff;
	for (unsigned i = 16; right && i < bytes; i++) {
		right = icmp[i] == ping_byte(number, i);
	}
	probe_expect(right, "an answer's content");
	if (right && pings[number % DEPTH] == number + 1) {
		pings[number % DEPTH] = 0;
		pongs++;
	} else {
		twice++;
	}
}

static void frame_take(const uint8_t *f, uint32_t bytes, const struct virtio_net_header *h)
{
	unsigned type = (unsigned)f[12] << 8 | f[13], ip_bytes = (unsigned)f[16] << 8 | f[17];
	frames_received++;
	probe_expect(h->num_buffers == 1, "a frame is in one buffer");
	if (type == 0x0806 && f[21] == 2) {
		memcpy(router_mac, f + 22, 6);
		have_router = true;
	} else if (type == 0x0800 && f[23] == 17 && f[37] == 68) {
		offers++;
		valid_sums += h->flags & NET_DATA_VALID ? 1 : 0;
	} else if (type == 0x0800 && f[23] == 6 && f[36] == LONG_PORT >> 8 && f[37] == (LONG_PORT & 255) && f[47] & 4) {
		was_reset = true;
	} else if (type == 0x0800 && f[23] == 1 && f[34] == 0 && 14 + ip_bytes <= bytes) {
		pong(f + 34, ip_bytes - 20);
	}
}

/* --- the ring --- */

static bool collect(void)
{
	struct ring_completion c;
	bool any = false;
	int got;
	while ((got = ring_front_peek(&rings[1], &c)) == 1) {
		ring_front_accept(&rings[1], &c);
		any = true;
	}
	probe_expect(got == 0, "used ring of what was sent");
	while ((got = ring_front_peek(&rings[0], &c)) == 1) {
		ring_front_accept(&rings[0], &c);
		if (c.len > sizeof(struct virtio_net_header)) {
			frame_take(received[c.id], c.len - (uint32_t)sizeof(struct virtio_net_header), &queues[0].headers[c.id]);
		}
		ring_front_submit(&rings[0], (uint16_t)ring_front_id(&rings[0]));
		any = true;
	}
	probe_expect(got == 0, "used ring of what was received");
	return any;
}

static uint64_t exits(void)
{
	static struct bh_stat stat;
	uint64_t total = 0;
	call(BH_HC_STAT, (uint64_t)&stat, sizeof(stat), 0, 0);
	for (unsigned d = 0; d < stat.domain_count; d++) {
		for (unsigned i = 0; i < BH_EXIT_COUNT; i++) {
			total += stat.domains[d].exits[i];
		}
	}
	return total;
}

/* Ring if wanted and wait, at most for `ms`; follow the back end's lives. */
static void turn(unsigned ms)
{
	const struct bh_link *link = &probe_page->links[0];
	bool kick = ring_front_kick(&rings[0]);
	kick |= ring_front_kick(&rings[1]);
	uint64_t signal = kick ? LINK_EVENT : 0, events = 0;
	if (ring_front_arm(&rings[0])) {
		if (signal) {
			call(BH_HC_SIGNAL, signal, 0, 0, 0);
		}
	} else {
		events = probe_wait(LINK_EVENT, tsc() + ms * probe_page->tsc_khz); /* who goes idle rings: this end has nothing else to do */
	}
	collect();
	if ((events & EPOCH_EVENT) && __atomic_load_n(&link->state, __ATOMIC_ACQUIRE) == BH_LINK_REBUILD) {
		collect();
		ring_front_rebuild(&rings[0]);
		ring_front_rebuild(&rings[1]);
		rebuilds += call(BH_HC_LINK_READY, 0, link->epoch, 0, 0) == 0;
	}
}

/* The configuration says it; a change of it is an event. */
static void watch_link(void)
{
	for (unsigned changes = 0; changes < 2;) {
		bool up = config(4) >> 16 & VIRTIO_NET_S_LINK_UP;
		if (up != link_up) {
			link_up = up;
			changes++;
			probe_log("net: the link is %s", up ? "up" : "down");
			continue;
		}
		turn(10000);
	}
}

static void resend_late(void)
{
	uint64_t late = tsc() - RESEND_MS * probe_page->tsc_khz;
	for (unsigned i = 0; i < DEPTH; i++) {
		if (pings[i] && (int64_t)(asked_at[i] - late) < 0 && ping(pings[i] - 1)) {
			asked_at[i] = tsc();
			resent++;
		}
	}
}

static void find_router(void)
{
	for (unsigned n = 0; n < 20 && !(offers && have_router); n++) {
		discover();
		ask_router();
		for (unsigned i = 0; i < 10 && !(offers && have_router); i++) {
			turn(50);
		}
	}
	probe_expect(offers, "an address is offered: so the checksum that the adapter made is right");
	probe_expect(have_router, "the router answers");
	probe_log("net: %u offers, %u of them checked by the adapter, router %02x:%02x:%02x:%02x:%02x:%02x", offers, valid_sums, router_mac[0],
		  router_mac[1], router_mac[2], router_mac[3], router_mac[4], router_mac[5]);
}

/* TCP to a port where nobody listens, ten pieces, headers bare (component/netdev.h): who puts it together and checks it answers by a reset. */
static void send_long(void)
{
	const unsigned header = 54, bytes = header + 9 * 200 + 77;
	uint16_t id;
	uint8_t *f = frame_begin(&id, router_mac, 0x0800), *tcp = f + 34;
	ip_header(f + 14, 6, 0, our_ip, router_ip);
	put16(f + 24, 0);
	put16(tcp + 16, sum(f + 26, 8, 6));
	put16(tcp, LONG_PORT);
	put16(tcp + 2, 9);
	tcp[12] = 0x50;
	tcp[13] = 0x18; /* PSH, ACK */
	for (unsigned i = header; i < bytes; i++) {
		f[i] = (uint8_t)i;
	}
	queues[1].headers[id] = (struct virtio_net_header){ .flags = NET_NEEDS_CSUM, .gso_type = NET_GSO_TCP4, .hdr_len = header, .gso_size = 200,
		.csum_start = 34, .csum_offset = 16 };
	frame_end(id, bytes);
	for (unsigned i = 0; i < 40 && !was_reset; i++) {
		turn(50);
	}
	probe_expect(was_reset, "the long frame is answered");
}

void probe_net(void)
{
	uint64_t asked = 0, total = probe_option("longest") ? 100000 : probe_option("long") ? 20000 : 2000;
	uint32_t least = probe_option("longest") ? 3 : 0; /* so many deaths are to be survived, however fast the frames go */
	unsigned depth = probe_option("deep") ? DEPTH : probe_option("few") ? 4 : probe_option("some") ? 8 : 1;
	while (__atomic_load_n(&probe_page->links[0].state, __ATOMIC_ACQUIRE) != BH_LINK_UP) {
		probe_wait(0, 0);
	}
	start();
	call(BH_HC_POWER, BH_POWER_STARTED, 0, 0, 0);
	if (probe_option("watch")) {
		watch_link();
	}
	if (!loop) {
		find_router();
	}
	if (probe_option("cut")) {
		send_long();
	}
	uint64_t before = exits(), began = tsc(), frames = frames_sent + frames_received;
	while ((pongs < asked || asked < total || rebuilds < least) && probe_failures == 0) {
		while ((asked < total || rebuilds < least) && asked - pongs < depth && !pings[asked % DEPTH] && ping(asked)) {
			asked_at[asked % DEPTH] = tsc();
			pings[asked % DEPTH] = asked + 1;
			asked++;
		}
		turn(RESEND_MS);
		resend_late();
	}
	uint64_t spent = exits() - before;
	frames = frames_sent + frames_received - frames;
	probe_log("net: %lu answers, depth %u, %lu.%02lu exits a frame, %lu us an answer, %u sent again, %lu came twice, %u rebuilds, %d failures",
		  pongs, depth, spent / frames, spent * 100 / frames % 100, (tsc() - began) / (probe_page->tsc_khz / 1000) / pongs, resent, twice,
		  rebuilds, probe_failures);
}
