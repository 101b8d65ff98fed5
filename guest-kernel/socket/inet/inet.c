/* SPDX-License-Identifier: MIT */
/* Making sockets of AF_INET and AF_INET6, their names, and which kind's operations answer. */
#include "socket/inet/datagram.h"

#include "kernel/capability.h"
#include "kernel/memory.h"
#include "kernel/reserve.h"
#include "net/internal.h"
#include "net/net.h"
#include "lwip/err.h"
#include "lwip/netif.h"

#define PORT_RESERVED 1024u

static const struct socket_ops *const all_ops[INET_KINDS] = {
	[INET_TCP] = &tcp_ops, [INET_UDP] = &datagram_ops, [INET_PING] = &datagram_ops, [INET_RAW] = &datagram_ops,
};
static const int types[INET_KINDS] = { [INET_TCP] = SOCK_STREAM, [INET_UDP] = SOCK_DGRAM, [INET_PING] = SOCK_DGRAM, [INET_RAW] = SOCK_RAW };

struct inet_socket *inet_alloc(bool v6, enum inet_kind kind, int protocol, bool optional)
{
	if (optional) {
		reserve_optional_begin();
	}
	struct inet_socket *s = kzalloc(sizeof(*s));
	if (optional) {
		reserve_optional_end();
	}
	if (!s) {
		return NULL;
	}
	socket_init(&s->base, all_ops[kind], v6 ? AF_INET6 : AF_INET, types[kind], protocol);
	s->base.may_filter = kind != INET_TCP;
	s->kind = kind;
	s->v6 = v6;
	s->tos = s->ttl = s->multicast_ttl = -1;
	s->multicast_loop = true;
	s->mtu_discover[0] = s->mtu_discover[1] = PATH_WANT;
	s->keep_idle = TCP_KEEP_IDLE_DEFAULT;
	s->keep_interval = TCP_KEEP_INTERVAL_DEFAULT;
	s->keep_count = TCP_KEEP_COUNT_DEFAULT;
	s->syn_count = TCP_SYN_COUNT_DEFAULT;
	list_init(&s->port_link);
	list_init(&s->waiting);
	list_init(&s->waiting_link);
	list_init(&s->datagrams);
	list_init(&s->errors);
	mutex_init(&s->writing, "socket writer");
	s->writing.outer = true;
	if (kind == INET_TCP) {
		s->base.send_limit = TCP_SEND_DEFAULT;
		s->base.receive_limit = TCP_RECEIVE_DEFAULT;
		s->window = tcp_window_first(s);
	}
	address_set_any(&s->local.address, s);
	address_set_any(&s->remote.address, s);
	return s;
}

void inet_free(struct socket *base)
{
	struct inet_socket *s = inet_of(base);
	if (s->fill) {
		page_put(s->fill);
	}
	kfree(s->sent_ring);
	kfree(base->filter);
	kfree(s);
}

void inet_put(struct inet_socket *s)
{
	if (s && __atomic_sub_fetch(&s->base.references, 1, __ATOMIC_ACQ_REL) == 0) {
		inet_free(&s->base);
	}
}

/* A negative error, or the kind; the protocol becomes what it is. */
static int kind_of(bool v6, int type, int *protocol)
{
	int usual = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
	if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_RAW) {
		return -ESOCKTNOSUPPORT;
	}
	if (*protocol < 0 || *protocol > 255) {
		return -EINVAL;
	}
	if (type == SOCK_RAW) {
		return !*protocol ? -EPROTONOSUPPORT : capable(CAP_NET_RAW) ? INET_RAW : -EPERM;
	}
	if (type == SOCK_DGRAM && *protocol == (v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP)) {
		return INET_PING;
	}
	bool known = *protocol == 0 || *protocol == usual;
	*protocol = usual;
	return !known ? -EPROTONOSUPPORT : type == SOCK_STREAM ? INET_TCP : INET_UDP;
}

int inet_create(bool v6, int type, int protocol, struct socket **out)
{
	int kind = kind_of(v6, type, &protocol);
	struct inet_socket *s = kind < 0 ? NULL : inet_alloc(v6, (enum inet_kind)kind, protocol, false);
	if (!s) {
		return kind < 0 ? kind : -ENOMEM;
	}
	s->uid = process_current()->credentials.euid;
	int error = kind == INET_TCP ? 0 : kind == INET_UDP ? udp_socket_open(s) : raw_socket_open(s);
	if (error) {
		inet_put(s);
	}
	*out = &s->base;
	return error;
}

