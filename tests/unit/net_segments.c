/* SPDX-License-Identifier: MIT */
/*
 * Segments longer than the connection's largest, through lwIP, over a wire that loses and a peer that acknowledges in the middle of them, opens and shuts
 * its window, and takes back what it opened; over a way that takes shorter packets at times; with a device that can cut frames at one time and not at
 * the next, and little memory. No byte but the stream's goes out, what is sent is what the device and the window take, and in the end all of it has
 * come. Memory whose bytes were acknowledged is overwritten when its connection lets go of it: what goes out again still has the right bytes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/big_endian.h"
#include "lwip/dns.h"
#include "lwip/init.h"
#include "lwip/ip.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/tcp.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"
#include "net/interface.h"
#include "net/internal.h"
#include "net/lwip/hooks.h"
#include "net/net.h"
#include "socket/inet/inet.h"
#include "tests/fake/net_kernel.h"

#define STREAM 400000u
#define MSS 1460u
#define HERE 0x0a00020fu
#define THERE 0x0a000202u
#define BEGIN 0xfffe0000u /* the first sequence number: it wraps */
#define TICKS_MOST 40000u

static struct {
	struct netdev dev;
	struct interface interface;
	struct netif netif;
	bool takes;
} card;

static uint8_t stream[STREAM], pages[2][STREAM]; /* what it is; what lwIP refers to, in turn, so that pieces do not follow each other in memory */

static struct {
	struct tcp_pcb *pcb;
	uint32_t written, acknowledged; /* bytes of the stream */
	bool ended, failed;
} sender;

static struct inet_socket connection;

static struct {
	uint8_t got[STREAM];
	uint32_t next, told; /* all before is here; and is acknowledged */
	uint32_t window, edge; /* the furthest that it ever allowed */
	unsigned losses; /* of 100 */
	bool finished, closed, owes, selective;
	unsigned long longs, pieces;
} peer;

static unsigned below(unsigned n)
{
	return (unsigned)random() % n;
}

/* ---- what the files under test need ---- */
struct netif loop_netif;
struct net_counts net_counts;

struct interface *interface_of(const struct netif *netif)
{
	return &card.interface;
}

bool transmit_reaches(const void *data)
{
	return below(20) != 0;
}

bool transmit_takes(const struct pbuf *p)
{
	return card.takes;
}

struct netif *net_route4(const void *to)
{
	return &card.netif;
}

struct netif *net_route6(const void *to)
{
	return NULL;
}

const void *net_gateway4(struct netif *netif, const void *to)
{
	return to;
}

const void *net_gateway6(struct netif *netif, const void *to)
{
	return to;
}

unsigned net_initial_sequence(const void *local, unsigned short local_port, const void *remote, unsigned short remote_port)
{
	return BEGIN;
}

int net_tcp_arrives(struct tcp_pcb *pcb, const struct pbuf *p)
{
	return ERR_OK;
}

void net_tcp_meets(struct tcp_pcb *pcb, const struct tcp_hdr *header)
{
}

bool net_tcp_lacks_socket(struct tcp_pcb *pcb)
{
	return false;
}

struct inet_socket *tcp_pcb_socket(const struct tcp_pcb *pcb)
{
	return &connection;
}

void net_tcp_leaves(const struct pbuf *p, const struct tcp_hdr *header, const struct tcp_pcb *pcb)
{
	if (pcb && TCP_SEQ_GEQ(lwip_ntohl(header->seqno), pcb->snd_nxt)) {
		tcp_probe_plan(&connection, false);
	}
}

void tcp_count_heard(struct inet_socket *s, uint32_t begin, uint32_t end)
{
}

void tcp_pcb_select(const struct tcp_pcb *pcb)
{
	net_tcp_select(&pcb->local_ip, 9, &pcb->remote_ip, 9);
}

void net_tcp_urgent(const ip_addr_t *local, const ip_addr_t *remote, const struct tcp_hdr *header)
{
}

unsigned net_random(void)
{
	return (unsigned)random();
}

void tcp_timer_needed(void)
{
}

void sys_timeouts_init(void)
{
}

u32_t sys_now(void)
{
	return 0;
}

void dns_init(void)
{
}

void dns_setserver(u8_t number, const ip_addr_t *server)
{
}

