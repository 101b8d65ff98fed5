/* SPDX-License-Identifier: MIT */
/* See netlink.h. */
#include "socket/netlink/netlink.h"

#include "base/string.h"
#include "kernel/capability.h"
#include "kernel/memory.h"
#include "kernel/poll.h"
#include "kernel/reserve.h"
#include "kernel/time.h"
#include "kernel/user.h"
#include "net/net.h"
#include "socket/netlink/ports.h"

enum { SOL_NETLINK = 270, NETLINK_ADD_MEMBERSHIP = 1, NETLINK_DROP_MEMBERSHIP, NETLINK_LIST_MEMBERSHIPS = 9, NETLINK_EXT_ACK = 11, NETLINK_OPTION_LAST = 12 };
enum { NLM_F_CAPPED = 0x100, NLM_F_ACK_TLVS = 0x200, NLMSGERR_ATTR_MSG = 1 };
#define REQUEST_MOST 16384u
#define ANSWER_FIRST 4096u
#define ANSWER_MOST (4u << 20)
#define PIECE 4096u /* what a reader gets at once */

struct netlink_socket {
	struct socket base;
	struct list link; /* ports_lock: of `listeners`, or on no list */
	uint64_t told; /* ports_lock: the number of the last message */
	struct netlink_port port; /* ports_lock to set */
	uint32_t groups; /* ports_lock to set */
	bool wants_reasons; /* NETLINK_EXT_ACK */
	bool overrun; /* l: there was no room for something that it should have been told */
	struct answer *answers, **answers_end; /* l */
	uint64_t queued; /* l: bytes */
};

struct netlink_address { /* struct sockaddr_nl behind its family */
	uint16_t zero;
	uint32_t port, groups;
} __attribute__((packed));

static spinlock_t ports_lock = SPINLOCK_INIT("netlink ports");
static struct list listeners = LIST_INIT(listeners); /* ports_lock: who has joined groups of NETLINK_ROUTE */

static struct netlink_socket *netlink_of(struct socket *s)
{
	return container_of(s, struct netlink_socket, base);
}

/* ---- answers ---- */

static void *answer_room(struct answer *a, size_t bytes)
{
	size_t at = a->used, whole = MESSAGE_ALIGN(bytes);
	a->wanted += whole;
	if (whole > a->size - a->used) {
		a->size = a->used; /* nothing more fits, so that what there is stays whole */
		return NULL;
	}
	a->used += whole;
	return memset(a->bytes + at, 0, whole);
}

static void message_grow(struct answer *a)
{
	struct message_header *header = (void *)(a->bytes + a->message);
	header->length = (uint32_t)(a->used - a->message);
}

static void message_flags(struct answer *a, uint16_t flags)
{
	((struct message_header *)(void *)(a->bytes + a->message))->flags |= flags;
}

void answer_begin(struct answer *a, uint16_t type, const void *body, size_t bytes)
{
	size_t at = a->used;
	struct message_header *header = answer_room(a, sizeof(*header) + bytes);
	if (!header) {
		return;
	}
	a->message = at;
	*header = (struct message_header){ .type = type, .flags = a->multi ? NLM_F_MULTI : 0, .sequence = a->request->sequence, .port = a->port };
	if (body) {
		memcpy(header + 1, body, bytes);
	}
	header->length = (uint32_t)(sizeof(*header) + bytes);
}

void answer_attribute(struct answer *a, uint16_t type, const void *data, size_t bytes)
{
	uint16_t *header = answer_room(a, 4 + bytes);
	if (header) {
		header[0] = (uint16_t)(4 + bytes);
		header[1] = type;
		memcpy(header + 2, data, bytes);
		message_grow(a);
	}
}

size_t answer_nest(struct answer *a, uint16_t type)
{
	size_t at = a->used;
	answer_attribute(a, type, "", 0);
	return at;
}

void answer_unnest(struct answer *a, size_t nest)
{
	if (nest < a->used) {
		*(uint16_t *)(void *)(a->bytes + nest) = (uint16_t)(a->used - nest);
	}
}

