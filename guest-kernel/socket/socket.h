/* SPDX-License-Identifier: MIT */
/*
 * Sockets: what AF_UNIX (unix/) and AF_INET and AF_INET6 (inet/) share. A family's socket begins with a struct socket and answers by its
 * operations; descriptors, vectors, control messages, timeouts and the options of SOL_SOCKET are the same for all.
 * `reading` is held over a receive, user copies included: whoever has it alone takes from the socket's queue.
 * Letters: l lock, a atomic, c constant after creation.
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

enum { AF_UNSPEC = 0, AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10, AF_NETLINK = 16, AF_PACKET = 17 };
enum { SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_RAW = 3, SOCK_SEQPACKET = 5, SOL_SOCKET = 1 };
enum { MSG_OOB = 1, MSG_PEEK = 2, MSG_DONTROUTE = 4, MSG_CTRUNC = 8, MSG_TRUNC = 0x20, MSG_DONTWAIT = 0x40, MSG_EOR = 0x80, MSG_WAITALL = 0x100,
	MSG_CONFIRM = 0x800, MSG_ERRQUEUE = 0x2000, MSG_NOSIGNAL = 0x4000, MSG_MORE = 0x8000, MSG_WAITFORONE = 0x10000,
	MSG_FASTOPEN = 0x20000000, MSG_CMSG_CLOEXEC = 0x40000000 };
enum { CLOSED_RECEIVE = 1, CLOSED_SEND = 2 };
enum socket_state { SOCKET_FREE, SOCKET_LISTENING, SOCKET_CONNECTING, SOCKET_CONNECTED };
enum {
	SO_DEBUG = 1, SO_REUSEADDR, SO_TYPE, SO_ERROR, SO_DONTROUTE, SO_BROADCAST, SO_SNDBUF, SO_RCVBUF, SO_KEEPALIVE, SO_OOBINLINE,
	SO_NO_CHECK, SO_PRIORITY, SO_LINGER, SO_BSDCOMPAT, SO_REUSEPORT, SO_PASSCRED, SO_PEERCRED, SO_RCVLOWAT, SO_SNDLOWAT, SO_RCVTIMEO,
	SO_SNDTIMEO, SO_BINDTODEVICE = 25, SO_ATTACH_FILTER, SO_DETACH_FILTER, SO_PEERNAME, SO_TIMESTAMP, SO_ACCEPTCONN, SO_PEERSEC,
	SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_PASSSEC, SO_TIMESTAMPNS, SO_MARK, SO_TIMESTAMPING, SO_PROTOCOL, SO_DOMAIN, SO_RXQ_OVFL,
	SO_LOCK_FILTER = 44, SO_BUSY_POLL = 46, SO_BPF_EXTENSIONS = 48, SO_INCOMING_CPU, SO_COOKIE = 57,
};

#define FAMILY_BYTES 2u
#define ADDRESS_BYTES 128u /* struct sockaddr_storage */
#define BUFFER_DEFAULT 212992u
#define STAMP_UNKNOWN 1u /* it came before anybody asked for times */

struct address { /* struct sockaddr and its kin */
	uint16_t family;
	char data[ADDRESS_BYTES - FAMILY_BYTES + 2]; /* always with a NUL behind what is used */
	unsigned length; /* of what is used of the data */
};

struct sender_id { /* struct ucred */
	uint32_t pid, uid, gid;
};

struct outgoing;
struct incoming;
struct control_room;
struct poll_table;
struct socket;

/* Errors are Linux's; `wait` false and MSG_DONTWAIT: do not sleep. */
struct socket_ops {
	int (*bind)(struct socket *s, const struct address *address);
	int (*connect)(struct socket *s, const struct address *to, bool wait);
	int (*listen)(struct socket *s, unsigned backlog);
	int (*accept)(struct socket *s, bool wait, struct socket **out); /* referenced */
	int (*pair)(struct socket *a, struct socket *b); /* NULL: there are no pairs */
	int (*address)(struct socket *s, bool peer, struct address *out);
	int (*shutdown)(struct socket *s, unsigned closed); /* CLOSED_* */
	long (*send)(struct socket *s, struct outgoing *o);
	long (*receive)(struct socket *s, struct incoming *i);
	long (*send_pages)(struct socket *s, const struct page_part *parts, unsigned count, unsigned flags); /* NULL: copy them */
	int (*control)(struct socket *s, struct outgoing *o, int level, int type, const char *data, uint64_t bytes); /* of a message to be sent */
	void (*refuse)(struct socket *s, struct outgoing *o); /* after control(): it will not be sent */
	int (*extras)(struct socket *s, struct incoming *i, struct control_room *room); /* control messages that came with the bytes */
	void (*leave)(struct socket *s, struct incoming *i); /* in place of that: what came with them is given up */
	unsigned (*poll)(struct socket *s, struct poll_table *table);
	int (*queued)(struct socket *s, bool out, int *bytes); /* SIOCOUTQ, FIONREAD */
	uint64_t (*held)(struct socket *s); /* NULL, or bytes of memory in its queues: any context, no lock, a moment's value */
	long (*ioctl)(struct socket *s, unsigned request, uint64_t argument); /* NULL, or the others */
	void (*changed)(struct socket *s, int option); /* NULL, or: a buffer's size or a flag of SOL_SOCKET has been set */
	int (*set_option)(struct socket *s, int level, int option, uint64_t user, int length); /* of other levels, and those that SOL_SOCKET lacks */
	int (*get_option)(struct socket *s, int level, int option, uint64_t user, uint64_t user_length);
	int (*map)(struct socket *s, uint64_t offset, uint64_t bytes, struct file **file); /* NULL: it cannot; see file_ops */
	void (*close)(struct socket *s); /* its file is gone; drops the file's reference */
	void (*free)(struct socket *s); /* so is the last reference */
};