/* ---- the peer ---- */
static void piece_arrives(uint32_t at, const uint8_t *data, uint32_t bytes)
{
	peer.pieces++;
	assert_memory_equal(data, stream + at, bytes);
	peer.owes = true;
	if (below(100) < peer.losses) {
		return;
	}
	memset(peer.got + at, 1, bytes);
	while (peer.next < STREAM && peer.got[peer.next]) {
		peer.next++;
	}
}

/* A segment as the device gets it, whole. */
static err_t card_output(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
	static uint8_t packet[65536];
	assert_int_equal(pbuf_copy_partial(p, packet, p->tot_len, 0), p->tot_len);
	const struct tcp_hdr *header = (void *)(packet + 20);
	uint32_t payload = p->tot_len - 20u - TCPH_HDRLEN_BYTES(header), at = lwip_ntohl(header->seqno) - BEGIN, piece = lwip_ntohs(header->urgp);
	assert_false(TCPH_FLAGS(header) & TCP_RST);
	if (below(100) == 0) {
		return ERR_MEM;
	}
	if (payload == 1 && at < STREAM && at + 1 > peer.edge) { /* a probe of the window, of whatever byte */
		peer.owes = true;
		return ERR_OK;
	}
	assert_true(at + payload <= sender.written && at + payload <= peer.edge);
	if (payload > sender.pcb->mss) {
		assert_true(card.dev.tso4 && card.takes);
		assert_int_equal(piece, sender.pcb->mss);
		assert_int_equal(TCPH_FLAGS(header) & ~TCP_PSH, TCP_ACK);
		peer.longs++;
	} else {
		assert_int_equal(piece, 0);
		piece = MSS;
	}
	assert_true(IPH_OFFSET((const struct ip_hdr *)packet) == 0); /* of the one that leaves, net_path_leave4() makes another */
	const uint8_t *data = packet + 20 + TCPH_HDRLEN_BYTES(header);
	for (uint32_t done = 0; done < payload; done += piece) {
		piece_arrives(at + done, data + done, payload - done < piece ? payload - done : piece);
	}
	if (TCPH_FLAGS(header) & TCP_FIN) {
		assert_int_equal(at + payload, STREAM);
		peer.owes = true;
		peer.finished |= peer.next == STREAM && below(100) >= peer.losses;
	}
	return ERR_OK;
}

/* What came behind the gap, in at most three blocks. Returns the option's bytes. */
static unsigned blocks_put(uint8_t *option)
{
	unsigned count = 0;
	for (uint32_t at = peer.next; at < STREAM && at < peer.next + 70000 && count < 3; at++) {
		if (peer.got[at]) {
			uint32_t begin = at;
			while (at < STREAM && peer.got[at]) {
				at++;
			}
			put32(option + 4 + count * 8, BEGIN + begin);
			put32(option + 8 + count++ * 8, BEGIN + at);
		}
	}
	option[0] = option[1] = 1;
	option[2] = 5;
	option[3] = (uint8_t)(2 + count * 8);
	return count ? 4 + count * 8 : 0;
}

static void acknowledge(void)
{
	uint32_t ahead = peer.next - peer.told, to = ahead && below(3) == 0 ? peer.told + below(ahead) : peer.next;
	struct pbuf *p = pbuf_alloc(PBUF_RAW, 40 + 28, PBUF_RAM);
	if (!p) {
		return;
	}
	uint8_t *packet = memset(p->payload, 0, 40 + 28);
	struct ip_hdr *ip = (void *)packet;
	struct tcp_hdr *header = (void *)(packet + 20);
	IPH_VHL_SET(ip, 4, 5);
	unsigned options = peer.selective ? blocks_put(packet + 40) : 0;
	IPH_LEN_SET(ip, lwip_htons((u16_t)(40 + options)));
	IPH_TTL_SET(ip, 64);
	IPH_PROTO_SET(ip, IP_PROTO_TCP);
	ip->src.addr = lwip_htonl(THERE);
	ip->dest.addr = lwip_htonl(HERE);
	header->src = header->dest = lwip_htons(9);
	header->seqno = lwip_htonl(5000);
	header->ackno = lwip_htonl(BEGIN + to + (to == STREAM && peer.finished));
	header->wnd = lwip_htons((u16_t)peer.window);
	TCPH_HDRLEN_FLAGS_SET(header, 5 + options / 4, TCP_ACK);
	peer.closed = to == STREAM && peer.finished;
	peer.told = to;
	peer.edge = to + peer.window > peer.edge ? to + peer.window : peer.edge;
	peer.owes = to < peer.next;
	ip4_input(p, &card.netif);
}