bool attribute_next(const char **at, const char *end, struct attribute *out)
{
	uint16_t header[2];
	if (end - *at < 4) {
		return false;
	}
	memcpy(header, *at, sizeof(header));
	if (header[0] < 4 || header[0] > end - *at) {
		return false;
	}
	*out = (struct attribute){ .type = header[1] & 0x3fff, .bytes = header[0] - 4u, .data = *at + 4 };
	*at += MESSAGE_ALIGN(header[0]) < (size_t)(end - *at) ? MESSAGE_ALIGN(header[0]) : (size_t)(end - *at);
	return true;
}

/* ---- requests ---- */

static int request_answer(struct netlink_socket *s, struct answer *a, const char *body, const char *end)
{
	const struct message_header *request = a->request;
	bool privileged = capable(CAP_NET_ADMIN);
	if (!(request->flags & NLM_F_REQUEST) || request->type <= NLMSG_DONE) {
		return 0;
	}
	int error = s->base.protocol == NETLINK_ROUTE ? route_request(a, request, body, end, privileged) : diag_request(a, request, body, end);
	if (error < 0 || (request->flags & NLM_F_ACK && !a->multi)) {
		struct {
			int32_t error;
			struct message_header request;
		} result = { error < 0 ? error : 0, *request };
		a->multi = false;
		answer_begin(a, NLMSG_ERROR, &result, sizeof(result));
		if (error < 0 && a->reason && s->wants_reasons) {
			answer_attribute(a, NLMSGERR_ATTR_MSG, a->reason, strlen(a->reason) + 1);
			message_flags(a, NLM_F_CAPPED | NLM_F_ACK_TLVS);
		}
	} else if (a->multi) {
		int32_t none = 0;
		answer_begin(a, NLMSG_DONE, &none, sizeof(none));
	}
	return 0;
}

static void answer_queue(struct netlink_socket *s, struct answer *a)
{
	a->request = NULL;
	spin_lock(&s->base.lock);
	*s->answers_end = a;
	s->answers_end = &a->next;
	s->queued += a->used;
	spin_unlock(&s->base.lock);
	waitq_wake_all(&s->base.in);
}

/* ---- groups ---- */

/* The next one that has not been asked for the message of that number yet, referenced. It goes to the list's end, so others may come and go. */
static struct netlink_socket *listener_next(uint64_t number)
{
	struct netlink_socket *s = NULL;
	spin_lock(&ports_lock);
	if (!list_empty(&listeners)) {
		s = container_of(listeners.next, struct netlink_socket, link);
	}
	if (s && s->told != number) {
		s->told = number;
		list_remove(&s->link);
		list_push_back(&listeners, &s->link);
		socket_get(&s->base);
	} else {
		s = NULL;
	}
	spin_unlock(&ports_lock);
	return s;
}

bool netlink_listens(void)
{
	spin_lock(&ports_lock);
	bool listens = !list_empty(&listeners);
	spin_unlock(&ports_lock);
	return listens;
}

static void tell(struct netlink_socket *s, const struct message_header *message, bool gone)
{
	reserve_optional_begin();
	size_t bytes = MESSAGE_ALIGN(message->length);
	struct answer *a = s->queued > s->base.receive_limit ? NULL : kmalloc(sizeof(*a) + bytes);
	reserve_optional_end();
	if (!a) {
		spin_lock(&s->base.lock);
		s->overrun = true;
		spin_unlock(&s->base.lock);
		waitq_wake_all(&s->base.in);
		return;
	}
	*a = (struct answer){ .size = bytes, .used = bytes };
	memcpy(a->bytes, message, bytes);
	((struct message_header *)(void *)a->bytes)->type = (uint16_t)(message->type + gone);
	answer_queue(s, a);
}

void netlink_tell(const struct message_header *message, bool gone)
{
	static uint64_t number;
	struct netlink_socket *s;
	number++;
	while ((s = listener_next(number)) != NULL) {
		if (s->groups & route_group(message)) {
			tell(s, message, gone);
		}
		socket_put(&s->base);
	}
}

