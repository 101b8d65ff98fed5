/* SPDX-License-Identifier: MIT */
/*
 * What has arrived at a socket of whole messages waits as it came until it is read, at most as much as the receive buffer holds. Errors
 * wait in a queue of their own, if the program wants them (IP_RECVERR), charged to the same buffer.
 */
#include "socket/inet/datagram.h"

#include "base/string.h"
#include "kernel/poll.h"
#include "kernel/time.h"
#include "net/lwip/hooks.h"
#include "net/net.h"
#include "socket/filter.h"
#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/raw.h"
#include "lwip/udp.h"

#define OVERHEAD 512u /* charged to the receive buffer beside a datagram's bytes */

enum { IP_TOS = 1, IP_TTL, IP_PKTINFO = 8, IP_RECVERR = 11, IPV6_2292HOPLIMIT = 8, IPV6_RECVERR = 25, IPV6_PKTINFO = 50, IPV6_HOPLIMIT = 52, IPV6_TCLASS = 67,
	SCM_TIMESTAMP = 29, SCM_TIMESTAMPNS = 35 };

struct datagram {
	struct list link;
	struct pbuf *p; /* NULL: nothing came with it */
	struct endpoint from; /* of an error: where it was to go */
	ip_addr_t to;
	uint32_t interface, charge;
	uint8_t tos, ttl;
	uint64_t wall_ns;
};

struct error_waiting {
	struct datagram datagram;
	struct error_told told;
};

