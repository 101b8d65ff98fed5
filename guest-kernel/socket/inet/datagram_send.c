/* SPDX-License-Identifier: MIT */
/*
 * Sending whole messages: a message is copied into pages of the I/O zone with no lock held, then given to lwIP under the net lock. Where
 * lwIP has no memory it gets some of the operation's reservation at the second try.
 */
#include "socket/inet/datagram.h"

#include "base/string.h"
#include "kernel/reserve.h"
#include "net/internal.h"
#include "net/net.h"
#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/raw.h"
#include "lwip/udp.h"

#define PAYLOAD_MAX4 65507u /* behind headers of IP and UDP */
#define PAYLOAD_MAX6 65487u
#define RAW_MAX 65515u /* behind IPv4's header */
#define HEAD 128u /* bytes */
#define DRAW 24u /* allocations at most: a buffer for each page, headers, and as many copies of these for the loopback */

enum { IP_TOS = 1, IP_TTL, IP_PKTINFO = 8, IPV6_PKTINFO = 50, IPV6_HOPLIMIT = 52, IPV6_TCLASS = 67 };

/* ---- connect ---- */
static int bind_automatic(struct inet_socket *s)
{
	return s->kind == INET_UDP ? udp_bind_automatic(s) : raw_bind_automatic(s);
}

/* lwIP's block follows. */
static void ends_set(struct inet_socket *s)
{
	s->ip->local_ip = s->local.address;
}

static void disconnect_locked(struct inet_socket *s)
{
	if (s->kind == INET_UDP) {
		udp_disconnect(s->udp);
	}
	spin_lock(&s->base.lock);
	s->base.state = SOCKET_FREE;
	s->remote.port = 0;
	address_set_any(&s->remote.address, s);
	if (!s->address_bound) {
		address_set_any(&s->local.address, s);
		ends_set(s);
	}
	spin_unlock(&s->base.lock);
}

static int connect_locked(struct inet_socket *s, struct endpoint *to)
{
	struct netif *netif;
	ip_addr_t from;
	int error = address_needs_link(s, to) ? -EINVAL : route_find(s, to, &netif, &from);
	if (!error && address_is_broadcast(&to->address, netif) && !socket_option(&s->base, SO_BROADCAST)) {
		error = -EACCES;
	}
	error = error ? error : bind_automatic(s);
	if (error) {
		return error;
	}
	if (s->kind == INET_UDP) {
		udp_connect(s->udp, &to->address, to->port);
	}
	spin_lock(&s->base.lock);
	s->remote = *to;
	if (!s->address_bound) {
		s->local.address = from;
		ends_set(s);
	}
	s->base.state = SOCKET_CONNECTED;
	spin_unlock(&s->base.lock);
	return 0;
}

int datagram_socket_connect(struct socket *base, const struct address *to, bool wait)
{
	struct inet_socket *s = inet_of(base);
	struct endpoint e;
	int error = to->family == AF_UNSPEC ? 0 : endpoint_read(s, to, &e);
	if (error) {
		return error;
	}
	net_lock();
	if (to->family == AF_UNSPEC) {
		disconnect_locked(s);
	} else {
		error = connect_locked(s, &e);
	}
	net_unlock();
	return error;
}

/* ---- a message ---- */
void payload_drop(struct payload *y)
{
	while (y->count) {
		page_put(y->pages[--y->count]);
	}
}

static int payload_append(struct payload *y, struct cursor *from, uint32_t bytes)
{
	for (uint32_t end = y->bytes + bytes, n; y->bytes < end; y->bytes += n) {
		uint32_t at = y->bytes % PAGE_SIZE, left = end - y->bytes;
		struct page *page = at ? y->pages[y->count - 1] : page_alloc(ALLOC_IO);
		if (!page) {
			return -ENOBUFS;
		}
		if (!at) {
			y->pages[y->count++] = page;
		}
		n = left < PAGE_SIZE - at ? left : PAGE_SIZE - at;
		int error = cursor_copy_in(from, (char *)page_data(page) + at, n);
		if (error) {
			return error;
		}
	}
	return 0;
}

