/* SPDX-License-Identifier: MIT */
/* getsockopt and setsockopt of IP and IPv6 (ip(7), ipv6(7)), and what the options of SOL_SOCKET change here. TCP's are in tcp_options.c. */
#include "socket/inet/inet.h"

#include "base/string.h"
#include "kernel/user.h"
#include "net/lwip/hooks.h"
#include "net/interface.h"
#include "net/internal.h"
#include "net/net.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/raw.h"
#include "lwip/udp.h"

enum {
	IP_TOS = 1, IP_TTL, IP_HDRINCL, IP_OPTIONS, IP_RECVOPTS = 6, IP_RETOPTS, IP_PKTINFO = 8, IP_MTU_DISCOVER = 10, IP_RECVERR, IP_RECVTTL, IP_RECVTOS,
	IP_MTU, IP_FREEBIND, IP_TRANSPARENT = 19, IP_BIND_ADDRESS_NO_PORT = 24, IP_MULTICAST_IF = 32, IP_MULTICAST_TTL, IP_MULTICAST_LOOP,
	IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP, MCAST_JOIN_GROUP = 42, MCAST_LEAVE_GROUP = 45, IP_MULTICAST_ALL = 49, IP_UNICAST_IF,
};
enum {
	IPV6_ADDRFORM = 1, IPV6_CHECKSUM = 7, IPV6_2292HOPLIMIT,
	IPV6_UNICAST_HOPS = 16, IPV6_MULTICAST_IF, IPV6_MULTICAST_HOPS, IPV6_MULTICAST_LOOP, IPV6_ADD_MEMBERSHIP, IPV6_DROP_MEMBERSHIP,
	IPV6_MTU_DISCOVER = 23, IPV6_MTU, IPV6_RECVERR, IPV6_V6ONLY, IPV6_RECVPKTINFO = 49, IPV6_PKTINFO, IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT,
	IPV6_RECVTCLASS = 66, IPV6_TCLASS, IPV6_DONTFRAG = 62, IPV6_UNICAST_IF = 76,
};
#define NAME_BYTES 16 /* IFNAMSIZ */
#define IPV6_MTU_LEAST 1280

/* An int, or for these options also one byte. */
static int value_read(uint64_t user, int length, int *value)
{
	uint8_t byte;
	*value = 0;
	if (length >= (int)sizeof(*value)) {
		return user_read(value, user, sizeof(*value)) ? -EFAULT : 0;
	}
	if (length < 1) {
		return -EINVAL;
	}
	int error = user_read(&byte, user, 1) ? -EFAULT : 0;
	*value = byte;
	return error;
}

/* To lwIP's control block, where there is one. */
static void apply(struct inet_socket *s)
{
	u8_t tos = s->tos >= 0 ? (u8_t)s->tos : 0, ttl = s->ttl >= 0 ? (u8_t)s->ttl : IP_DEFAULT_TTL;
	if (s->base.type == SOCK_STREAM) {
		if (s->tcp && s->tcp->state != LISTEN) {
			tcp_options_apply(s);
		} else if (s->tcp) {
			s->tcp->tos = tos;
			s->tcp->ttl = ttl;
		}
		return;
	}
	u8_t multicast_ttl = s->multicast_ttl >= 0 ? (u8_t)s->multicast_ttl : 1;
	s->ip->tos = tos;
	s->ip->ttl = ttl;
	s->ip->netif_idx = (u8_t)s->interface;
	if (s->kind != INET_UDP) {
		s->raw->mcast_ttl = multicast_ttl;
		return;
	}
	s->udp->mcast_ttl = multicast_ttl;
	if (s->multicast_loop) {
		udp_set_flags(s->udp, UDP_FLAGS_MULTICAST_LOOP);
	} else {
		udp_clear_flags(s->udp, UDP_FLAGS_MULTICAST_LOOP);
	}
}

void inet_changed(struct socket *base, int option)
{
	struct inet_socket *s = inet_of(base);
	net_lock();
	s->reuse_address = socket_option(base, SO_REUSEADDR);
	s->reuse_port = socket_option(base, SO_REUSEPORT);
	if (base->type == SOCK_STREAM && (option == SO_RCVBUF || option == SO_RCVBUFFORCE)) {
		uint32_t window = tcp_window_usual(s), before = s->window;
		bool connected = s->tcp && s->tcp->state != LISTEN;
		if (connected && window > TCP_WND_MAX(s->tcp)) {
			window = TCP_WND_MAX(s->tcp);
		}
		if (connected && window > before) {
			uint32_t more = window - before, absorbed = more < s->excess ? more : s->excess;
			s->excess -= absorbed;
			s->tcp->rcv_wnd += more - absorbed;
		} else if (connected) {
			s->excess += before - window;
		}
		s->window = window;
	}
	apply(s);
	net_unlock();
}

