/* SPDX-License-Identifier: MIT */
/*
 * Connections as programs see them (tcp(7)). A socket's state goes FREE, CONNECTING, CONNECTED, or FREE, LISTENING; a connection whose end
 * has come stays CONNECTED, with `tcp` NULL, until the file is closed. The errors and poll's events are Linux's.
 */
#include "socket/inet/inet.h"

#include "kernel/poll.h"
#include "kernel/time.h"
#include "net/internal.h"
#include "net/net.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"

#define NS 1000000000ull

uint32_t tcp_window_usual(const struct inet_socket *s)
{
	return s->base.receive_limit_set ? s->base.receive_limit / 2 : TCP_WINDOW_USUAL;
}

uint32_t tcp_window_first(const struct inet_socket *s)
{
	return s->base.receive_limit_set ? s->base.receive_limit / 2 : TCP_WINDOW_FIRST;
}

uint32_t tcp_send_room(const struct inet_socket *s)
{
	uint32_t room = s->base.send_limit_set ? s->base.send_limit : TCP_SEND_USUAL;
	return room > TCP_SEND_LEAST && tcp_sending_is_crowded() ? TCP_SEND_LEAST : room;
}

/* ---- connect ---- */
/* The loopback is what lwIP takes where there is no other interface: nobody else is behind it. */
static bool is_astray(const struct netif *netif, const ip_addr_t *a)
{
	return IP_IS_V6(a) && netif == &loop_netif && !address_is_own(a, false);
}

static int connect_start(struct inet_socket *s, struct endpoint *to)
{
	struct netif *netif;
	ip_addr_t from;
	bool had_port = s->port_listed;
	bool group = ip_addr_ismulticast(&to->address);
	int error = group ? -ENETUNREACH : address_needs_link(s, to) ? -EINVAL : route_find(s, to, &netif, &from);
	bool nowhere = !error && (address_is_broadcast(&to->address, netif) || is_astray(netif, &to->address));
	error = error ? error : nowhere ? -ENETUNREACH : to->port ? 0 : -ECONNREFUSED; /* nobody listens at port 0 */
	error = error ? error : had_port ? 0 : port_take_for(s, to);
	struct tcp_pcb *pcb = error ? NULL : tcp_pcb_create(s);
	if (!pcb) {
		if (!error && !had_port) {
			port_leave(s);
		}
		return error ? error : -ENOBUFS;
	}
	pcb->local_ip = from;
	pcb->local_port = s->port_listed;
	net_tcp_select(&pcb->local_ip, pcb->local_port, &to->address, to->port);
	err_t result = tcp_connect(pcb, &to->address, to->port, pcb->connected);
	if (result != ERR_OK) {
		tcp_pcb_drop(s);
		if (!had_port) {
			port_leave(s);
		}
		return error_of(result);
	}
	spin_lock(&s->base.lock);
	s->local.address = from;
	s->local.port = s->port_listed;
	s->remote = *to;
	s->base.state = SOCKET_CONNECTING;
	s->base.closed = 0;
	s->base.error = 0;
	spin_unlock(&s->base.lock);
	return 0;
}

/* The result of an attempt that has ended; after one that failed the socket is as new. */
static int attempt_end(struct inet_socket *s)
{
	spin_lock(&s->base.lock);
	int error = s->base.state == SOCKET_CONNECTED ? 0 : s->base.error ? -s->base.error : -ECONNABORTED;
	if (error) {
		s->base.error = 0;
		s->base.closed = 0;
		s->remote.port = 0;
	}
	spin_unlock(&s->base.lock);
	return error;
}

/* Connections that nobody accepted are reset. */
static void waiting_drop(struct inet_socket *s)
{
	for (struct list *node; (node = list_pop_front(&s->waiting)) != NULL;) {
		struct inet_socket *end = container_of(node, struct inet_socket, waiting_link);
		s->waiting_count--;
		tcp_pcb_drop(end);
		port_leave(end);
		tcp_arrived_drop(end);
		inet_put(end);
	}
}

static void listen_end(struct inet_socket *s)
{
	tcp_pcb_drop(s);
	spin_lock(&s->base.lock);
	s->base.state = SOCKET_FREE; /* those that are half open look at it */
	s->base.closed = 0;
	spin_unlock(&s->base.lock);
	waiting_drop(s);
}

/* AF_UNSPEC: the connection is given up, or nobody is waited for any more, and the socket is as new. */
static int disconnect(struct inet_socket *s)
{
	net_lock();
	if (s->base.state == SOCKET_LISTENING) {
		listen_end(s);
	} else if (s->base.state == SOCKET_CONNECTED || s->base.state == SOCKET_CONNECTING) {
		tcp_pcb_drop(s);
		spin_lock(&s->base.lock);
		s->base.error = s->base.state == SOCKET_CONNECTED ? ECONNRESET : 0;
		s->base.state = SOCKET_FREE;
		s->base.closed = 0;
		s->connected_once = s->peer_ended = false;
		address_set_any(&s->remote.address, s);
		s->remote.port = 0;
		spin_unlock(&s->base.lock);
	}
	if (s->base.state == SOCKET_FREE && !s->bound) {
		port_leave(s);
		s->local.port = 0;
	}
	net_unlock();
	tcp_arrived_drop(s);
	waitq_wake_all(&s->base.in);
	waitq_wake_all(&s->base.out);
	return 0;
}

