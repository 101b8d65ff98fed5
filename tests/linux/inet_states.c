/* SPDX-License-Identifier: MIT */
/* Connections over the loopback interface in states that are not the usual ones: what each call says of a socket that is refused, reset, shut, or listens. */
#include "inet.h"

#include <netinet/tcp.h>
#include <sched.h>
#include <sys/time.h>

static int listener(int backlog)
{
	struct sockaddr_in in = to("127.0.0.1", 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(fd, (void *)&in, sizeof(in)) != 0 || listen(fd, backlog) != 0) {
		SHOW("listener", "%s", calls_error(errno));
	}
	return fd;
}

static int state(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 ? info.tcpi_state : -errno;
}

static int peer_of(int fd)
{
	struct sockaddr_in in;
	socklen_t length = sizeof(in);
	return getpeername(fd, (void *)&in, &length);
}

/* The peer has closed, and answers with a reset: for reading that is the end, not EPIPE. */
static void broken_reading(void)
{
	int ends[2];
	char buffer[8];
	connection_make(ends);
	CALL(write(ends[1], "x", 1));
	CALL(close(ends[1]));
	until(ends[0], POLLRDHUP);
	CALL(send(ends[0], "a", 1, MSG_NOSIGNAL));
	SHOW("reset", "%x", until(ends[0], POLLHUP));
	for (int i = 0; i < 4; i++) {
		CALL(recv(ends[0], buffer, sizeof(buffer), 0));
	}
	SHOW("still", "%x", polled(ends[0], 0));
	SHOW("error", "%s", calls_error(number(ends[0], SOL_SOCKET, SO_ERROR)));
	SHOW("error", "%d", number(ends[0], SOL_SOCKET, SO_ERROR));
	SHOW("after", "%x", polled(ends[0], 0));
	CALL(recv(ends[0], buffer, sizeof(buffer), 0));
	CALL(send(ends[0], "b", 1, MSG_NOSIGNAL));
	connection_make(ends);
	CALL(close(ends[1]));
	until(ends[0], POLLRDHUP);
	CALL(send(ends[0], "a", 1, MSG_NOSIGNAL));
	SHOW("reset", "%x", until(ends[0], POLLHUP));
	CALL(recv(ends[0], buffer, sizeof(buffer), 0));
	CALL(recv(ends[0], buffer, sizeof(buffer), MSG_PEEK));
	CALL(send(ends[0], "b", 1, MSG_NOSIGNAL));
	CALL(recv(ends[0], buffer, sizeof(buffer), 0));
	SHOW("error", "%d", number(ends[0], SOL_SOCKET, SO_ERROR));
	struct linger now = { 1, 0 };
	connection_make(ends);
	CALL(shutdown(ends[0], SHUT_RD)); /* its own end, not the peer's */
	CALL(setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
	CALL(close(ends[1]));
	SHOW("reset", "%x", until(ends[0], POLLHUP));
	CALL(recv(ends[0], buffer, sizeof(buffer), 0) == -1 && errno == ECONNRESET);
	CALL(recv(ends[0], buffer, sizeof(buffer), 0));
}

/* Two small writes, of which Nagle's algorithm holds the second until the first is acknowledged: no delayed acknowledgement is waited for. */
static void small_writes(void)
{
	int whole = 0;
	for (int i = 0; i < 20; i++) {
		int ends[2], bytes = 0;
		char buffer[8];
		connection_make(ends);
		send(ends[0], "a", 1, 0);
		send(ends[0], "b", 1, 0);
		for (int tries = 0; tries < 50 && bytes < 2; tries++) {
			ssize_t n = recv(ends[1], buffer, sizeof(buffer), MSG_DONTWAIT);
			bytes += n > 0 ? (int)n : 0;
			sched_yield();
		}
		whole += bytes == 2;
		close(ends[0]);
		close(ends[1]);
	}
	IS(whole >= 10); /* all 20, unless the host has other work at the wrong moment */
	whole = 0;
	for (int i = 0; i < 20; i++) {
		int ends[2], bytes = 0;
		char buffer[8];
		connection_make(ends);
		send(ends[0], "a", 1, 0);
		send(ends[0], "b", 1, 0);
		for (int tries = 0; tries < 200 && bytes < 2; tries++) {
			if (polled(ends[1], 0) & POLLIN) {
				bytes += (int)recv(ends[1], buffer, 1, 0);
			}
			sched_yield();
		}
		whole += bytes == 2;
		close(ends[0]);
		close(ends[1]);
	}
	IS(whole >= 10); /* a thread of the kernel does it, which another processor may have late; by the timer alone one or two are in time */
	int ends[2], fd = socket(AF_INET, SOCK_STREAM, 0);
	SHOW("quick", "%d", number(fd, IPPROTO_TCP, TCP_QUICKACK));
	connection_make(ends);
	CALL(set(ends[0], IPPROTO_TCP, TCP_QUICKACK, 0));
	SHOW("quick", "%d", number(ends[0], IPPROTO_TCP, TCP_QUICKACK));
	CALL(set(ends[0], IPPROTO_TCP, TCP_QUICKACK, 1));
	SHOW("quick", "%d", number(ends[0], IPPROTO_TCP, TCP_QUICKACK));
}

/* Its own port is where it connects to: two SYNs that meet (RFC 9293, 3.5). */
static void itself(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in in = to("127.0.0.1", 0);
	struct timeval second = { 5, 0 };
	char buffer[8] = "";
	CALL(bind(fd, (void *)&in, sizeof(in)));
	CALL(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof(second)));
	CALL(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second)));
	in = to("127.0.0.1", port_of(fd));
	CALL(connect(fd, (void *)&in, sizeof(in)));
	SHOW("state", "%d", state(fd));
	CALL(peer_of(fd));
	CALL(send(fd, "self", 4, 0));
	CALL(recv(fd, buffer, 4, MSG_WAITALL));
	SHOW("read", "%s", buffer);
	CALL(shutdown(fd, SHUT_WR));
	SHOW("end", "%x", until(fd, POLLRDHUP) & POLLRDHUP);
	CALL(recv(fd, buffer, 4, 0));
	CALL(close(fd));
}

