/* SPDX-License-Identifier: MIT */
/*
 * How large packets may be: the interface's MTU, what routers tell of a way's (RFC 1191, RFC 8201; a raw socket plays the router), and what programs
 * want of it (IP_MTU_DISCOVER), over the loopback interface with an MTU of 1500. As root: Linux does it in a network of its own.
 */
#include "inet.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#define MTU 1500
#ifndef IPV6_MTU
#define IPV6_MTU 24
#endif
enum { DONT, WANT, DO, PROBE, INTERFACE, OMIT };

static char bytes[65536];

static void mtu_set(int mtu)
{
	struct ifreq request = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	request.ifr_mtu = mtu;
	CALL(ioctl(fd, SIOCSIFMTU, &request));
	request.ifr_mtu = 0;
	CALL(ioctl(fd, SIOCGIFMTU, &request));
	SHOW("mtu", "%d", request.ifr_mtu);
	close(fd);
}

/* A datagram socket of that address, and one that is connected to it. */
static void pair(int ends[2], const char *address)
{
	struct sockaddr_in in = to(address, 0);
	ends[1] = socket(AF_INET, SOCK_DGRAM, 0);
	bind(ends[1], (void *)&in, sizeof(in));
	in = to(address, port_of(ends[1]));
	ends[0] = socket(AF_INET, SOCK_DGRAM, 0);
	connect(ends[0], (void *)&in, sizeof(in));
}

/* "Fragmentation needed", about a packet from `fd` to whom it is connected. */
static void router_tells(int fd, int protocol, int mtu, uint32_t sequence)
{
	struct sockaddr_in from, peer, in = to("127.0.0.1", 0);
	socklen_t length = sizeof(from);
	unsigned char message[8 + 20 + 8] = { 3, 4 }, *ip = message + 8, *transport = ip + 20;
	getsockname(fd, (void *)&from, &length);
	length = sizeof(peer);
	getpeername(fd, (void *)&peer, &length);
	message[6] = (unsigned char)(mtu >> 8);
	message[7] = (unsigned char)mtu;
	ip[0] = 0x45;
	ip[2] = MTU >> 8;
	ip[3] = MTU & 0xff;
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = (unsigned char)protocol;
	memcpy(ip + 12, &from.sin_addr, 4);
	memcpy(ip + 16, &peer.sin_addr, 4);
	memcpy(transport, &from.sin_port, 2);
	memcpy(transport + 2, &peer.sin_port, 2);
	sequence = htonl(sequence);
	memcpy(transport + 4, &sequence, 4);
	uint16_t check = checksum(ip, 20);
	memcpy(ip + 10, &check, 2);
	check = checksum(message, sizeof(message));
	memcpy(message + 2, &check, 2);
	int raw = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	in = from;
	in.sin_port = 0;
	if (sendto(raw, message, sizeof(message), 0, (void *)&in, sizeof(in)) != sizeof(message)) {
		SHOW("the router", "%s", calls_error(errno));
	}
	close(raw);
}

/* What waits in the queue of errors. */
static void error_show(int fd)
{
	char space[256], text[64];
	struct sockaddr_in meant = { 0 };
	struct iovec v = { text, sizeof(text) };
	struct msghdr m = { .msg_name = &meant, .msg_namelen = sizeof(meant), .msg_iov = &v, .msg_iovlen = 1, .msg_control = space,
		.msg_controllen = sizeof(space) };
	if (recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
		SHOW("no error", "%s", calls_error(errno));
		return;
	}
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	for (struct cmsghdr *next; (next = CMSG_NXTHDR(&m, c)) != NULL; c = next) { /* of who told, in front */
		SHOW("told by", "%d %d: %d", c->cmsg_level, c->cmsg_type, *(int *)CMSG_DATA(c));
	}
	struct error_report *e = (void *)CMSG_DATA(c);
	SHOW("error", "%s %d.%d.%d info %u from %d; to %s", calls_error((int)e->error), e->origin, e->type, e->code, e->info, e->by.sin_family,
		inet_ntoa(meant.sin_addr));
}

/* What the router has told needs a moment to be heard. */
static int way(int fd, int wanted)
{
	for (unsigned n = 0; n < 2000 && number(fd, IPPROTO_IP, IP_MTU) != wanted; n++) {
		poll(NULL, 0, 1);
	}
	return number(fd, IPPROTO_IP, IP_MTU);
}

static long arrives(int fd)
{
	return until(fd, POLLIN) & POLLIN ? recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) : -1;
}

