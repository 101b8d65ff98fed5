/* SPDX-License-Identifier: MIT */
/*
 * Ports of TCP and UDP, and identifiers of ICMP's echoes. A socket that has one is in the table, by kind and port, until lwIP's control
 * block ends: so a port whose connections have not all ended is told from a free one. Who may share a port follows Linux: both with
 * SO_REUSEADDR, where none listens; both with SO_REUSEPORT, of one user; different addresses or interfaces.
 */
#include "socket/inet/inet.h"

#include "net/internal.h"
#include "net/lwip/arch/cc.h"

#define BUCKETS 1024u

static struct list table[INET_KINDS][BUCKETS]; /* net lock; a list is set up at its first use */

static struct list *bucket_of(enum inet_kind kind, uint16_t port)
{
	struct list *bucket = &table[kind][port % BUCKETS];
	if (!bucket->next) {
		list_init(bucket);
	}
	return bucket;
}

void port_join(struct inet_socket *s, uint16_t port)
{
	s->port_listed = port;
	list_push_back(bucket_of(s->kind, port), &s->port_link);
}

void port_leave(struct inet_socket *s)
{
	if (s->port_listed) {
		list_remove(&s->port_link);
		list_init(&s->port_link);
		s->port_listed = 0;
	}
}

/* Could something that arrives be for either? */
static bool addresses_meet(const struct inet_socket *a, const struct inet_socket *b)
{
	const ip_addr_t *x = &a->local.address, *y = &b->local.address;
	bool any_x = address_is_any(x), any_y = address_is_any(y);
	bool v4_x = !a->v6 || IP_IS_V4_VAL(*x) || (any_x && !a->v6_only), v4_y = !b->v6 || IP_IS_V4_VAL(*y) || (any_y && !b->v6_only);
	bool v6_x = a->v6 && !IP_IS_V4_VAL(*x), v6_y = b->v6 && !IP_IS_V4_VAL(*y);
	if (!(v4_x && v4_y) && !(v6_x && v6_y)) {
		return false;
	}
	return any_x || any_y || ip_addr_cmp(x, y);
}

static bool share_port(const struct inet_socket *a, const struct inet_socket *b)
{
	return a->reuse_port && b->reuse_port && a->uid == b->uid;
}

static bool conflict(const struct inet_socket *a, const struct inet_socket *b)
{
	if ((a->interface && b->interface && a->interface != b->interface) || !addresses_meet(a, b) || share_port(a, b)) {
		return false;
	}
	bool listens = a->base.state == SOCKET_LISTENING || b->base.state == SOCKET_LISTENING;
	return !(a->reuse_address && b->reuse_address && !listens);
}

static bool is_free(const struct inet_socket *s, uint16_t port)
{
	list_for_each(node, bucket_of(s->kind, port)) {
		struct inet_socket *other = container_of(node, struct inet_socket, port_link);
		if (other->port_listed == port && other != s && conflict(s, other)) {
			return false;
		}
	}
	return true;
}

/* Nobody has it, or only connections to elsewhere. */
static bool is_free_for(const struct inet_socket *s, uint16_t port, const struct endpoint *remote)
{
	list_for_each(node, bucket_of(s->kind, port)) {
		struct inet_socket *other = container_of(node, struct inet_socket, port_link);
		if (other->port_listed != port) {
			continue;
		}
		bool elsewhere = remote && other->remote.port && (other->remote.port != remote->port || !ip_addr_cmp(&other->remote.address, &remote->address));
		if (!elsewhere) {
			return false;
		}
	}
	return true;
}

static int take_ephemeral(struct inet_socket *s, const struct endpoint *remote)
{
	const uint32_t count = PORT_EPHEMERAL_LAST - PORT_EPHEMERAL_FIRST + 1;
	uint32_t start = LWIP_RAND() % count;
	for (int shared = 0; shared < (remote ? 2 : 1); shared++) { /* first those that nobody has */
		for (uint32_t i = 0; i < count; i++) {
			uint16_t port = (uint16_t)(PORT_EPHEMERAL_FIRST + (start + i) % count);
			if (is_free_for(s, port, shared ? remote : NULL)) {
				port_join(s, port);
				return 0;
			}
		}
	}
	return remote ? -EADDRNOTAVAIL : -EADDRINUSE;
}

