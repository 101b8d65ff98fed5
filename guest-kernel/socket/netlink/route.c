/* SPDX-License-Identifier: MIT */
/* NETLINK_ROUTE (rtnetlink(7)): what tables.c tells and change.c changes, as ip(8) and the C library ask for it. */
#include "socket/netlink/netlink.h"

#include "base/string.h"
#include "net/net.h"
#include "net/tables.h"

enum {
	RTM_NEWLINK = 16, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK, RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR, RTM_NEWROUTE = 24, RTM_DELROUTE,
	RTM_GETROUTE, RTM_NEWNEIGH = 28, RTM_GETNEIGH = 30, RTM_GETRULE = 34, RTM_NEWRULE = 32, RTM_GETQDISC = 38,
};
enum { IFLA_ADDRESS = 1, IFLA_BROADCAST, IFLA_IFNAME, IFLA_MTU, IFLA_QDISC = 6, IFLA_TXQLEN = 13, IFLA_OPERSTATE = 16, IFLA_LINKMODE,
	IFLA_STATS64 = 23, IFLA_GROUP = 27, IFLA_CARRIER = 33 };
enum { IFA_ADDRESS = 1, IFA_LOCAL, IFA_LABEL, IFA_BROADCAST, IFA_CACHEINFO = 6, IFA_FLAGS = 8 };
enum { RTA_DST = 1, RTA_OIF = 4, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC, RTA_METRICS, RTA_MULTIPATH, RTA_CACHEINFO = 12, RTA_TABLE = 15, RTA_VIA = 18,
	RTA_PREF = 20, RTA_ENCAP = 22, RTA_NH_ID = 30 };
enum { RTAX_LOCK = 1, RTAX_MTU };
enum { NDA_DST = 1, NDA_LLADDR };
enum { ARPHRD_ETHER = 1, ARPHRD_LOOPBACK = 772, OPER_UNKNOWN = 0, OPER_DOWN = 2, OPER_UP = 6, TABLE_MAIN = 254, TABLE_LOCAL = 255 };
enum { RTM_F_CLONED = 0x200 };
#define RTCF_LOCAL 0x80000000u
#define CLOCK_TICKS 100u /* a second */

struct link_body { /* struct ifinfomsg */
	uint8_t family, zero;
	uint16_t type;
	int32_t index;
	uint32_t flags, change;
};
struct address_body { /* struct ifaddrmsg */
	uint8_t family, bits, flags, scope;
	uint32_t index;
};
struct route_body { /* struct rtmsg */
	uint8_t family, to_bits, from_bits, tos, table, protocol, scope, type;
	uint32_t flags;
};
struct neighbour_body { /* struct ndmsg */
	uint8_t family, zero[3];
	int32_t index;
	uint16_t state;
	uint8_t flags, type;
};

/* Copy what there is of a body; programs may send less of it (struct rtgenmsg). */
static const char *body_read(void *to, size_t size, const char *body, const char *end)
{
	size_t bytes = (size_t)(end - body) < size ? (size_t)(end - body) : size;
	memset(to, 0, size);
	memcpy(to, body, bytes);
	return body + bytes;
}

static uint8_t family_of(bool v6)
{
	return v6 ? AF_INET6 : AF_INET;
}

static bool family_wanted(uint8_t wanted, bool v6)
{
	return wanted == AF_UNSPEC || wanted == family_of(v6);
}

/* ---- links ---- */

static void link_statistics(struct answer *a, const struct net_link *link)
{
	const struct interface_counts *r = &link->received, *s = &link->sent;
	const struct net_counters *c = &link->counters;
	uint64_t counts[25] = { r->packets, s->packets, r->bytes, s->bytes, r->errors + net_counters_errors(c), s->errors, r->dropped, s->dropped,
		r->multicast, c->collisions, c->length_errors, [12] = c->crc_errors, [15] = c->missed };
	answer_attribute(a, IFLA_STATS64, counts, sizeof(counts));
}

