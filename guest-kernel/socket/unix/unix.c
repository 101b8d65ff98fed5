/* SPDX-License-Identifier: MIT */
/* Making and closing sockets of AF_UNIX, and their operations. */
#include "socket/unix/unix.h"

#include "kernel/poll.h"

static const struct socket_ops unix_ops;

static spinlock_t all_lock = SPINLOCK_INIT("unix sockets");
static struct list all = LIST_INIT(all);

void unix_each(void (*visit)(void *context, const struct unix_socket *s), void *context)
{
	spin_lock(&all_lock);
	list_for_each(node, &all) {
		visit(context, container_of(node, const struct unix_socket, all_link));
	}
	spin_unlock(&all_lock);
}

struct unix_socket *unix_alloc(int type)
{
	struct unix_socket *s = kzalloc(sizeof(*s));
	if (s) {
		socket_init(&s->base, &unix_ops, AF_UNIX, type, 0);
		s->base.may_filter = type != SOCK_STREAM;
		list_init(&s->messages);
		list_init(&s->rights);
		list_init(&s->waiting);
		list_init(&s->waiting_link);
		list_init(&s->flight_link);
		s->peer_id = (struct sender_id){ 0, UINT32_MAX, UINT32_MAX };
		spin_lock(&all_lock);
		list_push_back(&all, &s->all_link);
		spin_unlock(&all_lock);
	}
	return s;
}

static void unix_free(struct socket *s)
{
	spin_lock(&all_lock);
	list_remove(&unix_of(s)->all_link);
	spin_unlock(&all_lock);
	name_put(unix_of(s)->name);
	kfree(s->filter);
	kfree(unix_of(s));
}

/* RAW is another word for DGRAM here. */
int unix_create(int type, int protocol, struct socket **out)
{
	if (protocol != 0 && protocol != AF_UNIX) {
		return -EPROTONOSUPPORT;
	}
	type = type == SOCK_RAW ? SOCK_DGRAM : type;
	if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET) {
		return -ESOCKTNOSUPPORT;
	}
	struct unix_socket *s = unix_alloc(type);
	*out = s ? &s->base : NULL;
	return s ? 0 : -ENOMEM;
}

struct unix_socket *unix_peer(struct unix_socket *s)
{
	spin_lock(&s->base.lock);
	struct unix_socket *peer = s->peer;
	if (peer) {
		unix_get(peer);
	}
	spin_unlock(&s->base.lock);
	return peer;
}

void unix_pair(struct unix_socket *a, struct unix_socket *b)
{
	unix_get(a);
	unix_get(b);
	a->peer = b;
	b->peer = a;
	a->base.state = b->base.state = SOCKET_CONNECTED;
}

static int pair_made(struct socket *a, struct socket *b)
{
	unix_of(a)->peer_id = unix_of(b)->peer_id = sender_id_current();
	unix_pair(unix_of(a), unix_of(b));
	return 0;
}

/* The other end of a connection learns of it; a datagram socket at its next send. */
static void peer_leave(struct unix_socket *s, struct unix_socket *peer, bool unread)
{
	if (s->base.type != SOCK_DGRAM) {
		spin_lock(&peer->base.lock);
		peer->base.closed = CLOSED_RECEIVE | CLOSED_SEND;
		peer->base.error = unread ? ECONNRESET : peer->base.error;
		spin_unlock(&peer->base.lock);
		waitq_wake_all(&peer->base.in);
	}
	waitq_wake_all(&peer->base.out);
	unix_put(peer);
}

void unix_close(struct unix_socket *s, bool unaccepted)
{
	struct list messages = LIST_INIT(messages), waiting = LIST_INIT(waiting);
	spin_lock(&s->base.lock);
	s->dead = true;
	s->base.state = SOCKET_FREE;
	s->base.closed = CLOSED_RECEIVE | CLOSED_SEND;
	struct unix_socket *peer = s->peer;
	s->peer = NULL;
	for (struct list *node; (node = list_pop_front(&s->messages)) != NULL;) {
		list_push_back(&messages, node);
	}
	while (list_pop_front(&s->rights)) { /* their messages keep them */
	}
	for (struct list *node; (node = list_pop_front(&s->waiting)) != NULL;) {
		list_push_back(&waiting, node);
	}
	spin_unlock(&s->base.lock);
	if (s->name && s->name->owner == s) {
		name_forget(s->name);
	}
	waitq_wake_all(&s->base.out); /* who wants to connect */
	if (s->base.type == SOCK_DGRAM) {
		waitq_wake_all(&datagram_room); /* who waits for room in its queue */
	}
	if (peer) {
		peer_leave(s, peer, unaccepted || !list_empty(&messages));
	}
	for (struct list *node; (node = list_pop_front(&messages)) != NULL;) {
		message_free(container_of(node, struct message, link));
	}
	for (struct list *node; (node = list_pop_front(&waiting)) != NULL;) {
		unix_close(container_of(node, struct unix_socket, waiting_link), true); /* these have no such queue */
	}
	unix_put(s);
}