static void options(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0);
	SHOW("first", "%d %d", number(fd, IPPROTO_IP, IP_MTU_DISCOVER), number(tcp, IPPROTO_IP, IP_MTU_DISCOVER));
	for (int rule = -1; rule <= 6; rule++) {
		CALL(set(fd, IPPROTO_IP, IP_MTU_DISCOVER, rule));
		SHOW("rule", "%d", number(fd, IPPROTO_IP, IP_MTU_DISCOVER));
	}
	CALL(number(fd, IPPROTO_IP, IP_MTU));
	CALL(number(tcp, IPPROTO_IP, IP_MTU));
	CALL(set(fd, IPPROTO_IP, IP_MTU, 1400) == 0);
}

static void limits(void)
{
	int ends[2];
	pair(ends, "127.7.0.1");
	SHOW("way", "%d", number(ends[0], IPPROTO_IP, IP_MTU));
	CALL(set(ends[0], IPPROTO_IP, IP_RECVERR, 1));
	for (int rule = DONT; rule <= OMIT; rule++) {
		SHOW("rule", "%d: %d", rule, set(ends[0], IPPROTO_IP, IP_MTU_DISCOVER, rule));
		CALL(send(ends[0], bytes, MTU - 28, 0));
		SHOW("arrived", "%ld", arrives(ends[1]));
		if (send(ends[0], bytes, MTU - 27, 0) < 0) {
			SHOW("too large", "%s", calls_error(errno));
		} else {
			SHOW("arrived", "%ld", arrives(ends[1]));
		}
		error_show(ends[0]);
	}
	struct sockaddr_in in = to("127.7.0.1", port_of(ends[1]));
	int other = socket(AF_INET, SOCK_DGRAM, 0), raw = socket(AF_INET, SOCK_RAW, 253);
	CALL(set(other, IPPROTO_IP, IP_MTU_DISCOVER, DO));
	CALL(sendto(other, bytes, MTU, 0, (void *)&in, sizeof(in)));
	error_show(other);
	CALL(set(other, IPPROTO_IP, IP_RECVERR, 1));
	CALL(sendto(other, bytes, MTU, 0, (void *)&in, sizeof(in)));
	error_show(other);
	CALL(set(raw, IPPROTO_IP, IP_MTU_DISCOVER, DO));
	CALL(sendto(raw, bytes, MTU - 19, 0, (void *)&in, sizeof(in)));
	CALL(sendto(raw, bytes, MTU - 20, 0, (void *)&in, sizeof(in)));
}

static void routers(void)
{
	int ends[2], more[2];
	pair(ends, "127.7.0.2");
	CALL(set(ends[0], IPPROTO_IP, IP_RECVERR, 1));
	CALL(set(ends[0], IPPROTO_IP, IP_RECVTTL, 1));
	router_tells(ends[0], IPPROTO_UDP, 1000, 0);
	until(ends[0], POLLERR);
	error_show(ends[0]);
	pair(more, "127.7.0.2");
	CALL(send(ends[0], bytes, 3000, 0));
	CALL(send(ends[0], bytes, 3000, 0));
	SHOW("arrived", "%ld", arrives(ends[1]));
	SHOW("ways", "%d %d", number(ends[0], IPPROTO_IP, IP_MTU), number(more[0], IPPROTO_IP, IP_MTU));
	CALL(set(ends[0], IPPROTO_IP, IP_MTU_DISCOVER, DO));
	CALL(send(ends[0], bytes, 972, 0));
	CALL(send(ends[0], bytes, 973, 0));
	error_show(ends[0]);
	CALL(set(ends[0], IPPROTO_IP, IP_MTU_DISCOVER, PROBE));
	CALL(send(ends[0], bytes, 1472, 0));
	CALL(send(ends[0], bytes, 1473, 0));
	error_show(ends[0]);
	router_tells(more[0], IPPROTO_UDP, 1200, 0);
	until(more[0], POLLERR);
	SHOW("larger", "%d", number(more[0], IPPROTO_IP, IP_MTU));
	SHOW("not asked for", "%s", calls_error(number(more[0], SOL_SOCKET, SO_ERROR)));
	router_tells(more[0], IPPROTO_UDP, 100, 0);
	SHOW("least", "%d", way(more[0], 552));
	pair(ends, "127.7.0.3");
	CALL(set(ends[0], IPPROTO_IP, IP_MTU_DISCOVER, INTERFACE));
	router_tells(ends[0], IPPROTO_UDP, 900, 0);
	until(ends[0], POLLERR);
	SHOW("not wanted", "%d %s", number(ends[0], IPPROTO_IP, IP_MTU), calls_error(number(ends[0], SOL_SOCKET, SO_ERROR)));
	CALL(set(ends[0], IPPROTO_IP, IP_MTU_DISCOVER, DONT));
	router_tells(ends[0], IPPROTO_UDP, 900, 0);
	SHOW("without an error", "%d %s", way(ends[0], 900), calls_error(number(ends[0], SOL_SOCKET, SO_ERROR)));
	pair(ends, "127.7.0.4");
	close(ends[1]);
	router_tells(ends[0], IPPROTO_TCP, 900, 0); /* there is no such connection */
	SHOW("of nothing", "%d", number(ends[0], IPPROTO_IP, IP_MTU));
}

