/* SPDX-License-Identifier: MIT */
/* ioctl(2) on a socket of any family that asks for or changes interfaces (netdevice(7)) and the default route (SIOCADDRT, SIOCDELRT). */
#include "abi/errno.h"
#include "base/string.h"
#include "kernel/capability.h"
#include "kernel/user.h"
#include "net/internal.h"
#include "net/net.h"
#include "net/tables.h"

enum {
	SIOCADDRT = 0x890b, SIOCDELRT, SIOCGIFNAME = 0x8910, SIOCGIFCONF = 0x8912, SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCGIFADDR, SIOCSIFADDR,
	SIOCGIFDSTADDR, SIOCGIFBRDADDR = 0x8919, SIOCGIFNETMASK = 0x891b, SIOCSIFNETMASK, SIOCGIFMETRIC, SIOCGIFMTU = 0x8921, SIOCSIFMTU,
	SIOCGIFHWADDR = 0x8927, SIOCGIFINDEX = 0x8933, SIOCGIFTXQLEN = 0x8942, SIOCGARP = 0x8954, SIOCGIFMAP = 0x8970,
};
enum { AF_INET = 2, ARPHRD_ETHER = 1, ARPHRD_LOOPBACK = 772, RTF_GATEWAY = 2, ATF_COMPLETE = 2 };
#define NAME_BYTES 16u

struct sockaddr4 {
	uint16_t family, port;
	uint8_t address[4];
	uint8_t zero[8];
};

struct request { /* struct ifreq */
	char name[NAME_BYTES];
	union {
		struct sockaddr4 address;
		struct {
			uint16_t family;
			uint8_t bytes[14];
		} hardware;
		int16_t flags;
		int32_t number;
		uint8_t map[24];
	};
};
_Static_assert(sizeof(struct request) == 40, "struct ifreq");

struct list_request { /* struct ifconf */
	int32_t bytes;
	uint32_t reserved;
	uint64_t buffer;
};

struct route_request { /* struct rtentry */
	uint64_t reserved1;
	struct sockaddr4 to, gateway, mask;
	uint16_t flags, reserved2;
	uint32_t reserved3;
	uint64_t reserved4[2];
	int16_t metric, reserved5[3];
	uint64_t device; /* address of its name */
	uint64_t mtu, window;
	uint16_t irtt, reserved6[3];
};
_Static_assert(sizeof(struct route_request) == 120, "struct rtentry");

struct neighbour_request { /* struct arpreq in arp(7) */
	struct sockaddr4 address;
	struct {
		uint16_t family;
		uint8_t bytes[14];
	} hardware;
	int32_t flags;
	uint8_t mask[16];
	char device[NAME_BYTES];
};
_Static_assert(sizeof(struct neighbour_request) == 68, "struct arpreq");

/* The link's IPv4 address with this label, which is the link's name or an alias, as eth0:1; *first: no other comes before it. False: none. */
static bool address_of(const struct net_link *link, const char *label, struct net_address *out, bool *first)
{
	*first = true;
	for (unsigned n = 0; net_address_at(n, out); n++) {
		if (out->v6 || out->index != link->index) {
			continue;
		}
		if (strcmp(out->label, label) == 0) {
			return true;
		}
		*first = false;
	}
	*out = (struct net_address){ 0 };
	return false;
}

static void address_tell(const struct net_link *link, const struct net_address *address, unsigned what, struct request *r)
{
	uint8_t mask[4];
	mask_put(mask, address->bits);
	memset(&r->address, 0, sizeof(r->address));
	r->address.family = AF_INET;
	for (unsigned n = 0; n < 4; n++) {
		bool broadcast = what == SIOCGIFBRDADDR && (link->flags & IFF_BROADCAST);
		r->address.address[n] = what == SIOCGIFNETMASK ? mask[n] : broadcast ? (uint8_t)(address->bytes[n] | ~mask[n]) : address->bytes[n];
	}
}

static int address_get(const struct net_link *link, unsigned what, struct request *r)
{
	struct net_address address;
	bool first;
	if (!address_of(link, r->name, &address, &first)) {
		return -EADDRNOTAVAIL;
	}
	address_tell(link, &address, what, r);
	return 0;
}

