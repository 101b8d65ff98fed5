/* SPDX-License-Identifier: MIT */
/* Making and closing sockets, and what poll, read, write and ioctl see of them. */
#include "socket/socket.h"

#include "kernel/poll.h"
#include "kernel/signal.h"
#include "kernel/time.h"
#include "kernel/user.h"

#define FIONREAD 0x541bu /* SIOCINQ */
#define SIOCOUTQ 0x5411u

struct sender_id sender_id_current(void)
{
	const struct process *p = process_current();
	return (struct sender_id){ p->pid, p->credentials.uid, p->credentials.gid };
}

uint64_t deadline_after(uint64_t timeout_ns)
{
	return timeout_ns ? time_ns() + timeout_ns : 0;
}

/* A call with a timeout cannot simply start again (signal(7)). */
int wait_error(int error, uint64_t timeout_ns)
{
	return error == -ETIMEDOUT ? -EAGAIN : error == -EINTR ? (timeout_ns ? -EINTR : -ERESTARTSYS) : error;
}

struct socket *socket_create(int type)
{
	struct socket *s = kzalloc(sizeof(*s));
	if (s) {
		s->references = 1;
		s->type = type;
		spin_init(&s->lock, "socket");
		list_init(&s->messages);
		list_init(&s->waiting);
		list_init(&s->waiting_link);
		list_init(&s->flight_link);
		mutex_init(&s->reading, "socket reader");
		s->reading.outer = true;
		waitq_init(&s->in);
		waitq_init(&s->out);
		s->send_limit = s->receive_limit = BUFFER_DEFAULT;
		s->peer_id = (struct sender_id){ 0, UINT32_MAX, UINT32_MAX };
	}
	return s;
}

void socket_get(struct socket *s)
{
	__atomic_fetch_add(&s->references, 1, __ATOMIC_RELAXED);
}

void socket_put(struct socket *s)
{
	if (s && __atomic_sub_fetch(&s->references, 1, __ATOMIC_ACQ_REL) == 0) {
		name_put(s->name);
		kfree(s);
	}
}

struct socket *socket_peer(struct socket *s)
{
	spin_lock(&s->lock);
	struct socket *peer = s->peer;
	if (peer) {
		socket_get(peer);
	}
	spin_unlock(&s->lock);
	return peer;
}

/* Two that nobody else knows yet, or that are locked. */
void socket_pair(struct socket *a, struct socket *b)
{
	socket_get(a);
	socket_get(b);
	a->peer = b;
	b->peer = a;
	a->state = b->state = SOCKET_CONNECTED;
}

/* The other end of a connection learns of it; a datagram socket at its next send. */
static void peer_leave(struct socket *s, struct socket *peer, bool unread)
{
	if (s->type != SOCK_DGRAM) {
		spin_lock(&peer->lock);
		peer->closed = CLOSED_RECEIVE | CLOSED_SEND;
		peer->error = unread ? ECONNRESET : peer->error;
		spin_unlock(&peer->lock);
		waitq_wake_all(&peer->in);
	}
	waitq_wake_all(&peer->out);
	socket_put(peer);
}

/* `unaccepted`: it waited in a listening socket's queue. */
static void socket_close(struct socket *s, bool unaccepted)
{
	struct list messages = LIST_INIT(messages), waiting = LIST_INIT(waiting);
	spin_lock(&s->lock);
	s->dead = true;
	s->state = SOCKET_FREE;
	s->closed = CLOSED_RECEIVE | CLOSED_SEND;
	struct socket *peer = s->peer;
	s->peer = NULL;
	for (struct list *node; (node = list_pop_front(&s->messages)) != NULL;) {
		list_push_back(&messages, node);
	}
	for (struct list *node; (node = list_pop_front(&s->waiting)) != NULL;) {
		list_push_back(&waiting, node);
	}
	spin_unlock(&s->lock);
	if (s->name && s->name->owner == s) {
		name_forget(s->name);
	}
	waitq_wake_all(&s->out); /* who wants to connect */
	if (peer) {
		peer_leave(s, peer, unaccepted || !list_empty(&messages));
	}
	for (struct list *node; (node = list_pop_front(&messages)) != NULL;) {
		message_free(container_of(node, struct message, link));
	}
	for (struct list *node; (node = list_pop_front(&waiting)) != NULL;) {
		socket_close(container_of(node, struct socket, waiting_link), true); /* these have no such queue */
	}
	socket_put(s);
}

