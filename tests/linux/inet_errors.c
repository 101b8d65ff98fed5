/* SPDX-License-Identifier: MIT */
/* What datagram sockets refuse, and in which order: broadcasts, errors that wait, what comes after SHUT_RD, lengths of names. */
#include "inet.h"

#include <sys/uio.h>

static int bound(const char *address)
{
	struct sockaddr_in in = to(address, 0);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	bind(fd, (void *)&in, sizeof(in));
	return fd;
}

static void broadcast(void)
{
	int a = socket(AF_INET, SOCK_DGRAM, 0), b = bound("0.0.0.0");
	struct sockaddr_in in = to("127.255.255.255", port_of(b)), from;
	socklen_t length = sizeof(from);
	char x;
	CALL(sendto(a, "x", 1, 0, (void *)&in, sizeof(in)));
	CALL(connect(a, (void *)&in, sizeof(in)));
	CALL(set(a, SOL_SOCKET, SO_BROADCAST, 1));
	CALL(sendto(a, "x", 1, 0, (void *)&in, sizeof(in)));
	until(b, POLLIN);
	CALL(recvfrom(b, &x, 1, MSG_DONTWAIT, (void *)&from, &length));
	SHOW("from", "%s", inet_ntoa(from.sin_addr));
	CALL(connect(a, (void *)&in, sizeof(in)));
	CALL(send(a, "x", 1, 0));
	until(b, POLLIN);
	CALL(recv(b, &x, 1, MSG_DONTWAIT));
}

static void waiting_error(void)
{
	int gone = bound("127.0.0.1"), a = bound("127.0.0.1"), port = port_of(gone);
	struct sockaddr_in in = to("127.0.0.1", port), nobody = { .sin_family = AF_UNSPEC }, none = to("127.0.0.1", 0);
	static char big[65508];
	char x;
	close(gone);
	connect(a, (void *)&in, sizeof(in));
	CALL(send(a, "x", 1, 0));
	until(a, POLLERR);
	connect(a, (void *)&nobody, sizeof(nobody));
	in = to("127.0.0.1", port);
	CALL(send(a, "x", 1, 0));
	CALL(sendto(a, "x", 1, 0, (void *)&none, sizeof(none)));
	CALL(sendto(a, "x", 1, 0, (void *)&in, 3));
	CALL(sendto(a, big, sizeof(big), 0, (void *)&in, sizeof(in)));
	CALL(sendto(a, big, 70000, MSG_OOB, (void *)&in, sizeof(in)));
	CALL(sendto(a, big, 1, MSG_OOB, (void *)&in, sizeof(in)));
	CALL(sendto(a, NOWHERE, 1, 0, (void *)&in, sizeof(in)));
	CALL(recv(a, &x, 1, MSG_DONTWAIT));
}

static void shut(void)
{
	int a = bound("127.0.0.1"), b = bound("127.0.0.1");
	struct sockaddr_in in = to("127.0.0.1", port_of(b)), other = to("127.0.0.1", port_of(a));
	char x[8];
	CALL(connect(a, (void *)&in, sizeof(in)));
	CALL(connect(b, (void *)&other, sizeof(other)));
	CALL(send(a, "before", 6, 0));
	CALL(shutdown(b, SHUT_RD));
	CALL(send(a, "after", 5, 0));
	SHOW("poll", "%x", polled(b, 0));
	CALL(recv(b, x, sizeof(x), MSG_DONTWAIT));
	CALL(recv(b, x, sizeof(x), MSG_DONTWAIT));
	CALL(recv(b, x, sizeof(x), MSG_DONTWAIT));
	CALL(recv(b, x, sizeof(x), 0));
}

static void lengths(void)
{
	int a = bound("127.0.0.1"), b = bound("127.0.0.1");
	struct sockaddr_in in = to("127.0.0.1", port_of(b)), from;
	char x;
	struct iovec v = { &x, 1 };
	struct msghdr m = { .msg_name = &from, .msg_namelen = (socklen_t)-1, .msg_iov = &v, .msg_iovlen = 1 };
	CALL(sendto(a, "x", 1, 0, (void *)&in, sizeof(in)));
	CALL(recvmsg(b, &m, MSG_DONTWAIT));
	m.msg_name = NULL;
	CALL(recvmsg(b, &m, MSG_DONTWAIT));
	m.msg_name = &in;
	CALL(sendmsg(a, &m, 0));
	m.msg_name = NULL;
	CALL(sendmsg(a, &m, 0));
	m.msg_namelen = 4;
	m.msg_name = &from;
	CALL(sendto(a, "x", 1, 0, (void *)&in, sizeof(in)));
	CALL(recvmsg(b, &m, MSG_DONTWAIT));
	SHOW("length", "%d", (int)m.msg_namelen);
}

int main(void)
{
	calls_begin();
	RUN(broadcast);
	RUN(waiting_error);
	RUN(shut);
	RUN(lengths);
	return 0;
}
