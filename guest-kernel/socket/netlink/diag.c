/* SPDX-License-Identifier: MIT */
/* NETLINK_SOCK_DIAG (sock_diag(7)): the sockets of AF_INET, AF_INET6 and AF_UNIX, for ss(8). */
#include "socket/netlink/netlink.h"

#include "base/string.h"
#include "net/net.h"
#include "socket/inet/inet.h"
#include "socket/unix/unix.h"

enum { SOCK_DIAG_BY_FAMILY = 20, DIAG_REQUEST_PROTOCOL = 3, DIAG_INFO = 2, DIAG_CONGESTION = 4, DIAG_MEMORY = 7 };

struct diag_id { /* struct inet_diag_sockid: ports and addresses as on the wire */
	uint16_t local_port, remote_port;
	uint8_t local[16], remote[16];
	uint32_t interface;
	uint32_t cookie[2];
};
struct diag_body { /* struct inet_diag_req_v2 */
	uint8_t family, protocol, extensions, zero;
	uint32_t states;
	struct diag_id id;
};
struct diag_socket { /* struct inet_diag_msg */
	uint8_t family, state, timer, retransmits;
	struct diag_id id;
	uint32_t expires, receive_queue, send_queue, uid, inode;
};

struct diag_dump {
	struct answer *answer;
	const struct diag_body *wanted;
};

static void endpoint_put(const struct inet_socket *s, const struct endpoint *e, uint8_t *to, uint16_t *port)
{
	*port = lwip_htons(e->port);
	if (!s->v6) {
		memcpy(to, ip_2_ip4(&e->address), 4);
	} else if (IP_IS_V6(&e->address)) {
		memcpy(to, ip_2_ip6(&e->address)->addr, 16);
	} else if (!address_is_any(&e->address)) {
		memset(to + 10, 0xff, 2);
		memcpy(to + 12, ip_2_ip4(&e->address), 4);
	}
}

static bool extension_wanted(const struct diag_dump *dump, unsigned extension)
{
	return dump->wanted->extensions >> (extension - 1) & 1;
}

void diag_memory_put(struct answer *a, uint16_t type, const struct socket *s, uint32_t received, uint32_t sent, uint32_t drops)
{
	/* Received, its bound, on the way out, its bound, what is kept for more, queued to go out, options, not looked at yet, drops. */
	uint32_t memory[9] = { received, s->receive_limit, sent, s->send_limit, 0, sent, 0, 0, drops };
	answer_attribute(a, type, memory, sizeof(memory));
}

static void connection_details(const struct diag_dump *dump, const struct inet_socket *s)
{
	if (extension_wanted(dump, DIAG_INFO)) {
		struct tcp_info info;
		tcp_info_read(s, &info);
		answer_attribute(dump->answer, DIAG_INFO, &info, sizeof(info));
	}
	if (extension_wanted(dump, DIAG_CONGESTION)) {
		answer_attribute(dump->answer, DIAG_CONGESTION, CONGESTION, sizeof(CONGESTION));
	}
}

static void socket_put_one(void *context, struct inet_socket *s)
{
	struct diag_dump *dump = context;
	struct diag_socket out = { .family = s->v6 ? AF_INET6 : AF_INET, .state = inet_state_number(s), .uid = s->uid };
	if (out.family != dump->wanted->family || !(dump->wanted->states >> out.state & 1)) {
		return;
	}
	endpoint_put(s, &s->local, out.id.local, &out.id.local_port);
	endpoint_put(s, &s->remote, out.id.remote, &out.id.remote_port);
	out.id.interface = s->interface;
	memcpy(out.id.cookie, &s->base.cookie, sizeof(out.id.cookie));
	bool listens = out.state == STATE_LISTEN;
	out.receive_queue = listens ? s->waiting_count : s->base.type == SOCK_STREAM ? s->queued : s->datagram_charge;
	out.send_queue = listens ? s->backlog : s->sent;
	out.inode = (uint32_t)socket_inode(&s->base);
	answer_begin(dump->answer, SOCK_DIAG_BY_FAMILY, &out, sizeof(out));
	if (extension_wanted(dump, DIAG_MEMORY)) {
		diag_memory_put(dump->answer, DIAG_MEMORY, &s->base, listens ? 0 : out.receive_queue, listens ? 0 : s->sent, s->dropped);
	}
	if (s->base.type == SOCK_STREAM) {
		connection_details(dump, s);
	}
}

/* ---- AF_UNIX ---- */
enum { UNIX_DIAG_NAME = 0, UNIX_DIAG_PEER = 2, UNIX_DIAG_RQLEN = 4, UNIX_DIAG_MEMORY, UNIX_DIAG_SHUTDOWN };
enum { SHOW_NAME = 1, SHOW_PEER = 4, SHOW_QUEUES = 16, SHOW_MEMORY = 32 };