/* The first one has room for headers in front. Of a raw socket's message it has the beginning: lwIP looks for a header in one piece. NULL: no memory. */
static struct pbuf *payload_buffer(const struct payload *y, enum inet_kind kind)
{
	uint32_t head = kind == INET_UDP ? 0 : y->bytes < HEAD ? y->bytes : HEAD;
	struct pbuf *all = pbuf_alloc(PBUF_TRANSPORT, (u16_t)head, PBUF_RAM);
	if (all && head) {
		memcpy(all->payload, page_data(y->pages[0]), head);
	}
	for (unsigned i = 0; all && i < y->count; i++) {
		uint32_t left = y->bytes - i * (uint32_t)PAGE_SIZE, skip = i ? 0 : head, end = left < PAGE_SIZE ? left : (uint32_t)PAGE_SIZE;
		struct pbuf *piece = end > skip ? net_page_pbuf(y->pages[i], skip, end - skip) : NULL;
		if (piece) {
			pbuf_cat(all, piece);
		} else if (end > skip) {
			pbuf_free(all);
			return NULL;
		}
	}
	return all;
}

static int info_apply(const struct outgoing *o, struct endpoint *to, struct netif **netif, ip_addr_t *from)
{
	ip_addr_t wanted = { 0 };
	IP_SET_TYPE(&wanted, o->info.v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4);
	memcpy(o->info.v6 ? (void *)ip_2_ip6(&wanted)->addr : ip_2_ip4(&wanted), o->info.address, o->info.v6 ? 16 : 4);
	if (o->info.interface) {
		*netif = netif_get_by_index((u8_t)o->info.interface);
		if (!*netif) {
			return -ENODEV;
		}
	}
	if (!address_is_any(&wanted) && IP_GET_TYPE(&wanted) == IP_GET_TYPE(&to->address)) {
		if (!address_is_own(&wanted, false)) {
			return -EINVAL;
		}
		*from = wanted;
	}
	return 0;
}

/* Those that are not to be made fragments of have a limit (IP_MTU_DISCOVER). Who wants to hear of errors hears of this one, too. */
static int size_check(struct inet_socket *s, const struct endpoint *to, const struct netif *netif, uint32_t bytes)
{
	bool v6 = IP_IS_V6(&to->address);
	int rule = s->mtu_discover[v6];
	uint32_t own = v6 ? netif_mtu6(netif) : netif->mtu, way = net_path_mtu(netif, &to->address), most = UINT32_MAX;
	bool whole = v6 && s->whole6;
	if (s->headers || rule == PATH_PROBE || rule == PATH_INTERFACE) {
		most = own;
	} else if (rule == PATH_DO || whole) {
		most = way;
	}
	if (!s->headers) {
		bytes += (v6 ? IP6_HLEN : IP_HLEN) + (s->kind == INET_UDP ? UDP_HLEN : 0);
	}
	if (!own || bytes <= most) {
		return 0;
	}
	if (s->want_errors) {
		struct error_told told = { .error = EMSGSIZE, .origin = ORIGIN_LOCAL, .info = most, .teller = to->address };
		struct endpoint meant = { .address = to->address, .port = v6 ? to->port : s->remote.port };
		datagram_error(s, NULL, &meant, &told);
	}
	return -EMSGSIZE;
}

static int way_find(struct inet_socket *s, const struct outgoing *o, struct endpoint *to, struct netif **netif, ip_addr_t *from)
{
	int error = route_find(s, to, netif, from);
	error = error ? error : o->has_info ? info_apply(o, to, netif, from) : 0;
	error = error ? error : bind_automatic(s);
	bool all = !error && address_is_broadcast(&to->address, *netif) && !socket_option(&s->base, SO_BROADCAST);
	return all ? -EACCES : error;
}

static int send_locked(struct inet_socket *s, const struct outgoing *o, struct payload *y, struct endpoint *to)
{
	struct netif *netif;
	ip_addr_t from;
	int error = way_find(s, o, to, &netif, &from);
	error = error ? error : size_check(s, to, netif, y->bytes);
	struct pbuf *p = error ? NULL : payload_buffer(y, s->kind);
	if (!p) {
		return error ? error : -ENOBUFS;
	}
	net_path_rule = (enum path_rule)s->mtu_discover[IP_IS_V6(&to->address)];
	error = error_of(s->kind == INET_UDP ? udp_hand_over(s, o, p, to, netif, &from) : raw_hand_over(s, o, p, to, netif, &from));
	if (!error && ip_addr_ismulticast(&to->address) && s->multicast_loop) {
		net_loop_multicast(p, netif);
	}
	net_path_rule = PATH_FRAGMENTS;
	pbuf_free(p);
	return error;
}

int datagram_where_to(struct inet_socket *s, const struct outgoing *o, struct endpoint *to)
{
	if (!o->named) {
		*to = s->remote;
		return s->base.state == SOCKET_CONNECTED ? 0 : -EDESTADDRREQ;
	}
	int error = endpoint_read(s, &o->to, to);
	return error ? error : to->port || s->kind != INET_UDP ? 0 : -EINVAL;
}