/* ---- the sender ---- */
static err_t acknowledged(void *arg, struct tcp_pcb *pcb, u16_t bytes)
{
	tcp_recovery_acknowledged(&connection);
	tcp_probe_plan(&connection, false);
	for (; bytes; bytes--, sender.acknowledged++) {
		assert_true(sender.acknowledged < peer.told);
		pages[0][sender.acknowledged] = pages[1][sender.acknowledged] = (uint8_t)~stream[sender.acknowledged];
	}
	return ERR_OK;
}

static void failed(void *arg, err_t error)
{
	sender.failed = true;
}

static void more_written(void)
{
	uint32_t most = tcp_segment_most(sender.pcb), pieces = below(16) + 1;
	while (pieces-- && sender.written < STREAM) {
		uint32_t bytes = below(4) ? 4096 : below(300) + 1, left = STREAM - sender.written;
		bytes = bytes < left ? bytes : left;
		const uint8_t *from = pages[below(8) == 0] + sender.written;
		if (tcp_write_long(sender.pcb, (u16_t)most, from, (u16_t)bytes, below(2) ? TCP_WRITE_FLAG_MORE : 0) != ERR_OK) {
			break;
		}
		sender.written += bytes;
	}
	net_tcp_select(&sender.pcb->local_ip, 9, &sender.pcb->remote_ip, 9);
	if (sender.written == STREAM && !sender.ended) {
		sender.ended = true;
		tcp_shutdown(sender.pcb, 0, 1);
	}
	tcp_output(sender.pcb);
}

static err_t card_up(struct netif *netif)
{
	netif->mtu = 1500;
	netif->output = card_output;
	NETIF_SET_CHECKSUM_CTRL(netif, 0);
	return ERR_OK;
}

static void world_start(void)
{
	ip4_addr_t address = { lwip_htonl(HERE) }, mask = { lwip_htonl(0xffffff00) };
	net_kernel_start(32u << 20);
	net_memory_init();
	lwip_init();
	tcp_lists_init();
	card.interface.dev = &card.dev;
	card.dev.csum = true;
	netif_add(&card.netif, &address, &mask, NULL, NULL, card_up, ip4_input);
	netif_set_default(&card.netif);
	netif_set_up(&card.netif);
	netif_set_link_up(&card.netif);
}

static void connection_start(void)
{
	memset(&sender, 0, sizeof(sender));
	memset(&peer, 0, sizeof(peer));
	tcp_probe_drop(&connection);
	memset(&connection, 0, sizeof(connection));
	connection.counts.round_us = 10000;
	for (uint32_t i = 0; i < STREAM; i++) {
		stream[i] = pages[0][i] = pages[1][i] = (uint8_t)random();
	}
	struct tcp_pcb *pcb = sender.pcb = tcp_new_ip_type(IPADDR_TYPE_V4);
	assert_non_null(pcb);
	ip_addr_set_ip4_u32_val(pcb->local_ip, lwip_htonl(HERE));
	ip_addr_set_ip4_u32_val(pcb->remote_ip, lwip_htonl(THERE));
	pcb->local_port = pcb->remote_port = 9;
	pcb->state = ESTABLISHED;
	pcb->mss = MSS;
	connection.tcp = pcb;
	peer.selective = below(3) != 0;
	tcp_set_flags(pcb, peer.selective ? TF_SACK : 0);
	pcb->snd_nxt = pcb->lastack = pcb->snd_lbb = BEGIN;
	pcb->snd_wl1 = 4999;
	pcb->rcv_nxt = 5000;
	pcb->cwnd = 4 * MSS;
	pcb->ssthresh = 1u << 20;
	peer.window = peer.edge = pcb->snd_wnd = pcb->snd_wnd_max = 65535;
	tcp_sent(pcb, acknowledged);
	tcp_err(pcb, failed);
	tcp_nagle_disable(pcb);
	net_tcp_select(&pcb->local_ip, 9, &pcb->remote_ip, 9);
	TCP_REG_ACTIVE(pcb);
}