static int request_get(const struct net_link *link, unsigned what, struct request *r)
{
	switch (what) {
	case SIOCGIFFLAGS:
		r->flags = (int16_t)link->flags;
		return 0;
	case SIOCGIFMTU:
		r->number = (int32_t)link->mtu;
		return 0;
	case SIOCGIFINDEX:
		r->number = (int32_t)link->index;
		return 0;
	case SIOCGIFTXQLEN:
		r->number = interface_of(link->netif) ? (int32_t)interface_of(link->netif)->dev->send_depth : 0;
		return 0;
	case SIOCGIFMETRIC:
		r->number = 0;
		return 0;
	case SIOCGIFMAP:
		memset(r->map, 0, sizeof(r->map));
		return 0;
	case SIOCGIFHWADDR:
		memset(&r->hardware, 0, sizeof(r->hardware));
		r->hardware.family = link->flags & IFF_LOOPBACK ? ARPHRD_LOOPBACK : ARPHRD_ETHER;
		memcpy(r->hardware.bytes, link->mac, NET_MAC_BYTES);
		return 0;
	default:
		return address_get(link, what, r);
	}
}

/* A new address brings its class's mask along, as it always has; a new mask keeps the address. */
static int address_change(const struct net_link *link, unsigned what, const struct request *r)
{
	struct net_address address, old;
	bool first, had = address_of(link, r->name, &address, &first);
	int error = 0;
	if (r->address.family != AF_INET) {
		return -EAFNOSUPPORT;
	}
	old = address;
	string_copy(address.label, r->name, sizeof(address.label));
	if (what == SIOCSIFADDR) {
		uint8_t class = r->address.address[0];
		memcpy(address.bytes, r->address.address, 4);
		address.bits = class < 128 ? 8 : class < 192 ? 16 : 24;
	} else if (had) {
		address.bits = mask_bits(r->address.address);
	} else {
		return -EADDRNOTAVAIL;
	}
	if (had && !first) {
		error = net_address_remove(link->index, &old);
	}
	error = error ? error : net_address_set(link->index, &address, !first);
	return error ? error : net_link_set(link->index, true);
}

/* An alias that is taken down is gone. */
static int flags_set(const struct net_link *link, const struct request *r)
{
	struct net_address address;
	bool first;
	if (strchr(r->name, ':')) {
		bool is_there = address_of(link, r->name, &address, &first);
		return !is_there ? -EADDRNOTAVAIL : r->flags & IFF_UP ? 0 : net_address_remove(link->index, &address);
	}
	int error = net_link_set(link->index, r->flags & IFF_UP);
	return error ? error : net_link_listen(link->index, (uint32_t)r->flags, ~0u);
}

static int request_set(const struct net_link *link, unsigned what, const struct request *r)
{
	switch (what) {
	case SIOCSIFFLAGS:
		return flags_set(link, r);
	case SIOCSIFMTU:
		return net_mtu_set(link->index, (uint32_t)r->number);
	default:
		return address_change(link, what, r);
	}
}

static bool sets(unsigned what)
{
	return what == SIOCSIFFLAGS || what == SIOCSIFADDR || what == SIOCSIFNETMASK || what == SIOCSIFMTU;
}

static bool gets(unsigned what)
{
	static const uint16_t known[] = { SIOCGIFFLAGS, SIOCGIFADDR, SIOCGIFDSTADDR, SIOCGIFBRDADDR, SIOCGIFNETMASK, SIOCGIFMETRIC, SIOCGIFMTU,
		SIOCGIFHWADDR, SIOCGIFINDEX, SIOCGIFTXQLEN, SIOCGIFMAP, SIOCGIFNAME };
	for (unsigned n = 0; n < sizeof(known) / sizeof(known[0]); n++) {
		if (known[n] == what) {
			return true;
		}
	}
	return false;
}

static bool link_find(unsigned what, struct request *r, struct net_link *link)
{
	char name[NAME_BYTES];
	if (what != SIOCGIFNAME) {
		string_copy(name, r->name, sizeof(name));
		char *colon = strchr(name, ':');
		if (colon) {
			*colon = 0;
		}
		return net_link_by_name(name, link);
	}
	if (!net_link_by_index((unsigned)r->number, link)) {
		return false;
	}
	string_copy(r->name, link->name, sizeof(r->name));
	return true;
}