static void socket_release(struct file *f)
{
	socket_close(f->private, false);
	socket_closed();
}

static long plain_send(struct file *f, const struct io_vector *vectors, unsigned count, bool user)
{
	struct outgoing o = {
		.from = { .vectors = vectors, .count = count, .user = user },
		.id = sender_id_current(),
		.flags = f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0,
	};
	return socket_send(f->private, &o);
}

static long plain_receive(struct file *f, const struct io_vector *vectors, unsigned count, bool user)
{
	struct incoming i = {
		.to = { .vectors = vectors, .count = count, .user = user },
		.flags = f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0,
	};
	long n = cursor_left(&i.to) ? socket_receive(f->private, &i) : 0;
	for (unsigned k = 0; i.rights && k < i.rights->count; k++) {
		file_put(i.rights->files[k]); /* read() cannot hand them over */
	}
	kfree(i.rights);
	name_put(i.from);
	return n;
}

static long socket_transfer(struct file *f, bool write, const struct io_vector *vectors, unsigned count)
{
	return write ? plain_send(f, vectors, count, true) : plain_receive(f, vectors, count, true);
}

static long socket_read(struct file *f, void *buffer, uint64_t bytes, uint64_t *offset)
{
	struct io_vector v = { (uint64_t)buffer, bytes };
	return plain_receive(f, &v, 1, false);
}

static long socket_write(struct file *f, const void *buffer, uint64_t bytes, uint64_t *offset)
{
	struct io_vector v = { (uint64_t)buffer, bytes };
	return plain_send(f, &v, 1, false);
}

/* A datagram socket whose peer is another one's has room only while that one's queue has. */
static bool peer_has_room(struct socket *s)
{
	struct socket *peer = s->type == SOCK_DGRAM ? socket_peer(s) : NULL;
	bool room = true;
	if (peer) {
		spin_lock(&peer->lock);
		room = peer->peer == s || peer->dead || peer->message_count <= DATAGRAMS_MAX;
		spin_unlock(&peer->lock);
		socket_put(peer);
	}
	return room;
}

static unsigned socket_poll(struct file *f, struct poll_table *table)
{
	struct socket *s = f->private;
	unsigned events = 0;
	poll_wait(table, &s->in);
	poll_wait(table, &s->out);
	if (s->type == SOCK_DGRAM) {
		poll_wait(table, &datagram_room);
	}
	spin_lock(&s->lock);
	bool connected = s->type != SOCK_DGRAM, listening = s->state == SOCKET_LISTENING;
	events |= s->error ? POLLERR : 0;
	events |= s->closed == (CLOSED_RECEIVE | CLOSED_SEND) || (connected && s->state == SOCKET_FREE) ? POLLHUP : 0;
	events |= s->closed & CLOSED_RECEIVE ? POLLRDHUP | POLLIN | POLLRDNORM : 0;
	events |= !list_empty(&s->messages) || !list_empty(&s->waiting) ? POLLIN | POLLRDNORM : 0;
	bool room = !listening && s->sent <= s->send_limit / 4;
	spin_unlock(&s->lock);
	return events | (room && peer_has_room(s) ? POLLOUT | POLLWRNORM | POLLWRBAND : 0);
}

static long socket_ioctl(struct file *f, unsigned request, uint64_t argument)
{
	struct socket *s = f->private;
	int value;
	spin_lock(&s->lock);
	bool listening = s->state == SOCKET_LISTENING;
	if (request == SIOCOUTQ) {
		value = (int)s->sent;
	} else if (s->type == SOCK_STREAM) {
		value = (int)s->bytes;
	} else {
		value = list_empty(&s->messages) ? 0 : (int)container_of(s->messages.next, struct message, link)->size;
	}
	spin_unlock(&s->lock);
	if (request != FIONREAD && request != SIOCOUTQ) {
		return -ENOTTY;
	}
	return listening && request == FIONREAD ? -EINVAL : user_write(argument, &value, sizeof(value));
}

const struct file_ops socket_file_ops = {
	.read = socket_read, .write = socket_write, .transfer = socket_transfer, .poll = socket_poll, .ioctl = socket_ioctl,
	.release = socket_release,
};

struct file *socket_file(struct socket *s, unsigned flags)
{
	struct file *f = file_alloc(&socket_file_ops, O_RDWR | (flags & O_NONBLOCK), s);
	if (f) {
		s->file = f;
	} else {
		socket_close(s, true);
	}
	return f;
}