int error_of(int lwip_error)
{
	static const int errors[] = {
		[-ERR_OK] = 0, [-ERR_MEM] = -ENOBUFS, [-ERR_BUF] = -ENOBUFS, [-ERR_TIMEOUT] = -ETIMEDOUT, [-ERR_RTE] = -ENETUNREACH,
		[-ERR_INPROGRESS] = -EINPROGRESS, [-ERR_VAL] = -EINVAL, [-ERR_WOULDBLOCK] = -EAGAIN, [-ERR_USE] = -EADDRINUSE,
		[-ERR_ALREADY] = -EALREADY, [-ERR_ISCONN] = -EISCONN, [-ERR_CONN] = -ENOTCONN, [-ERR_IF] = -ENETDOWN, [-ERR_ABRT] = -ETIMEDOUT,
		[-ERR_RST] = -ECONNRESET, [-ERR_CLSD] = -ENOTCONN, [-ERR_ARG] = -EINVAL,
	};
	return errors[-lwip_error];
}

void inet_fail(struct inet_socket *s, int error)
{
	spin_lock(&s->base.lock);
	s->base.error = error;
	spin_unlock(&s->base.lock);
	waitq_wake_all(&s->base.in);
	waitq_wake_all(&s->base.out);
}

static int bind_locked(struct inet_socket *s, const struct endpoint *e)
{
	bool any = address_is_any(&e->address);
	if (!any && !address_is_own(&e->address, true)) {
		return -EADDRNOTAVAIL;
	}
	if (s->kind == INET_RAW) {
		return raw_socket_rebind(s, e);
	}
	if (s->port_listed || s->base.state != SOCKET_FREE) {
		return -EINVAL;
	}
	struct endpoint before = s->local;
	if (!any) {
		s->local = *e;
	}
	s->address_bound = !any;
	if (s->port_later && !e->port && s->kind != INET_PING) { /* who connects or sends takes one */
		return 0;
	}
	int error = port_take(s, e->port);
	if (error) {
		s->local = before;
		s->address_bound = false;
		return error;
	}
	s->local.port = s->port_listed;
	s->bound = true;
	return s->kind == INET_UDP ? udp_socket_bound(s) : s->kind == INET_PING ? raw_socket_bound(s) : 0;
}

int inet_bind(struct socket *base, const struct address *address)
{
	struct inet_socket *s = inet_of(base);
	struct endpoint e;
	if (address->family == AF_UNSPEC && !s->v6) { /* an old way to write INADDR_ANY */
		uint32_t any;
		__builtin_memcpy(&any, address->data + 2, sizeof(any));
		if (any) {
			return -EAFNOSUPPORT;
		}
	} else if (s->v6 && address->family != AF_INET6) {
		return address->length + FAMILY_BYTES < 24 ? -EINVAL : -EAFNOSUPPORT;
	}
	int error = endpoint_read(s, address, &e);
	if (error) {
		return error == -ENETUNREACH ? -EINVAL : error;
	}
	bool reserved = e.port && e.port < PORT_RESERVED && (s->kind == INET_TCP || s->kind == INET_UDP);
	if (reserved && !capable(CAP_NET_BIND_SERVICE)) {
		return -EACCES;
	}
	net_lock();
	error = bind_locked(s, &e);
	net_unlock();
	return error;
}

int inet_address(struct socket *base, bool peer, struct address *out)
{
	struct inet_socket *s = inet_of(base);
	net_lock();
	bool ended = s->kind == INET_TCP && !tcp_socket_lasts(s) && s->base.file; /* accept() has no file yet, and tells even then */
	bool connected = s->base.state == SOCKET_CONNECTED && s->remote.port && !ended;
	struct endpoint e = peer ? s->remote : s->local;
	net_unlock();
	if (peer && !connected) {
		return -ENOTCONN;
	}
	endpoint_tell(s, &e, out);
	return 0;
}

static int no_extras(struct socket *s, struct incoming *i, struct control_room *room)
{
	return 0;
}

const struct socket_ops tcp_ops = {
	.bind = inet_bind, .connect = tcp_socket_connect, .listen = tcp_socket_listen, .accept = tcp_socket_accept, .address = inet_address,
	.shutdown = tcp_socket_shutdown, .send = tcp_socket_send, .send_pages = tcp_socket_send_pages, .receive = tcp_socket_receive, .control = inet_control,
	.extras = no_extras, .poll = tcp_socket_poll, .queued = tcp_socket_queued, .held = tcp_socket_held,
	.ioctl = tcp_socket_ioctl, .changed = inet_changed, .set_option = inet_set_option,
	.get_option = inet_get_option, .close = tcp_socket_close, .free = inet_free,
};

const struct socket_ops datagram_ops = {
	.bind = inet_bind, .connect = datagram_socket_connect, .listen = socket_no_listen, .accept = socket_no_accept, .address = inet_address,
	.shutdown = datagram_socket_shutdown, .send = datagram_socket_send, .receive = datagram_socket_receive, .control = inet_control,
	.extras = datagram_socket_extras, .poll = datagram_socket_poll, .queued = datagram_socket_queued, .held = datagram_socket_held,
	.changed = inet_changed, .set_option = inet_set_option, .get_option = inet_get_option, .close = datagram_socket_close, .free = inet_free,
};
