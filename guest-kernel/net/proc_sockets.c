/* SPDX-License-Identifier: MIT */
/* /proc/net's lists of sockets, as Linux writes them (proc(5)): tcp, tcp6, udp, udp6, raw, raw6, unix, packet, and their numbers in sockstat. */
#include "fs/proc_internal.h"

#include "lwip/priv/tcp_priv.h"
#include "net/internal.h"
#include "net/net.h"
#include "net/proc_net.h"
#include "socket/inet/inet.h"
#include "socket/packet/packet.h"
#include "socket/unix/unix.h"

#define TICK_MS 10u

struct list_text {
	struct text *text;
	bool v6;
	enum inet_kind kind;
	unsigned count;
};

/* An address is words of memory, in hexadecimal. */
static void endpoint_put(struct text *t, const struct inet_socket *s, const struct endpoint *e)
{
	uint32_t words[4] = { 0 };
	unsigned count = s->v6 ? 4 : 1;
	if (s->v6 && IP_IS_V6(&e->address)) {
		memcpy(words, ip_2_ip6(&e->address)->addr, sizeof(words));
	} else if (s->v6 && !address_is_any(&e->address)) {
		words[2] = 0xffff0000; /* ::ffff:0:0, as it lies in memory */
		words[3] = ip4_addr_get_u32(ip_2_ip4(&e->address));
	} else if (!s->v6) {
		words[0] = ip4_addr_get_u32(ip_2_ip4(&e->address));
	}
	for (unsigned n = 0; n < count; n++) {
		proc_net_hex(t, words[n], 8);
	}
	text_add(t, ":");
	proc_net_hex(t, e->port, 4);
	text_add(t, " ");
}

static void queues_put(struct text *t, uint32_t out, uint32_t in)
{
	proc_net_hex(t, out, 8);
	text_add(t, ":");
	proc_net_hex(t, in, 8);
}

static void socket_line(void *context, struct inet_socket *s)
{
	struct list_text *list = context;
	struct text *t = list->text;
	if (s->v6 != list->v6) {
		return;
	}
	size_t start = t->length;
	unsigned state = inet_state_number(s);
	uint32_t out = state == STATE_LISTEN ? 0 : s->sent, in = s->queued;
	in = list->kind != INET_TCP ? s->datagram_charge : state == STATE_LISTEN ? s->waiting_count : in;
	text_add(t, list->kind == INET_UDP ? "%5u: " : "%4u: ", list->count++);
	endpoint_put(t, s, &s->local);
	endpoint_put(t, s, &s->remote);
	proc_net_hex(t, state, 2);
	text_add(t, " ");
	queues_put(t, out, in);
	text_add(t, " 00:00000000 00000000 %5u %8d %lu %u 0000000000000000", s->uid, 0, (unsigned long)socket_inode(&s->base), s->base.references);
	if (list->kind == INET_TCP && s->tcp && state != STATE_LISTEN) {
		text_add(t, " %u 0 0 %u %d", (unsigned)s->tcp->rto * TCP_SLOW_INTERVAL / TICK_MS, (unsigned)(s->tcp->cwnd / s->tcp->mss), -1);
	} else if (list->kind != INET_TCP) {
		text_add(t, " %u", s->dropped);
	}
	while (list->kind != INET_RAW && t->length - start < (list->kind == INET_TCP ? 149u : 127u)) {
		text_add(t, " ");
	}
	text_add(t, "\n");
}

static int sockets_list(struct text *t, bool v6, enum inet_kind kind)
{
	bool stream = kind == INET_TCP;
	struct list_text list = { .text = t, .v6 = v6, .kind = kind };
	const char *remote = v6 ? "remote_address" : "rem_address", *local = v6 ? "local_address                        " : "local_address";
	text_add(t, "%s  sl  %s %s  %s st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode%s\n", kind != INET_UDP || v6 ? "" : " ", local,
		remote, v6 ? "                      " : "", stream ? "" : " ref pointer drops");
	net_lock();
	port_each(kind, socket_line, &list);
	net_unlock();
	return 0;
}

