/* SPDX-License-Identifier: MIT */
/* Datagrams over the loopback interface: names, sending and receiving in all forms, control messages, errors, groups, options. */
#include "inet.h"

#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/uio.h>

static int bound(const char *address)
{
	struct sockaddr_in in = to(address, 0);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (bind(fd, (void *)&in, sizeof(in)) != 0) {
		SHOW("bound", "%s", calls_error(errno));
	}
	return fd;
}

static void making(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
	SHOW("fresh", "%x", polled(fd, 0));
	char c = 'x';
	CALL(send(fd, &c, 1, 0));
	CALL(recv(fd, &c, 1, MSG_DONTWAIT));
	CALL(shutdown(fd, SHUT_RDWR));
	CALL(listen(fd, 1));
	struct sockaddr_in in = to("127.0.0.1", 9), none = to("127.0.0.1", 0), from;
	socklen_t length = sizeof(from);
	CALL(sendto(fd, &c, 1, 0, (void *)&none, sizeof(none)));
	CALL(sendto(fd, &c, 1, 0, (void *)&in, 4));
	in.sin_family = 99;
	CALL(sendto(fd, &c, 1, 0, (void *)&in, sizeof(in)));
	CALL(getpeername(fd, (void *)&from, &length));
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	CALL(connect(fd, (void *)&none, sizeof(none)) == 0 || errno == EINVAL);
	SHOW("type", "%d %d", number(fd, SOL_SOCKET, SO_TYPE), number(fd, SOL_SOCKET, SO_PROTOCOL));
	static char big[70000];
	in = to("127.0.0.1", 9);
	CALL(sendto(fd, big, sizeof(big), 0, (void *)&in, sizeof(in)));
	CALL(sendto(fd, big, 65508, 0, (void *)&in, sizeof(in)));
	CALL(sendto(fd, NOWHERE, 10, 0, (void *)&in, sizeof(in)));
	CALL(sendto(fd, big, 10, 0, NOWHERE, sizeof(in)));
	CALL(sendto(fd, big, 10, MSG_OOB, (void *)&in, sizeof(in)));
	in = to("10.99.99.99", 0);
	CALL(bind(fd, (void *)&in, sizeof(in)));
}

static void passing(void)
{
	int a = bound("127.0.0.1"), b = bound("127.0.0.1");
	struct sockaddr_in in = to("127.0.0.1", port_of(b)), from;
	socklen_t length = sizeof(from);
	char buffer[64] = "";
	CALL(sendto(a, "hello", 5, 0, (void *)&in, sizeof(in)));
	CALL(sendto(a, "", 0, 0, (void *)&in, sizeof(in)));
	CALL(sendto(a, "third", 5, MSG_NOSIGNAL, (void *)&in, sizeof(in)));
	SHOW("arrived", "%x", until(b, POLLIN));
	int bytes = -1;
	CALL(ioctl(b, FIONREAD, &bytes));
	SHOW("bytes", "%d", bytes);
	CALL(recvfrom(b, buffer, 2, MSG_PEEK, (void *)&from, &length));
	SHOW("from", "%d %s %d", (int)length, inet_ntoa(from.sin_addr), ntohs(from.sin_port) == port_of(a));
	CALL(recv(b, buffer, 2, MSG_TRUNC | MSG_PEEK));
	CALL(recv(b, buffer, 3, 0));
	CALL(recv(b, buffer, 64, 0));
	CALL(ioctl(b, FIONREAD, &bytes));
	SHOW("bytes", "%d", bytes);
	CALL(read(b, buffer, 64));
	SHOW("text", "%.5s", buffer);
	CALL(recv(b, buffer, 64, MSG_DONTWAIT));
	CALL(recv(b, buffer, 64, MSG_ERRQUEUE));
	struct iovec v[2] = { { "ab", 2 }, { "cde", 3 } }, r[2] = { { buffer, 4 }, { buffer + 8, 1 } };
	struct msghdr m = { .msg_name = &in, .msg_namelen = sizeof(in), .msg_iov = v, .msg_iovlen = 2 };
	CALL(sendmsg(a, &m, 0));
	CALL(sendmsg(a, &m, 0));
	m = (struct msghdr){ .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = r, .msg_iovlen = 2 };
	CALL(recvmsg(b, &m, 0));
	SHOW("message", "%.4s %c %x %d", buffer, buffer[8], m.msg_flags, (int)m.msg_namelen);
	m.msg_iovlen = 1;
	CALL(recvmsg(b, &m, 0));
	SHOW("cut", "%x", m.msg_flags);
	CALL(sendto(a, "fault", 5, 0, (void *)&in, sizeof(in)));
	CALL(recv(b, NOWHERE, 5, 0));
	CALL(recv(b, buffer, 5, MSG_DONTWAIT));
	struct mmsghdr many[3];
	memset(many, 0, sizeof(many));
	for (int i = 0; i < 3; i++) {
		many[i].msg_hdr = (struct msghdr){ .msg_name = &in, .msg_namelen = sizeof(in), .msg_iov = v, .msg_iovlen = i < 2 ? (size_t)i + 1 : 0 };
	}
	CALL(sendmmsg(a, many, 3, 0));
	SHOW("lengths", "%u %u %u", many[0].msg_len, many[1].msg_len, many[2].msg_len);
	for (int i = 0; i < 3; i++) {
		many[i].msg_hdr = (struct msghdr){ .msg_iov = r, .msg_iovlen = 1 };
	}
	CALL(recvmmsg(b, many, 3, MSG_DONTWAIT, NULL));
	SHOW("lengths", "%u %u %u %x", many[0].msg_len, many[1].msg_len, many[2].msg_len, many[1].msg_hdr.msg_flags);
	static char block[65507], got[65507];
	for (unsigned i = 0; i < sizeof(block); i++) {
		block[i] = (char)(i * 7 >> 3);
	}
	set(b, SOL_SOCKET, SO_RCVBUF, 200000);
	CALL(sendto(a, block, sizeof(block), 0, (void *)&in, sizeof(in)));
	CALL(recv(b, got, sizeof(got), 0));
	IS(memcmp(block, got, sizeof(block)) == 0);
}

