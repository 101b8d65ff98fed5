/* SPDX-License-Identifier: MIT */
/* Raw sockets over the loopback interface: who may have one, echoes, filters, headers of one's own, errors that are reported. As root. */
#include "inet.h"

#include <sys/uio.h>

#define ICMP_FILTER 1

struct echo {
	uint8_t type, code;
	uint16_t sum, id, sequence;
	unsigned char data[65000];
};
static struct echo request, answer;

static void prepare(uint8_t type, uint16_t sequence, size_t bytes)
{
	memset(&request, 0, 8);
	request.type = type;
	request.id = htons(77);
	request.sequence = htons(sequence);
	for (size_t i = 0; i < bytes; i++) {
		request.data[i] = (unsigned char)(i * 5 >> 2);
	}
	if (type == 8) {
		request.sum = checksum(&request, 8 + bytes);
	}
}

/* What comes next that is an answer: its length behind the IP header. */
static long receive4(int fd, uint8_t *header)
{
	static unsigned char packet[66000];
	for (;;) {
		if (!(until(fd, POLLIN) & POLLIN)) {
			return -1;
		}
		long n = recv(fd, packet, sizeof(packet), 0);
		long skip = (packet[0] & 15) * 4;
		if (n > skip && packet[skip] == 0) {
			memcpy(header, packet, 20);
			memcpy(&answer, packet + skip, (size_t)(n - skip));
			return n - skip;
		}
	}
}

static void making(void)
{
	CALL(socket(AF_INET, SOCK_RAW, 0));
	CALL(socket(AF_INET, SOCK_RAW, -1));
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	SHOW("type", "%d %d %d", number(fd, SOL_SOCKET, SO_TYPE), number(fd, SOL_SOCKET, SO_PROTOCOL), number(fd, SOL_SOCKET, SO_DOMAIN));
	SHOW("poll", "%x", until(fd, POLLIN | POLLOUT));
	CALL(listen(fd, 1));
	CALL(send(fd, "x", 1, 0));
	struct sockaddr_in in = to("127.0.0.1", 0), name, far = to("10.99.99.99", 0);
	socklen_t length = sizeof(name);
	CALL(bind(fd, (void *)&far, sizeof(far)));
	CALL(bind(fd, (void *)&in, sizeof(in)));
	CALL(bind(fd, (void *)&in, sizeof(in)));
	CALL(getsockname(fd, (void *)&name, &length));
	SHOW("name", "%s %d", inet_ntoa(name.sin_addr), ntohs(name.sin_port));
	CALL(getpeername(fd, (void *)&name, &length));
	CALL(connect(fd, (void *)&in, sizeof(in)));
	CALL(getpeername(fd, (void *)&name, &length));
	CALL(sendto(fd, "x", 1, MSG_OOB, NULL, 0));
	CALL(sendto(fd, &request, 65530, 0, NULL, 0));
	CALL(sendto(fd, &request, 70000, 0, NULL, 0));
	CALL(sendto(fd, NOWHERE, 8, 0, NULL, 0));
	CALL(setuid(1000));
	CALL(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
	CALL(socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6));
}

static void echoes(void)
{
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), other = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), udp = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
	struct sockaddr_in in = to("127.0.0.1", 0), from;
	socklen_t length = sizeof(from);
	uint8_t header[20];
	unsigned char packet[128];
	prepare(8, 1, 48);
	CALL(sendto(fd, &request, 56, 0, (void *)&in, sizeof(in)));
	SHOW("answer", "%ld", receive4(fd, header));
	SHOW("header", "%x %d %d", header[0], header[8], header[9]);
	IS(answer.type == 0 && answer.id == htons(77) && answer.sequence == htons(1) && memcmp(answer.data, request.data, 48) == 0);
	IS(checksum(&answer, 56) == 0);
	CALL(recvfrom(other, packet, sizeof(packet), 0, (void *)&from, &length)); /* the request is heard, too */
	SHOW("from", "%d %s %d", (int)length, inet_ntoa(from.sin_addr), ntohs(from.sin_port));
	SHOW("type", "%d", packet[20]);
	CALL(recv(other, packet, 30, MSG_TRUNC));
	CALL(recv(udp, packet, sizeof(packet), MSG_DONTWAIT));
	set(fd, SOL_SOCKET, SO_RCVBUF, 200000);
	prepare(8, 2, 5000);
	CALL(sendto(fd, &request, 5008, 0, (void *)&in, sizeof(in)));
	SHOW("large", "%ld", receive4(fd, header));
	IS(memcmp(answer.data, request.data, 5000) == 0);
	prepare(8, 3, 60000);
	CALL(sendto(fd, &request, 60008, 0, (void *)&in, sizeof(in)));
	SHOW("larger", "%ld", receive4(fd, header));
	IS(memcmp(answer.data, request.data, 60000) == 0 && checksum(&answer, 60008) == 0);
}