int proc_net_tcp(uint32_t pid, struct text *t)
{
	return sockets_list(t, false, INET_TCP);
}

int proc_net_tcp6(uint32_t pid, struct text *t)
{
	return sockets_list(t, true, INET_TCP);
}

int proc_net_udp(uint32_t pid, struct text *t)
{
	return sockets_list(t, false, INET_UDP);
}

int proc_net_udp6(uint32_t pid, struct text *t)
{
	return sockets_list(t, true, INET_UDP);
}

int proc_net_raw(uint32_t pid, struct text *t)
{
	return sockets_list(t, false, INET_RAW);
}

int proc_net_raw6(uint32_t pid, struct text *t)
{
	return sockets_list(t, true, INET_RAW);
}

static void socket_count(void *context, struct inet_socket *s)
{
	unsigned *counts = context;
	counts[s->v6] += s->kind != INET_TCP || inet_state_number(s) != STATE_TIME_WAIT;
}

/* The lines for IPv4; those in use, and pages. Connections in TIME-WAIT, of both families, are not in use. */
int proc_net_sockstat(uint32_t pid, struct text *t)
{
	unsigned tcp[2] = { 0 }, udp[2] = { 0 }, raw[2] = { 0 }, waiting;
	size_t used, most;
	net_lock();
	port_each(INET_TCP, socket_count, tcp);
	port_each(INET_UDP, socket_count, udp);
	port_each(INET_RAW, socket_count, raw);
	waiting = tcp_lists_time_wait();
	net_memory_usage(&used, &most);
	net_unlock();
	text_add(t, "sockets: used %u\nTCP: inuse %u orphan 0 tw %u alloc %u mem %lu\nUDP: inuse %u mem 0\nUDPLITE: inuse 0\nRAW: inuse %u\n"
		    "FRAG: inuse 0 memory 0\n", tcp[0] + tcp[1] + udp[0] + udp[1] + raw[0] + raw[1], tcp[0], waiting, tcp[0] + tcp[1],
		 (unsigned long)(used / 4096), udp[0], raw[0]);
	return 0;
}

static void unix_line(void *context, const struct unix_socket *u)
{
	struct text *t = context;
	const struct socket *s = &u->base;
	const struct name *n = u->name;
	bool listens = s->state == SOCKET_LISTENING;
	if (u->dead) {
		return;
	}
	text_add(t, "0000000000000000: ");
	proc_net_hex(t, s->references + 1, 8);
	text_add(t, " 00000000 %s ", listens ? "00010000" : "00000000");
	proc_net_hex(t, (unsigned)s->type, 4);
	text_add(t, " %02x %5lu", s->state == SOCKET_CONNECTED ? 3 : 1, (unsigned long)socket_inode(s));
	for (unsigned b = 0; n && b < n->length && (n->bytes[b] || !n->inode); b++) {
		text_add(t, b ? "" : " ");
		text_bytes(t, n->bytes[b] ? &n->bytes[b] : "@", 1);
	}
	text_add(t, "\n");
}

int proc_net_unix(uint32_t pid, struct text *t)
{
	text_add(t, "Num       RefCount Protocol Flags    Type St Inode Path\n");
	unix_each(unix_line, t);
	return 0;
}

static void packet_line(void *context, const struct packet_socket *p)
{
	struct text *t = context;
	text_add(t, "0000000000000000 %-6u %-4d %04x   %-5u %u %-6u %-6u %-6lu\n", p->base.references, p->base.type, p->protocol, p->interface,
		p->protocol != 0, p->charge, p->uid, (unsigned long)socket_inode(&p->base));
}

int proc_net_packet(uint32_t pid, struct text *t)
{
	text_add(t, "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n");
	net_lock();
	packet_each(packet_line, t);
	net_unlock();
	return 0;
}