struct unix_body { /* struct unix_diag_req */
	uint8_t family, protocol;
	uint16_t zero;
	uint32_t states, inode, show, cookie[2];
};
struct unix_told { /* struct unix_diag_msg */
	uint8_t family, type, state, zero;
	uint32_t inode, cookie[2];
};
struct unix_dump {
	struct answer *answer;
	const struct unix_body *wanted;
};

static void unix_put_one(void *context, const struct unix_socket *s)
{
	struct unix_dump *dump = context;
	struct answer *a = dump->answer;
	bool listens = s->base.state == SOCKET_LISTENING;
	struct unix_told out = { .family = AF_UNIX, .type = (uint8_t)s->base.type, .inode = (uint32_t)socket_inode(&s->base) };
	out.state = listens ? STATE_LISTEN : s->base.state == SOCKET_CONNECTED ? STATE_ESTABLISHED : STATE_CLOSE;
	if (s->dead || !(dump->wanted->states >> out.state & 1)) {
		return;
	}
	memcpy(out.cookie, &s->base.cookie, sizeof(out.cookie));
	answer_begin(a, SOCK_DIAG_BY_FAMILY, &out, sizeof(out));
	const struct name *name = s->name;
	if (name && (dump->wanted->show & SHOW_NAME)) {
		answer_attribute(a, UNIX_DIAG_NAME, name->bytes, name->length);
	}
	const struct unix_socket *peer = s->peer;
	if (peer && (dump->wanted->show & SHOW_PEER)) { /* its number is its address */
		answer_u32(a, UNIX_DIAG_PEER, (uint32_t)socket_inode(&peer->base));
	}
	if (dump->wanted->show & SHOW_QUEUES) {
		uint32_t queues[2] = { listens ? s->waiting_count : (uint32_t)s->bytes, listens ? s->backlog : s->sent };
		answer_attribute(a, UNIX_DIAG_RQLEN, queues, sizeof(queues));
	}
	if (dump->wanted->show & SHOW_MEMORY) {
		diag_memory_put(a, UNIX_DIAG_MEMORY, &s->base, (uint32_t)s->bytes, s->sent, 0);
	}
	uint8_t closed = (uint8_t)s->base.closed;
	answer_attribute(a, UNIX_DIAG_SHUTDOWN, &closed, sizeof(closed));
}

static int unix_request(struct answer *a, const char *body, const char *end)
{
	struct unix_body wanted = { 0 };
	size_t bytes = (size_t)(end - body) < sizeof(wanted) ? (size_t)(end - body) : sizeof(wanted);
	memcpy(&wanted, body, bytes);
	struct unix_dump dump = { .answer = a, .wanted = &wanted };
	a->multi = true;
	unix_each(unix_put_one, &dump);
	return 0;
}

/* Numbers of protocols above 255 (MPTCP's) come in an attribute. */
static bool protocol_is(const struct diag_body *wanted, const char *at, const char *end)
{
	struct attribute attribute;
	uint32_t protocol = wanted->protocol;
	while (attribute_next(&at, end, &attribute)) {
		if (attribute.type == DIAG_REQUEST_PROTOCOL && attribute.bytes == sizeof(protocol)) {
			memcpy(&protocol, attribute.data, sizeof(protocol));
		}
	}
	return protocol == wanted->protocol;
}

int diag_request(struct answer *a, const struct message_header *request, const char *body, const char *end)
{
	struct diag_body wanted = { 0 };
	size_t bytes = (size_t)(end - body) < sizeof(wanted) ? (size_t)(end - body) : sizeof(wanted);
	memcpy(&wanted, body, bytes);
	if (request->type != SOCK_DIAG_BY_FAMILY || bytes < 8 || !(request->flags & NLM_F_DUMP)) {
		return -EOPNOTSUPP;
	}
	if (wanted.family == AF_UNIX) {
		return unix_request(a, body, end);
	}
	if (wanted.family == AF_PACKET) {
		return diag_packet_request(a, body, end);
	}
	if (wanted.family != AF_INET && wanted.family != AF_INET6) {
		return -ENOENT;
	}
	if (!protocol_is(&wanted, body + bytes, end)) {
		return -ENOENT;
	}
	a->multi = true;
	if (wanted.protocol != IPPROTO_TCP && wanted.protocol != IPPROTO_UDP && wanted.protocol != IPPROTO_RAW) {
		return 0;
	}
	struct diag_dump dump = { .answer = a, .wanted = &wanted };
	net_lock();
	port_each(wanted.protocol == IPPROTO_TCP ? INET_TCP : wanted.protocol == IPPROTO_UDP ? INET_UDP : INET_RAW, socket_put_one, &dump);
	net_unlock();
	return 0;
}
