/* SPDX-License-Identifier: MIT */
/* Making sockets of AF_PACKET, binding them to interfaces and protocols, closing them. See packet.h. */
#include "socket/packet/packet.h"

#include "base/big_endian.h"
#include "base/string.h"
#include "kernel/capability.h"
#include "kernel/memory.h"
#include "net/net.h"
#include "net/tables.h"

enum { ARPHRD_ETHER = 1, ARPHRD_LOOPBACK = 772 };
#define ADDRESS_WHOLE (sizeof(struct frame_address) - FAMILY_BYTES)
#define ADDRESS_AT 12u /* of the address in a struct sockaddr_ll */

struct packet_socket *taps; /* n: those with a protocol; the latest first */
static struct packet_socket *others; /* n: those without */

/* ---- lists; net lock ---- */

static struct packet_socket **list_of(const struct packet_socket *s)
{
	return s->protocol ? &taps : &others;
}

static void list_leave(struct packet_socket *s)
{
	struct packet_socket **at = list_of(s);
	while (*at && *at != s) {
		at = &(*at)->next;
	}
	if (*at) {
		*at = s->next;
	}
	tap_changed();
}

/* From now on it sees these. */
static void see(struct packet_socket *s, unsigned interface, uint16_t protocol)
{
	if (s->listed) {
		list_leave(s);
	}
	s->interface = interface;
	s->protocol = protocol;
	s->next = *list_of(s);
	*list_of(s) = s;
	s->listed = true;
	tap_changed();
}

void packet_each(void (*visit)(void *context, const struct packet_socket *s), void *context)
{
	const struct packet_socket *firsts[] = { taps, others };
	for (unsigned i = 0; i < 2; i++) {
		for (const struct packet_socket *s = firsts[i]; s; s = s->next) {
			visit(context, s);
		}
	}
}

/* ---- names ---- */

void frame_address_of(unsigned interface, struct frame_address *out)
{
	struct net_link link;
	if (interface && net_link_by_index(interface, &link)) {
		out->interface = (int32_t)interface;
		out->hardware = link.flags & IFF_LOOPBACK ? ARPHRD_LOOPBACK : ARPHRD_ETHER;
		out->bytes = LINK_ADDRESS;
		memcpy(out->address, link.mac, LINK_ADDRESS);
	}
}

/* An interface that is down is no error of the call's, but the next one's. */
static int packet_bind(struct socket *base, const struct address *address)
{
	struct packet_socket *s = packet_of(base);
	struct frame_address to;
	struct net_link link = { .flags = IFF_UP };
	if (address->family != AF_PACKET || address->length < ADDRESS_WHOLE) {
		return -EINVAL;
	}
	memcpy(&to.protocol, address->data, ADDRESS_WHOLE);
	net_lock();
	int error = to.interface && (to.interface < 0 || !net_link_by_index((unsigned)to.interface, &link)) ? -ENODEV : 0;
	if (!error) {
		see(s, (unsigned)to.interface, to.protocol ? __builtin_bswap16(to.protocol) : s->protocol);
	}
	net_unlock();
	if (!error && !(link.flags & IFF_UP)) {
		spin_lock(&base->lock);
		base->error = ENETDOWN;
		spin_unlock(&base->lock);
		waitq_wake_all(&base->in);
	}
	return error;
}

static int packet_address(struct socket *base, bool peer, struct address *out)
{
	struct packet_socket *s = packet_of(base);
	struct frame_address own = { .family = AF_PACKET };
	if (peer) {
		return -EOPNOTSUPP;
	}
	net_lock();
	own.protocol = __builtin_bswap16(s->protocol);
	own.interface = (int32_t)s->interface;
	frame_address_of(s->interface, &own);
	net_unlock();
	*out = (struct address){ .family = AF_PACKET, .length = ADDRESS_AT + own.bytes - FAMILY_BYTES };
	memcpy(out->data, &own.protocol, ADDRESS_WHOLE);
	return 0;
}

/* ---- what they cannot do ---- */

static int no_connect(struct socket *s, const struct address *to, bool wait)
{
	return -EOPNOTSUPP;
}

static int packet_control(struct socket *s, struct outgoing *o, int level, int type, const char *data, uint64_t bytes)
{
	return level == SOL_SOCKET ? -EINVAL : 0;
}

static void packet_refuse(struct socket *s, struct outgoing *o)
{
}

static void packet_leave(struct socket *s, struct incoming *i)
{
}

static uint64_t packet_held(struct socket *s)
{
	return __atomic_load_n(&packet_of(s)->charge, __ATOMIC_RELAXED);
}

/* ---- their life ---- */

static void packet_free(struct socket *base)
{
	struct packet_socket *s = packet_of(base);
	packet_queue_drop(s);
	packet_ring_free(s->ring);
	while (s->memberships) {
		struct link_membership *next = s->memberships->next;
		kfree(s->memberships);
		s->memberships = next;
	}
	kfree(base->filter);
	kfree(s);
}

/* Nobody else refers to it. */
static void packet_close(struct socket *base)
{
	struct packet_socket *s = packet_of(base);
	net_lock();
	list_leave(s);
	packet_memberships_end(s);
	net_unlock();
	packet_free(base);
}

static const struct socket_ops packet_ops = {
	.bind = packet_bind, .connect = no_connect, .listen = socket_no_listen, .accept = socket_no_accept, .address = packet_address,
	.shutdown = socket_no_shutdown, .send = packet_send, .receive = packet_receive, .control = packet_control, .refuse = packet_refuse,
	.extras = packet_extras, .leave = packet_leave, .poll = packet_poll, .queued = packet_queued, .held = packet_held, .map = packet_map,
	.set_option = packet_set_option, .get_option = packet_get_option, .close = packet_close, .free = packet_free,
};

int packet_create(int type, int protocol, struct socket **out)
{
	if (!capable(CAP_NET_RAW)) {
		return -EPERM;
	}
	if (type != SOCK_RAW && type != SOCK_DGRAM) {
		return -ESOCKTNOSUPPORT;
	}
	struct packet_socket *s = kzalloc(sizeof(*s));
	if (!s) {
		return -ENOMEM;
	}
	socket_init(&s->base, &packet_ops, AF_PACKET, type, 0); /* what SO_PROTOCOL tells, as on Linux */
	s->base.may_filter = true;
	s->uid = process_current()->credentials.euid;
	list_init(&s->queue);
	net_lock();
	see(s, 0, __builtin_bswap16((uint16_t)protocol));
	net_unlock();
	*out = &s->base;
	return 0;
}