static void world_changes(void)
{
	static const uint32_t windows[] = { 65535, 65535, 20000, 5000, 1000, 0 };
	peer.window = windows[below(6)];
	peer.losses = below(3) ? 0 : below(30);
	card.dev.tso4 = below(4) != 0;
	card.takes = below(8) != 0;
	if (below(4) == 0) {
		unsigned mss = below(2) ? MSS : 512 + below(MSS - 512);
		if (mss < sender.pcb->mss) {
			net_tcp_select(&sender.pcb->local_ip, 9, &sender.pcb->remote_ip, 9);
			tcp_segments_shrink(sender.pcb, (u16_t)mss);
		} else {
			sender.pcb->mss = (u16_t)mss;
		}
	}
	net_kernel.heap_most = below(6) ? 32u << 20 : net_kernel.heap_bytes + below(2000);
}

static void world_calms(void)
{
	peer.window = 65535;
	peer.losses = 0;
	card.dev.tso4 = card.takes = true;
	net_kernel.heap_most = 32u << 20;
}

/* Until all of it has come. Returns the ticks of TCP's clock that it took. */
static unsigned connection_run(bool rough)
{
	unsigned tick = 0;
	while (!peer.closed && tick < TICKS_MOST) {
		if (rough && tick < TICKS_MOST / 2 && below(20) == 0) {
			world_changes();
		} else if (tick >= TICKS_MOST / 2) {
			world_calms();
		}
		if (sender.written - sender.acknowledged < 200000 && !sender.ended) {
			more_written();
		}
		for (unsigned n = below(4); n-- && (peer.owes || below(4) == 0);) {
			acknowledge();
		}
		if (below(3) == 0) {
			net_kernel.now_ns += 50000000;
			tcp_lists_tick();
			tcp_probes_tick();
			tick++;
		}
		assert_false(sender.failed);
	}
	return tick;
}

static void connection_end(void)
{
	net_tcp_select(&sender.pcb->local_ip, 9, &sender.pcb->remote_ip, 9);
	assert_null(sender.pcb->unacked);
	assert_null(sender.pcb->unsent);
	assert_int_equal(sender.pcb->snd_queuelen, 0);
	assert_int_equal(sender.acknowledged, STREAM);
	tcp_err(sender.pcb, NULL);
	card.netif.output = NULL;
	TCP_RMV_ACTIVE(sender.pcb);
	tcp_free(sender.pcb);
	card.netif.output = card_output;
}

static void a_stream_over_a_good_wire(void **state)
{
	connection_start();
	world_calms();
	assert_in_range(connection_run(false), 0, 2000);
	assert_true(peer.longs > 10);
	connection_end();
}

/* A router on the way tells of a smaller MTU: all that is on its way goes again, at once, in segments that fit, and no window becomes smaller. */
static void a_way_that_becomes_narrow(void **state)
{
	connection_start();
	world_calms();
	sender.pcb->cwnd = 60000;
	peer.losses = 100;
	more_written();
	uint32_t end = sender.pcb->snd_nxt;
	assert_true(end - BEGIN > 3 * MSS);
	peer.losses = 0;
	unsigned long before = peer.pieces;
	tcp_segments_shrink(sender.pcb, 960);
	assert_true(peer.pieces - before >= (end - BEGIN) / 960);
	assert_int_equal(peer.next, sender.pcb->snd_nxt - BEGIN);
	assert_true(sender.pcb->cwnd == 60000 && sender.pcb->nrtx == 0);
	assert_in_range(connection_run(false), 0, 2000);
	connection_end();
}

static void streams_over_bad_wires(void **state)
{
	unsigned long longs = 0;
	for (unsigned n = 0; n < 100; n++) {
		srandom(n + 1);
		connection_start();
		world_calms();
		assert_in_range(connection_run(true), 0, TICKS_MOST - 1);
		longs += peer.longs;
		connection_end();
	}
	assert_true(longs > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_over_a_good_wire),
		cmocka_unit_test(a_way_that_becomes_narrow),
		cmocka_unit_test(streams_over_bad_wires),
	};
	world_start();
	return cmocka_run_group_tests_name("net_segments", tests, NULL, NULL);
}
