/* SPDX-License-Identifier: MIT */
/*
 * Sending and receiving. Bytes are copied into a message before any lock is taken, and out of it with only `reading` held. A stream's
 * read goes over several messages, but not from one sender's ID to another's (SO_PASSCRED), and not behind one that brought files.
 */
#include "socket/unix/unix.h"

#include "base/string.h"
#include "kernel/reserve.h"
#include "socket/filter.h"

#define STREAM_PIECE (16384u - (uint32_t)sizeof(struct message))

struct waitq datagram_room = WAITQ_INIT(datagram_room);

/* ---- sending ---- */
static bool may_queue(struct unix_socket *s)
{
	return __atomic_load_n(&s->sent, __ATOMIC_SEQ_CST) < s->base.send_limit || (s->base.closed & CLOSED_SEND);
}

static int wait_for_buffer(struct unix_socket *s, unsigned flags, uint64_t deadline)
{
	if (may_queue(s)) {
		return s->base.closed & CLOSED_SEND ? -EPIPE : 0;
	}
	if (flags & MSG_DONTWAIT) {
		return -EAGAIN;
	}
	int error = WAIT_EVENT_DEADLINE(&s->base.out, may_queue(s), deadline, true);
	return error ? wait_error(error, s->base.send_timeout_ns) : s->base.closed & CLOSED_SEND ? -EPIPE : 0;
}

static int message_fill(struct unix_socket *s, struct outgoing *o, uint32_t bytes, struct message **out)
{
	struct message *m = message_create(s, bytes);
	if (!m) {
		return -ENOBUFS;
	}
	if (cursor_copy_in(&o->from, m->data, bytes)) {
		message_free(m);
		return -EFAULT;
	}
	spin_lock(&s->base.lock);
	m->from = name_get(s->name);
	spin_unlock(&s->base.lock);
	m->id = o->id;
	*out = m;
	return 0;
}

static int stream_put(struct unix_socket *peer, struct message *m)
{
	spin_lock(&peer->base.lock);
	int error = peer->dead || (peer->base.closed & CLOSED_RECEIVE) ? -EPIPE : 0;
	if (!error) {
		message_queue_locked(peer, m);
	}
	spin_unlock(&peer->base.lock);
	if (!error) {
		waitq_wake_all(&peer->base.in);
	}
	return error;
}

static long stream_send(struct unix_socket *s, struct outgoing *o)
{
	uint64_t bytes = cursor_left(&o->from), done = 0, deadline = deadline_after(s->base.send_timeout_ns);
	struct unix_socket *peer = unix_peer(s);
	int error = o->named ? (peer ? -EISCONN : -EOPNOTSUPP) : peer ? 0 : -ENOTCONN;
	while (!error && done < bytes) {
		reserve_renew();
		struct message *m;
		uint64_t left = bytes - done, most = s->base.send_limit / 2 - 64;
		uint64_t piece = left < STREAM_PIECE ? left : STREAM_PIECE;
		error = wait_for_buffer(s, o->flags, deadline);
		error = error ? error : message_fill(s, o, (uint32_t)(piece < most ? piece : most), &m);
		if (error) {
			break;
		}
		uint32_t size = m->size; /* once it is queued, the reader may free it */
		m->rights = o->rights;
		o->rights = NULL;
		error = stream_put(peer, m);
		if (error) {
			message_free(m);
		} else {
			done += size;
		}
	}
	unix_put(peer);
	return done ? (long)done : socket_broken_pipe(error, o->flags);
}

/* -EAGAIN: its queue is full. */
static int datagram_try(struct unix_socket *s, struct unix_socket *to, struct message *m)
{
	spin_lock(&to->base.lock);
	bool strange = s->base.type == SOCK_DGRAM && to->peer && to->peer != s;
	int error = to->dead ? (s->base.type == SOCK_DGRAM ? -ECONNREFUSED : -EPIPE) : strange ? -EPERM : to->base.closed & CLOSED_RECEIVE ? -EPIPE : 0;
	if (!error && to != s && to->peer != s && to->message_count > DATAGRAMS_MAX) {
		error = -EAGAIN;
	}
	if (!error) {
		message_queue_locked(to, m);
	}
	spin_unlock(&to->base.lock);
	if (!error) {
		waitq_wake_all(&to->base.in);
	}
	return error;
}

