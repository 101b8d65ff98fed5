/* SPDX-License-Identifier: MIT */
/*
 * Connections: connect() makes the server's end at once and puts it into the listening socket's queue; accept() takes it from there. The
 * client may send before that. A datagram socket's peer is only where it sends to, and whom it hears.
 */
#include "socket/unix/unix.h"

#define BACKLOG_MAX 4096u /* net.core.somaxconn */

int unix_listen(struct socket *socket, unsigned backlog)
{
	struct unix_socket *s = unix_of(socket);
	if (s->base.type == SOCK_DGRAM) {
		return -EOPNOTSUPP;
	}
	spin_lock(&s->base.lock);
	int error = !s->name || s->base.state == SOCKET_CONNECTED ? -EINVAL : 0;
	if (!error) {
		s->base.state = SOCKET_LISTENING;
		s->backlog = backlog < BACKLOG_MAX ? backlog : BACKLOG_MAX;
		s->peer_id = sender_id_current();
	}
	spin_unlock(&s->base.lock);
	waitq_wake_all(&s->base.out); /* the queue may be longer now */
	return error;
}

static int connect_datagrams(struct unix_socket *s, const struct address *to)
{
	struct unix_socket *peer = NULL;
	int error = to->family == AF_UNSPEC ? 0 : name_find(to, s->base.type, &peer);
	if (error) {
		return error;
	}
	spin_lock(&s->base.lock);
	struct unix_socket *old = s->peer;
	s->peer = peer;
	s->base.state = peer ? SOCKET_CONNECTED : SOCKET_FREE;
	spin_unlock(&s->base.lock);
	unix_put(old);
	waitq_wake_all(&s->base.out);
	return 0;
}

static void lock_both(struct unix_socket *a, struct unix_socket *b)
{
	spin_lock(a < b ? &a->base.lock : &b->base.lock);
	spin_lock(a < b ? &b->base.lock : &a->base.lock);
}

static void unlock_both(struct unix_socket *a, struct unix_socket *b)
{
	spin_unlock(a < b ? &b->base.lock : &a->base.lock);
	spin_unlock(a < b ? &a->base.lock : &b->base.lock);
}

/* `end` is new. -EAGAIN: the queue is full. */
static int connect_try(struct unix_socket *s, struct unix_socket *listener, struct unix_socket *end)
{
	lock_both(s, listener);
	int error = 0;
	if (listener->base.state != SOCKET_LISTENING || (listener->base.closed & CLOSED_RECEIVE)) {
		error = -ECONNREFUSED;
	} else if (listener->waiting_count > listener->backlog) {
		error = -EAGAIN;
	} else if (s->base.state != SOCKET_FREE) {
		error = s->base.state == SOCKET_CONNECTED ? -EISCONN : -EINVAL;
	} else {
		end->name = name_get(listener->name);
		end->peer_id = sender_id_current();
		end->base.pass_id = listener->base.pass_id;
		s->peer_id = listener->peer_id;
		unix_pair(s, end);
		list_push_back(&listener->waiting, &end->waiting_link);
		listener->waiting_count++;
	}
	unlock_both(s, listener);
	return error;
}

static bool queue_has_room(struct unix_socket *listener)
{
	spin_lock(&listener->base.lock);
	bool room = listener->base.state != SOCKET_LISTENING || listener->base.closed || listener->waiting_count <= listener->backlog;
	spin_unlock(&listener->base.lock);
	return room;
}

int unix_connect(struct socket *socket, const struct address *to, bool wait)
{
	struct unix_socket *s = unix_of(socket);
	if ((to->family != AF_UNIX || !to->length || to->length > PATH_BYTES) && to->family != AF_UNSPEC) {
		return -EINVAL;
	}
	if (s->base.type == SOCK_DGRAM) {
		return connect_datagrams(s, to);
	}
	struct unix_socket *listener;
	uint64_t deadline = deadline_after(s->base.send_timeout_ns);
	int error = to->family == AF_UNSPEC ? -EINVAL : name_find(to, s->base.type, &listener);
	if (error) {
		return error;
	}
	struct unix_socket *end = listener == s ? NULL : unix_alloc(s->base.type);
	error = end ? -EAGAIN : listener == s ? (s->base.state == SOCKET_LISTENING ? -EINVAL : -ECONNREFUSED) : -ENOMEM;
	while (end && (error = connect_try(s, listener, end)) == -EAGAIN && wait) {
		error = WAIT_EVENT_DEADLINE(&listener->base.out, queue_has_room(listener), deadline, true);
		if (error) {
			error = wait_error(error, s->base.send_timeout_ns);
			break;
		}
	}
	if (!error) {
		waitq_wake_all(&listener->base.in);
		waitq_wake_all(&s->base.out);
	} else {
		unix_put(end);
	}
	unix_put(listener);
	return error;
}

/* 1: taken; 0: none there; -EINVAL: not listening. */
static int accept_try(struct unix_socket *s, struct unix_socket **out)
{
	spin_lock(&s->base.lock);
	int result = s->base.state != SOCKET_LISTENING ? -EINVAL : s->base.closed & CLOSED_RECEIVE ? -EINVAL : 0;
	struct list *node = result ? NULL : list_pop_front(&s->waiting);
	if (node) {
		*out = container_of(node, struct unix_socket, waiting_link);
		s->waiting_count--;
		result = 1;
	}
	spin_unlock(&s->base.lock);
	return result;
}

int unix_accept(struct socket *socket, bool wait, struct socket **out)
{
	struct unix_socket *s = unix_of(socket), *end = NULL;
	int result = s->base.type == SOCK_DGRAM ? -EOPNOTSUPP : accept_try(s, &end), error = 0;
	if (result == 0 && wait) {
		error = WAIT_EVENT_DEADLINE(&s->base.in, (result = accept_try(s, &end)) != 0, deadline_after(s->base.receive_timeout_ns), true);
	}
	if (result == 1) {
		*out = &end->base;
		waitq_wake_all(&s->base.out);
	}
	return result == 1 ? 0 : result ? result : error ? wait_error(error, s->base.receive_timeout_ns) : -EAGAIN;
}

int unix_shutdown(struct socket *socket, unsigned mine)
{
	struct unix_socket *s = unix_of(socket);
	unsigned its = (mine & CLOSED_RECEIVE ? CLOSED_SEND : 0) | (mine & CLOSED_SEND ? CLOSED_RECEIVE : 0);
	struct unix_socket *peer = s->base.type == SOCK_DGRAM ? NULL : unix_peer(s);
	spin_lock(&s->base.lock);
	s->base.closed |= mine;
	spin_unlock(&s->base.lock);
	waitq_wake_all(&s->base.in);
	waitq_wake_all(&s->base.out);
	if (s->base.type == SOCK_DGRAM) {
		waitq_wake_all(&datagram_room);
	}
	if (peer) {
		spin_lock(&peer->base.lock);
		peer->base.closed |= its;
		spin_unlock(&peer->base.lock);
		waitq_wake_all(&peer->base.in);
		waitq_wake_all(&peer->base.out);
		unix_put(peer);
	}
	return 0;
}