struct socket {
	const struct socket_ops *ops; /* c */
	uint32_t references; /* a */
	int family, type, protocol; /* c; the family, but for IPV6_ADDRFORM */
	spinlock_t lock;
	enum socket_state state; /* l */
	unsigned closed; /* l: CLOSED_* */
	int error; /* l: told once */
	bool pass_id; /* SO_PASSCRED */
	uint32_t send_limit, receive_limit; /* bytes */
	bool send_limit_set, receive_limit_set; /* by the program */
	uint64_t options; /* l: flags of SOL_SOCKET, by their numbers */
	uint32_t receive_least; /* SO_RCVLOWAT */
	int linger_seconds; /* l; -1: off */
	int priority, mark;
	uint64_t cookie; /* c: no other socket's */
	uint32_t mode; /* a: fchmod(2), with which a file of its name is made */
	bool stamps; /* SIOCGSTAMP has been called: messages have a time */
	uint64_t stamp_ns; /* `reading`: of the one that was read last; 0: none was */
	struct filter *filter; /* a: NULL: none; freed by epoch_free() */
	bool may_filter, filter_locked; /* c: it can have one; l: it stays as it is (SO_LOCK_FILTER) */
	uint64_t receive_timeout_ns, send_timeout_ns;
	struct mutex reading;
	struct waitq in, out; /* something to read or accept; room to send or to connect */
	struct file *file; /* c: not referenced; NULL: not accepted yet, or an inet socket that was closed */
};

/* Where bytes come from or go to. */
struct cursor {
	const struct io_vector *vectors;
	unsigned count;
	uint64_t offset; /* in the first one */
	bool user;
};
/* cursor.c */
int cursor_copy_in(struct cursor *c, char *to, uint64_t bytes);
int cursor_copy_out(struct cursor *c, const char *from, uint64_t bytes);
uint64_t cursor_left(const struct cursor *c);

struct packet_info { /* which interface and address a datagram came in by, or is to go out by */
	uint32_t interface;
	bool v6;
	uint8_t address[16];
};

struct packet_error { /* MSG_ERRQUEUE */
	bool told, v6;
	uint8_t origin, type, code;
	uint32_t error, info;
	uint8_t teller[16];
};

struct outgoing {
	struct cursor from;
	struct address to;
	bool named; /* by `to` */
	unsigned flags;
	struct rights *rights; /* AF_UNIX: in flight; taken */
	struct sender_id id;
	bool has_info; /* AF_INET: control messages */
	int tos, ttl; /* -1: the socket's */
	struct packet_info info;
};
struct incoming {
	struct cursor to;
	struct address *from; /* NULL: not asked for; family AF_UNSPEC: none */
	unsigned flags, out_flags;
	struct rights *rights; /* AF_UNIX: landed */
	struct sender_id id;
	bool has_id;
	bool has_info; /* AF_INET: a datagram's */
	int tos, ttl;
	uint64_t wall_ns;
	struct packet_info info;
	struct packet_error error;
	bool has_frame; /* AF_PACKET: what PACKET_AUXDATA tells */
	struct {
		uint32_t status, all, bytes;
		uint16_t network_at;
	} frame;
};

/* socket.c */
void socket_init(struct socket *s, const struct socket_ops *ops, int family, int type, int protocol); /* one reference */
struct file *socket_file(struct socket *s, unsigned flags); /* takes the reference, also when it fails: NULL */
void socket_get(struct socket *s);
/** For `struct socket_ops`: what such sockets cannot do. -EOPNOTSUPP. */
int socket_no_listen(struct socket *s, unsigned backlog);
int socket_no_accept(struct socket *s, bool wait, struct socket **out);
int socket_no_shutdown(struct socket *s, unsigned closed);
void socket_put(struct socket *s); /* NULL: nothing */
struct socket *socket_of(const struct file *f); /* NULL: no socket */
/** Its number, as fstat(2) and /proc tell it. */
static inline uint64_t socket_inode(const struct socket *s)
{
	return ((uint64_t)s >> 4) & 0xffffffff;
}
struct sender_id sender_id_current(void);
uint64_t deadline_after(uint64_t timeout_ns);
int wait_error(int error, uint64_t timeout_ns); /* of a sleep: the call's result */
/** In place of a result that is -EPIPE: the signal that goes with it. */
long socket_broken_pipe(long result, unsigned flags);

/* options.c */
long socket_set_option(struct socket *s, int level, int option, uint64_t user, int length);
long socket_get_option(struct socket *s, int level, int option, uint64_t user, uint64_t user_length);
int option_answer(uint64_t user, uint64_t user_length, const void *value, int size);
bool socket_option(const struct socket *s, int option); /* a flag */
int socket_error_take(struct socket *s);

/* message_calls.c */
int control_put(struct control_room *room, int level, int type, const void *data, uint64_t bytes);
struct control_room {
	uint64_t at, left;
	bool cut, close_on_exec;
};

/* The families: a new socket with one reference, or a negative error. */
int unix_create(int type, int protocol, struct socket **out);
int netlink_create(int type, int protocol, struct socket **out);
int packet_create(int type, int protocol, struct socket **out);
int inet_create(bool v6, int type, int protocol, struct socket **out);

#endif