static void connecting(void)
{
	int a = socket(AF_INET, SOCK_DGRAM, 0), b = bound("127.0.0.1"), c = bound("127.0.0.1");
	struct sockaddr_in in = to("127.0.0.1", port_of(b)), other = to("127.0.0.1", port_of(c)), name, own;
	socklen_t length = sizeof(name);
	char buffer[16];
	CALL(connect(a, (void *)&in, sizeof(in)));
	CALL(getpeername(a, (void *)&name, &length));
	SHOW("peer", "%s %d", inet_ntoa(name.sin_addr), ntohs(name.sin_port) == port_of(b));
	CALL(getsockname(a, (void *)&own, &length));
	SHOW("own", "%s %d", inet_ntoa(own.sin_addr), own.sin_port != 0);
	CALL(send(a, "x", 1, 0));
	CALL(sendto(a, "y", 1, 0, (void *)&other, sizeof(other)));
	CALL(recv(b, buffer, 16, 0));
	CALL(recv(c, buffer, 16, 0));
	CALL(sendto(c, "not heard", 9, 0, (void *)&own, sizeof(own)));
	CALL(sendto(b, "heard", 5, 0, (void *)&own, sizeof(own)));
	CALL(recv(a, buffer, 16, 0));
	CALL(recv(a, buffer, 16, MSG_DONTWAIT));
	CALL(connect(a, (void *)&other, sizeof(other)));
	CALL(sendto(c, "heard now", 9, 0, (void *)&own, sizeof(own)));
	CALL(recv(a, buffer, 16, 0));
	struct sockaddr_in nobody = { .sin_family = AF_UNSPEC };
	CALL(connect(a, (void *)&nobody, sizeof(nobody)));
	CALL(getpeername(a, (void *)&name, &length));
	CALL(send(a, "x", 1, 0));
	CALL(connect(a, (void *)&in, sizeof(in)));
	CALL(shutdown(a, SHUT_RD));
	SHOW("shut", "%x", polled(a, 0));
	CALL(recv(a, buffer, 16, 0));
	CALL(shutdown(a, SHUT_WR));
	CALL(send(a, "x", 1, MSG_NOSIGNAL));
	SHOW("shut", "%x", polled(a, 0));
}