/* What has changed until now is not told to who begins to listen. */
static void groups_set(struct netlink_socket *s, uint32_t groups)
{
	bool has_news = s->base.protocol == NETLINK_ROUTE;
	if (has_news && (groups & ~s->groups)) {
		netlink_news(true);
	}
	spin_lock(&ports_lock);
	s->groups = groups;
	if (!groups) {
		list_remove(&s->link);
	} else if (has_news && list_empty(&s->link)) {
		list_push_back(&listeners, &s->link);
	}
	spin_unlock(&ports_lock);
}

/* With as much room as it turns out to need. A change is made once: its answer is short. */
static int request_run(struct netlink_socket *s, const struct message_header *request, const char *body, const char *end)
{
	for (size_t size = ANSWER_FIRST;;) {
		reserve_renew();
		struct answer *a = size <= ANSWER_MOST ? kmalloc(sizeof(*a) + size) : NULL;
		if (!a) {
			return -ENOBUFS;
		}
		*a = (struct answer){ .request = request, .port = s->port.number, .size = size };
		request_answer(s, a, body, end);
		if (a->wanted <= size && a->used) {
			answer_queue(s, a);
			return 0;
		}
		size = a->wanted + a->wanted / 4; /* it may grow meanwhile */
		bool nothing = !a->used && !a->wanted;
		kfree(a);
		if (nothing) {
			return 0;
		}
	}
}

static int requests_run(struct netlink_socket *s, const char *at, const char *end)
{
	int error = 0;
	while (!error && (size_t)(end - at) >= sizeof(struct message_header)) {
		struct message_header header;
		reserve_renew();
		memcpy(&header, at, sizeof(header));
		if (header.length < sizeof(header) || header.length > (size_t)(end - at)) {
			break;
		}
		error = s->queued > s->base.receive_limit ? -ENOBUFS : request_run(s, &header, at + sizeof(header), at + header.length);
		at += MESSAGE_ALIGN(header.length) < (size_t)(end - at) ? MESSAGE_ALIGN(header.length) : (size_t)(end - at);
	}
	return error;
}

/* ---- the socket ---- */

/* The process's number, as programs expect of their first socket; any other if that is taken. */
static int port_take(struct netlink_socket *s, uint32_t wanted)
{
	int error = 0;
	spin_lock(&ports_lock);
	if (wanted && s->port.number != wanted) {
		error = s->port.number ? -EINVAL : netlink_port_take(&s->port, wanted);
	}
	while (!wanted && !s->port.number && !netlink_port_choose(&s->port, process_current()->pid)) {
		spin_unlock(&ports_lock); /* others come in between */
		spin_lock(&ports_lock);
	}
	spin_unlock(&ports_lock);
	return error;
}

static int netlink_bind(struct socket *base, const struct address *address)
{
	struct netlink_address to;
	if (address->family != AF_NETLINK || address->length < sizeof(to)) {
		return -EINVAL;
	}
	memcpy(&to, address->data, sizeof(to));
	int error = port_take(netlink_of(base), to.port);
	if (!error) {
		groups_set(netlink_of(base), to.groups);
	}
	return error;
}

static int netlink_connect(struct socket *base, const struct address *to, bool wait)
{
	return to->family == AF_NETLINK || to->family == AF_UNSPEC ? port_take(netlink_of(base), 0) : -EINVAL;
}

static void address_put(struct address *out, uint32_t port, uint32_t groups)
{
	struct netlink_address address = { 0, port, groups };
	*out = (struct address){ .family = AF_NETLINK, .length = sizeof(address) };
	memcpy(out->data, &address, sizeof(address));
}

static int netlink_address(struct socket *base, bool peer, struct address *out)
{
	struct netlink_socket *s = netlink_of(base);
	address_put(out, peer ? 0 : s->port.number, peer ? 0 : s->groups);
	return 0;
}