static int bind_to_device(struct inet_socket *s, uint64_t user, int length)
{
	char name[NAME_BYTES + 1] = "";
	if (length < 0) {
		return -EINVAL;
	}
	if (user_read(name, user, length < NAME_BYTES ? (size_t)length : NAME_BYTES - 1)) {
		return -EFAULT;
	}
	net_lock();
	struct netif *netif = name[0] ? net_find(name) : NULL;
	int error = name[0] && !netif ? -ENODEV : 0;
	if (!error) {
		s->interface = netif ? netif_get_index(netif) : 0;
		apply(s);
	}
	net_unlock();
	return error;
}

/* ---- IP ---- */
/* Options that are a number. False: no such option. */
static bool ip_number(struct inet_socket *s, int option, int **at, bool **flag, int *most)
{
	*at = NULL;
	*flag = NULL;
	*most = 255;
	switch (option) {
	case IP_TOS:
		*at = &s->tos;
		return true;
	case IP_TTL:
		*at = &s->ttl;
		return true;
	case IP_MULTICAST_TTL:
		*at = &s->multicast_ttl;
		return true;
	case IP_MULTICAST_LOOP:
		*flag = &s->multicast_loop;
		return true;
	case IP_PKTINFO:
		*flag = &s->want_info;
		return true;
	case IP_RECVTTL:
		*flag = &s->want_ttl;
		return true;
	case IP_RECVTOS:
		*flag = &s->want_tos;
		return true;
	case IP_RECVERR:
		*flag = &s->want_errors;
		return true;
	default:
		return false;
	}
}

static bool ip6_number(struct inet_socket *s, int option, int **at, bool **flag, int *most)
{
	static const int same[][2] = {
		{ IPV6_TCLASS, IP_TOS }, { IPV6_UNICAST_HOPS, IP_TTL }, { IPV6_MULTICAST_HOPS, IP_MULTICAST_TTL }, { IPV6_MULTICAST_LOOP, IP_MULTICAST_LOOP },
		{ IPV6_RECVPKTINFO, IP_PKTINFO }, { IPV6_RECVHOPLIMIT, IP_RECVTTL }, { IPV6_RECVTCLASS, IP_RECVTOS }, { IPV6_RECVERR, IP_RECVERR },
	};
	for (unsigned i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		if (same[i][0] == option) {
			return ip_number(s, same[i][1], at, flag, most);
		}
	}
	*at = NULL;
	*flag = &s->want_hops;
	return option == IPV6_2292HOPLIMIT;
}

static int number_set(struct inet_socket *s, int *at, bool *flag, int most, int least, int value)
{
	if (at && (value < least || value > most)) {
		return -EINVAL;
	}
	net_lock();
	if (at) {
		*at = value;
	} else {
		*flag = value;
	}
	apply(s);
	net_unlock();
	return 0;
}

static int mtu_discover(struct inet_socket *s, bool v6, int value)
{
	if (value < PATH_FRAGMENTS || value > PATH_OMIT) {
		return -EINVAL;
	}
	net_lock();
	s->mtu_discover[v6] = value;
	net_unlock();
	return 0;
}

/* IP_MTU: of the way to whom it is connected. */
static int path_mtu(struct inet_socket *s, int *mtu)
{
	struct endpoint to;
	struct netif *netif;
	ip_addr_t from;
	net_lock();
	to = s->remote;
	int error = s->base.state == SOCKET_CONNECTED ? route_find(s, &to, &netif, &from) : -ENOTCONN;
	*mtu = error ? 0 : net_path_mtu(netif, &to.address);
	net_unlock();
	return error ? -ENOTCONN : 0;
}