static int connect_begin(struct inet_socket *s, struct endpoint *to)
{
	net_lock();
	int error = s->base.state == SOCKET_FREE	 ? connect_start(s, to) :
		    s->base.state == SOCKET_CONNECTING ? -EALREADY :
							 -EISCONN;
	net_unlock();
	return error;
}

int tcp_socket_connect(struct socket *base, const struct address *to, bool wait)
{
	struct inet_socket *s = inet_of(base);
	struct endpoint e;
	if (to->family == AF_UNSPEC) {
		return disconnect(s);
	}
	int error = endpoint_read(s, to, &e);
	if (error) {
		return error;
	}
	if (base->state == SOCKET_FREE && s->remote.port) { /* of an attempt that nobody waited for */
		return attempt_end(s);
	}
	error = connect_begin(s, &e);
	if (error && error != -EALREADY) {
		return error;
	}
	bool begun = !error;
	if (!wait) {
		return error ? error : -EINPROGRESS;
	}
	error = WAIT_EVENT_DEADLINE(&base->out, base->state != SOCKET_CONNECTING, deadline_after(base->send_timeout_ns), true);
	if (error) {
		return error == -ETIMEDOUT ? (begun ? -EINPROGRESS : -EALREADY) : wait_error(error, base->send_timeout_ns);
	}
	return attempt_end(s);
}

/* ---- listen and accept ---- */
static int listen_locked(struct inet_socket *s, unsigned backlog)
{
	int error = 0;
	if (s->base.state != SOCKET_FREE && s->base.state != SOCKET_LISTENING) {
		return -EINVAL;
	}
	spin_lock(&s->base.lock);
	s->backlog = backlog < TCP_BACKLOG_MAX ? backlog : TCP_BACKLOG_MAX;
	spin_unlock(&s->base.lock);
	if (s->base.state == SOCKET_LISTENING) {
		return 0;
	}
	if (!s->port_listed) {
		error = port_take(s, 0);
		s->local.port = s->port_listed;
	}
	error = error ? error : port_may_listen(s) ? tcp_pcb_listen(s) : -EADDRINUSE;
	if (!error) {
		spin_lock(&s->base.lock);
		s->base.state = SOCKET_LISTENING;
		s->base.closed = 0;
		spin_unlock(&s->base.lock);
	}
	return error;
}

int tcp_socket_listen(struct socket *base, unsigned backlog)
{
	net_lock();
	int error = listen_locked(inet_of(base), backlog);
	net_unlock();
	return error;
}

/* 1: taken; 0: none there; -EINVAL: not listening. */
static int accept_try(struct inet_socket *s, struct inet_socket **out)
{
	net_lock();
	spin_lock(&s->base.lock);
	int result = s->base.state != SOCKET_LISTENING ? -EINVAL : 0;
	struct list *node = result ? NULL : list_pop_front(&s->waiting);
	if (node) {
		*out = container_of(node, struct inet_socket, waiting_link);
		s->waiting_count--;
		result = 1;
	}
	spin_unlock(&s->base.lock);
	net_unlock();
	return result;
}

static bool may_accept(struct inet_socket *s)
{
	spin_lock(&s->base.lock);
	bool may = s->base.state != SOCKET_LISTENING || !list_empty(&s->waiting);
	spin_unlock(&s->base.lock);
	return may;
}

int tcp_socket_accept(struct socket *base, bool wait, struct socket **out)
{
	struct inet_socket *s = inet_of(base), *end = NULL;
	uint64_t deadline = deadline_after(base->receive_timeout_ns);
	int result, error = 0;
	while ((result = accept_try(s, &end)) == 0 && wait && !error) {
		error = WAIT_EVENT_DEADLINE(&base->in, may_accept(s), deadline, true);
	}
	if (result == 1) {
		*out = &end->base;
		return 0;
	}
	return result ? result : error ? wait_error(error, base->receive_timeout_ns) : -EAGAIN;
}

