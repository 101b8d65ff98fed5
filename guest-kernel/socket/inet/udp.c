/* SPDX-License-Identifier: MIT */
/*
 * Datagrams (udp(7)). One that is sent is copied into pages of the I/O zone, and given to lwIP whole; those that arrive wait as they are
 * until they are read, at most as many as the receive buffer holds.
 */
#include "socket/inet/inet.h"

#include "base/string.h"
#include "kernel/poll.h"
#include "kernel/reserve.h"
#include "kernel/time.h"
#include "net/internal.h"
#include "net/lwip/hooks.h"
#include "net/net.h"
#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/udp.h"

#define PAGES_MAX 16u /* of 64 KiB */
#define PAYLOAD_MAX4 65507u
#define PAYLOAD_MAX6 65487u
#define OVERHEAD 512u /* charged to the receive buffer beside a datagram's bytes */
#define DRAW 24u /* allocations at most: a buffer for each page, headers, and as many copies of these for the loopback */

enum { IP_TOS = 1, IP_TTL, IP_PKTINFO = 8, IPV6_PKTINFO = 50, IPV6_HOPLIMIT = 52, IPV6_TCLASS = 67, SCM_TIMESTAMP = 29, SCM_TIMESTAMPNS = 35 };

struct datagram {
	struct list link;
	struct pbuf *p;
	struct endpoint from;
	ip_addr_t to;
	uint32_t interface, charge;
	uint8_t tos, ttl;
	uint64_t wall_ns;
};

/* ---- what arrives, under the net lock ---- */
static void datagram_free(struct datagram *d)
{
	pbuf_free(d->p);
	net_memory_free(d);
}

static void header_read(struct datagram *d)
{
	if (ip_current_is_v6()) {
		d->ttl = IP6H_HOPLIM(ip6_current_header());
		d->tos = IP6H_TC(ip6_current_header());
	} else {
		d->ttl = IPH_TTL(ip4_current_header());
		d->tos = IPH_TOS(ip4_current_header());
	}
}

static void arrived(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from, u16_t port)
{
	struct inet_socket *s = arg;
	bool many = ip_addr_ismulticast(ip_current_dest_addr());
	s = many || s->remote.port ? s : port_choose(s, from, port);
	uint32_t charge = p->tot_len + OVERHEAD;
	struct datagram *d = s->datagram_charge + charge <= s->base.receive_limit || !s->datagram_charge ? net_memory_alloc(sizeof(*d)) : NULL;
	if (!d || (s->base.closed & CLOSED_RECEIVE)) {
		s->dropped++;
		net_memory_free(d);
		pbuf_free(p);
		return;
	}
	*d = (struct datagram){ .p = p, .to = *ip_current_dest_addr(), .interface = netif_get_index(ip_current_input_netif()), .charge = charge };
	d->from.address = *from;
	d->from.port = port;
	header_read(d);
	d->wall_ns = socket_option(&s->base, SO_TIMESTAMP) || socket_option(&s->base, SO_TIMESTAMPNS) ? time_wall_ns() : 0;
	spin_lock(&s->base.lock);
	list_push_back(&s->datagrams, &d->link);
	s->datagram_charge += charge;
	spin_unlock(&s->base.lock);
	waitq_wake_all(&s->base.in);
}

/* ---- making, naming, closing ---- */
int udp_socket_open(struct inet_socket *s)
{
	net_lock();
	errors_listen();
	s->udp = udp_new_ip_type(s->v6 ? (s->v6_only ? IPADDR_TYPE_V6 : IPADDR_TYPE_ANY) : IPADDR_TYPE_V4);
	if (s->udp) {
		udp_recv(s->udp, arrived, s);
		ip_set_option(s->udp, SOF_REUSEADDR); /* who may share a port is judged in port.c */
		udp_set_flags(s->udp, UDP_FLAGS_MULTICAST_LOOP);
	}
	net_unlock();
	return s->udp ? 0 : -ENOBUFS;
}

int udp_socket_bound(struct inet_socket *s)
{
	if (s->interface) {
		s->udp->netif_idx = (u8_t)s->interface;
	}
	err_t error = udp_bind(s->udp, &s->local.address, s->local.port);
	if (error != ERR_OK) {
		port_leave(s);
		s->bound = s->address_bound = false;
		s->local.port = 0;
		address_set_any(&s->local.address, s);
	}
	return error_of(error);
}

/* It needs a port to send from. */
static int bind_automatic(struct inet_socket *s)
{
	if (s->port_listed) {
		return 0;
	}
	int error = port_take(s, 0);
	if (!error) {
		s->local.port = s->port_listed;
		error = udp_socket_bound(s);
	}
	return error == -EADDRINUSE ? -EAGAIN : error;
}

