/* SPDX-License-Identifier: MIT */
/* Making sockets of AF_INET and AF_INET6, their names, and which of TCP's and UDP's operations answer. */
#include "socket/inet/inet.h"

#include "kernel/capability.h"
#include "kernel/memory.h"
#include "kernel/reserve.h"
#include "net/net.h"
#include "lwip/err.h"
#include "lwip/netif.h"

#define PORT_RESERVED 1024u

struct inet_socket *inet_alloc(bool v6, int type, int protocol, bool optional)
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
	bool stream = type == SOCK_STREAM;
	socket_init(&s->base, stream ? &tcp_ops : &udp_ops, v6 ? AF_INET6 : AF_INET, type, protocol);
	s->v6 = v6;
	s->tos = s->ttl = s->multicast_ttl = -1;
	s->multicast_loop = true;
	s->keep_idle = 7200;
	s->keep_interval = 75;
	s->keep_count = 9;
	s->syn_count = 6;
	list_init(&s->port_link);
	list_init(&s->waiting);
	list_init(&s->waiting_link);
	list_init(&s->datagrams);
	mutex_init(&s->writing, "socket writer");
	s->writing.outer = true;
	if (stream) {
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
	kfree(s);
}

void inet_put(struct inet_socket *s)
{
	if (s && __atomic_sub_fetch(&s->base.references, 1, __ATOMIC_ACQ_REL) == 0) {
		inet_free(&s->base);
	}
}

static int check_protocol(int type, int protocol)
{
	int own = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
	if (protocol < 0 || protocol > 255) {
		return -EINVAL;
	}
	return protocol == 0 || protocol == own ? own : -EPROTONOSUPPORT;
}

int inet_create(bool v6, int type, int protocol, struct socket **out)
{
	if (type != SOCK_STREAM && type != SOCK_DGRAM) {
		return -ESOCKTNOSUPPORT;
	}
	protocol = check_protocol(type, protocol);
	struct inet_socket *s = protocol < 0 ? NULL : inet_alloc(v6, type, protocol, false);
	if (!s) {
		return protocol < 0 ? protocol : -ENOMEM;
	}
	s->uid = process_current()->credentials.euid;
	int error = type == SOCK_DGRAM ? udp_socket_open(s) : 0;
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
	bool datagrams = s->base.type == SOCK_DGRAM, any = address_is_any(&e->address);
	if (!any && !address_is_own(&e->address, true)) {
		return -EADDRNOTAVAIL;
	}
	if (s->port_listed || s->base.state != SOCKET_FREE) {
		return -EINVAL;
	}
	struct endpoint before = s->local;
	if (!any) {
		s->local = *e;
	}
	s->address_bound = !any;
	int error = port_take(s, e->port);
	if (error) {
		s->local = before;
		s->address_bound = false;
		return error;
	}
	s->local.port = s->port_listed;
	s->bound = true;
	return datagrams ? udp_socket_bound(s) : 0;
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
	if (e.port && e.port < PORT_RESERVED && !capable(CAP_NET_BIND_SERVICE)) {
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
	bool connected = s->base.state == SOCKET_CONNECTED;
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

static int no_listen(struct socket *s, unsigned backlog)
{
	return -EOPNOTSUPP;
}

static int no_accept(struct socket *s, bool wait, struct socket **out)
{
	return -EOPNOTSUPP;
}

const struct socket_ops tcp_ops = {
	.bind = inet_bind, .connect = tcp_socket_connect, .listen = tcp_socket_listen, .accept = tcp_socket_accept, .address = inet_address,
	.shutdown = tcp_socket_shutdown, .send = tcp_socket_send, .receive = tcp_socket_receive, .control = inet_control,
	.extras = no_extras, .poll = tcp_socket_poll, .queued = tcp_socket_queued, .changed = inet_changed, .set_option = inet_set_option,
	.get_option = inet_get_option, .close = tcp_socket_close, .free = inet_free,
};

const struct socket_ops udp_ops = {
	.bind = inet_bind, .connect = udp_socket_connect, .listen = no_listen, .accept = no_accept, .address = inet_address,
	.shutdown = udp_socket_shutdown, .send = udp_socket_send, .receive = udp_socket_receive, .control = inet_control,
	.extras = udp_socket_extras, .poll = udp_socket_poll, .queued = udp_socket_queued, .changed = inet_changed,
	.set_option = inet_set_option, .get_option = inet_get_option, .close = udp_socket_close, .free = inet_free,
};