/* ---- what arrives, under the net lock ---- */
static void datagram_free(struct datagram *d)
{
	if (d->p) {
		pbuf_free(d->p);
	}
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

static bool has_room(const struct inet_socket *s, uint32_t charge)
{
	return s->datagram_charge + charge <= s->base.receive_limit || !s->datagram_charge;
}

static void queue(struct inet_socket *s, struct list *list, struct datagram *d)
{
	spin_lock(&s->base.lock);
	list_push_back(list, &d->link);
	s->datagram_charge += d->charge;
	spin_unlock(&s->base.lock);
	waitq_wake_all(&s->base.in);
}

static void buffer_read(const void *from, uint32_t at, void *to, uint32_t bytes)
{
	pbuf_copy_partial(from, to, (u16_t)bytes, (u16_t)at);
}

/* A filter sees UDP's header as well (socket(7)), and may make the datagram shorter. False: it is not wanted. */
static bool filter_pass(const struct inet_socket *s, struct pbuf *p)
{
	u16_t header = s->kind == INET_UDP ? UDP_HLEN : 0;
	pbuf_add_header_force(p, header);
	struct filter_packet packet = { .read = buffer_read, .from = p, .end = p->tot_len, .link = UINT32_MAX, .network = UINT32_MAX,
		.protocol = s->v6 ? 0x86dd : 0x800, .interface = netif_get_index(ip_current_input_netif()) };
	uint32_t wanted = socket_filter_run(&s->base, &packet);
	pbuf_remove_header(p, header);
	if (wanted && wanted < (uint32_t)p->tot_len + header) {
		pbuf_realloc(p, (u16_t)(wanted > header ? wanted - header : 0));
	}
	return wanted;
}

void datagram_arrived(struct inet_socket *s, struct pbuf *p, const ip_addr_t *from, uint16_t port)
{
	bool wanted = !s->base.filter || filter_pass(s, p);
	uint32_t charge = p->tot_len + OVERHEAD;
	struct datagram *d = wanted && has_room(s, charge) ? net_memory_alloc(sizeof(*d)) : NULL;
	if (!d) {
		s->dropped++;
		pbuf_free(p);
		return;
	}
	*d = (struct datagram){ .p = p, .to = *ip_current_dest_addr(), .interface = netif_get_index(ip_current_input_netif()), .charge = charge };
	d->from.address = *from;
	d->from.port = port;
	header_read(d);
	d->wall_ns = socket_option(&s->base, SO_TIMESTAMP) || socket_option(&s->base, SO_TIMESTAMPNS) || s->base.stamps ? time_wall_ns() : 0;
	queue(s, &s->datagrams, d);
}

void datagram_error(struct inet_socket *s, struct pbuf *p, const struct endpoint *to, const struct error_told *told)
{
	uint32_t charge = (p ? p->tot_len : 0) + OVERHEAD;
	struct error_waiting *e = has_room(s, charge) ? net_memory_alloc(sizeof(*e)) : NULL;
	if (!e) {
		s->dropped++;
		if (p) {
			pbuf_free(p);
		}
		return;
	}
	*e = (struct error_waiting){ .datagram = { .p = p, .from = *to, .charge = charge }, .told = *told };
	if (told->origin != ORIGIN_LOCAL) {
		e->datagram.to = *ip_current_dest_addr();
		e->datagram.interface = netif_get_index(ip_current_input_netif());
		header_read(&e->datagram);
	}
	queue(s, &s->errors, &e->datagram);
}

void datagrams_drop(struct inet_socket *s)
{
	struct list *lists[] = { &s->datagrams, &s->errors };
	for (unsigned i = 0; i < 2; i++) {
		for (struct list *node; (node = list_pop_front(lists[i])) != NULL;) {
			datagram_free(container_of(node, struct datagram, link));
		}
	}
}

void datagram_socket_close(struct socket *base)
{
	struct inet_socket *s = inet_of(base);
	net_lock();
	memberships_leave(s);
	port_leave(s);
	if (s->kind == INET_UDP) {
		udp_remove(s->udp);
	} else {
		raw_remove(s->raw);
	}
	s->ip = NULL;
	net_unlock();
	datagrams_drop(s);
	cork_drop(s);
	inet_put(s);
}

int datagram_socket_shutdown(struct socket *base, unsigned closed)
{
	spin_lock(&base->lock);
	bool connected = base->state == SOCKET_CONNECTED;
	base->closed |= closed;
	spin_unlock(&base->lock);
	waitq_wake_all(&base->in);
	waitq_wake_all(&base->out);
	return connected ? 0 : -ENOTCONN;
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
		if (*error || any) {
			return any && !*error ? container_of(node, struct datagram, link) : NULL;
		}
		if (flags & MSG_DONTWAIT) {
			*error = -EAGAIN;
		}
		if (*error || end) { /* who would wait hears of the end; what arrives behind it can be read */
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

static void take(struct inet_socket *s, struct datagram *d)
{
	spin_lock(&s->base.lock);
	list_remove(&d->link);
	s->datagram_charge -= d->charge;
	spin_unlock(&s->base.lock);
	datagram_free(d);
}

/* The first error of the queue (MSG_ERRQUEUE). The next one, if there is one, is then the socket's. */
static long receive_error(struct inet_socket *s, struct incoming *i, uint64_t room)
{
	spin_lock(&s->base.lock);
	struct list *node = list_empty(&s->errors) ? NULL : s->errors.next, *next = node && node->next != &s->errors ? node->next : NULL;
	s->base.error = next ? container_of(next, struct error_waiting, datagram.link)->told.error : node ? 0 : s->base.error;
	spin_unlock(&s->base.lock);
	if (!node) {
		return -EAGAIN;
	}
	struct error_waiting *e = container_of(node, struct error_waiting, datagram.link);
	uint64_t size = e->datagram.p ? e->datagram.p->tot_len : 0, n = size < room ? size : room;
	int error = copy_out(&e->datagram, &i->to, n);
	if (!error) {
		describe(s, &e->datagram, i);
		i->has_info = e->told.origin != ORIGIN_LOCAL; /* of the packet that told */
		i->error = (struct packet_error){ .told = true, .v6 = IP_IS_V6(&e->told.teller), .origin = e->told.origin, .type = e->told.type,
			.code = e->told.code, .error = (uint32_t)e->told.error, .info = e->told.info };
		memcpy(i->error.teller, i->error.v6 ? (const void *)ip_2_ip6(&e->told.teller)->addr : ip_2_ip4(&e->told.teller), i->error.v6 ? 16 : 4);
		i->out_flags |= (n < size ? MSG_TRUNC : 0) | MSG_ERRQUEUE;
	}
	take(s, &e->datagram);
	return error ? error : (long)n;
}

static long receive_locked(struct inet_socket *s, struct incoming *i, uint64_t room)
{
	int error;
	struct datagram *d = first(s, i->flags, deadline_after(s->base.receive_timeout_ns), &error);
	if (!d) {
		return error;
	}
	uint64_t size = d->p->tot_len, n = size < room ? size : room;
	error = copy_out(d, &i->to, n);
	if (!error) {
		describe(s, d, i);
		i->out_flags |= n < size ? MSG_TRUNC : 0;
		s->base.stamp_ns = d->wall_ns ? d->wall_ns : STAMP_UNKNOWN;
	}
	if (!(i->flags & MSG_PEEK)) {
		take(s, d);
	}
	return error ? error : (long)(i->flags & MSG_TRUNC ? size : n);
}

long datagram_socket_receive(struct socket *base, struct incoming *i)
{
	struct inet_socket *s = inet_of(base);
	uint64_t room = cursor_left(&i->to);
	if (i->flags & MSG_OOB) {
		return -EOPNOTSUPP;
	}
	mutex_lock(&base->reading);
	long result = i->flags & MSG_ERRQUEUE ? receive_error(s, i, room) : receive_locked(s, i, room);
	mutex_unlock(&base->reading);
	return result;
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

/* A struct sock_extended_err, and the address of whoever reported it. */
static int error_put(struct control_room *room, const struct packet_error *e)
{
	struct {
		uint32_t error;
		uint8_t origin, type, code, pad;
		uint32_t info, data;
		uint16_t family, port;
		uint8_t rest[24]; /* of a struct sockaddr_in or _in6 */
	} out = { .error = e->error, .origin = e->origin, .type = e->type, .code = e->code, .info = e->info };
	if (e->origin != ORIGIN_LOCAL) { /* that nobody has reported */
		out.family = e->v6 ? AF_INET6 : AF_INET;
		memcpy(out.rest + (e->v6 ? 4 : 0), e->teller, e->v6 ? 16 : 4);
	}
	return e->v6 ? control_put(room, IPPROTO_IPV6, IPV6_RECVERR, &out, 16 + 28) : control_put(room, IPPROTO_IP, IP_RECVERR, &out, 16 + 16);
}

static int info_all_put(struct inet_socket *s, const struct incoming *i, struct control_room *room)
{
	bool v6 = i->info.v6;
	int ttl = i->ttl, tos = i->tos, error = 0;
	uint8_t tos_byte = (uint8_t)tos;
	bool stamps = socket_option(&s->base, SO_TIMESTAMP) || socket_option(&s->base, SO_TIMESTAMPNS);
	error = stamps && i->wall_ns ? time_put(s, room, i->wall_ns) : 0;
	error = error ? error : s->want_info ? info_put(room, i) : 0;
	if (!error && s->want_ttl) {
		error = control_put(room, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_HOPLIMIT : IP_TTL, &ttl, sizeof(ttl));
	}
	if (!error && s->want_hops && v6) {
		error = control_put(room, IPPROTO_IPV6, IPV6_2292HOPLIMIT, &ttl, sizeof(ttl));
	}
	if (!error && s->want_tos) {
		error = v6 ? control_put(room, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos)) : control_put(room, IPPROTO_IP, IP_TOS, &tos_byte, 1);
	}
	return error;
}

int datagram_socket_extras(struct socket *base, struct incoming *i, struct control_room *room)
{
	int error = i->has_info ? info_all_put(inet_of(base), i, room) : 0;
	return error || !i->error.told ? error : error_put(room, &i->error);
}

/* ---- poll and ioctl ---- */
unsigned datagram_socket_poll(struct socket *base, struct poll_table *table)
{
	struct inet_socket *s = inet_of(base);
	spin_lock(&base->lock);
	unsigned events = base->error || !list_empty(&s->errors) ? POLLERR : 0;
	events |= base->closed == (CLOSED_RECEIVE | CLOSED_SEND) ? POLLHUP : 0;
	events |= base->closed & CLOSED_RECEIVE ? POLLIN | POLLRDNORM | POLLRDHUP : 0;
	events |= !list_empty(&s->datagrams) ? POLLIN | POLLRDNORM : 0;
	spin_unlock(&base->lock);
	return events | POLLOUT | POLLWRNORM | POLLWRBAND;
}

int datagram_socket_queued(struct socket *base, bool out, int *bytes)
{
	struct inet_socket *s = inet_of(base);
	spin_lock(&base->lock);
	*bytes = out || list_empty(&s->datagrams) ? 0 : container_of(s->datagrams.next, struct datagram, link)->p->tot_len;
	spin_unlock(&base->lock);
	return 0;
}

uint64_t datagram_socket_held(struct socket *base)
{
	const struct inet_socket *s = inet_of(base);
	return __atomic_load_n(&s->datagram_charge, __ATOMIC_RELAXED) + __atomic_load_n(&s->corked_bytes, __ATOMIC_RELAXED);
}