static void unspecified(void)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int fd = listener(5), client = socket(AF_INET, SOCK_STREAM, 0), late = socket(AF_INET, SOCK_STREAM, 0);
	int port = port_of(fd);
	struct sockaddr_in in = to("127.0.0.1", port);
	CALL(connect(client, (void *)&in, sizeof(in)));
	CALL(connect(fd, &none, sizeof(none)));
	SHOW("in its queue", "%x", until(client, POLLHUP) & POLLHUP);
	SHOW("state", "%d", state(fd));
	SHOW("accepts", "%d", number(fd, SOL_SOCKET, SO_ACCEPTCONN));
	CALL(accept(fd, NULL, NULL));
	CALL(connect(late, (void *)&in, sizeof(in)));
	IS(port_of(fd) == port);
	CALL(listen(fd, 1));
	SHOW("state", "%d", state(fd));
	close(client);
	fd = listener(5);
	client = socket(AF_INET, SOCK_STREAM, 0);
	in = to("127.0.0.1", port_of(fd));
	CALL(connect(client, (void *)&in, sizeof(in)));
	CALL(shutdown(fd, SHUT_RD));
	SHOW("in its queue", "%x", until(client, POLLHUP) & POLLHUP);
	SHOW("state", "%d", state(fd));
}

/* Addresses that no connection can go to. */
static void nowhere(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), fd6 = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in port = to("127.0.0.1", 0), all = to("127.255.255.255", 9), group = to("224.0.0.1", 0);
	CALL(connect(fd, (void *)&port, sizeof(port)));
	CALL(connect(fd, (void *)&all, sizeof(all)));
	CALL(connect(fd, (void *)&group, sizeof(group)));
	if (calls_with("ipv6")) {
		struct sockaddr_in6 in = { .sin6_family = AF_INET6, .sin6_port = htons(9) };
		static const char *const groups[] = { "ff02::1", "ff01::1", "ff05::2", "ff0e::9" };
		for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
			inet_pton(AF_INET6, groups[i], &in.sin6_addr);
			SHOW(groups[i], "%s", connect(fd6, (void *)&in, sizeof(in)) ? calls_error(errno) : "connected");
			in.sin6_scope_id = 1;
			SHOW(groups[i], "%s", connect(fd6, (void *)&in, sizeof(in)) ? calls_error(errno) : "connected");
			in.sin6_scope_id = 0;
		}
		inet_pton(AF_INET6, "::1", &in.sin6_addr);
		in.sin6_port = 0;
		CALL(connect(fd6, (void *)&in, sizeof(in)));
		int looped = socket(AF_INET6, SOCK_STREAM, 0);
		inet_pton(AF_INET6, "2001:db8::1", &in.sin6_addr);
		in.sin6_port = htons(9);
		CALL(setsockopt(looped, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
		CALL(connect(looped, (void *)&in, sizeof(in)));
	}
}

/* net.ipv4.tcp_fastopen's lowest bit lets programs ask for it. */
static void fast(void)
{
	int server = listener(5), fd = socket(AF_INET, SOCK_STREAM, 0), ends[2];
	struct sockaddr_in in = to("127.0.0.1", port_of(server));
	FILE *f = fopen("/proc/sys/net/ipv4/tcp_fastopen", "r");
	int on = 0;
	if (f && fscanf(f, "%d", &on) != 1) {
		on = 0;
	}
	on &= 1;
	errno = 0;
	long n = sendto(fd, "hello", 5, MSG_FASTOPEN | MSG_NOSIGNAL, (void *)&in, sizeof(in));
	SHOW("without a connection", "%s", on ? (n == 5 ? "as it is set" : "not sent") : n == -1 && errno == EOPNOTSUPP ? "as it is set" : calls_error(errno));
	connection_make(ends);
	errno = 0;
	n = sendto(ends[0], "hello", 5, MSG_FASTOPEN | MSG_NOSIGNAL, (void *)&in, sizeof(in));
	SHOW("with one", "%s", n == -1 && errno == (on ? EISCONN : EOPNOTSUPP) ? "as it is set" : n < 0 ? calls_error(errno) : "sent");
}