static void refused(void)
{
	int gone = bound("127.0.0.1"), port = port_of(gone), a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in in = to("127.0.0.1", port);
	char buffer[16];
	close(gone);
	CALL(sendto(b, "x", 1, 0, (void *)&in, sizeof(in)));
	CALL(recv(b, buffer, 16, MSG_DONTWAIT));
	CALL(connect(a, (void *)&in, sizeof(in)));
	CALL(send(a, "x", 1, 0));
	SHOW("told", "%x", until(a, POLLERR));
	CALL(recv(a, buffer, 16, 0));
	CALL(recv(a, buffer, 16, MSG_DONTWAIT));
	CALL(send(a, "x", 1, 0));
	until(a, POLLERR);
	SHOW("error", "%d", number(a, SOL_SOCKET, SO_ERROR) == ECONNREFUSED);
	SHOW("error", "%d", number(a, SOL_SOCKET, SO_ERROR));
	CALL(send(a, "x", 1, 0));
	until(a, POLLERR);
	CALL(send(a, "x", 1, 0));
}

static void control(void)
{
	int a = bound("127.0.0.1"), b = bound("0.0.0.0");
	struct sockaddr_in in = to("127.0.0.1", port_of(b));
	char buffer[16], space[256];
	CALL(set(b, IPPROTO_IP, IP_PKTINFO, 1));
	CALL(set(b, IPPROTO_IP, IP_RECVTTL, 1));
	CALL(set(b, IPPROTO_IP, IP_RECVTOS, 1));
	CALL(set(a, IPPROTO_IP, IP_TTL, 55));
	CALL(set(a, IPPROTO_IP, IP_TOS, 0x10));
	CALL(sendto(a, "x", 1, 0, (void *)&in, sizeof(in)));
	struct iovec v = { buffer, 16 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space) };
	CALL(recvmsg(b, &m, 0));
	SHOW("control", "%d %x", (int)m.msg_controllen, m.msg_flags);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo *info = (void *)CMSG_DATA(c);
			SHOW("to", "%d %s", info->ipi_ifindex, inet_ntoa(info->ipi_addr));
			SHOW("by", "%s", inet_ntoa(info->ipi_spec_dst));
		} else {
			SHOW("other", "%d %d: %d", c->cmsg_level, c->cmsg_type, *(unsigned char *)CMSG_DATA(c));
		}
	}
	CALL(sendto(a, "x", 1, 0, (void *)&in, sizeof(in)));
	m.msg_controllen = 20;
	CALL(recvmsg(b, &m, 0));
	SHOW("cut", "%d %x", (int)m.msg_controllen, m.msg_flags);
	memset(space, 0, sizeof(space));
	m = (struct msghdr){ .msg_name = &in, .msg_namelen = sizeof(in), .msg_iov = &v, .msg_iovlen = 1, .msg_control = space };
	m.msg_controllen = CMSG_SPACE(sizeof(struct in_pktinfo)) + CMSG_SPACE(sizeof(int));
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo)), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO };
	struct in_pktinfo info = { 0 };
	inet_pton(AF_INET, "127.0.0.7", &info.ipi_spec_dst);
	memcpy(CMSG_DATA(c), &info, sizeof(info));
	c = CMSG_NXTHDR(&m, c);
	*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_TTL };
	*(int *)CMSG_DATA(c) = 9;
	int any = bound("0.0.0.0");
	CALL(sendmsg(any, &m, 0));
	struct sockaddr_in from;
	m = (struct msghdr){ .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &v, .msg_iovlen = 1, .msg_control = space, .msg_controllen = 256 };
	CALL(recvmsg(b, &m, 0));
	SHOW("from", "%s", inet_ntoa(from.sin_addr));
	for (c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_type == IP_TTL) {
			SHOW("ttl", "%d", *(int *)CMSG_DATA(c));
		}
	}
	CALL(set(b, SOL_SOCKET, SO_TIMESTAMP, 1));
	CALL(sendto(a, "x", 1, 0, (void *)&in, sizeof(in)));
	m.msg_controllen = 256;
	CALL(recvmsg(b, &m, 0));
	c = CMSG_FIRSTHDR(&m);
	SHOW("time", "%d %d %d", c->cmsg_level, c->cmsg_type, (int)c->cmsg_len);
}