/* The end of what was sent last on a connection, as a raw socket sees it go by. */
static uint32_t sequence_of(int raw, int port)
{
	unsigned char packet[2048];
	uint32_t end = 0;
	ssize_t n;
	while ((n = recv(raw, packet, sizeof(packet), MSG_DONTWAIT)) > 0) {
		const unsigned char *tcp = packet + (packet[0] & 15) * 4;
		if (n >= 40 && (tcp[0] << 8 | tcp[1]) == port) {
			uint32_t begin = (uint32_t)tcp[4] << 24 | (uint32_t)tcp[5] << 16 | (uint32_t)tcp[6] << 8 | tcp[7];
			end = begin + (uint32_t)(n - (tcp - packet) - (tcp[12] >> 4) * 4);
		}
	}
	return end;
}

static void connections(void)
{
	struct sockaddr_in in = to("127.7.0.5", 0);
	int listening = socket(AF_INET, SOCK_STREAM, 0), raw = socket(AF_INET, SOCK_RAW, IPPROTO_TCP);
	struct timeval second = { 1, 0 };
	bind(listening, (void *)&in, sizeof(in));
	listen(listening, 1);
	in.sin_port = htons((uint16_t)port_of(listening));
	int here = socket(AF_INET, SOCK_STREAM, 0);
	connect(here, (void *)&in, sizeof(in));
	int there = accept(listening, NULL, NULL);
	setsockopt(there, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	CALL(send(here, bytes, 100, 0));
	CALL(recv(there, bytes, 100, MSG_WAITALL));
	uint32_t end = sequence_of(raw, port_of(here));
	SHOW("segment", "%d %d", number(here, IPPROTO_TCP, TCP_MAXSEG), number(here, IPPROTO_IP, IP_MTU));
	router_tells(here, IPPROTO_TCP, 1000, end - 101);
	router_tells(here, IPPROTO_TCP, 1000, end + 1);
	SHOW("not its own", "%d %d", number(here, IPPROTO_TCP, TCP_MAXSEG), number(here, IPPROTO_IP, IP_MTU));
	router_tells(here, IPPROTO_TCP, 1000, end);
	way(here, 1000);
	SHOW("segment", "%d %d", number(here, IPPROTO_TCP, TCP_MAXSEG), number(here, IPPROTO_IP, IP_MTU));
	struct tcp_info info;
	socklen_t length = sizeof(info);
	getsockopt(here, IPPROTO_TCP, TCP_INFO, &info, &length);
	SHOW("info", "%u %u", info.tcpi_pmtu, info.tcpi_snd_mss);
	CALL(set(here, IPPROTO_IP, IP_MTU_DISCOVER, DONT));
	router_tells(here, IPPROTO_TCP, 900, end);
	SHOW("not wanted", "%d", way(here, 900));
	CALL(set(here, IPPROTO_IP, IP_MTU_DISCOVER, WANT));
	CALL(send(here, bytes, 50000, MSG_DONTWAIT));
	CALL(recv(there, bytes, 50000, MSG_WAITALL));
	SHOW("segment", "%d %d", number(here, IPPROTO_TCP, TCP_MAXSEG), number(here, IPPROTO_IP, IP_MTU));
	CALL(shutdown(here, SHUT_WR));
	CALL(recv(there, bytes, 1, 0));
}

/* What `ip route get` asks for. */
static void told(void)
{
	struct {
		struct nlmsghdr header;
		struct rtmsg body;
		struct rtattr attribute;
		uint32_t address;
	} ask = { { sizeof(ask), RTM_GETROUTE, NLM_F_REQUEST, 1, 0 }, { .rtm_family = AF_INET, .rtm_dst_len = 32 }, { 8, RTA_DST }, 0 };
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	static const char *const addresses[] = { "127.7.0.2", "127.7.0.5", "127.7.0.6" };
	for (unsigned i = 0; i < 3; i++) {
		inet_pton(AF_INET, addresses[i], &ask.address);
		send(fd, &ask, sizeof(ask), 0);
		long n = recv(fd, bytes, sizeof(bytes), 0);
		struct nlmsghdr *header = (void *)bytes;
		uint32_t metrics[RTAX_MAX + 1] = { 0 }, expires = 0;
		int left = (int)n - (int)NLMSG_LENGTH(sizeof(struct rtmsg));
		for (struct rtattr *a = RTM_RTA(NLMSG_DATA(header)); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
			if (a->rta_type == RTA_METRICS) {
				int inner = (int)RTA_PAYLOAD(a);
				for (struct rtattr *m = RTA_DATA(a); RTA_OK(m, inner); m = RTA_NEXT(m, inner)) {
					metrics[m->rta_type] = *(uint32_t *)RTA_DATA(m);
				}
			} else if (a->rta_type == RTA_CACHEINFO) {
				expires = ((struct rta_cacheinfo *)RTA_DATA(a))->rta_expires;
			}
		}
		SHOW("route", "%s: mtu %u lock %x, %s", addresses[i], metrics[RTAX_MTU], metrics[RTAX_LOCK],
			!expires ? "stays" : expires > 58000 && expires <= 60000 ? "expires" : "?");
	}
}

static void six(void)
{
	struct sockaddr_in6 in = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT }, own;
	socklen_t length = sizeof(own);
	int there = socket(AF_INET6, SOCK_DGRAM, 0), here = socket(AF_INET6, SOCK_DGRAM, 0), raw = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
	bind(there, (void *)&in, sizeof(in));
	in.sin6_port = htons((uint16_t)port_of(there));
	SHOW("first", "%d %d", number(here, IPPROTO_IPV6, IPV6_MTU_DISCOVER), number(here, IPPROTO_IPV6, IPV6_DONTFRAG));
	CALL(number(here, IPPROTO_IPV6, IPV6_MTU));
	for (int rule = -1; rule <= 6; rule++) {
		CALL(set(here, IPPROTO_IPV6, IPV6_MTU_DISCOVER, rule));
	}
	CALL(set(here, IPPROTO_IPV6, IPV6_MTU_DISCOVER, WANT));
	CALL(connect(here, (void *)&in, sizeof(in)));
	SHOW("way", "%d", number(here, IPPROTO_IPV6, IPV6_MTU));
	getsockname(here, (void *)&own, &length);
	for (int mtu = 1400; mtu > 1000; mtu -= 300) {
		unsigned char message[8 + 40 + 8] = { 2, [8] = 0x60, [12] = 5, [14] = 17, [15] = 64 };
		message[6] = (unsigned char)(mtu >> 8);
		message[7] = (unsigned char)mtu;
		memcpy(message + 16, &own.sin6_addr, 16);
		memcpy(message + 32, &in.sin6_addr, 16);
		memcpy(message + 48, &own.sin6_port, 2);
		memcpy(message + 50, &in.sin6_port, 2);
		struct sockaddr_in6 at = own;
		at.sin6_port = 0;
		CALL(sendto(raw, message, sizeof(message), 0, (void *)&at, sizeof(at)));
		until(here, POLLERR);
		SHOW("way", "%d %s", number(here, IPPROTO_IPV6, IPV6_MTU), calls_error(number(here, SOL_SOCKET, SO_ERROR)));
		CALL(send(here, bytes, 3000, 0));
		SHOW("arrived", "%ld", arrives(there));
	}
	CALL(set(here, IPPROTO_IPV6, IPV6_MTU_DISCOVER, DO));
	CALL(send(here, bytes, 1400 - 48, 0));
	CALL(send(here, bytes, 1400 - 47, 0));
	CALL(set(here, IPPROTO_IPV6, IPV6_MTU_DISCOVER, WANT));
	CALL(set(here, IPPROTO_IPV6, IPV6_DONTFRAG, 1));
	CALL(send(here, bytes, 1400 - 47, 0));
}

int main(void)
{
	unshare(CLONE_NEWNET);
	int fd = open("/proc/sys/net/ipv4/tcp_timestamps", O_WRONLY); /* they would take 12 bytes of each segment */
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	write(fd, "0", 1);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	ioctl(fd, SIOCSIFFLAGS, &request);
	mtu_set(MTU);
	RUN(options);
	RUN(limits);
	RUN(routers);
	RUN(connections);
	RUN(told);
	if (calls_with("ipv6")) {
		RUN(six);
	}
	mtu_set(65535);
	return 0;
}