static long netlink_send(struct socket *base, struct outgoing *o)
{
	struct netlink_socket *s = netlink_of(base);
	uint64_t bytes = cursor_left(&o->from);
	if (o->flags & MSG_OOB) {
		return -EOPNOTSUPP;
	}
	if (bytes > REQUEST_MOST) {
		return -EMSGSIZE;
	}
	int error = port_take(s, 0);
	char *request = error || !bytes ? NULL : kmalloc(bytes);
	if (!request) {
		return error ? error : bytes ? -ENOBUFS : 0;
	}
	error = cursor_copy_in(&o->from, request, bytes);
	if (!error) {
		error = requests_run(s, request, request + bytes);
	}
	kfree(request);
	return error ? error : (long)bytes;
}

/* Whole messages, as many as make a piece. */
static size_t piece_bytes(const struct answer *a)
{
	size_t bytes = 0;
	while (a->taken + bytes < a->used) {
		const struct message_header *header = (const void *)(a->bytes + a->taken + bytes);
		if (bytes && bytes + header->length > PIECE) {
			break;
		}
		bytes += MESSAGE_ALIGN(header->length);
	}
	return bytes;
}

static struct answer *answer_first(struct netlink_socket *s)
{
	spin_lock(&s->base.lock);
	struct answer *a = s->answers;
	spin_unlock(&s->base.lock);
	return a;
}

static void piece_take(struct netlink_socket *s, struct answer *a, size_t bytes)
{
	a->taken += bytes;
	if (a->taken < a->used) {
		return;
	}
	spin_lock(&s->base.lock);
	s->queued -= a->used;
	s->answers = a->next;
	if (!s->answers) {
		s->answers_end = &s->answers;
	}
	spin_unlock(&s->base.lock);
	kfree(a);
}

static bool overrun_take(struct netlink_socket *s)
{
	spin_lock(&s->base.lock);
	bool overrun = s->overrun;
	s->overrun = false;
	spin_unlock(&s->base.lock);
	return overrun;
}

static int answer_wait(struct netlink_socket *s, unsigned flags)
{
	uint64_t timeout = s->base.receive_timeout_ns;
	if (overrun_take(s)) {
		return -ENOBUFS;
	}
	if (flags & MSG_DONTWAIT) {
		return answer_first(s) ? 0 : -EAGAIN;
	}
	int error = WAIT_EVENT_DEADLINE(&s->base.in, answer_first(s) || s->overrun, deadline_after(timeout), true);
	if (!error && overrun_take(s)) {
		return -ENOBUFS;
	}
	return error == -ETIMEDOUT ? -EAGAIN : wait_error(error, timeout);
}

static long netlink_receive(struct socket *base, struct incoming *i)
{
	struct netlink_socket *s = netlink_of(base);
	if (i->flags & (MSG_OOB | MSG_ERRQUEUE)) {
		return i->flags & MSG_OOB ? -EOPNOTSUPP : -EAGAIN;
	}
	mutex_lock(&base->reading);
	long error = answer_wait(s, i->flags);
	if (error) {
		mutex_unlock(&base->reading);
		return error;
	}
	struct answer *a = answer_first(s);
	size_t bytes = piece_bytes(a), room = cursor_left(&i->to), n = bytes < room ? bytes : room;
	error = cursor_copy_out(&i->to, a->bytes + a->taken, n);
	if (!error && i->from) {
		address_put(i->from, 0, 0);
	}
	if (!error) {
		i->out_flags |= n < bytes ? MSG_TRUNC : 0;
		error = (long)(i->flags & MSG_TRUNC ? bytes : n);
	}
	if (!(i->flags & MSG_PEEK)) {
		piece_take(s, a, bytes);
	}
	mutex_unlock(&base->reading);
	return error;
}

static int netlink_control(struct socket *s, struct outgoing *o, int level, int type, const char *data, uint64_t bytes)
{
	return 0; /* credentials are known anyway */
}

static void netlink_refuse(struct socket *s, struct outgoing *o)
{
}

static int netlink_extras(struct socket *s, struct incoming *i, struct control_room *room)
{
	return 0;
}

static void netlink_leave(struct socket *s, struct incoming *i)
{
}