static void sharing(void)
{
	int a = bound("127.0.0.1"), b = socket(AF_INET, SOCK_DGRAM, 0), c = socket(AF_INET, SOCK_DGRAM, 0), d = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in in = to("127.0.0.1", port_of(a)), any = to("0.0.0.0", port_of(a)), second = to("127.0.0.2", port_of(a));
	CALL(bind(b, (void *)&in, sizeof(in)));
	CALL(bind(b, (void *)&any, sizeof(any)));
	CALL(bind(b, (void *)&second, sizeof(second)));
	set(a, SOL_SOCKET, SO_REUSEADDR, 1);
	set(c, SOL_SOCKET, SO_REUSEADDR, 1);
	CALL(bind(c, (void *)&in, sizeof(in)));
	CALL(bind(d, (void *)&in, sizeof(in)));
	int e[2];
	in.sin_port = 0;
	for (int i = 0; i < 2; i++) {
		e[i] = socket(AF_INET, SOCK_DGRAM, 0);
		set(e[i], SOL_SOCKET, SO_REUSEPORT, 1);
		CALL(bind(e[i], (void *)&in, sizeof(in)));
		in.sin_port = htons((uint16_t)port_of(e[0]));
	}
	int got = 0;
	for (int i = 0; i < 40; i++) {
		int s = socket(AF_INET, SOCK_DGRAM, 0);
		sendto(s, "x", 1, 0, (void *)&in, sizeof(in));
		close(s);
	}
	char x;
	int shares[2] = { 0, 0 };
	for (int i = 0; i < 2; i++) {
		while (recv(e[i], &x, 1, MSG_DONTWAIT) == 1) {
			shares[i]++;
			got++;
		}
	}
	SHOW("all", "%d", got);
	IS(shares[0] > 0 && shares[1] > 0);
}

static void full(void)
{
	int a = bound("127.0.0.1"), b = bound("127.0.0.1"), got = 0;
	struct sockaddr_in in = to("127.0.0.1", port_of(b));
	char block[1000];
	CALL(set(b, SOL_SOCKET, SO_RCVBUF, 10000));
	for (int i = 0; i < 500; i++) {
		if (sendto(a, block, sizeof(block), 0, (void *)&in, sizeof(in)) != sizeof(block)) {
			SHOW("sent", "%s", calls_error(errno));
			break;
		}
	}
	while (recv(b, block, sizeof(block), MSG_DONTWAIT) == sizeof(block)) {
		got++;
	}
	IS(got > 3 && got < 30);
	struct timeval short_time = { 0, 20000 };
	CALL(setsockopt(b, SOL_SOCKET, SO_RCVTIMEO, &short_time, sizeof(short_time)));
	CALL(recv(b, block, 1, 0));
}

static void six(void)
{
	int a = socket(AF_INET6, SOCK_DGRAM, 0), b = socket(AF_INET6, SOCK_DGRAM, 0), four = bound("127.0.0.1");
	struct sockaddr_in6 in = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT }, from;
	socklen_t length = sizeof(from);
	char buffer[64], text[64];
	CALL(bind(a, (void *)&in, sizeof(in)));
	in.sin6_port = htons((uint16_t)port_of(a));
	CALL(sendto(b, "six", 3, 0, (void *)&in, sizeof(in)));
	CALL(recvfrom(a, buffer, 64, 0, (void *)&from, &length));
	SHOW("from", "%d %s", (int)length, inet_ntop(AF_INET6, &from.sin6_addr, text, sizeof(text)));
	int both = socket(AF_INET6, SOCK_DGRAM, 0);
	in = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
	CALL(bind(both, (void *)&in, sizeof(in)));
	struct sockaddr_in in4 = to("127.0.0.1", port_of(both));
	CALL(sendto(four, "four", 4, 0, (void *)&in4, sizeof(in4)));
	CALL(recvfrom(both, buffer, 64, 0, (void *)&from, &length));
	SHOW("from", "%s", inet_ntop(AF_INET6, &from.sin6_addr, text, sizeof(text)));
	CALL(sendto(both, "back", 4, 0, (void *)&from, sizeof(from)));
	CALL(recv(four, buffer, 64, 0));
	CALL(set(both, IPPROTO_IPV6, IPV6_V6ONLY, 1));
	CALL(set(both, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1));
	in = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT, .sin6_port = htons((uint16_t)port_of(both)) };
	CALL(sendto(b, "info", 4, 0, (void *)&in, sizeof(in)));
	char space[128];
	struct iovec v = { buffer, 16 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space) };
	CALL(recvmsg(both, &m, 0));
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	if (c) {
		struct in6_pktinfo *info = (void *)CMSG_DATA(c);
		SHOW("to", "%d %d %s", c->cmsg_level, c->cmsg_type, inet_ntop(AF_INET6, &info->ipi6_addr, text, sizeof(text)));
	}
	SHOW("hops", "%d %d", number(a, IPPROTO_IPV6, IPV6_UNICAST_HOPS), number(a, IPPROTO_IPV6, IPV6_MULTICAST_HOPS));
	in.sin6_port = htons(1);
	CALL(connect(b, (void *)&in, sizeof(in)));
	CALL(send(b, "x", 1, 0));
	until(b, POLLERR);
	CALL(recv(b, buffer, 1, MSG_DONTWAIT));
}

