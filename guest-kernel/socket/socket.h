/* SPDX-License-Identifier: MIT */
/*
 * Sockets of AF_UNIX (unix(7)). A socket is referenced by its file, its peer, and each message it has sent that is not read yet. Its lock
 * guards its state and its queues; two locks are taken together only in socket_connect(), by address, and for a listening socket and one
 * that waits in its queue. `reading` is held over a receive, user copies included: whoever has it alone takes messages out.
 * Letters: l lock, a atomic, c constant after creation, f flight_lock (rights.c).
 */
#ifndef SOCKET_SOCKET_H
#define SOCKET_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/errno.h"
#include "kernel/fcntl.h"
#include "kernel/file.h"
#include "kernel/memory.h"
#include "kernel/process.h"

enum { AF_UNSPEC = 0, AF_UNIX = 1, SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_RAW = 3, SOCK_SEQPACKET = 5, SOL_SOCKET = 1 };
enum { MSG_OOB = 1, MSG_PEEK = 2, MSG_CTRUNC = 8, MSG_TRUNC = 0x20, MSG_DONTWAIT = 0x40, MSG_EOR = 0x80, MSG_WAITALL = 0x100,
	MSG_NOSIGNAL = 0x4000, MSG_WAITFORONE = 0x10000, MSG_CMSG_CLOEXEC = 0x40000000 };
enum { CLOSED_RECEIVE = 1, CLOSED_SEND = 2 };
enum socket_state { SOCKET_FREE, SOCKET_LISTENING, SOCKET_CONNECTED };

#define PATH_BYTES 108u
#define FAMILY_BYTES 2u
#define BUFFER_DEFAULT 212992u
#define DATAGRAMS_MAX 10u /* net.unix.max_dgram_qlen */

struct address { /* struct sockaddr_un */
	uint16_t family;
	char path[PATH_BYTES + 1]; /* always with a NUL behind it */
	unsigned length; /* of what is used of the path */
};

struct sender_id { /* struct ucred */
	uint32_t pid, uid, gid;
};

struct name {
	struct list link; /* names_lock */
	uint32_t references; /* a */
	int type; /* c */
	struct inode *inode; /* c; NULL: abstract */
	struct socket *owner; /* names_lock */
	unsigned length; /* c */
	char bytes[PATH_BYTES + 1]; /* c */
};

struct rights { /* open files on their way */
	struct list link; /* f: on the list of those to be dropped */
	unsigned count;
	struct file *files[];
};

struct message {
	struct list link;
	struct socket *sender; /* referenced: for its send buffer */
	struct name *from; /* referenced; NULL: none */
	struct rights *rights;
	struct sender_id id;
	uint32_t size, start, charge;
	char data[];
};

struct socket {
	uint32_t references; /* a */
	int type; /* c */
	spinlock_t lock;
	enum socket_state state; /* l */
	struct socket *peer; /* l: referenced; a stream's stays until it is released */
	struct name *name; /* l: set once; referenced */
	struct list messages; /* l */
	uint32_t message_count; /* l */
	uint64_t bytes; /* l: to be read */
	struct list waiting, waiting_link; /* l: of the listening socket: connections to be accepted */
	uint32_t waiting_count, backlog; /* l */
	unsigned closed; /* l: CLOSED_* */
	bool dead; /* l: released */
	int error; /* l: told once */
	struct sender_id peer_id; /* l: whom SO_PEERCRED names; of a listening socket, whom it names to others */
	bool pass_id; /* SO_PASSCRED */
	uint32_t send_limit, receive_limit, options;
	uint32_t sent; /* a: charge of messages not read yet */
	uint64_t receive_timeout_ns, send_timeout_ns;
	struct mutex reading;
	struct waitq in, out; /* something to read or accept; room to send or to connect */
	struct file *file; /* c: not referenced; NULL: not accepted yet */
	struct list flight_link; /* f */
	uint32_t in_flight, outside; /* f */
	bool candidate, reached; /* f */
};

/* Where bytes come from or go to. */
struct cursor {
	const struct io_vector *vectors;
	unsigned count;
	uint64_t offset; /* in the first one */
	bool user;
};
int cursor_copy_in(struct cursor *c, char *to, uint64_t bytes);
int cursor_copy_out(struct cursor *c, const char *from, uint64_t bytes);
uint64_t cursor_left(const struct cursor *c);

/* socket.c */
struct socket *socket_create(int type); /* one reference; NULL: no memory */
struct file *socket_file(struct socket *s, unsigned flags); /* takes the reference, also when it fails: NULL */
void socket_get(struct socket *s);
void socket_put(struct socket *s);
void socket_pair(struct socket *a, struct socket *b);
struct socket *socket_peer(struct socket *s); /* referenced, or NULL */
struct sender_id sender_id_current(void);
uint64_t deadline_after(uint64_t timeout_ns);
int wait_error(int error, uint64_t timeout_ns); /* of a sleep: the call's result */

/* connection.c */
int socket_listen(struct socket *s, unsigned backlog);
int socket_connect(struct socket *s, const struct address *to, bool wait);
int socket_accept(struct socket *s, bool wait, struct socket **out); /* referenced */
int socket_shutdown(struct socket *s, unsigned how);

/* name.c */
int name_bind(struct socket *s, const struct address *address);
int name_find(const struct address *address, int type, struct socket **out); /* referenced */
void name_forget(struct name *name); /* its socket is being released */
struct name *name_get(struct name *name);
void name_put(struct name *name); /* may sleep; NULL: nothing */

/* message.c */
struct message *message_create(struct socket *sender, uint32_t size);
void message_free(struct message *m); /* off all queues; may sleep */
void message_queue_locked(struct socket *to, struct message *m);
void message_unqueue_locked(struct socket *s, struct message *m);

/* rights.c */
struct rights *rights_create(unsigned count);
void rights_depart(struct rights *r); /* from now on they are in flight */
int rights_check(unsigned count); /* -ETOOMANYREFS */
struct rights *rights_copy(const struct rights *r); /* not in flight; NULL: no memory */
void rights_land(struct rights *r); /* no longer in flight: the files are the caller's */
void rights_drop(struct rights *r); /* of a message that nobody reads */
void rights_collect(void); /* sockets that only wait in each other's queues are closed */
struct socket *socket_of(const struct file *f); /* NULL: no socket */

/* transfer.c */
extern struct waitq datagram_room; /* a queue of datagrams is no longer full */
struct outgoing {
	struct cursor from;
	struct address to; /* family AF_UNSPEC: none */
	struct rights *rights; /* in flight; taken */
	struct sender_id id;
	unsigned flags;
};
struct incoming {
	struct cursor to;
	unsigned flags, out_flags;
	struct rights *rights; /* landed */
	struct sender_id id;
	bool has_id;
	struct name *from;
};
long socket_send(struct socket *s, struct outgoing *o);
long socket_receive(struct socket *s, struct incoming *i);

/* options.c */
long socket_set_option(struct socket *s, int level, int option, uint64_t user, int length);
long socket_get_option(struct socket *s, int level, int option, uint64_t user, uint64_t user_length);

#endif