static void refused(void)
{
	int gone = listener(1), fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), error;
	struct sockaddr_in in = to("127.0.0.1", port_of(gone));
	char c;
	close(gone);
	error = connect(fd, (void *)&in, sizeof(in)) ? errno : 0;
	IS(error == EINPROGRESS);
	SHOW("refused", "%x", until(fd, POLLOUT));
	SHOW("error", "%s", calls_error(number(fd, SOL_SOCKET, SO_ERROR)));
	CALL(recv(fd, &c, 1, 0));
	CALL(recv(fd, &c, 1, 0));
	CALL(send(fd, &c, 1, MSG_NOSIGNAL));
	CALL(peer_of(fd));
	fd = socket(AF_INET, SOCK_STREAM, 0);
	CALL(connect(fd, (void *)&in, sizeof(in)));
	CALL(recv(fd, &c, 1, 0));
}

/* What is left of a connection that has ended: its name, its state. */
static void ended(void)
{
	int ends[2];
	char c;
	struct linger now = { 1, 0 };
	connection_make(ends);
	CALL(peer_of(ends[0]));
	CALL(setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
	CALL(close(ends[1]));
	until(ends[0], POLLHUP);
	CALL(peer_of(ends[0]));
	IS(port_of(ends[0]) != 0);
	SHOW("state", "%d", state(ends[0]));
	CALL(shutdown(ends[0], SHUT_WR));
	connection_make(ends);
	CALL(shutdown(ends[0], SHUT_WR));
	until(ends[1], POLLRDHUP);
	SHOW("half", "%d", state(ends[1]));
	CALL(peer_of(ends[0]));
	CALL(peer_of(ends[1]));
	CALL(shutdown(ends[1], SHUT_WR));
	until(ends[0], POLLHUP);
	SHOW("whole", "%d", state(ends[0]));
	CALL(peer_of(ends[0]));
	CALL(recv(ends[0], &c, 1, 0));
	CALL(shutdown(ends[0], SHUT_RDWR));
	connection_make(ends); /* both before either hears of it */
	CALL(shutdown(ends[0], SHUT_RDWR));
	CALL(shutdown(ends[1], SHUT_RDWR));
	until(ends[1], POLLHUP);
	int server = listener(1), client = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in in = to("127.0.0.1", port_of(server)), from = { 0 };
	socklen_t length = sizeof(from);
	CALL(connect(client, (void *)&in, sizeof(in)));
	until(server, POLLIN);
	int port = port_of(client);
	setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(client);
	int end = accept(server, (void *)&from, &length);
	IS(end >= 0);
	SHOW("gone before", "%d %d", (int)length, ntohs(from.sin_port) == port);
	CALL(peer_of(end));
}

/* A listening socket has nothing to send. */
static void shut_listener(void)
{
	int fd = listener(1);
	CALL(shutdown(fd, SHUT_WR));
	SHOW("still listens", "%d", state(fd));
	CALL(shutdown(fd, SHUT_RDWR));
	SHOW("state", "%d", state(fd));
	CALL(shutdown(fd, SHUT_WR));
}

static void foreign(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), value = 1;
	static const int levels[] = { 2, 17, 255 };
	for (unsigned i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		socklen_t length = sizeof(value);
		SHOW("get", "%d: %s", levels[i], getsockopt(fd, levels[i], 1, &value, &length) ? calls_error(errno) : "done");
		SHOW("set", "%d: %s", levels[i], set(fd, levels[i], 1, 1) ? calls_error(errno) : "done");
	}
	if (calls_with("ipv6")) {
		socklen_t length = sizeof(value);
		fd = socket(AF_INET6, SOCK_STREAM, 0);
		CALL(getsockopt(fd, 17, 1, &value, &length));
		CALL(set(fd, 17, 1, 1));
	}
}

/* The backlog is full: a connection is not made, and the caller's patience ends. */
static void impatient(void)
{
	int server = listener(0), clients[3];
	struct sockaddr_in in = to("127.0.0.1", port_of(server));
	struct timeval moment = { 0, 20000 };
	for (int i = 0; i < 3; i++) {
		clients[i] = socket(AF_INET, SOCK_STREAM, 0);
		setsockopt(clients[i], SOL_SOCKET, SO_SNDTIMEO, &moment, sizeof(moment));
	}
	CALL(connect(clients[0], (void *)&in, sizeof(in)));
	CALL(connect(clients[1], (void *)&in, sizeof(in)));
	CALL(connect(clients[1], (void *)&in, sizeof(in)));
	CALL(shutdown(clients[1], SHUT_WR));
	SHOW("given up", "%d", state(clients[1]));
}

int main(void)
{
	calls_begin();
	RUN(broken_reading);
	RUN(small_writes);
	RUN(itself);
	RUN(unspecified);
	RUN(nowhere);
	RUN(fast);
	RUN(refused);
	RUN(ended);
	RUN(shut_listener);
	RUN(foreign);
	RUN(impatient);
	return 0;
}