static int datagram_put(struct unix_socket *s, struct unix_socket *to, struct message *m, unsigned flags, uint64_t deadline)
{
	int error = datagram_try(s, to, m), slept = 0;
	if (error == -EAGAIN && !(flags & MSG_DONTWAIT)) {
		slept = WAIT_EVENT_DEADLINE(&datagram_room, (error = datagram_try(s, to, m)) != -EAGAIN, deadline, true);
	}
	return error == -EAGAIN && slept ? wait_error(slept, s->base.send_timeout_ns) : error;
}

/* A peer that has gone is forgotten when that is told. */
static void peer_forget(struct unix_socket *s, struct unix_socket *peer)
{
	spin_lock(&s->base.lock);
	bool same = s->peer == peer;
	if (same) {
		s->peer = NULL;
		s->base.state = SOCKET_FREE;
	}
	spin_unlock(&s->base.lock);
	if (same) {
		unix_put(peer);
	}
}

static void message_read(const void *from, uint32_t at, void *to, uint32_t bytes)
{
	memcpy(to, (const char *)from + at, bytes);
}

/* The receiver's filter, which may make it shorter. False: it is not wanted, as if it had been. */
static bool filter_pass(const struct unix_socket *to, struct message *m)
{
	struct filter_packet packet = { .read = message_read, .from = m->data, .end = m->size, .link = UINT32_MAX, .network = UINT32_MAX };
	uint32_t wanted = to->base.filter ? socket_filter_run(&to->base, &packet) : FILTER_ALL;
	m->size = wanted < m->size ? wanted : m->size;
	return wanted;
}

static long datagram_send(struct unix_socket *s, struct outgoing *o)
{
	uint64_t bytes = cursor_left(&o->from), deadline = deadline_after(s->base.send_timeout_ns);
	struct unix_socket *to = NULL;
	struct message *m = NULL;
	bool named = o->named && s->base.type == SOCK_DGRAM, wanted = true;
	int error = 0;
	if (named) {
		error = name_find(&o->to, s->base.type, &to);
	} else {
		to = unix_peer(s);
		error = to ? 0 : -ENOTCONN;
	}
	if (!error && (bytes > UINT32_MAX || bytes + 32 > s->base.send_limit)) {
		error = -EMSGSIZE;
	}
	error = error ? error : wait_for_buffer(s, o->flags, deadline);
	error = error ? error : message_fill(s, o, (uint32_t)bytes, &m);
	if (!error) {
		m->rights = o->rights;
		o->rights = NULL;
		wanted = filter_pass(to, m);
		error = wanted ? datagram_put(s, to, m, o->flags, deadline) : 0;
	}
	if ((error || !wanted) && m) {
		message_free(m);
	}
	if (error == -ECONNREFUSED && to && !named) {
		peer_forget(s, to);
	}
	unix_put(to);
	return error ? error : (long)bytes;
}

long unix_send(struct socket *socket, struct outgoing *o)
{
	struct unix_socket *s = unix_of(socket);
	bool strange = o->named && (o->to.family != AF_UNIX || !o->to.length || o->to.length > PATH_BYTES);
	long result = strange ? -EINVAL : o->flags & MSG_OOB ? -EOPNOTSUPP : s->base.type == SOCK_STREAM ? stream_send(s, o) : datagram_send(s, o);
	if (o->rights) {
		rights_drop(o->rights);
		o->rights = NULL;
	}
	return result;
}

/* ---- receiving ---- */
static bool readable(struct unix_socket *s)
{
	spin_lock(&s->base.lock);
	bool result = !list_empty(&s->messages) || (s->base.closed & CLOSED_RECEIVE) || s->base.error;
	spin_unlock(&s->base.lock);
	return result;
}

/* The message behind `before` (NULL: the first). *end: 0, an error to be told, or 1: nothing will come. With `some` bytes an error waits. */
static struct message *message_next(struct unix_socket *s, struct message *before, bool some, int *end)
{
	spin_lock(&s->base.lock);
	struct list *node = before ? before->link.next : s->messages.next;
	bool any = node != &s->messages;
	*end = any ? 0 : s->base.error && !some ? -s->base.error : s->base.error || (s->base.closed & CLOSED_RECEIVE) ? 1 : 0;
	if (*end < 0) {
		s->base.error = 0;
	}
	spin_unlock(&s->base.lock);
	return any ? container_of(node, struct message, link) : NULL;
}

/* With `reading` held, which is let go of for the sleep. 0: look again. */
static int wait_for_message(struct unix_socket *s, unsigned flags, uint64_t deadline)
{
	if (flags & MSG_DONTWAIT) {
		return -EAGAIN;
	}
	mutex_unlock(&s->base.reading);
	int error = WAIT_EVENT_DEADLINE(&s->base.in, readable(s), deadline, true);
	mutex_lock(&s->base.reading);
	return wait_error(error, s->base.receive_timeout_ns);
}

