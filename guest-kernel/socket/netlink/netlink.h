/* SPDX-License-Identifier: MIT */
/*
 * Sockets of AF_NETLINK (netlink(7)): NETLINK_ROUTE for links, addresses, routes and neighbours, NETLINK_SOCK_DIAG for lists of sockets. A
 * request is answered while it is sent: the answer waits in the socket, whole messages in pieces of one page at most, until it is read.
 */
#ifndef SOCKET_NETLINK_NETLINK_H
#define SOCKET_NETLINK_NETLINK_H

#include "socket/socket.h"

enum { NETLINK_ROUTE = 0, NETLINK_SOCK_DIAG = 4 };
enum { NLMSG_NOOP = 1, NLMSG_ERROR, NLMSG_DONE };
enum { NLM_F_REQUEST = 1, NLM_F_MULTI = 2, NLM_F_ACK = 4, NLM_F_ROOT = 0x100, NLM_F_MATCH = 0x200, NLM_F_DUMP = 0x300, NLM_F_EXCL = 0x200,
	NLM_F_REPLACE = 0x100, NLM_F_CREATE = 0x400 };

struct message_header { /* struct nlmsghdr */
	uint32_t length;
	uint16_t type, flags;
	uint32_t sequence, port;
};

/* The answer to one request, under construction. What does not fit is counted, and the request begun again with more room. */
struct answer {
	struct answer *next;
	const struct message_header *request; /* while it is made */
	uint32_t port; /* of the socket */
	size_t size, used, wanted;
	size_t message; /* where the last message begins */
	size_t taken; /* by a reader */
	bool multi; /* its messages are parts of a list */
	const char *reason; /* in words, of an error (NLMSGERR_ATTR_MSG); NULL: there is none */
	char bytes[] __attribute__((aligned(8)));
};

/** A message with so many bytes of a body of zeros, or of `body`. */
void answer_begin(struct answer *a, uint16_t type, const void *body, size_t bytes);
void answer_attribute(struct answer *a, uint16_t type, const void *data, size_t bytes);
static inline void answer_u32(struct answer *a, uint16_t type, uint32_t value)
{
	answer_attribute(a, type, &value, sizeof(value));
}
/** An attribute with others in it: what answer_nest returns ends it. */
size_t answer_nest(struct answer *a, uint16_t type);
void answer_unnest(struct answer *a, size_t nest);

/* The parts of a request behind its fixed body. */
struct attribute {
	uint16_t type;
	size_t bytes;
	const char *data;
};
/** The next one of [*at, end). False: there is none. */
bool attribute_next(const char **at, const char *end, struct attribute *out);

#define MESSAGE_ALIGN(n) (((n) + 3) & ~(size_t)3)

/* netlink.c: who has joined groups of NETLINK_ROUTE */
bool netlink_listens(void);
/** One at a time: a message of the lists; `gone`: as one that takes away what it tells of. Who has no room for it is told so (ENOBUFS). */
void netlink_tell(const struct message_header *message, bool gone);

/* route.c; net lock */
void route_tables(struct answer *a); /* links without their counts, addresses, routes */
bool route_is_unchanged(const struct message_header *a, const struct message_header *b); /* do they say the same, but for time that has passed? */
bool route_is_same(const struct message_header *a, const struct message_header *b); /* are they about the same thing? */
uint32_t route_group(const struct message_header *message); /* its bit */

/* The families: a request whose body is [body, end). 0, more than that, or a negative error for it. */
int route_request(struct answer *a, const struct message_header *request, const char *body, const char *end, bool privileged);
/* diag.c; a list of sockets: without the net lock */
/** What memory a socket's queues hold, and may (struct sk_meminfo's numbers): SK_MEMINFO_*. */
void diag_memory_put(struct answer *a, uint16_t type, const struct socket *s, uint32_t received, uint32_t sent, uint32_t drops);
int diag_packet_request(struct answer *a, const char *body, const char *end);
int diag_request(struct answer *a, const struct message_header *request, const char *body, const char *end);

#endif