int datagram_way_check(struct inet_socket *s, const struct outgoing *o, struct endpoint *to)
{
	struct netif *netif;
	ip_addr_t from;
	net_lock();
	int error = way_find(s, o, to, &netif, &from);
	net_unlock();
	return error;
}

int datagram_payload_send(struct inet_socket *s, const struct outgoing *o, struct payload *y, struct endpoint *to)
{
	net_lock();
	int error = send_locked(s, o, y, to);
	net_unlock();
	if (error == -ENOBUFS) { /* once more, with memory of this operation's reservation */
		reserve_renew();
		net_lock();
		net_memory_draw(DRAW);
		error = send_locked(s, o, y, to);
		net_unlock();
	}
	return error;
}

static uint32_t most_bytes(const struct inet_socket *s, const struct endpoint *to)
{
	bool v4 = IP_IS_V4(&to->address);
	return s->kind == INET_RAW ? (v4 && !s->headers ? RAW_MAX : UINT16_MAX) : v4 ? PAYLOAD_MAX4 : PAYLOAD_MAX6;
}

/* Its bytes are added; the last ones make it leave. */
static int add(struct inet_socket *s, struct message *m, struct outgoing *o, uint32_t bytes, bool last)
{
	int error = bytes > most_bytes(s, &m->to) - m->payload.bytes ? -EMSGSIZE : -socket_error_take(&s->base);
	error = error ? error : s->base.closed & CLOSED_SEND ? -EPIPE : 0;
	error = error ? error : payload_append(&m->payload, &o->from, bytes);
	error = error || s->kind == INET_UDP ? error : raw_check(s, &m->payload);
	return error || !last ? error : datagram_payload_send(s, m->how, &m->payload, &m->to);
}

static int send_bytes(struct inet_socket *s, struct outgoing *o, uint32_t bytes)
{
	bool corked = cork_is_wanted(s, o), last = true;
	struct message whole = { .how = o }, *m = &whole;
	int error = corked ? cork_begin(s, o, &m, &last) : datagram_where_to(s, o, &whole.to);
	error = error ? error : add(s, m, o, bytes, last);
	if (corked) {
		cork_end(s, error || last);
	} else {
		payload_drop(&whole.payload);
	}
	return error;
}

long datagram_socket_send(struct socket *base, struct outgoing *o)
{
	uint64_t bytes = cursor_left(&o->from);
	int error = bytes > UINT16_MAX ? -EMSGSIZE : o->flags & MSG_OOB ? -EOPNOTSUPP : send_bytes(inet_of(base), o, (uint32_t)bytes);
	return error ? socket_broken_pipe(error, o->flags) : (long)bytes;
}

/* ---- control messages of what is to be sent ---- */
static int int_of(const char *data, uint64_t bytes, int most, int *out)
{
	int value = 0;
	if (bytes != sizeof(value) && bytes != 1) {
		return -EINVAL;
	}
	memcpy(&value, data, bytes);
	if (value < -1 || value > most) {
		return -EINVAL;
	}
	*out = value;
	return 0;
}

int inet_control(struct socket *s, struct outgoing *o, int level, int type, const char *data, uint64_t bytes)
{
	uint32_t words[3];
	if (level == IPPROTO_IP && type == IP_PKTINFO) {
		if (bytes != sizeof(words)) {
			return -EINVAL;
		}
		memcpy(words, data, sizeof(words));
		o->has_info = true;
		o->info = (struct packet_info){ .interface = words[0] };
		memcpy(o->info.address, &words[1], 4);
		return 0;
	}
	if (level == IPPROTO_IPV6 && type == IPV6_PKTINFO) {
		if (bytes < 20) {
			return -EINVAL;
		}
		o->has_info = true;
		o->info.v6 = true;
		memcpy(o->info.address, data, 16);
		memcpy(&o->info.interface, data + 16, 4);
		return 0;
	}
	if ((level == IPPROTO_IP && type == IP_TTL) || (level == IPPROTO_IPV6 && type == IPV6_HOPLIMIT)) {
		return int_of(data, bytes, 255, &o->ttl);
	}
	if ((level == IPPROTO_IP && type == IP_TOS) || (level == IPPROTO_IPV6 && type == IPV6_TCLASS)) {
		return int_of(data, bytes, 255, &o->tos);
	}
	return level == IPPROTO_IP || level == IPPROTO_IPV6 ? -EINVAL : 0;
}