static void link_put(struct answer *a, const struct net_link *link, bool counts)
{
	bool loopback = link->flags & IFF_LOOPBACK;
	struct link_body body = { .type = loopback ? ARPHRD_LOOPBACK : ARPHRD_ETHER, .index = (int32_t)link->index, .flags = link->flags };
	uint8_t all[NET_MAC_BYTES], state = loopback ? OPER_UNKNOWN : link->flags & IFF_RUNNING ? OPER_UP : OPER_DOWN, none = 0;
	const struct interface *i = interface_of(link->netif);
	memset(all, loopback ? 0 : 0xff, sizeof(all));
	answer_begin(a, RTM_NEWLINK, &body, sizeof(body));
	answer_attribute(a, IFLA_IFNAME, link->name, strlen(link->name) + 1);
	answer_u32(a, IFLA_TXQLEN, i ? i->dev->send_depth : 0);
	answer_attribute(a, IFLA_OPERSTATE, &state, sizeof(state));
	answer_attribute(a, IFLA_LINKMODE, &none, sizeof(none));
	answer_u32(a, IFLA_MTU, link->mtu);
	answer_u32(a, IFLA_GROUP, 0);
	uint8_t carrier = (link->flags & IFF_LOWER_UP) != 0;
	answer_attribute(a, IFLA_CARRIER, &carrier, sizeof(carrier));
	answer_attribute(a, IFLA_QDISC, "noqueue", 8);
	answer_attribute(a, IFLA_ADDRESS, link->mac, sizeof(link->mac));
	answer_attribute(a, IFLA_BROADCAST, all, sizeof(all));
	if (counts) {
		link_statistics(a, link);
	}
}

/* Which link a request means: by number, or by its name. */
static int link_find(const struct link_body *body, const char *at, const char *end, struct net_link *link)
{
	struct attribute attribute;
	char name[16] = "";
	while (attribute_next(&at, end, &attribute)) {
		if (attribute.type == IFLA_IFNAME && attribute.bytes) {
			memcpy(name, attribute.data, attribute.bytes < sizeof(name) ? attribute.bytes : sizeof(name) - 1);
		}
	}
	if (body->index > 0) {
		return net_link_by_index((unsigned)body->index, link) ? 0 : -ENODEV;
	}
	return name[0] && net_link_by_name(name, link) ? 0 : name[0] ? -ENODEV : -EINVAL;
}

static int links_get(struct answer *a, const struct message_header *request, const char *at, const char *end)
{
	struct link_body body;
	struct net_link link;
	at = body_read(&body, sizeof(body), at, end);
	if (!(request->flags & NLM_F_DUMP)) {
		int error = link_find(&body, at, end, &link);
		if (!error) {
			link_put(a, &link, true);
		}
		return error;
	}
	a->multi = true;
	for (unsigned n = 0; net_link_at(n, &link); n++) {
		link_put(a, &link, true);
	}
	return 0;
}

/* A link that is to be made, or one that is there. No kind of link can be made here: that is what a kernel says that does not know it. */
static int link_new(struct answer *a, const struct message_header *request, int error)
{
	if (!error) {
		return request->flags & NLM_F_EXCL ? -EEXIST : request->flags & NLM_F_REPLACE ? -EOPNOTSUPP : 0;
	}
	if (!(request->flags & NLM_F_CREATE)) {
		return -ENODEV;
	}
	a->reason = "Unknown device type";
	return -EOPNOTSUPP;
}

static int link_change(struct answer *a, const struct message_header *request, const char *at, const char *end)
{
	struct link_body body;
	struct net_link link;
	struct attribute attribute;
	at = body_read(&body, sizeof(body), at, end);
	int error = link_find(&body, at, end, &link);
	if (request->type == RTM_NEWLINK) {
		error = link_new(a, request, error);
	}
	while (!error && attribute_next(&at, end, &attribute)) {
		uint32_t mtu;
		if (attribute.type == IFLA_MTU && attribute.bytes == sizeof(mtu)) {
			memcpy(&mtu, attribute.data, sizeof(mtu));
			error = net_mtu_set(link.index, mtu);
		} else if (attribute.type != IFLA_IFNAME && attribute.type != IFLA_TXQLEN) {
			error = -EOPNOTSUPP;
		}
	}
	if (!error && (body.change & IFF_UP || body.flags & IFF_UP)) {
		error = net_link_set(link.index, body.flags & IFF_UP);
	}
	return error ? error : net_link_listen(link.index, body.flags, body.change);
}