static void unix_release(struct socket *s)
{
	unix_close(unix_of(s), !s->file);
}

/* A datagram socket whose peer is another one's has room only while that one's queue has. */
static bool peer_has_room(struct unix_socket *s)
{
	struct unix_socket *peer = s->base.type == SOCK_DGRAM ? unix_peer(s) : NULL;
	bool room = true;
	if (peer) {
		spin_lock(&peer->base.lock);
		room = peer->peer == s || peer->dead || peer->message_count <= DATAGRAMS_MAX;
		spin_unlock(&peer->base.lock);
		unix_put(peer);
	}
	return room;
}

static unsigned unix_poll(struct socket *socket, struct poll_table *table)
{
	struct unix_socket *s = unix_of(socket);
	unsigned events = 0;
	if (s->base.type == SOCK_DGRAM) {
		poll_wait(table, &datagram_room);
	}
	spin_lock(&s->base.lock);
	bool connected = s->base.type != SOCK_DGRAM, listening = s->base.state == SOCKET_LISTENING;
	events |= s->base.error ? POLLERR : 0;
	events |= s->base.closed == (CLOSED_RECEIVE | CLOSED_SEND) || (connected && s->base.state == SOCKET_FREE) ? POLLHUP : 0;
	events |= s->base.closed & CLOSED_RECEIVE ? POLLRDHUP | POLLIN | POLLRDNORM : 0;
	events |= !list_empty(&s->messages) || !list_empty(&s->waiting) ? POLLIN | POLLRDNORM : 0;
	bool room = !listening && s->sent <= s->base.send_limit / 4;
	spin_unlock(&s->base.lock);
	return events | (room && peer_has_room(s) ? POLLOUT | POLLWRNORM | POLLWRBAND : 0);
}

static int unix_queued(struct socket *socket, bool out, int *bytes)
{
	struct unix_socket *s = unix_of(socket);
	spin_lock(&s->base.lock);
	bool listening = s->base.state == SOCKET_LISTENING;
	if (out) {
		*bytes = (int)s->sent;
	} else if (s->base.type == SOCK_STREAM) {
		*bytes = (int)s->bytes;
	} else {
		*bytes = list_empty(&s->messages) ? 0 : (int)container_of(s->messages.next, struct message, link)->size;
	}
	spin_unlock(&s->base.lock);
	return listening && !out ? -EINVAL : 0;
}

static struct name *name_of(struct unix_socket *s)
{
	spin_lock(&s->base.lock);
	struct name *name = name_get(s->name);
	spin_unlock(&s->base.lock);
	return name;
}

static int unix_address(struct socket *socket, bool peer, struct address *out)
{
	struct unix_socket *s = unix_of(socket), *other = peer ? unix_peer(s) : s;
	if (!other) {
		return -ENOTCONN;
	}
	struct name *name = name_of(other);
	name_tell(name, out);
	name_put(name);
	if (peer) {
		unix_put(other);
	}
	return 0;
}

static int unix_set_option(struct socket *s, int level, int option, uint64_t user, int length)
{
	return level == SOL_SOCKET ? -ENOPROTOOPT : -EOPNOTSUPP;
}

static int unix_get_option(struct socket *socket, int level, int option, uint64_t user, uint64_t user_length)
{
	struct unix_socket *s = unix_of(socket);
	if (level != SOL_SOCKET || option != SO_PEERCRED) {
		return level == SOL_SOCKET ? -ENOPROTOOPT : -EOPNOTSUPP;
	}
	spin_lock(&s->base.lock);
	struct sender_id id = s->peer_id;
	spin_unlock(&s->base.lock);
	return option_answer(user, user_length, &id, sizeof(id));
}

/** What it has sent that is not read yet. */
static uint64_t unix_held(struct socket *s)
{
	return __atomic_load_n(&unix_of(s)->sent, __ATOMIC_RELAXED);
}

static const struct socket_ops unix_ops = {
	.bind = unix_bind, .connect = unix_connect, .listen = unix_listen, .accept = unix_accept, .pair = pair_made, .address = unix_address,
	.shutdown = unix_shutdown, .send = unix_send, .receive = unix_receive, .control = unix_control, .refuse = unix_refuse,
	.extras = unix_extras, .leave = unix_leave,
	.poll = unix_poll, .queued = unix_queued, .held = unix_held, .set_option = unix_set_option, .get_option = unix_get_option,
	.close = unix_release, .free = unix_free,
};