static void disconnect_locked(struct inet_socket *s)
{
	udp_disconnect(s->udp);
	spin_lock(&s->base.lock);
	s->base.state = SOCKET_FREE;
	s->remote.port = 0;
	address_set_any(&s->remote.address, s);
	if (!s->address_bound) {
		address_set_any(&s->local.address, s);
		s->udp->local_ip = s->local.address;
	}
	spin_unlock(&s->base.lock);
}

static int connect_locked(struct inet_socket *s, struct endpoint *to)
{
	struct netif *netif;
	ip_addr_t from;
	int error = route_find(s, to, &netif, &from);
	if (!error && ip_addr_isbroadcast(&to->address, netif) && !socket_option(&s->base, SO_BROADCAST)) {
		error = -EACCES;
	}
	error = error ? error : bind_automatic(s);
	if (error) {
		return error;
	}
	udp_connect(s->udp, &to->address, to->port);
	spin_lock(&s->base.lock);
	s->remote = *to;
	if (!s->address_bound) {
		s->local.address = from;
		s->udp->local_ip = from;
	}
	s->base.state = SOCKET_CONNECTED;
	spin_unlock(&s->base.lock);
	return 0;
}

int udp_socket_connect(struct socket *base, const struct address *to, bool wait)
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

int udp_socket_shutdown(struct socket *base, unsigned closed)
{
	spin_lock(&base->lock);
	bool connected = base->state == SOCKET_CONNECTED;
	base->closed |= closed;
	spin_unlock(&base->lock);
	waitq_wake_all(&base->in);
	waitq_wake_all(&base->out);
	return connected ? 0 : -ENOTCONN;
}

void udp_socket_close(struct socket *base)
{
	struct inet_socket *s = inet_of(base);
	net_lock();
	memberships_leave(s);
	port_leave(s);
	udp_remove(s->udp);
	s->udp = NULL;
	net_unlock();
	for (struct list *node; (node = list_pop_front(&s->datagrams)) != NULL;) {
		datagram_free(container_of(node, struct datagram, link));
	}
	inet_put(s);
}

/* ---- sending ---- */
struct payload {
	struct page *pages[PAGES_MAX];
	unsigned count;
	uint32_t bytes;
};

static void payload_drop(struct payload *y)
{
	while (y->count) {
		page_put(y->pages[--y->count]);
	}
}

static int payload_fill(struct payload *y, struct cursor *from, uint32_t bytes)
{
	int error = 0;
	*y = (struct payload){ .bytes = bytes };
	for (uint32_t at = 0; at < bytes && !error; at += PAGE_SIZE) {
		struct page *page = page_alloc(ALLOC_IO);
		if (!page) {
			error = -ENOBUFS;
			break;
		}
		y->pages[y->count++] = page;
		error = cursor_copy_in(from, page_data(page), bytes - at < PAGE_SIZE ? bytes - at : PAGE_SIZE);
	}
	if (error) {
		payload_drop(y);
	}
	return error;
}

/* NULL: no memory. */
static struct pbuf *payload_buffer(const struct payload *y)
{
	struct pbuf *all = pbuf_alloc(PBUF_TRANSPORT, 0, PBUF_RAM);
	for (unsigned i = 0; all && i < y->count; i++) {
		uint32_t left = y->bytes - i * (uint32_t)PAGE_SIZE;
		struct pbuf *piece = net_page_pbuf(y->pages[i], 0, left < PAGE_SIZE ? left : (uint32_t)PAGE_SIZE);
		if (!piece) {
			pbuf_free(all);
			return NULL;
		}
		pbuf_cat(all, piece);
	}
	return all;
}