/* ---- addresses ---- */

static void address_put(struct answer *a, const struct net_address *address, const struct net_link *link)
{
	struct address_body body = { .family = family_of(address->v6), .bits = (uint8_t)address->bits, .flags = address->flags,
		.scope = address->scope, .index = address->index };
	/* struct ifa_cacheinfo: preferred, valid, made, changed */
	uint32_t times[4] = { address->ends ? address->preferred_seconds : ~0u, address->ends ? address->valid_seconds : ~0u, 0, 0 };
	answer_begin(a, RTM_NEWADDR, &body, sizeof(body));
	answer_attribute(a, IFA_ADDRESS, address->bytes, address_bytes(address->v6));
	if (!address->v6) {
		uint32_t word;
		answer_attribute(a, IFA_LOCAL, address->bytes, 4);
		memcpy(&word, address->bytes, sizeof(word));
		if (link->flags & IFF_BROADCAST && address->bits < 31) {
			answer_u32(a, IFA_BROADCAST, word | __builtin_bswap32(~0u >> address->bits));
		}
		answer_attribute(a, IFA_LABEL, address->label, strlen(address->label) + 1);
	}
	answer_u32(a, IFA_FLAGS, address->flags);
	answer_attribute(a, IFA_CACHEINFO, times, sizeof(times)); /* the last: route_is_unchanged() */
}

static int addresses_get(struct answer *a, const char *at, const char *end)
{
	struct address_body body;
	struct net_address address;
	struct net_link link;
	body_read(&body, sizeof(body), at, end);
	a->multi = true;
	for (unsigned n = 0; net_address_at(n, &address); n++) {
		if (family_wanted(body.family, address.v6) && (!body.index || body.index == address.index) &&
		    net_link_by_index(address.index, &link)) {
			address_put(a, &address, &link);
		}
	}
	return 0;
}

static bool address_is_there(const struct net_address *like)
{
	struct net_address address;
	for (unsigned n = 0; net_address_at(n, &address); n++) {
		if (address.index == like->index && address.v6 == like->v6 && address.bits == like->bits &&
		    memcmp(address.bytes, like->bytes, address_bytes(like->v6)) == 0) {
			return true;
		}
	}
	return false;
}

/* Lifetimes as they are asked for. IPv4's are not kept: dhclient(8) asks for the lease's, and takes the address away itself when that ends. */
static int lifetimes_read(struct net_address *address, const struct attribute *attribute)
{
	uint32_t times[2];
	if (attribute->bytes < 16) {
		return -EINVAL;
	}
	memcpy(times, attribute->data, sizeof(times));
	address->preferred_seconds = times[0];
	address->valid_seconds = times[1];
	address->ends = address->v6 && times[0] != ~0u;
	return !times[1] || times[0] > times[1] ? -EINVAL : 0;
}

static int address_change(bool remove, bool exclusive, const char *at, const char *end)
{
	struct address_body body;
	struct attribute attribute;
	at = body_read(&body, sizeof(body), at, end);
	struct net_address address = { .index = body.index, .v6 = body.family == AF_INET6, .bits = body.bits };
	uint8_t peer[16] = { 0 };
	bool given = false, has_peer = false;
	if (body.family != AF_INET && body.family != AF_INET6) {
		return -EAFNOSUPPORT;
	}
	while (attribute_next(&at, end, &attribute)) {
		bool local = attribute.type == IFA_LOCAL || (attribute.type == IFA_ADDRESS && !given);
		if (local && attribute.bytes == address_bytes(address.v6)) {
			memcpy(address.bytes, attribute.data, attribute.bytes);
			given = true;
		}
		if (attribute.type == IFA_ADDRESS && attribute.bytes == address_bytes(address.v6)) {
			memcpy(peer, attribute.data, attribute.bytes);
			has_peer = true;
		}
		if (attribute.type == IFA_LABEL && attribute.bytes && attribute.bytes <= sizeof(address.label)) {
			memcpy(address.label, attribute.data, attribute.bytes - 1u);
		}
		int error = attribute.type == IFA_CACHEINFO ? lifetimes_read(&address, &attribute) : 0;
		if (error) {
			return error;
		}
	}
	if (!given) {
		return -EINVAL;
	}
	if (has_peer && memcmp(peer, address.bytes, address_bytes(address.v6)) != 0) { /* of a link from point to point: there are none */
		return remove ? -EADDRNOTAVAIL : -EOPNOTSUPP;
	}
	if (!remove && address_is_there(&address)) {
		return exclusive ? -EEXIST : net_address_change(&address);
	}
	return remove ? net_address_remove(body.index, &address) : net_address_set(body.index, &address, true);
}