/* ---- the end ---- */
int tcp_socket_shutdown(struct socket *base, unsigned closed)
{
	struct inet_socket *s = inet_of(base);
	int error = 0;
	net_lock();
	if (base->state == SOCKET_LISTENING && (closed & CLOSED_RECEIVE)) {
		listen_end(s);
	} else if (base->state != SOCKET_CONNECTED || !tcp_socket_lasts(s)) {
		error = base->state == SOCKET_CONNECTING || base->state == SOCKET_LISTENING ? 0 : -ENOTCONN;
		if (base->state == SOCKET_CONNECTING) {
			tcp_pcb_drop(s);
			inet_fail(s, ECONNRESET);
		}
	} else {
		spin_lock(&base->lock);
		bool sends = !(base->closed & CLOSED_SEND);
		base->closed |= closed;
		spin_unlock(&base->lock);
		if ((closed & CLOSED_SEND) && sends && s->tcp) {
			s->cork = false;
			tcp_pcb_select(s->tcp);
			tcp_shutdown(s->tcp, 0, 1);
		}
	}
	net_unlock();
	waitq_wake_all(&base->in);
	waitq_wake_all(&base->out);
	return error;
}

static void close_locked(struct inet_socket *s)
{
	spin_lock(&s->base.lock);
	bool unread = s->queued > 0;
	s->base.file = NULL;
	s->base.closed = CLOSED_RECEIVE | CLOSED_SEND;
	spin_unlock(&s->base.lock);
	if (s->base.state == SOCKET_LISTENING) {
		listen_end(s);
	} else if (s->tcp && (unread || s->base.linger_seconds == 0 || s->base.state == SOCKET_CONNECTING)) {
		tcp_pcb_drop(s);
	} else if (s->tcp) {
		tcp_push(s);
		if (!(s->tcp->flags & TF_RXCLOSED)) {
			s->tcp->rcv_wnd = TCP_WND_MAX(s->tcp); /* all has been read, as far as lwIP is to know: no reset */
		}
		tcp_err(s->tcp, NULL); /* its reference may be the last, and lwIP tells of an abort when that has gone */
		tcp_pcb_select(s->tcp);
		tcp_close(s->tcp); /* short of memory it tries again by itself */
	}
	if (!s->tcp) {
		port_leave(s);
	}
}

static bool has_lingered(struct inet_socket *s)
{
	return !__atomic_load_n(&s->sent, __ATOMIC_SEQ_CST) || !s->tcp;
}

void tcp_socket_close(struct socket *base)
{
	struct inet_socket *s = inet_of(base);
	int linger = base->linger_seconds;
	net_lock();
	close_locked(s);
	net_unlock();
	tcp_arrived_drop(s);
	if (linger > 0) {
		WAIT_EVENT_DEADLINE(&base->out, has_lingered(s), time_ns() + (uint64_t)linger * NS, true);
	}
	inet_put(s);
}

bool tcp_socket_lasts(const struct inet_socket *s)
{
	return s->tcp && s->tcp->state != TIME_WAIT;
}

/* ---- poll and ioctl ---- */
unsigned tcp_socket_poll(struct socket *base, struct poll_table *table)
{
	struct inet_socket *s = inet_of(base);
	uint32_t sent = __atomic_load_n(&s->sent, __ATOMIC_RELAXED), room = tcp_send_room(s);
	spin_lock(&base->lock);
	unsigned closed = base->closed, events = base->error ? POLLERR : 0;
	bool ended = base->state == SOCKET_FREE || closed == (CLOSED_RECEIVE | CLOSED_SEND);
	uint32_t least = base->receive_least < s->window ? base->receive_least : s->window;
	bool urgent = s->urgent == URGENT_HERE || s->urgent == URGENT_TAKEN, left_out = urgent && s->arrived - s->queued == s->urgent_at;
	least += left_out && !socket_option(base, SO_OOBINLINE);
	bool readable = s->queued >= least && s->queued > 0;
	bool accepts = !list_empty(&s->waiting);
	enum socket_state state = base->state;
	spin_unlock(&base->lock);
	if (state == SOCKET_LISTENING) {
		return events | (accepts ? POLLIN | POLLRDNORM : 0);
	}
	events |= ended ? POLLHUP : 0;
	events |= closed & CLOSED_RECEIVE ? POLLIN | POLLRDNORM | POLLRDHUP : 0;
	if (state == SOCKET_CONNECTING) {
		return events;
	}
	events |= readable ? POLLIN | POLLRDNORM : 0;
	if (!readable) {
		tcp_ack_ask(s);
	}
	events |= urgent ? POLLPRI : 0;
	return events | ((closed & CLOSED_SEND) || sent <= room / 3 * 2 ? POLLOUT | POLLWRNORM : 0);
}

int tcp_socket_queued(struct socket *base, bool out, int *bytes)
{
	struct inet_socket *s = inet_of(base);
	if (base->state == SOCKET_LISTENING) {
		return -EINVAL;
	}
	spin_lock(&base->lock);
	*bytes = (int)(out ? s->sent : s->queued);
	spin_unlock(&base->lock);
	return 0;
}

uint64_t tcp_socket_held(struct socket *base)
{
	struct inet_socket *s = inet_of(base);
	return (uint64_t)__atomic_load_n(&s->sent, __ATOMIC_RELAXED) + __atomic_load_n(&s->queued, __ATOMIC_RELAXED);
}