static void take_extras(struct unix_socket *s, struct incoming *i, struct message *m, bool peek)
{
	if (!i->has_id) {
		i->has_id = true;
		i->id = m->id;
	}
	if (i->from && i->from->family == AF_UNSPEC && m->from) {
		name_tell(m->from, i->from);
	}
	if (!m->rights) {
		return;
	}
	if (peek) {
		i->rights = rights_copy(m->rights);
		return;
	}
	spin_lock(&s->base.lock);
	i->rights = rights_unqueue_locked(m);
	m->rights = NULL;
	spin_unlock(&s->base.lock);
	rights_land(i->rights);
}

static void message_done(struct unix_socket *s, struct message *m)
{
	spin_lock(&s->base.lock);
	message_unqueue_locked(s, m);
	bool was_full = s->message_count == DATAGRAMS_MAX;
	spin_unlock(&s->base.lock);
	message_free(m);
	if (was_full && s->base.type != SOCK_STREAM) {
		waitq_wake_all(&datagram_room);
	}
}

static bool same_sender(const struct sender_id *a, const struct sender_id *b)
{
	return a->pid == b->pid && a->uid == b->uid && a->gid == b->gid;
}

/* What fits of one message; -EFAULT. Afterwards *m may be gone. */
static long stream_take(struct unix_socket *s, struct incoming *i, struct message *m, uint64_t room, bool peek)
{
	uint32_t left = m->size - m->start, n = left < room ? left : (uint32_t)room;
	if (cursor_copy_out(&i->to, m->data + m->start, n)) {
		return -EFAULT;
	}
	take_extras(s, i, m, peek);
	if (!peek && n == left) {
		message_done(s, m);
	} else if (!peek) {
		spin_lock(&s->base.lock);
		m->start += n;
		s->bytes -= n;
		spin_unlock(&s->base.lock);
	}
	return n;
}

static long stream_receive_locked(struct unix_socket *s, struct incoming *i, uint64_t bytes)
{
	uint64_t done = 0, deadline = deadline_after(s->base.receive_timeout_ns);
	bool peek = i->flags & MSG_PEEK;
	struct message *before = NULL;
	long error = 0;
	while (done < bytes && !i->rights && !error) {
		int end;
		struct message *m = message_next(s, before, done > 0, &end);
		if (!m && (end || (done && (peek || !(i->flags & MSG_WAITALL))))) {
			error = end < 0 ? end : 0;
			break;
		}
		if (!m) {
			error = wait_for_message(s, i->flags, deadline);
			continue;
		}
		if (done && s->base.pass_id && !same_sender(&i->id, &m->id)) {
			break;
		}
		long n = stream_take(s, i, m, bytes - done, peek);
		error = n < 0 ? n : 0;
		done += n > 0 ? (uint64_t)n : 0;
		before = peek ? m : NULL;
	}
	return done ? (long)done : error;
}

static long datagram_receive_locked(struct unix_socket *s, struct incoming *i, uint64_t bytes)
{
	uint64_t deadline = deadline_after(s->base.receive_timeout_ns);
	struct message *m;
	int end;
	while (!(m = message_next(s, NULL, false, &end))) {
		int error = end < 0 ? end : 0;
		error = error || end ? error : wait_for_message(s, i->flags, deadline);
		if (error || end) {
			return error;
		}
	}
	uint64_t size = m->size, n = size < bytes ? size : bytes;
	if (cursor_copy_out(&i->to, m->data, n)) {
		return -EFAULT;
	}
	take_extras(s, i, m, i->flags & MSG_PEEK);
	i->out_flags |= n < size ? MSG_TRUNC : 0;
	if (!(i->flags & MSG_PEEK)) {
		message_done(s, m);
	}
	return (long)(i->flags & MSG_TRUNC ? size : n);
}

long unix_receive(struct socket *socket, struct incoming *i)
{
	struct unix_socket *s = unix_of(socket);
	uint64_t bytes = cursor_left(&i->to);
	bool stream = s->base.type == SOCK_STREAM;
	if (s->base.type != SOCK_DGRAM && s->base.state != SOCKET_CONNECTED) {
		return stream ? -EINVAL : -ENOTCONN;
	}
	if (i->flags & MSG_OOB) {
		return stream ? -EINVAL : -EOPNOTSUPP;
	}
	mutex_lock(&s->base.reading);
	long result = stream ? stream_receive_locked(s, i, bytes) : datagram_receive_locked(s, i, bytes);
	mutex_unlock(&s->base.reading);
	return result;
}