static int set_ip(struct inet_socket *s, int option, uint64_t user, int length)
{
	int value, *at, most;
	bool *flag;
	switch (option) {
	case IP_ADD_MEMBERSHIP:
	case IP_DROP_MEMBERSHIP:
		return s->base.type == SOCK_STREAM ? -EPROTO : membership4(s, option == IP_ADD_MEMBERSHIP, user, length);
	case MCAST_JOIN_GROUP:
	case MCAST_LEAVE_GROUP:
		return membership_by_name(s, false, option == MCAST_JOIN_GROUP, user, length);
	case IP_MULTICAST_IF:
		return multicast_interface(s, user, length);
	case IP_UNICAST_IF:
		return unicast_interface(s, user, length);
	}
	int error = value_read(user, length, &value);
	if (error) {
		return error;
	}
	if (ip_number(s, option, &at, &flag, &most)) {
		int least = option == IP_TTL ? (value == -1 ? -1 : 1) : option == IP_TOS ? 0 : -1;
		return number_set(s, at, flag, most, least, option == IP_TOS ? value & 0xff : value);
	}
	if (option == IP_HDRINCL && s->kind == INET_RAW) {
		net_lock();
		s->headers = value || s->base.protocol == IPPROTO_RAW;
		net_unlock();
		return 0;
	}
	if (option == IP_MTU_DISCOVER) {
		return mtu_discover(s, false, value);
	}
	if (option == IP_BIND_ADDRESS_NO_PORT) {
		s->port_later = value;
		return 0;
	}
	switch (option) { /* taken without effect: nothing here routes */
	case IP_RECVOPTS:
	case IP_RETOPTS:
	case IP_FREEBIND:
	case IP_MULTICAST_ALL:
	case IP_OPTIONS:
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int get_ip(struct inet_socket *s, int option, uint64_t user, uint64_t user_length)
{
	int value, *at, most, error;
	bool *flag;
	if (ip_number(s, option, &at, &flag, &most)) {
		value = at ? (*at >= 0 ? *at : option == IP_TTL ? IP_DEFAULT_TTL : option == IP_MULTICAST_TTL ? 1 : 0) : *flag;
		return option_answer(user, user_length, &value, sizeof(value));
	}
	switch (option) {
	case IP_MTU_DISCOVER:
		value = s->mtu_discover[0];
		break;
	case IP_MULTICAST_ALL:
		value = 1;
		break;
	case IP_RECVOPTS:
	case IP_RETOPTS:
	case IP_FREEBIND:
	case IP_MULTICAST_IF:
		value = 0;
		break;
	case IP_HDRINCL:
		value = s->headers;
		break;
	case IP_BIND_ADDRESS_NO_PORT:
		value = s->port_later;
		break;
	case IP_UNICAST_IF:
		value = (int)lwip_htonl(s->unicast_interface);
		break;
	case IP_MTU:
		error = path_mtu(s, &value);
		return error ? error : option_answer(user, user_length, &value, sizeof(value));
	default:
		return -ENOPROTOOPT;
	}
	return option_answer(user, user_length, &value, sizeof(value));
}

/* ---- IPv6 ---- */
static int set_only6(struct inet_socket *s, bool only)
{
	net_lock();
	int error = s->port_listed || s->base.state != SOCKET_FREE ? -EINVAL : 0;
	if (!error) {
		s->v6_only = only;
		address_set_any(&s->local.address, s);
		address_set_any(&s->remote.address, s);
		if (s->kind == INET_UDP) {
			s->udp->local_ip = s->udp->remote_ip = s->local.address;
		}
	}
	net_unlock();
	return error;
}

/* IPV6_ADDRFORM: a socket that is connected over IPv4 becomes one of AF_INET. */
static int become_ip4(struct inet_socket *s, int family)
{
	if (family != AF_INET) {
		return -EINVAL;
	}
	if (s->kind != INET_TCP && s->kind != INET_UDP) {
		return -ENOPROTOOPT;
	}
	net_lock();
	int error = s->corked ? -EBUSY : s->base.state != SOCKET_CONNECTED ? -ENOTCONN : !IP_IS_V4(&s->remote.address) ? -EADDRNOTAVAIL : 0;
	if (!error) {
		s->v6 = false;
		s->base.family = AF_INET;
	}
	net_unlock();
	return error;
}

static int set_ip6(struct inet_socket *s, int option, uint64_t user, int length)
{
	int value, *at, most;
	bool *flag;
	if (!s->v6) {
		return -ENOPROTOOPT;
	}
	if (option == IPV6_ADD_MEMBERSHIP || option == IPV6_DROP_MEMBERSHIP) {
		return s->base.type == SOCK_STREAM ? -EPROTO : membership6(s, option == IPV6_ADD_MEMBERSHIP, user, length);
	}
	if (option == MCAST_JOIN_GROUP || option == MCAST_LEAVE_GROUP) {
		return membership_by_name(s, true, option == MCAST_JOIN_GROUP, user, length);
	}
	if (option == IPV6_UNICAST_IF) {
		return unicast_interface(s, user, length);
	}
	if (length < (int)sizeof(value)) {
		return -EINVAL;
	}
	int error = value_read(user, length, &value);
	if (error) {
		return error;
	}
	if (ip6_number(s, option, &at, &flag, &most)) {
		return number_set(s, at, flag, most, -1, value);
	}
	switch (option) {
	case IPV6_ADDRFORM:
		return become_ip4(s, value);
	case IPV6_V6ONLY:
		return set_only6(s, value);
	case IPV6_MULTICAST_IF:
		net_lock();
		error = value && !netif_get_by_index((u8_t)value) ? -ENODEV : 0;
		s->multicast_interface = error ? s->multicast_interface : (uint32_t)value;
		net_unlock();
		return error;
	case IPV6_CHECKSUM:
		return s->kind == INET_RAW ? raw_set_checksum(s, IPPROTO_IPV6, value) : -ENOPROTOOPT;
	case IPV6_MTU_DISCOVER:
		return mtu_discover(s, true, value);
	case IPV6_MTU:
		if (value && value < IPV6_MTU_LEAST) {
			return -EINVAL;
		}
		/* fragments that have to be made are as long as the way allows */
		return 0;
	case IPV6_DONTFRAG:
		s->whole6 = value;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int get_ip6(struct inet_socket *s, int option, uint64_t user, uint64_t user_length)
{
	int value, *at, most, error;
	bool *flag;
	if (!s->v6) {
		return -EOPNOTSUPP;
	}
	if (ip6_number(s, option, &at, &flag, &most)) {
		value = at ? (*at >= 0 ? *at : option == IPV6_UNICAST_HOPS ? IP_DEFAULT_TTL : option == IPV6_MULTICAST_HOPS ? 1 : 0) : *flag;
		return option_answer(user, user_length, &value, sizeof(value));
	}
	switch (option) {
	case IPV6_CHECKSUM:
		if (s->kind != INET_RAW) {
			return -ENOPROTOOPT;
		}
		value = s->checksum_at;
		break;
	case IPV6_V6ONLY:
		value = s->v6_only;
		break;
	case IPV6_MULTICAST_IF:
		value = (int)s->multicast_interface;
		break;
	case IPV6_MTU_DISCOVER:
		value = s->mtu_discover[1];
		break;
	case IPV6_MTU:
		error = path_mtu(s, &value);
		if (error) {
			return error;
		}
		break;
	case IPV6_DONTFRAG:
		value = s->whole6;
		break;
	case IPV6_UNICAST_IF:
		value = (int)lwip_htonl(s->unicast_interface);
		break;
	default:
		return -ENOPROTOOPT;
	}
	return option_answer(user, user_length, &value, sizeof(value));
}

/* ---- all ---- */
int inet_set_option(struct socket *base, int level, int option, uint64_t user, int length)
{
	struct inet_socket *s = inet_of(base);
	switch (level) {
	case SOL_SOCKET:
		return option == SO_BINDTODEVICE ? bind_to_device(s, user, length) : -ENOPROTOOPT;
	case IPPROTO_IP:
		return set_ip(s, option, user, length);
	case IPPROTO_IPV6:
		return set_ip6(s, option, user, length);
	case IPPROTO_TCP:
		return base->type == SOCK_STREAM ? tcp_set_option(s, option, user, length) : -ENOPROTOOPT;
	case IPPROTO_UDP:
		return s->kind == INET_UDP ? cork_set_option(s, option, user, length) : -ENOPROTOOPT;
	case IPPROTO_RAW:
	case IPPROTO_ICMPV6:
		return s->kind == INET_RAW ? raw_set_option(s, level, option, user, length) : -ENOPROTOOPT;
	default:
		return -ENOPROTOOPT;
	}
}

static int device_tell(struct inet_socket *s, uint64_t user, uint64_t user_length)
{
	char name[NAME_BYTES] = "";
	net_lock();
	struct netif *netif = s->interface ? netif_get_by_index((u8_t)s->interface) : NULL;
	if (netif) {
		string_copy(name, interface_name(netif), sizeof(name));
	}
	net_unlock();
	return option_answer(user, user_length, name, netif ? (int)strlen(name) + 1 : 0);
}

int inet_get_option(struct socket *base, int level, int option, uint64_t user, uint64_t user_length)
{
	struct inet_socket *s = inet_of(base);
	int none = s->v6 ? -ENOPROTOOPT : -EOPNOTSUPP;
	switch (level) {
	case SOL_SOCKET:
		return option == SO_BINDTODEVICE ? device_tell(s, user, user_length) : -ENOPROTOOPT;
	case IPPROTO_IP:
		return get_ip(s, option, user, user_length);
	case IPPROTO_IPV6:
		return get_ip6(s, option, user, user_length);
	case IPPROTO_TCP:
		return base->type == SOCK_STREAM ? tcp_get_option(s, option, user, user_length) : none;
	case IPPROTO_UDP:
		return s->kind == INET_UDP ? cork_get_option(s, option, user, user_length) : none;
	case IPPROTO_RAW:
	case IPPROTO_ICMPV6:
		return s->kind == INET_RAW ? raw_get_option(s, level, option, user, user_length) : none;
	default:
		return none;
	}
}