int port_take(struct inet_socket *s, uint16_t port)
{
	int error = port ? (is_free(s, port) ? 0 : -EADDRINUSE) : take_ephemeral(s, NULL);
	if (!error && port) {
		port_join(s, port);
	}
	return error;
}

int port_take_for(struct inet_socket *s, const struct endpoint *remote)
{
	return take_ephemeral(s, remote);
}

/* It is about to listen: nobody else may do so on what it is bound to. */
bool port_may_listen(struct inet_socket *s)
{
	list_for_each(node, bucket_of(s->kind, s->port_listed)) {
		struct inet_socket *other = container_of(node, struct inet_socket, port_link);
		bool listens = other->port_listed == s->port_listed && other != s && other->base.state == SOCKET_LISTENING;
		if (listens && conflict(s, other)) {
			return false;
		}
	}
	return true;
}

static bool is_of_group(const struct inet_socket *usual, const struct inet_socket *other)
{
	return other->port_listed == usual->port_listed && share_port(usual, other) && other->v6 == usual->v6 &&
	       other->base.state == usual->base.state && other->interface == usual->interface &&
	       ip_addr_cmp(&other->local.address, &usual->local.address) && (usual->kind == INET_TCP || !other->remote.port);
}

struct inet_socket *port_choose(struct inet_socket *usual, const ip_addr_t *from, uint16_t from_port)
{
	uint32_t count = 0;
	if (!usual->reuse_port) {
		return usual;
	}
	struct list *bucket = bucket_of(usual->kind, usual->port_listed);
	list_for_each(node, bucket) {
		count += is_of_group(usual, container_of(node, struct inet_socket, port_link));
	}
	if (count < 2) {
		return usual;
	}
	struct {
		uint32_t words[4];
		uint16_t port;
	} key = { .port = from_port };
	for (unsigned i = 0; i < (IP_IS_V6(from) ? 4 : 1); i++) {
		key.words[i] = IP_IS_V6(from) ? ip_2_ip6(from)->addr[i] : ip_2_ip4(from)->addr;
	}
	uint32_t which = (uint32_t)(net_hash(&key, sizeof(key)) % count);
	list_for_each(node, bucket) {
		struct inet_socket *other = container_of(node, struct inet_socket, port_link);
		if (is_of_group(usual, other) && which-- == 0) {
			return other;
		}
	}
	return usual;
}

struct inet_socket *port_find(enum inet_kind kind, const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote, uint16_t remote_port)
{
	struct inet_socket *found = NULL;
	list_for_each(node, bucket_of(kind, local_port)) {
		struct inet_socket *s = container_of(node, struct inet_socket, port_link);
		bool here = s->port_listed == local_port && (address_is_any(&s->local.address) || ip_addr_cmp(&s->local.address, local));
		if (here && s->remote.port == remote_port && ip_addr_cmp(&s->remote.address, remote)) {
			return s;
		}
		found = here && !s->remote.port && (s->want_errors || !found) ? s : found;
	}
	return found;
}

void port_each(enum inet_kind kind, void (*visit)(void *context, struct inet_socket *s), void *context)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		struct list *bucket = &table[kind][i];
		if (bucket->next) {
			list_for_each(node, bucket) {
				visit(context, container_of(node, struct inet_socket, port_link));
			}
		}
	}
}

void port_each_at(enum inet_kind kind, uint16_t port, void (*visit)(void *context, struct inet_socket *s), void *context)
{
	list_for_each(node, bucket_of(kind, port)) {
		struct inet_socket *s = container_of(node, struct inet_socket, port_link);
		if (s->port_listed == port) {
			visit(context, s);
		}
	}
}