static unsigned netlink_poll(struct socket *base, struct poll_table *table)
{
	struct netlink_socket *s = netlink_of(base);
	return POLLOUT | POLLWRNORM | (s->overrun ? POLLERR : 0) | (answer_first(s) ? POLLIN | POLLRDNORM : 0);
}

static int netlink_queued(struct socket *base, bool out, int *bytes)
{
	const struct answer *a = answer_first(netlink_of(base));
	*bytes = out || !a ? 0 : (int)(a->used - a->taken);
	return 0;
}

/* Every reader gets what a strict or an extended answer would have. Groups beyond 32 have no news here. */
static int netlink_set_option(struct socket *s, int level, int option, uint64_t user, int length)
{
	if (level == SOL_NETLINK && (option == NETLINK_ADD_MEMBERSHIP || option == NETLINK_DROP_MEMBERSHIP)) {
		uint32_t group;
		if (length < (int)sizeof(group) || user_read(&group, user, sizeof(group))) {
			return length < (int)sizeof(group) ? -EINVAL : -EFAULT;
		}
		uint32_t bit = group > 0 && group <= 32 ? 1u << (group - 1) : 0, groups = netlink_of(s)->groups;
		groups_set(netlink_of(s), option == NETLINK_ADD_MEMBERSHIP ? groups | bit : groups & ~bit);
		return group ? 0 : -EINVAL;
	}
	if (level == SOL_NETLINK && option == NETLINK_EXT_ACK) {
		int on;
		if (length < (int)sizeof(on) || user_read(&on, user, sizeof(on))) {
			return length < (int)sizeof(on) ? -EINVAL : -EFAULT;
		}
		netlink_of(s)->wants_reasons = on;
		return 0;
	}
	return level == SOL_NETLINK && option > 0 && option <= NETLINK_OPTION_LAST && option != NETLINK_LIST_MEMBERSHIPS ? 0 : -ENOPROTOOPT;
}

static int netlink_get_option(struct socket *s, int level, int option, uint64_t user, uint64_t user_length)
{
	int none = 0;
	return level == SOL_NETLINK && option > 0 && option <= NETLINK_OPTION_LAST ? option_answer(user, user_length, &none, sizeof(none)) : -ENOPROTOOPT;
}

static void netlink_close(struct socket *base)
{
	struct netlink_socket *s = netlink_of(base);
	spin_lock(&ports_lock);
	list_remove(&s->link);
	netlink_port_leave(&s->port);
	spin_unlock(&ports_lock);
	socket_put(base);
}

static void netlink_free(struct socket *base)
{
	struct netlink_socket *s = netlink_of(base);
	while (s->answers) {
		struct answer *next = s->answers->next;
		kfree(s->answers);
		s->answers = next;
	}
	kfree(s);
}

static const struct socket_ops netlink_ops = {
	.bind = netlink_bind, .connect = netlink_connect, .listen = socket_no_listen, .accept = socket_no_accept,
	.address = netlink_address, .shutdown = socket_no_shutdown, .send = netlink_send, .receive = netlink_receive, .control = netlink_control,
	.refuse = netlink_refuse, .extras = netlink_extras, .leave = netlink_leave, .poll = netlink_poll, .queued = netlink_queued,
	.set_option = netlink_set_option, .get_option = netlink_get_option, .close = netlink_close, .free = netlink_free,
};

int netlink_create(int type, int protocol, struct socket **out)
{
	if (type != SOCK_RAW && type != SOCK_DGRAM) {
		return -ESOCKTNOSUPPORT;
	}
	if (protocol != NETLINK_ROUTE && protocol != NETLINK_SOCK_DIAG) {
		return -EPROTONOSUPPORT;
	}
	struct netlink_socket *s = kzalloc(sizeof(*s));
	if (!s) {
		return -ENOMEM;
	}
	socket_init(&s->base, &netlink_ops, AF_NETLINK, type, protocol);
	s->answers_end = &s->answers;
	list_init(&s->link);
	*out = &s->base;
	return 0;
}