static void groups(void)
{
	int a = bound("127.0.0.1"), b = socket(AF_INET, SOCK_DGRAM, 0), c = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in any = to("0.0.0.0", 0), group;
	struct ip_mreqn request = { .imr_ifindex = 1 };
	char buffer[16];
	set(b, SOL_SOCKET, SO_REUSEADDR, 1);
	set(c, SOL_SOCKET, SO_REUSEADDR, 1);
	CALL(bind(b, (void *)&any, sizeof(any)));
	any.sin_port = htons((uint16_t)port_of(b));
	CALL(bind(c, (void *)&any, sizeof(any)));
	group = to("239.1.2.3", port_of(b));
	request.imr_multiaddr = group.sin_addr;
	CALL(setsockopt(b, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request)));
	CALL(setsockopt(b, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request)));
	CALL(setsockopt(c, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request)));
	CALL(setsockopt(a, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof(request)));
	CALL(sendto(a, "group", 5, 0, (void *)&group, sizeof(group)));
	until(b, POLLIN);
	CALL(recv(b, buffer, 16, MSG_DONTWAIT));
	CALL(recv(c, buffer, 16, MSG_DONTWAIT));
	CALL(setsockopt(b, IPPROTO_IP, IP_DROP_MEMBERSHIP, &request, sizeof(request)));
	CALL(setsockopt(b, IPPROTO_IP, IP_DROP_MEMBERSHIP, &request, sizeof(request)));
	request.imr_multiaddr.s_addr = htonl(0x0a000001);
	CALL(setsockopt(b, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request)));
	CALL(setsockopt(b, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, 4));
	request.imr_multiaddr = group.sin_addr;
	request.imr_ifindex = 999;
	CALL(setsockopt(b, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request)));
	SHOW("ttl", "%d %d", number(a, IPPROTO_IP, IP_MULTICAST_TTL), number(a, IPPROTO_IP, IP_MULTICAST_LOOP));
	CALL(set(a, IPPROTO_IP, IP_MULTICAST_TTL, 300));
	CALL(set(a, IPPROTO_IP, IP_MULTICAST_TTL, 3));
	CALL(set(a, IPPROTO_IP, IP_MULTICAST_LOOP, 0));
	SHOW("ttl", "%d %d", number(a, IPPROTO_IP, IP_MULTICAST_TTL), number(a, IPPROTO_IP, IP_MULTICAST_LOOP));
}

static void received(int fd)
{
	char buffer[64] = "";
	until(fd, POLLIN);
	long bytes = recv(fd, buffer, sizeof(buffer) - 1, MSG_DONTWAIT);
	SHOW("received", "%ld %s", bytes, buffer);
}

/* Of UDP_CORK in linux/udp.h. */
#define CORK 1