/* lwIP's block takes what one message says of itself for the time of its sending. */
static err_t hand_over(struct inet_socket *s, const struct outgoing *o, struct pbuf *p, const struct endpoint *to, struct netif *netif,
		       const ip_addr_t *from)
{
	u8_t tos = s->udp->tos, ttl = s->udp->ttl, multicast_ttl = s->udp->mcast_ttl;
	s->udp->tos = o->tos >= 0 ? (u8_t)o->tos : tos;
	if (o->ttl >= 0) {
		s->udp->ttl = s->udp->mcast_ttl = (u8_t)o->ttl;
	}
	if (socket_option(&s->base, SO_BROADCAST)) {
		ip_set_option(s->udp, SOF_BROADCAST);
	} else {
		ip_reset_option(s->udp, SOF_BROADCAST);
	}
	err_t error = udp_sendto_if_src(s->udp, p, &to->address, to->port, netif, from);
	s->udp->tos = tos;
	s->udp->ttl = ttl;
	s->udp->mcast_ttl = multicast_ttl;
	return error;
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

static int send_datagram_locked(struct inet_socket *s, const struct outgoing *o, const struct payload *y, struct endpoint *to)
{
	struct netif *netif;
	ip_addr_t from;
	int error = route_find(s, to, &netif, &from);
	error = error ? error : o->has_info ? info_apply(o, to, &netif, &from) : 0;
	error = error ? error : bind_automatic(s);
	if (!error && ip_addr_isbroadcast(&to->address, netif) && !socket_option(&s->base, SO_BROADCAST)) {
		error = -EACCES;
	}
	struct pbuf *p = error ? NULL : payload_buffer(y);
	if (!p) {
		return error ? error : -ENOBUFS;
	}
	error = error_of(hand_over(s, o, p, to, netif, &from));
	if (!error && ip_addr_ismulticast(&to->address) && s->multicast_loop) {
		net_loop_multicast(p, netif);
	}
	pbuf_free(p);
	return error;
}

static int where_to(struct inet_socket *s, const struct outgoing *o, struct endpoint *to)
{
	if (!o->named) {
		*to = s->remote;
		return s->base.state == SOCKET_CONNECTED ? 0 : -EDESTADDRREQ;
	}
	int error = endpoint_read(s, &o->to, to);
	return error ? error : to->port ? 0 : -EINVAL;
}

static int send_payload(struct inet_socket *s, const struct outgoing *o, struct payload *y, struct endpoint *to)
{
	net_lock();
	int error = send_datagram_locked(s, o, y, to);
	net_unlock();
	if (error == -ENOBUFS) { /* once more, with memory of this operation's reservation */
		reserve_renew();
		net_lock();
		net_memory_draw(DRAW);
		error = send_datagram_locked(s, o, y, to);
		net_unlock();
	}
	return error;
}

long udp_socket_send(struct socket *base, struct outgoing *o)
{
	struct inet_socket *s = inet_of(base);
	uint64_t bytes = cursor_left(&o->from);
	struct endpoint to;
	struct payload y;
	int error = o->flags & MSG_OOB ? -EOPNOTSUPP : bytes > UINT16_MAX ? -EMSGSIZE : socket_error_take(base);
	error = error > 0 ? -error : error;
	error = error ? error : where_to(s, o, &to);
	error = error ? error : base->closed & CLOSED_SEND ? -EPIPE : 0;
	if (!error && bytes > (IP_IS_V4(&to.address) ? PAYLOAD_MAX4 : PAYLOAD_MAX6)) {
		error = -EMSGSIZE;
	}
	error = error ? error : payload_fill(&y, &o->from, (uint32_t)bytes);
	if (!error) {
		error = send_payload(s, o, &y, &to);
		payload_drop(&y);
	}
	return error ? socket_broken_pipe(error, o->flags) : (long)bytes;
}

/* ---- receiving ---- */
static bool readable(struct inet_socket *s)
{
	spin_lock(&s->base.lock);
	bool any = !list_empty(&s->datagrams) || s->base.error || (s->base.closed & CLOSED_RECEIVE);
	spin_unlock(&s->base.lock);
	return any;
}

/* The first one, with `reading`. NULL: *error says why not, 0 for the end. */
static struct datagram *first(struct inet_socket *s, unsigned flags, uint64_t deadline, int *error)
{
	*error = 0;
	for (;;) {
		spin_lock(&s->base.lock);
		bool any = !list_empty(&s->datagrams), end = s->base.closed & CLOSED_RECEIVE;
		struct list *node = s->datagrams.next;
		*error = -s->base.error;
		s->base.error = 0;
		spin_unlock(&s->base.lock);
		if (*error || any || end) {
			return any && !*error ? container_of(node, struct datagram, link) : NULL;
		}
		if (flags & MSG_DONTWAIT) {
			*error = -EAGAIN;
			return NULL;
		}
		mutex_unlock(&s->base.reading);
		*error = WAIT_EVENT_DEADLINE(&s->base.in, readable(s), deadline, true);
		mutex_lock(&s->base.reading);
		if (*error) {
			*error = wait_error(*error, s->base.receive_timeout_ns);
			return NULL;
		}
	}
}

static int copy_out(const struct datagram *d, struct cursor *to, uint64_t bytes)
{
	int error = 0;
	for (struct pbuf *p = d->p; p && bytes && !error; p = p->next) {
		uint64_t n = p->len < bytes ? p->len : bytes;
		error = cursor_copy_out(to, p->payload, n);
		bytes -= n;
	}
	return error;
}

static void describe(struct inet_socket *s, const struct datagram *d, struct incoming *i)
{
	bool v6 = s->v6 && !IP_IS_V4(&d->to);
	if (i->from) {
		endpoint_tell(s, &d->from, i->from);
	}
	i->has_info = true;
	i->tos = d->tos;
	i->ttl = d->ttl;
	i->wall_ns = d->wall_ns;
	i->info = (struct packet_info){ .interface = d->interface, .v6 = v6 };
	memcpy(i->info.address, v6 ? (const void *)ip_2_ip6(&d->to)->addr : ip_2_ip4(&d->to), v6 ? 16 : 4);
}

long udp_socket_receive(struct socket *base, struct incoming *i)
{
	struct inet_socket *s = inet_of(base);
	uint64_t room = cursor_left(&i->to), deadline = deadline_after(base->receive_timeout_ns);
	int error;
	if (i->flags & (MSG_OOB | MSG_ERRQUEUE)) {
		return i->flags & MSG_OOB ? -EOPNOTSUPP : -EAGAIN;
	}
	mutex_lock(&base->reading);
	struct datagram *d = first(s, i->flags, deadline, &error);
	if (!d) {
		mutex_unlock(&base->reading);
		return error;
	}
	uint64_t size = d->p->tot_len, n = size < room ? size : room;
	error = copy_out(d, &i->to, n);
	if (!error) {
		describe(s, d, i);
		i->out_flags |= n < size ? MSG_TRUNC : 0;
	}
	if (!(i->flags & MSG_PEEK)) {
		spin_lock(&base->lock);
		list_remove(&d->link);
		s->datagram_charge -= d->charge;
		spin_unlock(&base->lock);
		datagram_free(d);
	}
	mutex_unlock(&base->reading);
	return error ? error : (long)(i->flags & MSG_TRUNC ? size : n);
}

/* ---- control messages ---- */
static int info_put(struct control_room *room, const struct incoming *i)
{
	if (i->info.v6) {
		struct {
			uint8_t address[16];
			uint32_t interface;
		} info = { .interface = i->info.interface };
		memcpy(info.address, i->info.address, 16);
		return control_put(room, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	}
	struct {
		uint32_t interface, own, address;
	} info = { .interface = i->info.interface };
	memcpy(&info.address, i->info.address, 4);
	info.own = info.address;
	return control_put(room, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
}

static int time_put(struct inet_socket *s, struct control_room *room, uint64_t wall_ns)
{
	bool ns = socket_option(&s->base, SO_TIMESTAMPNS);
	int64_t time[2] = { (int64_t)(wall_ns / 1000000000), (int64_t)(wall_ns % 1000000000) / (ns ? 1 : 1000) };
	return control_put(room, SOL_SOCKET, ns ? SCM_TIMESTAMPNS : SCM_TIMESTAMP, time, sizeof(time));
}

int udp_socket_extras(struct socket *base, struct incoming *i, struct control_room *room)
{
	struct inet_socket *s = inet_of(base);
	bool v6 = i->info.v6;
	int ttl = i->ttl, tos = i->tos, error = 0;
	uint8_t tos_byte = (uint8_t)tos;
	if (!i->has_info) {
		return 0;
	}
	error = i->wall_ns ? time_put(s, room, i->wall_ns) : 0;
	error = error ? error : s->want_info ? info_put(room, i) : 0;
	if (!error && s->want_ttl) {
		error = control_put(room, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_HOPLIMIT : IP_TTL, &ttl, sizeof(ttl));
	}
	if (!error && s->want_tos) {
		error = v6 ? control_put(room, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos)) : control_put(room, IPPROTO_IP, IP_TOS, &tos_byte, 1);
	}
	return error;
}

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

/* ---- poll and ioctl ---- */
unsigned udp_socket_poll(struct socket *base, struct poll_table *table)
{
	struct inet_socket *s = inet_of(base);
	spin_lock(&base->lock);
	unsigned events = base->error ? POLLERR : 0;
	events |= base->closed == (CLOSED_RECEIVE | CLOSED_SEND) ? POLLHUP : 0;
	events |= base->closed & CLOSED_RECEIVE ? POLLIN | POLLRDNORM | POLLRDHUP : 0;
	events |= !list_empty(&s->datagrams) ? POLLIN | POLLRDNORM : 0;
	spin_unlock(&base->lock);
	return events | POLLOUT | POLLWRNORM | POLLWRBAND;
}

int udp_socket_queued(struct socket *base, bool out, int *bytes)
{
	struct inet_socket *s = inet_of(base);
	spin_lock(&base->lock);
	*bytes = out || list_empty(&s->datagrams) ? 0 : container_of(s->datagrams.next, struct datagram, link)->p->tot_len;
	spin_unlock(&base->lock);
	return 0;
}