static long interface_request(unsigned what, uint64_t user)
{
	struct request r;
	struct net_link link;
	if (user_read(&r, user, sizeof(r))) {
		return -EFAULT;
	}
	r.name[NAME_BYTES - 1] = 0;
	net_lock();
	int error = link_find(what, &r, &link) ? 0 : -ENODEV;
	if (!error && what != SIOCGIFNAME) {
		error = sets(what) ? request_set(&link, what, &r) : request_get(&link, what, &r);
	}
	net_unlock();
	if (error || sets(what)) {
		return error;
	}
	return user_write(user, &r, sizeof(r));
}

/* All IPv4 addresses by their labels; without a buffer, how many bytes they would take. */
static long interface_list(uint64_t user)
{
	struct list_request list;
	struct net_address address;
	struct net_link link;
	if (user_read(&list, user, sizeof(list))) {
		return -EFAULT;
	}
	int32_t room = list.buffer ? list.bytes : INT32_MAX;
	uint32_t written = 0;
	for (unsigned n = 0;; n++) {
		struct request r = { .name = "" };
		net_lock();
		bool found = net_address_at(n, &address), wanted = found && !address.v6 && net_link_by_index(address.index, &link);
		if (wanted) {
			address_tell(&link, &address, SIOCGIFADDR, &r);
		}
		net_unlock();
		if (!found || room < (int32_t)(written + sizeof(r))) {
			break;
		}
		if (wanted) {
			string_copy(r.name, address.label, sizeof(r.name));
			if (list.buffer && user_write(list.buffer + written, &r, sizeof(r))) {
				return -EFAULT;
			}
			written += sizeof(r);
		}
	}
	list.bytes = (int32_t)written;
	return user_write(user, &list, sizeof(list));
}

static long route_change(unsigned what, uint64_t user)
{
	struct route_request r;
	char name[NAME_BYTES] = "";
	if (user_read(&r, user, sizeof(r)) || (r.device && user_read(name, r.device, sizeof(name) - 1))) {
		return -EFAULT;
	}
	struct net_route route = { .gateway_set = r.flags & RTF_GATEWAY, .bits = mask_bits(r.mask.address) };
	struct net_link link;
	memcpy(route.to, r.to.address, 4);
	memcpy(route.gateway, r.gateway.address, 4);
	net_lock();
	int error = 0;
	if (name[0]) {
		error = net_link_by_name(name, &link) ? 0 : -ENODEV;
		route.index = error ? 0 : link.index;
	}
	if (!error) {
		error = what == SIOCADDRT ? net_route_add(&route, false) : net_route_remove(&route);
	}
	net_unlock();
	return error;
}

static int neighbour_find(struct neighbour_request *r)
{
	struct net_link link;
	struct net_neighbour neighbour;
	if (r->address.family != AF_INET) {
		return -EPFNOSUPPORT;
	}
	r->device[NAME_BYTES - 1] = 0;
	if (!net_link_by_name(r->device, &link)) {
		return -ENODEV;
	}
	for (unsigned n = 0; net_neighbour_at(n, &neighbour); n++) {
		if (!neighbour.v6 && neighbour.index == link.index && memcmp(neighbour.bytes, r->address.address, 4) == 0) {
			r->hardware.family = ARPHRD_ETHER;
			memcpy(r->hardware.bytes, neighbour.mac, NET_MAC_BYTES);
			r->flags = ATF_COMPLETE;
			return 0;
		}
	}
	return -ENXIO;
}

static long neighbour_request(uint64_t user)
{
	struct neighbour_request r;
	if (user_read(&r, user, sizeof(r))) {
		return -EFAULT;
	}
	net_lock();
	int error = neighbour_find(&r);
	net_unlock();
	return error ? error : user_write(user, &r, sizeof(r));
}

bool net_ioctl_known(unsigned request)
{
	return request == SIOCADDRT || request == SIOCDELRT || request == SIOCGARP || request == SIOCGIFCONF || gets(request) || sets(request);
}

long net_ioctl(unsigned request, uint64_t argument)
{
	bool route = request == SIOCADDRT || request == SIOCDELRT, changes = route || sets(request);
	if (changes && !capable(CAP_NET_ADMIN)) {
		return -EPERM;
	}
	if (request == SIOCGARP) {
		return neighbour_request(argument);
	}
	long error = route ? route_change(request, argument) : request == SIOCGIFCONF ? interface_list(argument) : interface_request(request, argument);
	if (changes && !error) {
		netlink_news(false);
	}
	return error;
}