/* ---- routes ---- */

static void route_put(struct answer *a, const struct net_route *route, uint32_t flags)
{
	static const uint8_t none[16];
	size_t bytes = address_bytes(route->v6);
	uint8_t table = route->v6 && route->type == RTN_LOCAL ? TABLE_LOCAL : TABLE_MAIN;
	struct route_body body = { .family = family_of(route->v6), .to_bits = (uint8_t)route->bits, .table = table,
		.protocol = route->protocol, .scope = route->scope, .type = route->type ? route->type : RTN_UNICAST, .flags = flags };
	answer_begin(a, RTM_NEWROUTE, &body, sizeof(body));
	answer_u32(a, RTA_TABLE, table);
	if (route->bits) {
		answer_attribute(a, RTA_DST, route->to, bytes);
	}
	answer_u32(a, RTA_OIF, route->index);
	if (route->gateway_set) {
		answer_attribute(a, RTA_GATEWAY, route->gateway, bytes);
	}
	if (memcmp(route->from, none, bytes) != 0) {
		answer_attribute(a, RTA_PREFSRC, route->from, bytes);
	}
	if (route->mtu) {
		struct metric {
			uint16_t bytes, type;
			uint32_t value;
		} metrics[] = { { sizeof(struct metric), RTAX_LOCK, 1u << RTAX_MTU }, { sizeof(struct metric), RTAX_MTU, route->mtu } };
		unsigned skip = route->mtu_locked ? 0 : 1;
		answer_attribute(a, RTA_METRICS, metrics + skip, (2 - skip) * sizeof(metrics[0]));
	}
}

struct route_request {
	struct net_route route;
	bool to_set, asks_more; /* than is kept of a route */
	uint8_t type;
};

/** Is it an interface's first address of its scope, which packets have that leave by it? */
static bool is_first_address(bool v6, const uint8_t *source)
{
	struct net_address address;
	uint64_t seen = 0; /* interfaces, by index and scope */
	for (unsigned n = 0; net_address_at(n, &address); n++) {
		uint64_t bit = 1ull << (address.index % 32 * 2 + (address.scope != 0));
		if (address.v6 != v6) {
			continue;
		}
		if (!(seen & bit) && memcmp(address.bytes, source, address_bytes(v6)) == 0) {
			return true;
		}
		seen |= bit;
	}
	return false;
}

/** Would packets by the route have the source that it prefers, in any case? */
static bool source_is_usual(const struct net_route *route)
{
	static const uint8_t none[16];
	struct net_route path;
	if (memcmp(route->from, none, sizeof(none)) == 0) {
		return true;
	}
	if (route->v6 || !route->gateway_set) {
		return is_first_address(route->v6, route->from);
	}
	return net_path_to(false, route->gateway, &path) && memcmp(path.from, route->from, 4) == 0;
}