static void filters(void)
{
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), udp = socket(AF_INET, SOCK_RAW, IPPROTO_UDP), plain = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in in = to("127.0.0.1", 0);
	char packet[200];
	SHOW("filter", "%d", number(fd, 255, ICMP_FILTER));
	CALL(set(fd, 255, ICMP_FILTER, ~1)); /* answers only */
	SHOW("filter", "%d", number(fd, 255, ICMP_FILTER));
	CALL(set(udp, 255, ICMP_FILTER, 0));
	CALL(set(plain, 255, ICMP_FILTER, 0));
	prepare(8, 1, 8);
	CALL(sendto(fd, &request, 16, 0, (void *)&in, sizeof(in)));
	until(fd, POLLIN);
	CALL(recv(fd, packet, sizeof(packet), MSG_DONTWAIT));
	SHOW("type", "%d", packet[20]);
	CALL(recv(fd, packet, sizeof(packet), MSG_DONTWAIT));
	CALL(set(fd, IPPROTO_IP, IP_RECVTTL, 1));
	CALL(sendto(fd, &request, 16, 0, (void *)&in, sizeof(in)));
	until(fd, POLLIN);
	char space[64];
	struct iovec v = { packet, sizeof(packet) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space) };
	CALL(recvmsg(fd, &m, 0));
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	SHOW("ttl", "%d %d", c ? c->cmsg_type : -1, c ? *(int *)CMSG_DATA(c) : -1);
	struct sockaddr_in second = to("127.0.0.2", 0);
	int bound = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	CALL(bind(bound, (void *)&second, sizeof(second)));
	set(bound, 255, ICMP_FILTER, ~0x100); /* requests only */
	CALL(sendto(fd, &request, 16, 0, (void *)&in, sizeof(in)));
	CALL(sendto(fd, &request, 16, 0, (void *)&second, sizeof(second)));
	until(bound, POLLIN);
	CALL(recv(bound, packet, sizeof(packet), MSG_DONTWAIT));
	CALL(recv(bound, packet, sizeof(packet), MSG_DONTWAIT));
}

/* Datagrams with headers of one's own. */
static void headers(void)
{
	int raw = socket(AF_INET, SOCK_RAW, IPPROTO_RAW), udp = socket(AF_INET, SOCK_DGRAM, 0), own = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
	struct sockaddr_in in = to("127.0.0.1", 0), from;
	socklen_t length = sizeof(in);
	SHOW("header", "%d %d %d", number(raw, IPPROTO_IP, IP_HDRINCL), number(own, IPPROTO_IP, IP_HDRINCL), number(udp, IPPROTO_IP, IP_HDRINCL));
	CALL(set(udp, IPPROTO_IP, IP_HDRINCL, 1));
	CALL(bind(udp, (void *)&in, sizeof(in)));
	getsockname(udp, (void *)&in, &length);
	unsigned char packet[33] = { 0x45, 0, 0, 0, 0, 0, 0, 0, 33, IPPROTO_UDP, 0, 0, 127, 0, 0, 5, 127, 0, 0, 1, 0x12, 0x34, 0, 0, 0, 13, 0, 0,
		'h', 'e', 'l', 'l', 'o' };
	memcpy(packet + 22, &in.sin_port, 2);
	CALL(sendto(raw, packet, 19, 0, (void *)&in, sizeof(in)));
	CALL(sendto(raw, packet, sizeof(packet), 0, (void *)&in, sizeof(in)));
	char text[64] = "";
	length = sizeof(from);
	until(udp, POLLIN);
	CALL(recvfrom(udp, text, sizeof(text), MSG_DONTWAIT, (void *)&from, &length));
	SHOW("text", "%s from %s %x", text, inet_ntoa(from.sin_addr), ntohs(from.sin_port));
	CALL(set(own, IPPROTO_IP, IP_HDRINCL, 1));
	memset(packet + 12, 0, 4);
	CALL(sendto(own, packet, sizeof(packet), 0, (void *)&in, sizeof(in)));
	until(udp, POLLIN);
	CALL(recvfrom(udp, text, sizeof(text), MSG_DONTWAIT, (void *)&from, &length));
	SHOW("from", "%s", inet_ntoa(from.sin_addr));
	CALL(set(own, IPPROTO_IP, IP_HDRINCL, 0));
	CALL(sendto(own, packet + 20, 13, 0, (void *)&in, sizeof(in)));
	until(udp, POLLIN);
	CALL(recv(udp, text, sizeof(text), MSG_DONTWAIT));
	CALL(recv(raw, text, sizeof(text), MSG_DONTWAIT));
	int strange = socket(AF_INET, SOCK_RAW, 200);
	in.sin_port = 0;
	CALL(sendto(strange, "strange", 7, 0, (void *)&in, sizeof(in)));
	until(strange, POLLIN);
	CALL(recv(strange, text, sizeof(text), MSG_DONTWAIT));
	SHOW("text", "%.7s", text + 20);
}

