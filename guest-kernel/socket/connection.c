/* SPDX-License-Identifier: MIT */
/*
 * Connections: connect() makes the server's end at once and puts it into the listening socket's queue; accept() takes it from there. The
 * client may send before that. A datagram socket's peer is only where it sends to, and whom it hears.
 */
#include "socket/socket.h"

#define BACKLOG_MAX 4096u /* net.core.somaxconn */

int socket_listen(struct socket *s, unsigned backlog)
{
	if (s->type == SOCK_DGRAM) {
		return -EOPNOTSUPP;
	}
	spin_lock(&s->lock);
	int error = !s->name || s->state == SOCKET_CONNECTED ? -EINVAL : 0;
	if (!error) {
		s->state = SOCKET_LISTENING;
		s->backlog = backlog < BACKLOG_MAX ? backlog : BACKLOG_MAX;
		s->peer_id = sender_id_current();
	}
	spin_unlock(&s->lock);
	waitq_wake_all(&s->out); /* the queue may be longer now */
	return error;
}

static int connect_datagrams(struct socket *s, const struct address *to)
{
	struct socket *peer = NULL;
	int error = to->family == AF_UNSPEC ? 0 : name_find(to, s->type, &peer);
	if (error) {
		return error;
	}
	spin_lock(&s->lock);
	struct socket *old = s->peer;
	s->peer = peer;
	s->state = peer ? SOCKET_CONNECTED : SOCKET_FREE;
	spin_unlock(&s->lock);
	socket_put(old);
	waitq_wake_all(&s->out);
	return 0;
}

static void lock_both(struct socket *a, struct socket *b)
{
	spin_lock(a < b ? &a->lock : &b->lock);
	spin_lock(a < b ? &b->lock : &a->lock);
}

static void unlock_both(struct socket *a, struct socket *b)
{
	spin_unlock(a < b ? &b->lock : &a->lock);
	spin_unlock(a < b ? &a->lock : &b->lock);
}

/* `end` is new. -EAGAIN: the queue is full. */
static int connect_try(struct socket *s, struct socket *listener, struct socket *end)
{
	lock_both(s, listener);
	int error = 0;
	if (listener->state != SOCKET_LISTENING || (listener->closed & CLOSED_RECEIVE)) {
		error = -ECONNREFUSED;
	} else if (listener->waiting_count > listener->backlog) {
		error = -EAGAIN;
	} else if (s->state != SOCKET_FREE) {
		error = s->state == SOCKET_CONNECTED ? -EISCONN : -EINVAL;
	} else {
		end->name = name_get(listener->name);
		end->peer_id = sender_id_current();
		end->pass_id = listener->pass_id;
		s->peer_id = listener->peer_id;
		socket_pair(s, end);
		list_push_back(&listener->waiting, &end->waiting_link);
		listener->waiting_count++;
	}
	unlock_both(s, listener);
	return error;
}

static bool queue_has_room(struct socket *listener)
{
	spin_lock(&listener->lock);
	bool room = listener->state != SOCKET_LISTENING || listener->closed || listener->waiting_count <= listener->backlog;
	spin_unlock(&listener->lock);
	return room;
}

int socket_connect(struct socket *s, const struct address *to, bool wait)
{
	if (s->type == SOCK_DGRAM) {
		return connect_datagrams(s, to);
	}
	struct socket *listener;
	uint64_t deadline = deadline_after(s->send_timeout_ns);
	int error = to->family == AF_UNSPEC ? -EINVAL : name_find(to, s->type, &listener);
	if (error) {
		return error;
	}
	struct socket *end = listener == s ? NULL : socket_create(s->type);
	error = end ? -EAGAIN : listener == s ? (s->state == SOCKET_LISTENING ? -EINVAL : -ECONNREFUSED) : -ENOMEM;
	while (end && (error = connect_try(s, listener, end)) == -EAGAIN && wait) {
		error = WAIT_EVENT_DEADLINE(&listener->out, queue_has_room(listener), deadline, true);
		if (error) {
			error = wait_error(error, s->send_timeout_ns);
			break;
		}
	}
	if (!error) {
		waitq_wake_all(&listener->in);
		waitq_wake_all(&s->out);
	} else {
		socket_put(end);
	}
	socket_put(listener);
	return error;
}

/* 1: taken; 0: none there; -EINVAL: not listening. */
static int accept_try(struct socket *s, struct socket **out)
{
	spin_lock(&s->lock);
	int result = s->state != SOCKET_LISTENING ? -EINVAL : s->closed & CLOSED_RECEIVE ? -EINVAL : 0;
	struct list *node = result ? NULL : list_pop_front(&s->waiting);
	if (node) {
		*out = container_of(node, struct socket, waiting_link);
		s->waiting_count--;
		result = 1;
	}
	spin_unlock(&s->lock);
	return result;
}

int socket_accept(struct socket *s, bool wait, struct socket **out)
{
	int result = s->type == SOCK_DGRAM ? -EOPNOTSUPP : accept_try(s, out), error = 0;
	if (result == 0 && wait) {
		error = WAIT_EVENT_DEADLINE(&s->in, (result = accept_try(s, out)) != 0, deadline_after(s->receive_timeout_ns), true);
	}
	if (result == 1) {
		waitq_wake_all(&s->out);
	}
	return result == 1 ? 0 : result ? result : error ? wait_error(error, s->receive_timeout_ns) : -EAGAIN;
}

int socket_shutdown(struct socket *s, unsigned how)
{
	if (how > 2) {
		return -EINVAL;
	}
	unsigned mine = how + 1; /* SHUT_RD, SHUT_WR, SHUT_RDWR */
	unsigned its = (mine & CLOSED_RECEIVE ? CLOSED_SEND : 0) | (mine & CLOSED_SEND ? CLOSED_RECEIVE : 0);
	struct socket *peer = s->type == SOCK_DGRAM ? NULL : socket_peer(s);
	spin_lock(&s->lock);
	s->closed |= mine;
	spin_unlock(&s->lock);
	waitq_wake_all(&s->in);
	waitq_wake_all(&s->out);
	if (peer) {
		spin_lock(&peer->lock);
		peer->closed |= its;
		spin_unlock(&peer->lock);
		waitq_wake_all(&peer->in);
		waitq_wake_all(&peer->out);
		socket_put(peer);
	}
	return 0;
}