static int route_read(struct route_request *r, const char *at, const char *end)
{
	struct route_body body;
	struct attribute attribute;
	at = body_read(&body, sizeof(body), at, end);
	*r = (struct route_request){ .type = body.type, .route = { .v6 = body.family == AF_INET6, .bits = body.to_bits } };
	size_t bytes = address_bytes(r->route.v6);
	while (attribute_next(&at, end, &attribute)) {
		if (attribute.type == RTA_DST && attribute.bytes == bytes) {
			memcpy(r->route.to, attribute.data, bytes);
			r->to_set = true;
		} else if (attribute.type == RTA_GATEWAY && attribute.bytes == bytes) {
			memcpy(r->route.gateway, attribute.data, bytes);
			r->route.gateway_set = true;
		} else if (attribute.type == RTA_OIF && attribute.bytes == sizeof(uint32_t)) {
			memcpy(&r->route.index, attribute.data, sizeof(uint32_t));
		} else if (attribute.type == RTA_PREFSRC && attribute.bytes == bytes) {
			memcpy(r->route.from, attribute.data, bytes);
		} else if (attribute.type == RTA_METRICS || attribute.type == RTA_MULTIPATH || attribute.type == RTA_VIA || attribute.type == RTA_ENCAP ||
			   attribute.type == RTA_NH_ID) {
			r->asks_more = true;
		}
	}
	return body.family == AF_INET || body.family == AF_INET6 ? 0 : -EAFNOSUPPORT;
}

/*
 * Which route a packet takes (ip route get). IPv4's answer is a route made for this packet: it says so, and not who made the one that it is of.
 * What is known of its use comes last, as on Linux, and is nothing but when a router's word of its MTU expires: nmap 7.93 takes the last
 * attribute for less than it is, and does not see it.
 */
static int route_find(struct answer *a, const char *at, const char *end)
{
	struct route_request r;
	struct net_route route;
	int error = route_read(&r, at, end);
	if (error || !r.to_set) {
		return error ? error : -EINVAL;
	}
	if (!net_path_to(r.route.v6, r.route.to, &route)) {
		return -ENETUNREACH;
	}
	if (!route.v6) {
		route.protocol = 0;
	}
	route_put(a, &route, route.v6 ? 0 : RTM_F_CLONED | (route.type == RTN_LOCAL ? RTCF_LOCAL : 0));
	uint32_t use[8] = { [2] = route.mtu_seconds * CLOCK_TICKS }; /* struct rta_cacheinfo: when it expires */
	answer_attribute(a, RTA_CACHEINFO, use, sizeof(use));
	if (route.v6) {
		static const uint8_t medium = 0; /* RFC 4191 */
		answer_attribute(a, RTA_PREF, &medium, sizeof(medium));
	}
	return 0;
}

static int routes_get(struct answer *a, const struct message_header *request, const char *at, const char *end)
{
	struct route_body body;
	struct net_route route;
	if (!(request->flags & NLM_F_DUMP)) {
		return route_find(a, at, end);
	}
	body_read(&body, sizeof(body), at, end);
	a->multi = true;
	for (unsigned n = 0; net_route_at(n, &route); n++) {
		if (family_wanted(body.family, route.v6) && (!body.table || body.table == TABLE_MAIN)) {
			route_put(a, &route, 0);
		}
	}
	return 0;
}

static int route_change(bool remove, bool replace, const char *at, const char *end)
{
	struct route_request r;
	int error = route_read(&r, at, end);
	bool unicast = r.type == RTN_UNICAST || (remove && !r.type); /* none that refuse packets */
	if (!error && (!unicast || (!remove && (r.asks_more || !source_is_usual(&r.route))))) {
		error = -EOPNOTSUPP;
	}
	memset(r.route.from, 0, sizeof(r.route.from)); /* not kept */
	return error ? error : remove ? net_route_remove(&r.route) : net_route_add(&r.route, replace);
}

/* ---- neighbours ---- */

static int neighbours_get(struct answer *a, const char *at, const char *end)
{
	struct neighbour_body body;
	struct net_neighbour neighbour;
	body_read(&body, sizeof(body), at, end);
	a->multi = true;
	for (unsigned n = 0; net_neighbour_at(n, &neighbour); n++) {
		if (!family_wanted(body.family, neighbour.v6) || (body.index && body.index != (int32_t)neighbour.index)) {
			continue;
		}
		struct neighbour_body out = { .family = family_of(neighbour.v6), .index = (int32_t)neighbour.index, .state = neighbour.state,
			.type = RTN_UNICAST };
		answer_begin(a, RTM_NEWNEIGH, &out, sizeof(out));
		answer_attribute(a, NDA_DST, neighbour.bytes, address_bytes(neighbour.v6));
		answer_attribute(a, NDA_LLADDR, neighbour.mac, sizeof(neighbour.mac));
	}
	return 0;
}