/* One datagram of several messages: MSG_MORE in its forms, UDP_CORK; what ends it. */
static void joining(void)
{
	int a = socket(AF_INET, SOCK_DGRAM, 0), b = bound("127.0.0.1"), c = bound("127.0.0.1");
	struct sockaddr_in in = to("127.0.0.1", port_of(b)), other = to("127.0.0.1", port_of(c));
	char x;
	CALL(send(a, "aa", 2, MSG_MORE));
	CALL(connect(a, (void *)&in, sizeof(in)));
	CALL(send(a, "aa", 2, MSG_MORE));
	CALL(recv(b, &x, 1, MSG_DONTWAIT));
	CALL(send(a, "bb", 2, 0));
	received(b);
	struct iovec v[2] = { { "cc", 2 }, { "dd", 2 } };
	struct msghdr m = { .msg_iov = v, .msg_iovlen = 2 };
	CALL(sendmsg(a, &m, MSG_MORE));
	CALL(sendto(a, "ee", 2, MSG_MORE, (void *)&other, sizeof(other)));
	CALL(write(a, "", 0));
	CALL(write(a, "ff", 2));
	received(b);
	CALL(recv(b, &x, 1, MSG_DONTWAIT));
	CALL(recv(c, &x, 1, MSG_DONTWAIT));
	CALL(sendto(a, "to c", 4, MSG_MORE, (void *)&other, sizeof(other)));
	CALL(send(a, ", too", 5, 0));
	received(c);
	CALL(set(a, IPPROTO_UDP, CORK, 1));
	SHOW("cork", "%d", number(a, IPPROTO_UDP, CORK));
	CALL(send(a, "gg", 2, 0));
	CALL(send(a, "hh", 2, MSG_MORE));
	CALL(send(a, "ii", 2, 0));
	CALL(recv(b, &x, 1, MSG_DONTWAIT));
	CALL(set(a, IPPROTO_UDP, CORK, 0));
	received(b);
	CALL(set(a, IPPROTO_UDP, CORK, 0));
	CALL(setsockopt(a, IPPROTO_UDP, CORK, &x, 1));
	CALL(setsockopt(a, IPPROTO_UDP, CORK, NOWHERE, 4));
	CALL(set(a, IPPROTO_UDP, 99, 1));
	CALL(number(a, IPPROTO_UDP, 99));
	CALL(set(a, IPPROTO_TCP, 1, 1));
	static char block[65507], got[65507];
	for (unsigned i = 0; i < sizeof(block); i++) {
		block[i] = (char)(i * 7 >> 3);
	}
	set(b, SOL_SOCKET, SO_RCVBUF, 200000);
	CALL(send(a, block, 5000, MSG_MORE));
	CALL(send(a, block + 5000, 60000, MSG_MORE));
	CALL(send(a, block + 65000, 507, 0));
	CALL(recv(b, got, sizeof(got), 0));
	IS(memcmp(block, got, sizeof(block)) == 0);
	CALL(send(a, block, 65000, MSG_MORE));
	CALL(send(a, block, 508, MSG_MORE));
	CALL(send(a, "after", 5, 0));
	received(b);
	CALL(send(a, "lost", 4, MSG_MORE));
	CALL(send(a, NOWHERE, 4, 0));
	CALL(send(a, "after", 5, 0));
	received(b);
	CALL(send(a, "never sent", 10, MSG_MORE));
	CALL(close(a));
	CALL(recv(b, &x, 1, MSG_DONTWAIT));
}

static void joining_six(void)
{
	int b = bound("127.0.0.1");
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int six = socket(AF_INET6, SOCK_DGRAM, 0), seven = socket(AF_INET6, SOCK_DGRAM, 0);
	CALL(bind(six, (void *)&in6, sizeof(in6)));
	in6.sin6_port = htons((uint16_t)port_of(six));
	CALL(sendto(seven, "six", 3, MSG_MORE, (void *)&in6, sizeof(in6)));
	CALL(sendto(seven, "seven", 5, 0, (void *)&in6, sizeof(in6)));
	received(six);
	char four[64];
	int b6 = socket(AF_INET6, SOCK_DGRAM, 0);
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &in6.sin6_addr);
	in6.sin6_port = htons((uint16_t)port_of(b));
	CALL(set(b6, IPPROTO_UDP, CORK, 1));
	CALL(sendto(b6, "fo", 2, 0, (void *)&in6, sizeof(in6)));
	CALL(sendto(b6, "ur", 2, MSG_MORE, (void *)&in6, sizeof(in6)));
	CALL(set(b6, IPPROTO_UDP, CORK, 0));
	CALL(recv(b, four, sizeof(four), 0));
}

int main(void)
{
	calls_begin();
	RUN(making);
	RUN(passing);
	RUN(connecting);
	RUN(joining);
	RUN(refused);
	RUN(control);
	RUN(sharing);
	RUN(full);
	if (calls_with("ipv6")) {
		RUN(six);
		RUN(joining_six);
	}
	RUN(groups);
	return 0;
}
