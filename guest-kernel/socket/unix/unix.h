/* SPDX-License-Identifier: MIT */
/*
 * Sockets of AF_UNIX (unix(7)). A socket is referenced by its file, its peer, and each message it has sent that is not read yet. Its lock
 * guards its state and its queues; two locks are taken together only in unix_connect(), by address, and for a listening socket and one
 * that waits in its queue.
 * Letters: l lock, a atomic, c constant after creation, f flight_lock (rights.c).
 */
#ifndef SOCKET_UNIX_UNIX_H
#define SOCKET_UNIX_UNIX_H

#include "socket/socket.h"

#define PATH_BYTES 108u
#define DATAGRAMS_MAX 10u /* net.unix.max_dgram_qlen */

struct name {
	struct list link; /* names_lock */
	uint32_t references; /* a */
	int type; /* c */
	struct inode *inode; /* c; NULL: abstract */
	struct unix_socket *owner; /* names_lock */
	unsigned length; /* c */
	char bytes[PATH_BYTES + 1]; /* c */
};

struct rights { /* open files on their way */
	struct list link; /* l of the socket in whose queue the message is: its `rights`; then f: on the list of those to be dropped */
	struct message *message; /* the same lock: which brings them */
	uint32_t uid; /* who sent them */
	unsigned count;
	struct file *files[];
};

struct message {
	struct list link;
	struct unix_socket *sender; /* referenced: for its send buffer */
	struct name *from; /* referenced; NULL: none */
	struct rights *rights;
	struct sender_id id;
	uint32_t size, start, charge;
	char data[];
};

struct unix_socket {
	struct socket base;
	struct unix_socket *peer; /* l: referenced; a stream's stays until it is released */
	struct name *name; /* l: set once; referenced */
	struct list messages; /* l */
	struct list rights; /* l: those of `messages`, so that who looks for files passes no message without */
	uint32_t message_count; /* l */
	uint64_t bytes; /* l: to be read */
	struct list waiting, waiting_link; /* l: of the listening socket: connections to be accepted */
	uint32_t waiting_count, backlog; /* l */
	bool dead; /* l: released */
	struct sender_id peer_id; /* l: whom SO_PEERCRED names; of a listening socket, whom it names to others */
	uint32_t sent; /* a: charge of messages not read yet */
	struct list all_link; /* all_lock (unix.c) */
	struct list flight_link; /* f */
	uint32_t in_flight, outside; /* f */
	bool candidate, reached; /* f */
};
static inline struct unix_socket *unix_of(struct socket *s)
{
	return container_of(s, struct unix_socket, base);
}

/* unix.c */
struct unix_socket *unix_alloc(int type); /* one reference; NULL: no memory */
/** Each socket, under a spin lock; its name stays, the rest is a moment's. */
void unix_each(void (*visit)(void *context, const struct unix_socket *s), void *context);
void unix_close(struct unix_socket *s, bool unaccepted); /* `unaccepted`: it waited in a listening socket's queue */
void unix_pair(struct unix_socket *a, struct unix_socket *b); /* two that nobody else knows yet, or that are locked */
struct unix_socket *unix_peer(struct unix_socket *s); /* referenced, or NULL */
static inline void unix_get(struct unix_socket *s)
{
	socket_get(&s->base);
}
static inline void unix_put(struct unix_socket *s)
{
	socket_put(s ? &s->base : NULL);
}

/* connection.c */
int unix_listen(struct socket *s, unsigned backlog);
int unix_connect(struct socket *s, const struct address *to, bool wait);
int unix_accept(struct socket *s, bool wait, struct socket **out);
int unix_shutdown(struct socket *s, unsigned closed);

/* name.c */
int unix_bind(struct socket *s, const struct address *address);
int name_find(const struct address *address, int type, struct unix_socket **out); /* referenced */
void name_forget(struct name *name); /* its socket is being released */
struct name *name_get(struct name *name);
void name_put(struct name *name); /* may sleep; NULL: nothing */
void name_tell(const struct name *name, struct address *out); /* NULL: an address without a name */

/* message.c */
struct message *message_create(struct unix_socket *sender, uint32_t size);
void message_free(struct message *m); /* off all queues; may sleep */
void message_queue_locked(struct unix_socket *to, struct message *m);
void message_unqueue_locked(struct unix_socket *s, struct message *m);

/* rights.c */
struct rights *rights_create(unsigned count);
void rights_queue_locked(struct unix_socket *to, struct message *m); /* with the message that brings them */
struct rights *rights_unqueue_locked(struct message *m); /* the message keeps them */
void rights_depart(struct rights *r); /* from now on they are in flight */
int rights_check(unsigned count); /* may the current process send so many? -ETOOMANYREFS */
struct rights *rights_copy(const struct rights *r); /* not in flight; NULL: no memory */
void rights_land(struct rights *r); /* no longer in flight: the files are the caller's */
void rights_drop(struct rights *r); /* of a message that nobody reads */
void rights_collect(void); /* sockets that only wait in each other's queues are closed */

/* transfer.c */
extern struct waitq datagram_room; /* a queue of datagrams is no longer full */
long unix_send(struct socket *s, struct outgoing *o);
long unix_receive(struct socket *s, struct incoming *i);

/* control.c */
int unix_control(struct socket *s, struct outgoing *o, int level, int type, const char *data, uint64_t bytes);
void unix_refuse(struct socket *s, struct outgoing *o);
void unix_leave(struct socket *s, struct incoming *i);
int unix_extras(struct socket *s, struct incoming *i, struct control_room *room);

#endif