static void show_error(int fd)
{
	char packet[200], space[256];
	struct sockaddr_in name = { 0 };
	struct iovec v = { packet, sizeof(packet) };
	struct msghdr m = { .msg_name = &name, .msg_namelen = sizeof(name), .msg_iov = &v, .msg_iovlen = 1, .msg_control = space,
		.msg_controllen = sizeof(space) };
	DONE(recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT)); /* how much comes back is the reporter's choice */
	SHOW("flags", "%x, %s %d", m.msg_flags & ~MSG_TRUNC, inet_ntoa(name.sin_addr), name.sin_port != 0);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	if (c) {
		struct error_report *e = (void *)CMSG_DATA(c);
		SHOW("error", "%d %d %d: %d %d %d %d", c->cmsg_level, c->cmsg_type, (int)c->cmsg_len, e->error, e->origin, e->type, e->code);
		SHOW("by", "%d %s", e->by.sin_family, inet_ntoa(e->by.sin_addr));
	}
}

static void errors(void)
{
	int udp = socket(AF_INET, SOCK_DGRAM, 0), gone = socket(AF_INET, SOCK_DGRAM, 0), raw = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
	struct sockaddr_in in = to("127.0.0.1", 0);
	socklen_t length = sizeof(in);
	char c;
	bind(gone, (void *)&in, sizeof(in));
	getsockname(gone, (void *)&in, &length);
	close(gone);
	CALL(set(udp, IPPROTO_IP, IP_RECVERR, 1));
	CALL(set(raw, IPPROTO_IP, IP_RECVERR, 1));
	CALL(sendto(udp, "lost", 4, 0, (void *)&in, sizeof(in)));
	SHOW("told", "%x", until(udp, POLLERR));
	show_error(udp);
	CALL(recv(udp, &c, 1, MSG_DONTWAIT));
	show_error(udp);
	CALL(sendto(udp, "once", 4, 0, (void *)&in, sizeof(in)));
	until(udp, POLLERR);
	CALL(recv(udp, &c, 1, MSG_DONTWAIT));
	SHOW("still", "%x", until(udp, POLLERR));
	CALL(sendto(udp, "again", 5, 0, (void *)&in, sizeof(in)));
	show_error(udp);
	show_error(raw);
}

static void six(void)
{
	int fd = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6), other = socket(AF_INET6, SOCK_RAW, 201);
	struct sockaddr_in6 in = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT }, from;
	socklen_t length = sizeof(from);
	uint32_t filter[8];
	memset(filter, 0xff, sizeof(filter));
	filter[129 / 32] &= ~(1u << 129 % 32);
	SHOW("checksum", "%d %d", number(fd, IPPROTO_IPV6, IPV6_CHECKSUM), number(other, IPPROTO_IPV6, IPV6_CHECKSUM));
	CALL(set(fd, IPPROTO_IPV6, IPV6_CHECKSUM, 2));
	CALL(set(other, IPPROTO_IPV6, IPV6_CHECKSUM, 3));
	CALL(set(other, IPPROTO_IPV6, IPV6_CHECKSUM, 4));
	SHOW("checksum", "%d", number(other, IPPROTO_IPV6, IPV6_CHECKSUM));
	CALL(setsockopt(fd, IPPROTO_ICMPV6, 1, filter, sizeof(filter)));
	CALL(setsockopt(other, IPPROTO_ICMPV6, 1, filter, sizeof(filter)));
	prepare(128, 5, 100);
	CALL(sendto(fd, &request, 108, 0, (void *)&in, sizeof(in)));
	until(fd, POLLIN);
	CALL(recvfrom(fd, &answer, sizeof(answer), MSG_DONTWAIT, (void *)&from, &length));
	SHOW("answer", "%d %d %d", answer.type, ntohs(answer.id), ntohs(answer.sequence));
	IS(memcmp(answer.data, request.data, 100) == 0);
	IS(IN6_IS_ADDR_LOOPBACK(&from.sin6_addr) && length == sizeof(from));
	CALL(recv(fd, &answer, sizeof(answer), MSG_DONTWAIT));
	char text[64] = "";
	CALL(sendto(other, "abcdefgh", 8, 0, (void *)&in, sizeof(in)));
	until(other, POLLIN);
	CALL(recv(other, text, sizeof(text), MSG_DONTWAIT));
	SHOW("text", "%.4s %d", text, text[4] != 'e' || text[5] != 'f');
	CALL(sendto(other, "abcde", 5, 0, (void *)&in, sizeof(in)));
	int udp = socket(AF_INET6, SOCK_DGRAM, 0);
	in.sin6_port = htons(1);
	CALL(set(udp, IPPROTO_IPV6, IPV6_RECVERR, 1));
	CALL(sendto(udp, "lost", 4, 0, (void *)&in, sizeof(in)));
	until(udp, POLLERR);
	char space[256];
	struct iovec v = { text, sizeof(text) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space) };
	CALL(recvmsg(udp, &m, MSG_ERRQUEUE | MSG_DONTWAIT));
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	if (c) {
		struct error_report *e = (void *)CMSG_DATA(c);
		SHOW("error", "%d %d %d: %d %d %d %d", c->cmsg_level, c->cmsg_type, (int)c->cmsg_len, e->error, e->origin, e->type, e->code);
	}
}

int main(void)
{
	RUN(making);
	RUN(echoes);
	RUN(filters);
	RUN(headers);
	RUN(errors);
	if (calls_with("ipv6")) {
		RUN(six);
	}
	return 0;
}