/* ---- for news.c ---- */

void route_tables(struct answer *a)
{
	struct net_link link;
	struct net_address address;
	struct net_route route;
	for (unsigned n = 0; net_link_at(n, &link); n++) {
		link_put(a, &link, false);
	}
	for (unsigned n = 0; net_address_at(n, &address); n++) {
		if (net_link_by_index(address.index, &link)) {
			address_put(a, &address, &link);
		}
	}
	for (unsigned n = 0; net_route_at(n, &route); n++) {
		route_put(a, &route, 0);
	}
}

/* Lifetimes that are less than they were, for time has passed, are no news. */
bool route_is_unchanged(const struct message_header *a, const struct message_header *b)
{
	size_t lifetimes = a->type == RTM_NEWADDR ? 16 : 0;
	return a->length == b->length && memcmp(a, b, a->length - lifetimes) == 0;
}

bool route_is_same(const struct message_header *a, const struct message_header *b)
{
	const struct link_body *link = (const void *)(a + 1), *other_link = (const void *)(b + 1);
	const struct address_body *x = (const void *)(a + 1), *y = (const void *)(b + 1);
	if (a->type != b->type) {
		return false;
	}
	if (a->type == RTM_NEWLINK) {
		return link->index == other_link->index;
	}
	if (a->type != RTM_NEWADDR) {
		return a->length == b->length && memcmp(a, b, a->length) == 0;
	}
	/* The address itself is the first attribute. */
	return x->family == y->family && x->bits == y->bits && x->index == y->index &&
	       memcmp(x + 1, y + 1, 4 + address_bytes(x->family == AF_INET6)) == 0;
}

uint32_t route_group(const struct message_header *message)
{
	enum { GROUP_LINK = 1, GROUP_ADDRESS4 = 0x10, GROUP_ROUTE4 = 0x40, GROUP_ADDRESS6 = 0x100, GROUP_ROUTE6 = 0x400 };
	bool v6 = *(const uint8_t *)(message + 1) == AF_INET6; /* each body begins with its family */
	if (message->type == RTM_NEWLINK) {
		return GROUP_LINK;
	}
	return message->type == RTM_NEWADDR ? (v6 ? GROUP_ADDRESS6 : GROUP_ADDRESS4) : v6 ? GROUP_ROUTE6 : GROUP_ROUTE4;
}

static int request_answer(struct answer *a, const struct message_header *request, const char *body, const char *end)
{
	switch (request->type) {
	case RTM_GETLINK:
		return links_get(a, request, body, end);
	case RTM_NEWLINK:
	case RTM_SETLINK:
		return link_change(a, request, body, end);
	case RTM_GETADDR:
		return addresses_get(a, body, end);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return address_change(request->type == RTM_DELADDR, request->flags & NLM_F_EXCL, body, end);
	case RTM_GETROUTE:
		return routes_get(a, request, body, end);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return route_change(request->type == RTM_DELROUTE, request->flags & NLM_F_REPLACE, body, end);
	case RTM_GETNEIGH:
		return neighbours_get(a, body, end);
	case RTM_GETRULE:
	case RTM_GETQDISC:
		a->multi = true; /* there are none */
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

int route_request(struct answer *a, const struct message_header *request, const char *body, const char *end, bool privileged)
{
	bool asks = request->type % 4 == RTM_GETLINK % 4;
	if (!asks && !privileged) {
		return -EPERM;
	}
	if (request->type == RTM_GETLINK) {
		interfaces_count();
	}
	net_lock();
	int error = request_answer(a, request, body, end);
	net_unlock();
	if (!asks && !error) {
		netlink_news(false);
	}
	return error;
}
