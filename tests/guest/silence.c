/* SPDX-License-Identifier: MIT */
/*
 * `silence ADDRESS4 [ADDRESS6]`: neighbours that do not answer. Whoever connects, or asks for errors (IP_RECVERR), hears "no route to host" after
 * three seconds, in the words of an ICMP message from this machine; others hear nothing. Without arguments there is nothing to try: not
 * every machine has a silent neighbour.
 */
#include "check.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

struct error_told { /* struct sock_extended_err */
	uint32_t number;
	uint8_t origin, type, code, zero;
	uint32_t info, data;
};
enum { ORIGIN_ICMP = 2, ORIGIN_ICMP6 = 3 };

static struct sockaddr_in to4 = { .sin_family = AF_INET };
static struct sockaddr_in6 to6 = { .sin6_family = AF_INET6 };
static struct sockaddr *to;
static socklen_t to_bytes;
static bool six;

static long now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool comes_late(int fd, short events, long begin)
{
	struct pollfd p = { fd, events, 0 };
	return poll(&p, 1, 100000) == 1 && now_ms() - begin >= 2500;
}

/* What the queue of errors has: a report of this machine's own, with the first byte that was sent. */
static void report(int fd, unsigned char first)
{
	struct {
		struct cmsghdr head;
		struct error_told error;
		struct sockaddr_in6 teller;
		char more[64];
	} control;
	unsigned char got[100];
	struct sockaddr_in6 name;
	struct iovec piece = { got, sizeof(got) };
	struct msghdr m = { .msg_name = &name, .msg_namelen = sizeof(name), .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof(control) };
	CHECK(recvmsg(fd, &m, MSG_ERRQUEUE) > 0 && (m.msg_flags & MSG_ERRQUEUE));
	CHECK(got[0] == first);
	CHECK(name.sin6_family == to->sa_family && name.sin6_port == ((struct sockaddr_in *)to)->sin_port);
	CHECK(control.head.cmsg_level == (six ? IPPROTO_IPV6 : IPPROTO_IP) && control.head.cmsg_type == (six ? IPV6_RECVERR : IP_RECVERR));
	CHECK(control.error.number == EHOSTUNREACH);
	CHECK(control.error.origin == (six ? ORIGIN_ICMP6 : ORIGIN_ICMP));
	CHECK(control.error.type == (six ? 1 : 3) && control.error.code == (six ? 3 : 1));
	struct sockaddr_in6 mine = { 0 }; /* who tells is this machine */
	memcpy(&mine, &control.teller, six ? sizeof(mine) : sizeof(struct sockaddr_in));
	mine.sin6_port = 0;
	int own = socket(to->sa_family, SOCK_DGRAM, 0);
	CHECK(bind(own, (void *)&mine, to_bytes) == 0);
	close(own);
}

static void heard(void)
{
	unsigned char text[] = "hello", ping[16] = { six ? 128 : 8, 0, 0, 0, 0, 0, 0, 1 };
	int one = 1, level = six ? IPPROTO_IPV6 : IPPROTO_IP, option = six ? IPV6_RECVERR : IP_RECVERR;
	int deaf = socket(to->sa_family, SOCK_DGRAM, 0), udp = socket(to->sa_family, SOCK_DGRAM, 0);
	int echo = socket(to->sa_family, SOCK_DGRAM, six ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	int tcp = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0), error = 0;
	socklen_t bytes = sizeof(error);
	CHECK(deaf >= 0 && udp >= 0 && echo >= 0 && tcp >= 0);
	CHECK(setsockopt(udp, level, option, &one, sizeof(one)) == 0 && setsockopt(echo, level, option, &one, sizeof(one)) == 0);
	long begin = now_ms();
	CHECK(connect(deaf, to, to_bytes) == 0 && send(deaf, text, 1, 0) == 1);
	CHECK(sendto(udp, text, sizeof(text), 0, to, to_bytes) == sizeof(text));
	CHECK(sendto(echo, ping, sizeof(ping), 0, to, to_bytes) == sizeof(ping));
	CHECK(connect(tcp, to, to_bytes) < 0 && errno == EINPROGRESS);
	CHECK(comes_late(udp, POLLIN, begin));
	CHECK(recv(udp, text, 1, MSG_DONTWAIT) < 0 && errno == EHOSTUNREACH);
	report(udp, 'h');
	CHECK(!check_why);
	CHECK(comes_late(tcp, POLLOUT, begin));
	CHECK(getsockopt(tcp, SOL_SOCKET, SO_ERROR, &error, &bytes) == 0 && error == EHOSTUNREACH);
	CHECK(comes_late(echo, POLLIN, begin));
	if (to->sa_family == AF_INET) { /* behind the message's header */
		((struct sockaddr_in *)to)->sin_port = 0;
	} else {
		((struct sockaddr_in6 *)to)->sin6_port = 0;
	}
	report(echo, six ? 128 : 8);
	CHECK(!check_why);
	CHECK(send(deaf, text, 1, MSG_DONTWAIT) == 1);
	CHECK(recv(deaf, text, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
	close(deaf);
	close(udp);
	close(echo);
	close(tcp);
}

/* One that waits, behind twenty that do not. */
static void many_connects(void)
{
	int tcp[20], last = socket(to->sa_family, SOCK_STREAM, 0);
	long begin = now_ms();
	((struct sockaddr_in *)to)->sin_port = htons(9);
	for (int i = 0; i < 20; i++) {
		tcp[i] = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
		CHECK(connect(tcp[i], to, to_bytes) < 0 && errno == EINPROGRESS);
	}
	CHECK(connect(last, to, to_bytes) < 0 && errno == EHOSTUNREACH);
	for (int i = 0; i < 20; i++) {
		int error = 0;
		socklen_t bytes = sizeof(error);
		CHECK(comes_late(tcp[i], POLLOUT, begin));
		CHECK(getsockopt(tcp[i], SOL_SOCKET, SO_ERROR, &error, &bytes) == 0 && error == EHOSTUNREACH);
		close(tcp[i]);
	}
	close(last);
}

int main(int argc, char **argv)
{
	to = (void *)&to4;
	to_bytes = sizeof(to4);
	to4.sin_port = to6.sin6_port = htons(9);
	if (argc > 1 && inet_pton(AF_INET, argv[1], &to4.sin_addr) == 1) {
		RUN(heard);
		RUN(many_connects);
	}
	if (argc > 2 && inet_pton(AF_INET6, argv[2], &to6.sin6_addr) == 1) {
		six = true;
		to = (void *)&to6;
		to_bytes = sizeof(to6);
		RUN(heard);
		RUN(many_connects);
	}
	return check_failures;
}
