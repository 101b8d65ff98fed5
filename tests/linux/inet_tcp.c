/* SPDX-License-Identifier: MIT */
/* Connections over the loopback interface: making them, their ends, their errors, what poll and epoll see of them, and their options. */
#include "inet.h"

#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/uio.h>

static int listener(int backlog)
{
	struct sockaddr_in in = to("127.0.0.1", 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(fd, (void *)&in, sizeof(in)) != 0 || listen(fd, backlog) != 0) {
		SHOW("listener", "%s", calls_error(errno));
	}
	return fd;
}

static int connected_to(int port)
{
	struct sockaddr_in in = to("127.0.0.1", port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (void *)&in, sizeof(in)) != 0) {
		SHOW("connected_to", "%s", calls_error(errno));
	}
	return fd;
}

static void making(void)
{
	CALL(close(socket(AF_INET, SOCK_STREAM, 0)));
	CALL(close(socket(AF_INET, SOCK_STREAM, IPPROTO_TCP)));
	CALL(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
	CALL(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP));
	CALL(socket(AF_INET, SOCK_STREAM, 300));
	CALL(socket(AF_INET, SOCK_STREAM, -1));
	CALL(socket(AF_INET, 9, 0));
	CALL(socket(AF_INET, 0, 0));
	CALL(socket(AF_INET, SOCK_STREAM | 0x100, 0));
	CALL(socket(99, SOCK_STREAM, 0));
	int pair[2];
	CALL(socketpair(AF_INET, SOCK_STREAM, 0, pair));
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	SHOW("flags", "%x %x", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
	struct stat st;
	fstat(fd, &st);
	IS(S_ISSOCK(st.st_mode));
	SHOW("fresh", "%x", polled(fd, 0));
	char c;
	CALL(recv(fd, &c, 1, 0));
	CALL(send(fd, &c, 1, 0));
	CALL(read(fd, &c, 1));
	CALL(shutdown(fd, SHUT_RDWR));
	CALL(shutdown(fd, 3));
	CALL(accept(fd, NULL, NULL));
	struct sockaddr_in in;
	socklen_t length = sizeof(in);
	CALL(getpeername(fd, (void *)&in, &length));
	CALL(getsockname(fd, (void *)&in, &length));
	SHOW("name", "%d %d %x %d", (int)length, in.sin_family, in.sin_addr.s_addr, in.sin_port);
	length = 3;
	CALL(getsockname(fd, (void *)&in, &length));
	SHOW("length", "%d", (int)length);
	length = (socklen_t)-1;
	CALL(getsockname(fd, (void *)&in, &length));
	length = sizeof(in);
	CALL(getsockname(fd, NOWHERE, &length));
	CALL(lseek(fd, 0, SEEK_CUR));
	CALL(pread(fd, &c, 1, 0));
	CALL(ftruncate(fd, 0));
}

static void binding(void)
{
	int a = socket(AF_INET, SOCK_STREAM, 0), b = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in in = to("127.0.0.1", 0), there = to("10.99.99.99", 0), group = to("224.0.0.5", 0), six = in, low = to("127.0.0.1", 80);
	CALL(bind(a, (void *)&there, sizeof(there)));
	CALL(bind(a, (void *)&group, sizeof(group)));
	CALL(bind(a, (void *)&in, 8));
	CALL(bind(a, (void *)&in, 1));
	CALL(bind(a, (void *)&in, 200));
	CALL(bind(a, NOWHERE, sizeof(in)));
	six.sin_family = AF_INET6;
	CALL(bind(a, (void *)&six, sizeof(six)));
	CALL(bind(a, (void *)&in, sizeof(in)));
	CALL(bind(a, (void *)&in, sizeof(in)));
	IS(port_of(a) >= 32768);
	in.sin_port = htons((uint16_t)port_of(a));
	CALL(bind(b, (void *)&in, sizeof(in)));
	in = to("127.0.0.2", port_of(a));
	CALL(bind(b, (void *)&in, sizeof(in)));
	int c = socket(AF_INET, SOCK_STREAM, 0);
	in = to("0.0.0.0", port_of(a));
	CALL(bind(c, (void *)&in, sizeof(in)));
	CALL(listen(a, 1));
	CALL(close(c));
	c = socket(AF_INET, SOCK_STREAM, 0);
	CALL(set(c, SOL_SOCKET, SO_REUSEADDR, 1));
	CALL(bind(c, (void *)&in, sizeof(in)));
	CALL(close(a));
	CALL(bind(c, (void *)&in, sizeof(in)));
	int d = socket(AF_INET, SOCK_STREAM, 0);
	CALL(set(d, SOL_SOCKET, SO_REUSEADDR, 1));
	CALL(bind(d, (void *)&in, sizeof(in)));
	CALL(listen(c, 1));
	CALL(listen(d, 1));
	int e[3];
	for (int i = 0; i < 3; i++) {
		e[i] = socket(AF_INET, SOCK_STREAM, 0);
		CALL(set(e[i], SOL_SOCKET, SO_REUSEPORT, i < 2));
	}
	in = to("127.0.0.1", 0);
	CALL(bind(e[0], (void *)&in, sizeof(in)));
	in.sin_port = htons((uint16_t)port_of(e[0]));
	CALL(bind(e[1], (void *)&in, sizeof(in)));
	CALL(bind(e[2], (void *)&in, sizeof(in)));
	CALL(listen(e[0], 1));
	CALL(listen(e[1], 1));
	int low_fd = socket(AF_INET, SOCK_STREAM, 0);
	if (calls_with("root")) {
		CALL(seteuid(1234));
		CALL(bind(low_fd, (void *)&low, sizeof(low)));
		CALL(seteuid(0));
	}
}

static void listening(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	CALL(listen(fd, 3));
	IS(port_of(fd) != 0);
	SHOW("listening", "%x", polled(fd, 0));
	SHOW("accepts", "%d", number(fd, SOL_SOCKET, SO_ACCEPTCONN));
	CALL(listen(fd, 7));
	struct sockaddr_in in = to("127.0.0.1", port_of(fd)), peer;
	CALL(connect(fd, (void *)&in, sizeof(in)));
	char c = 'x';
	CALL(read(fd, &c, 1));
	CALL(write(fd, &c, 1));
	CALL(fcntl(fd, F_SETFL, O_NONBLOCK));
	CALL(accept(fd, NULL, NULL));
	int bytes;
	CALL(ioctl(fd, FIONREAD, &bytes));
	int client = connected_to(port_of(fd));
	SHOW("waiting", "%x", until(fd, POLLIN));
	socklen_t length = sizeof(peer);
	CALL(accept4(fd, (void *)&peer, &length, 0x1234));
	CALL(accept4(fd, NOWHERE, &length, 0));
	client = connected_to(port_of(fd));
	int end = accept4(fd, (void *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
	SHOW("accepted", "%d %d %s %d", end >= 0, (int)length, inet_ntoa(peer.sin_addr), ntohs(peer.sin_port) == port_of(client));
	SHOW("flags", "%x %x", fcntl(end, F_GETFL), fcntl(end, F_GETFD));
	CALL(read(end, &c, 1));
	IS(port_of(end) == port_of(fd));
	CALL(listen(end, 1));
	CALL(listen(client, 1));
	CALL(shutdown(fd, SHUT_RD));
	CALL(accept(fd, NULL, NULL));
	SHOW("shut", "%x", polled(fd, 0));
	CALL(listen(fd, 1));
	int u = socket(AF_INET, SOCK_DGRAM, 0);
	CALL(listen(u, 1));
	CALL(accept(u, NULL, NULL));
	CALL(accept(0x7fff, NULL, NULL));
}

static void refusing(void)
{
	int gone = listener(1), port = port_of(gone), fd = socket(AF_INET, SOCK_STREAM, 0), error;
	struct sockaddr_in in = to("127.0.0.1", port), six = in;
	close(gone);
	CALL(connect(fd, (void *)&in, sizeof(in)));
	SHOW("refused", "%x", polled(fd, 0));
	SHOW("error", "%d", number(fd, SOL_SOCKET, SO_ERROR));
	CALL(connect(fd, (void *)&in, sizeof(in)));
	CALL(connect(fd, (void *)&in, 4));
	CALL(connect(fd, NOWHERE, sizeof(in)));
	six.sin_family = 77;
	CALL(connect(fd, (void *)&six, sizeof(six)));
	int n = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	error = connect(n, (void *)&in, sizeof(in)) ? errno : 0;
	IS(error == EINPROGRESS || error == ECONNREFUSED);
	SHOW("later", "%x", until(n, POLLOUT));
	SHOW("error", "%d", number(n, SOL_SOCKET, SO_ERROR) == ECONNREFUSED || error == ECONNREFUSED);
	SHOW("again", "%d", number(n, SOL_SOCKET, SO_ERROR));
	struct sockaddr_in group = to("224.0.0.9", port), none = to("127.0.0.1", 0);
	int m = socket(AF_INET, SOCK_STREAM, 0);
	CALL(connect(m, (void *)&group, sizeof(group)));
	CALL(connect(m, (void *)&none, sizeof(none)) == -1);
}

static void connecting(void)
{
	int server = listener(5), n = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct sockaddr_in in = to("127.0.0.1", port_of(server)), peer;
	socklen_t length = sizeof(peer);
	int first = connect(n, (void *)&in, sizeof(in)) ? errno : 0;
	IS(first == 0 || first == EINPROGRESS);
	SHOW("connected", "%x", until(n, POLLOUT));
	SHOW("error", "%d", number(n, SOL_SOCKET, SO_ERROR));
	int second = connect(n, (void *)&in, sizeof(in)) ? errno : 0;
	IS(second == 0 || second == EISCONN);
	CALL(getpeername(n, (void *)&peer, &length));
	SHOW("peer", "%s %d", inet_ntoa(peer.sin_addr), ntohs(peer.sin_port) == port_of(server));
	CALL(connect(connected_to(port_of(server)), (void *)&in, sizeof(in)));
	int bound = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in from = to("127.0.0.9", 0), any = to("0.0.0.0", port_of(server));
	CALL(bind(bound, (void *)&from, sizeof(from)));
	int port = port_of(bound);
	CALL(connect(bound, (void *)&in, sizeof(in)));
	IS(port_of(bound) == port);
	CALL(getsockname(bound, (void *)&peer, &length));
	SHOW("bound", "%s", inet_ntoa(peer.sin_addr));
	int zero = socket(AF_INET, SOCK_STREAM, 0);
	CALL(connect(zero, (void *)&any, sizeof(any)));
	CALL(getpeername(zero, (void *)&peer, &length));
	SHOW("to any", "%s", inet_ntoa(peer.sin_addr));
	struct sockaddr_in unspecified = { .sin_family = AF_UNSPEC };
	CALL(connect(zero, (void *)&unspecified, sizeof(unspecified)));
	CALL(getpeername(zero, (void *)&peer, &length));
	SHOW("left", "%x", polled(zero, 0));
	CALL(connect(zero, (void *)&in, sizeof(in)));
}

static void sending(void)
{
	int ends[2];
	char buffer[64] = "", c;
	connection_make(ends);
	SHOW("both", "%x %x", polled(ends[0], 0), polled(ends[1], 0));
	CALL(write(ends[0], "hello", 5));
	SHOW("arrived", "%x", until(ends[1], POLLIN));
	int bytes = -1;
	CALL(ioctl(ends[1], FIONREAD, &bytes));
	SHOW("bytes", "%d", bytes);
	CALL(recv(ends[1], buffer, 2, MSG_PEEK));
	CALL(recv(ends[1], buffer, sizeof(buffer), MSG_PEEK));
	SHOW("peeked", "%.5s", buffer);
	CALL(recv(ends[1], buffer, 3, 0));
	SHOW("read", "%.3s", buffer);
	CALL(recv(ends[1], NULL, 1, MSG_TRUNC));
	CALL(recv(ends[1], buffer, sizeof(buffer), MSG_DONTWAIT));
	SHOW("read", "%.1s", buffer);
	CALL(recv(ends[1], buffer, sizeof(buffer), MSG_DONTWAIT));
	CALL(recv(ends[1], buffer, 0, MSG_DONTWAIT));
	CALL(write(ends[0], "", 0));
	CALL(write(ends[0], NOWHERE, 5));
	CALL(send(ends[0], "more", 4, MSG_MORE));
	CALL(send(ends[0], " text", 5, 0));
	CALL(recv(ends[1], buffer, 9, MSG_WAITALL));
	SHOW("read", "%.9s", buffer);
	CALL(write(ends[0], "xyz", 3));
	until(ends[1], POLLIN);
	CALL(read(ends[1], NOWHERE, 3));
	CALL(read(ends[1], &c, 1));
	struct iovec v[3] = { { "ab", 2 }, { "", 0 }, { "cde", 3 } };
	CALL(writev(ends[1], v, 3));
	until(ends[0], POLLIN);
	struct iovec r[2] = { { buffer, 1 }, { buffer + 10, 20 } };
	CALL(readv(ends[0], r, 2));
	SHOW("read", "%.1s %.4s", buffer, buffer + 10);
	struct msghdr m = { .msg_iov = r, .msg_iovlen = 2 };
	CALL(recvmsg(ends[0], &m, MSG_DONTWAIT));
	m.msg_iov = v;
	m.msg_iovlen = 3;
	CALL(sendmsg(ends[1], &m, 0));
	char control[64];
	m = (struct msghdr){ .msg_iov = r, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof(control), .msg_name = buffer, .msg_namelen = 20 };
	until(ends[0], POLLIN);
	CALL(recvmsg(ends[0], &m, 0));
	SHOW("message", "%d %d %x", (int)m.msg_namelen, (int)m.msg_controllen, m.msg_flags);
	struct sockaddr_in in = to("127.0.0.1", 1), from;
	socklen_t length = sizeof(from);
	CALL(sendto(ends[0], "q", 1, 0, (void *)&in, sizeof(in)));
	until(ends[1], POLLIN);
	CALL(recvfrom(ends[1], buffer, 10, 0, (void *)&from, &length));
	CALL(recv(ends[0], buffer, 10, MSG_OOB));
	CALL(recv(ends[0], buffer, 10, MSG_ERRQUEUE));
	struct mmsghdr many[2] = { { .msg_hdr = { .msg_iov = v, .msg_iovlen = 1 } }, { .msg_hdr = { .msg_iov = v + 2, .msg_iovlen = 1 } } };
	CALL(sendmmsg(ends[0], many, 2, 0));
	SHOW("many", "%d %d", many[0].msg_len, many[1].msg_len);
	CALL(recv(ends[1], buffer, 5, MSG_WAITALL));
	SHOW("read", "%.5s", buffer);
}

static void closing(void)
{
	int ends[2];
	char buffer[16];
	connection_make(ends);
	CALL(write(ends[0], "bye", 3));
	CALL(shutdown(ends[0], SHUT_WR));
	SHOW("half", "%x", polled(ends[0], 0));
	CALL(send(ends[0], "x", 1, MSG_NOSIGNAL));
	SHOW("told", "%x", until(ends[1], POLLRDHUP));
	CALL(read(ends[1], buffer, 16));
	CALL(read(ends[1], buffer, 16));
	CALL(write(ends[1], "still", 5));
	SHOW("answer", "%x", until(ends[0], POLLIN));
	CALL(read(ends[0], buffer, 16));
	CALL(shutdown(ends[1], SHUT_WR));
	SHOW("whole", "%x", until(ends[0], POLLHUP));
	CALL(read(ends[0], buffer, 16));
	CALL(shutdown(ends[0], SHUT_RDWR) == 0 || errno == ENOTCONN);
	connection_make(ends);
	CALL(shutdown(ends[0], SHUT_RD));
	SHOW("reads no more", "%x", polled(ends[0], 0));
	CALL(read(ends[0], buffer, 16));
	CALL(write(ends[0], "x", 1));
	CALL(write(ends[1], "y", 1));
	connection_make(ends);
	CALL(close(ends[1]));
	SHOW("closed", "%x", until(ends[0], POLLRDHUP));
	CALL(read(ends[0], buffer, 16));
	CALL(send(ends[0], "x", 1, MSG_NOSIGNAL));
	SHOW("reset", "%x", until(ends[0], POLLHUP));
	CALL(send(ends[0], "x", 1, MSG_NOSIGNAL));
	CALL(read(ends[0], buffer, 16));
}

static void resetting(void)
{
	int ends[2];
	char buffer[16];
	struct linger now = { 1, 0 };
	connection_make(ends);
	CALL(setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
	CALL(close(ends[1]));
	SHOW("reset", "%x", until(ends[0], POLLHUP));
	CALL(read(ends[0], buffer, 16));
	CALL(read(ends[0], buffer, 16));
	SHOW("after", "%x", polled(ends[0], 0));
	CALL(send(ends[0], "x", 1, MSG_NOSIGNAL));
	connection_make(ends);
	CALL(write(ends[0], "unread", 6));
	until(ends[1], POLLIN);
	CALL(close(ends[1]));
	SHOW("unread", "%x", until(ends[0], POLLHUP));
	SHOW("error", "%d", number(ends[0], SOL_SOCKET, SO_ERROR) == ECONNRESET);
	CALL(read(ends[0], buffer, 16));
	connection_make(ends);
	CALL(write(ends[1], "left", 4));
	until(ends[0], POLLIN);
	CALL(setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
	CALL(close(ends[1]));
	until(ends[0], POLLHUP);
	int n = (int)recv(ends[0], buffer, 16, 0);
	IS(n == 4 || n == -1);
}

static volatile int pipes;

static void on_pipe(int signal)
{
	pipes++;
}

static void broken(void)
{
	int ends[2];
	struct sigaction action = { .sa_handler = on_pipe };
	sigaction(SIGPIPE, &action, NULL);
	connection_make(ends);
	shutdown(ends[0], SHUT_WR);
	CALL(write(ends[0], "x", 1));
	SHOW("signals", "%d", pipes);
	CALL(send(ends[0], "x", 1, MSG_NOSIGNAL));
	SHOW("signals", "%d", pipes);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	CALL(send(fd, "x", 1, 0));
	SHOW("signals", "%d", pipes);
}

static void backlog(void)
{
	int server = listener(2), clients[8], connected = 0;
	struct sockaddr_in in = to("127.0.0.1", port_of(server));
	for (int i = 0; i < 8; i++) {
		clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(clients[i], (void *)&in, sizeof(in));
	}
	for (int tries = 0; tries < 600 && connected < 3; tries++) { /* as many as Linux lets in, and more if they come in the same time */
		usleep(100000);
		connected = 0;
		for (int i = 0; i < 8; i++) {
			connected += !!(polled(clients[i], 0) & POLLOUT);
		}
	}
	SHOW("connected", "%d", connected);
	fcntl(server, F_SETFL, O_NONBLOCK);
	int accepted = 0;
	while (accept(server, NULL, NULL) >= 0) {
		accepted++;
	}
	SHOW("accepted", "%d", accepted);
	for (int i = 4; i < 8; i++) {
		close(clients[i]);
	}
	SHOW("the next", "%x", until(clients[3], POLLOUT)); /* its second SYN, after a second */
	int ends[2] = { listener(5), 0 };
	ends[1] = connected_to(port_of(ends[0]));
	CALL(close(ends[0]));
	SHOW("never accepted", "%x", until(ends[1], POLLHUP));
	char c;
	CALL(read(ends[1], &c, 1));
}

static void *writer(void *fd)
{
	static char block[300000];
	long n = write((int)(long)fd, block, sizeof(block));
	return (void *)n;
}

static void filling(void)
{
	int ends[2];
	static char block[65536];
	long in = 0, out = 0, n;
	connection_make(ends);
	CALL(set(ends[0], SOL_SOCKET, SO_SNDBUF, 32768));
	CALL(set(ends[1], SOL_SOCKET, SO_RCVBUF, 32768));
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	while ((n = write(ends[0], block, sizeof(block))) > 0 || (n < 0 && errno == EAGAIN && polled(ends[0], 50) & POLLOUT)) {
		in += n > 0 ? n : 0;
	}
	SHOW("full", "%s", calls_error(errno));
	IS(in > 30000 && in < 8000000);
	SHOW("full", "%x", polled(ends[0], 0));
	while (out < in && (n = read(ends[1], block, sizeof(block))) > 0) {
		out += n;
	}
	IS(in == out);
	SHOW("empty", "%x", until(ends[0], POLLOUT));
	fcntl(ends[0], F_SETFL, 0);
	pthread_t thread;
	pthread_create(&thread, NULL, writer, (void *)(long)ends[0]);
	for (out = 0; out < 300000 && (n = read(ends[1], block, 1000)) > 0;) {
		out += n;
	}
	void *written;
	pthread_join(thread, &written);
	SHOW("through a small buffer", "%ld %ld", (long)written, out);
}

static void timeouts(void)
{
	int ends[2];
	char c;
	struct timeval short_time = { 0, 20000 }, bad = { 0, 1000000 }, negative = { -1, 0 }, got;
	socklen_t length = sizeof(got);
	connection_make(ends);
	CALL(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &short_time, sizeof(short_time)));
	CALL(read(ends[0], &c, 1));
	CALL(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &bad, sizeof(bad)));
	CALL(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &short_time, 4));
	CALL(setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &negative, sizeof(negative)));
	CALL(getsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &got, &length));
	SHOW("time", "%ld %ld", (long)got.tv_sec, (long)got.tv_usec);
	int server = listener(1);
	CALL(setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &short_time, sizeof(short_time)));
	CALL(accept(server, NULL, NULL));
	CALL(setsockopt(ends[1], SOL_SOCKET, SO_SNDTIMEO, &short_time, sizeof(short_time)));
	static char block[1 << 20];
	long n;
	while ((n = write(ends[1], block, sizeof(block))) > 0) {
	}
	SHOW("full", "%s", calls_error(errno));
}

static void show_event(int set_fd, const char *name, int milliseconds)
{
	struct epoll_event got[4];
	int n = epoll_wait(set_fd, got, 4, milliseconds);
	calls_line("edges", name, "%d %x", n, n > 0 ? got[0].events : 0);
}

static void edges(void)
{
	int ends[2], set_fd = epoll_create1(0);
	char buffer[16];
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET }, got[4];
	connection_make(ends);
	CALL(epoll_ctl(set_fd, EPOLL_CTL_ADD, ends[0], &event));
	show_event(set_fd, "first", 100);
	SHOW("second", "%d", epoll_wait(set_fd, got, 4, 0));
	CALL(write(ends[1], "ab", 2));
	show_event(set_fd, "data", 100000);
	CALL(read(ends[0], buffer, 1));
	SHOW("rest", "%d", epoll_wait(set_fd, got, 4, 0));
	CALL(write(ends[1], "c", 1));
	show_event(set_fd, "more", 100000);
	CALL(shutdown(ends[1], SHUT_WR));
	show_event(set_fd, "half", 100000);
	CALL(read(ends[0], buffer, 16));
	CALL(read(ends[0], buffer, 16));
	CALL(close(ends[0]));
	SHOW("closed", "%d", epoll_wait(set_fd, got, 4, 0));
	int server = listener(5);
	event.events = EPOLLIN | EPOLLEXCLUSIVE;
	CALL(epoll_ctl(set_fd, EPOLL_CTL_ADD, server, &event));
	int client = connected_to(port_of(server));
	show_event(set_fd, "waiting", 100000);
	close(client);
}

static void options(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), ends[2], value = 1;
	socklen_t length;
	static const int flags[] = { SO_DEBUG, SO_REUSEADDR, SO_KEEPALIVE, SO_BROADCAST, SO_OOBINLINE, SO_REUSEPORT, SO_DONTROUTE };
	for (unsigned i = 1; i < sizeof(flags) / sizeof(flags[0]); i++) {
		int before = number(fd, SOL_SOCKET, flags[i]), error = set(fd, SOL_SOCKET, flags[i], 5);
		SHOW("flag", "%d: %d %d %d", flags[i], before, error, number(fd, SOL_SOCKET, flags[i]));
	}
	SHOW("type", "%d %d %d", number(fd, SOL_SOCKET, SO_TYPE), number(fd, SOL_SOCKET, SO_DOMAIN), number(fd, SOL_SOCKET, SO_PROTOCOL));
	SHOW("linger", "%d %d", number(fd, SOL_SOCKET, SO_LINGER), number(fd, SOL_SOCKET, SO_RCVLOWAT));
	struct linger linger = { 1, 7 }, told;
	CALL(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	CALL(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, 4));
	length = sizeof(told);
	CALL(getsockopt(fd, SOL_SOCKET, SO_LINGER, &told, &length));
	SHOW("linger", "%d %d", told.l_onoff, told.l_linger);
	static const int tcp[] = { TCP_NODELAY, TCP_CORK, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_SYNCNT, TCP_USER_TIMEOUT, TCP_MAXSEG };
	for (unsigned i = 0; i < sizeof(tcp) / sizeof(tcp[0]); i++) {
		int before = number(fd, IPPROTO_TCP, tcp[i]), good = set(fd, IPPROTO_TCP, tcp[i], i == 7 ? 1000 : 33);
		int after = number(fd, IPPROTO_TCP, tcp[i]), bad = set(fd, IPPROTO_TCP, tcp[i], -5);
		SHOW("tcp", "%d: %d %d %d %d", tcp[i], before, good, after, bad);
	}
	CALL(set(fd, IPPROTO_TCP, 999, 1));
	CALL(set(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 0));
	SHOW("unknown", "%d %d", number(fd, IPPROTO_TCP, 999), number(fd, SOL_SOCKET, 999));
	CALL(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, 2));
	CALL(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, NOWHERE, 4));
	length = (socklen_t)-1;
	CALL(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &length));
	length = 2;
	value = 0;
	CALL(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &length));
	SHOW("length", "%d", (int)length);
	SHOW("ip", "%d %d", number(fd, IPPROTO_IP, IP_TTL), number(fd, IPPROTO_IP, IP_TOS));
	CALL(set(fd, IPPROTO_IP, IP_TTL, 33));
	CALL(set(fd, IPPROTO_IP, IP_TTL, 0));
	CALL(set(fd, IPPROTO_IP, IP_TTL, 256));
	CALL(set(fd, IPPROTO_IP, IP_TOS, 0x10));
	SHOW("ip", "%d %d", number(fd, IPPROTO_IP, IP_TTL), number(fd, IPPROTO_IP, IP_TOS));
	CALL(set(fd, SOL_SOCKET, SO_SNDBUF, 20000));
	CALL(set(fd, SOL_SOCKET, SO_RCVBUF, 20000));
	SHOW("buffers", "%d %d", number(fd, SOL_SOCKET, SO_SNDBUF), number(fd, SOL_SOCKET, SO_RCVBUF));
	CALL(set(fd, SOL_SOCKET, SO_SNDBUF, 1));
	CALL(set(fd, SOL_SOCKET, SO_RCVBUF, 1));
	SHOW("least", "%d %d", number(fd, SOL_SOCKET, SO_SNDBUF), number(fd, SOL_SOCKET, SO_RCVBUF));
	CALL(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
	CALL(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "none7", 6));
	char name[16];
	length = sizeof(name);
	CALL(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &length));
	SHOW("device", "%d %s", (int)length, name);
	connection_make(ends);
	struct tcp_info info = { 0 };
	length = sizeof(info);
	CALL(getsockopt(ends[0], IPPROTO_TCP, TCP_INFO, &info, &length));
	SHOW("info", "%d", info.tcpi_state);
	shutdown(ends[0], SHUT_WR);
	until(ends[1], POLLRDHUP);
	getsockopt(ends[1], IPPROTO_TCP, TCP_INFO, &info, &length);
	SHOW("info", "%d", info.tcpi_state);
	CALL(set(ends[1], IPPROTO_TCP, TCP_CORK, 1));
	CALL(write(ends[1], "corked", 6));
	char c[8];
	CALL(recv(ends[0], c, 8, MSG_DONTWAIT));
	CALL(set(ends[1], IPPROTO_TCP, TCP_CORK, 0));
	CALL(recv(ends[0], c, 6, MSG_WAITALL));
}

static void inherited(void)
{
	int server = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in in = to("127.0.0.1", 0);
	bind(server, (void *)&in, sizeof(in));
	set(server, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(server, SOL_SOCKET, SO_RCVBUF, 10000);
	set(server, IPPROTO_TCP, TCP_NODELAY, 1);
	set(server, IPPROTO_TCP, TCP_KEEPIDLE, 77);
	CALL(listen(server, 3));
	connected_to(port_of(server));
	int end = accept(server, NULL, NULL);
	SHOW("options", "%d %d %d %d", number(end, SOL_SOCKET, SO_KEEPALIVE), number(end, SOL_SOCKET, SO_RCVBUF), number(end, IPPROTO_TCP, TCP_NODELAY),
	     number(end, IPPROTO_TCP, TCP_KEEPIDLE));
	CALL(close(server));
	server = socket(AF_INET, SOCK_STREAM, 0);
	in.sin_port = htons((uint16_t)port_of(end));
	CALL(bind(server, (void *)&in, sizeof(in)));
	CALL(set(server, SOL_SOCKET, SO_REUSEADDR, 1));
	int error = bind(server, (void *)&in, sizeof(in)) ? errno : 0;
	SHOW("the port of a connection", "%s", error ? calls_error(error) : "free");
}

static void deferred(void)
{
	int server = listener(5), client, end;
	char c;
	CALL(set(server, IPPROTO_TCP, TCP_DEFER_ACCEPT, 5));
	IS(number(server, IPPROTO_TCP, TCP_DEFER_ACCEPT) >= 5);
	fcntl(server, F_SETFL, O_NONBLOCK);
	client = connected_to(port_of(server));
	usleep(50000);
	CALL(accept(server, NULL, NULL));
	SHOW("silent", "%x", polled(server, 0));
	CALL(write(client, "now", 3));
	SHOW("speaks", "%x", until(server, POLLIN));
	end = accept(server, NULL, NULL);
	CALL(read(end, &c, 1));
	close(client);
	client = connected_to(port_of(server));
	CALL(close(server));
	write(client, "too late", 8);
	SHOW("gone", "%x", until(client, POLLHUP) & POLLHUP);
}

static void six(void)
{
	int server = socket(AF_INET6, SOCK_STREAM, 0), client = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in6 in = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT }, peer;
	socklen_t length = sizeof(peer);
	char text[64];
	SHOW("only", "%d", number(server, IPPROTO_IPV6, IPV6_V6ONLY));
	CALL(bind(server, (void *)&in, 20));
	CALL(bind(server, (void *)&in, sizeof(in)));
	CALL(set(server, IPPROTO_IPV6, IPV6_V6ONLY, 1));
	CALL(listen(server, 3));
	in.sin6_port = htons((uint16_t)port_of(server));
	CALL(connect(client, (void *)&in, sizeof(in)));
	int end = accept(server, (void *)&peer, &length);
	SHOW("peer", "%d %s", (int)length, inet_ntop(AF_INET6, &peer.sin6_addr, text, sizeof(text)));
	CALL(write(end, "six", 3));
	CALL(recv(client, text, 3, MSG_WAITALL));
	int both = socket(AF_INET6, SOCK_STREAM, 0);
	in = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
	CALL(bind(both, (void *)&in, sizeof(in)));
	CALL(listen(both, 3));
	connected_to(port_of(both));
	length = sizeof(peer);
	end = accept(both, (void *)&peer, &length);
	SHOW("mapped", "%d %s", (int)length, inet_ntop(AF_INET6, &peer.sin6_addr, text, sizeof(text)));
	getsockname(end, (void *)&peer, &length);
	SHOW("own", "%s", inet_ntop(AF_INET6, &peer.sin6_addr, text, sizeof(text)));
	int four = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in same = to("0.0.0.0", port_of(both));
	CALL(bind(four, (void *)&same, sizeof(same)));
	int only = socket(AF_INET6, SOCK_STREAM, 0);
	CALL(set(only, IPPROTO_IPV6, IPV6_V6ONLY, 1));
	in.sin6_port = 0;
	CALL(bind(only, (void *)&in, sizeof(in)));
	CALL(listen(only, 1));
	same = to("127.0.0.1", port_of(only));
	CALL(connect(four, (void *)&same, sizeof(same)));
	int other = socket(AF_INET, SOCK_STREAM, 0);
	CALL(bind(other, (void *)&same, sizeof(same)));
	client = socket(AF_INET6, SOCK_STREAM, 0);
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &in.sin6_addr);
	in.sin6_port = htons((uint16_t)port_of(both));
	CALL(connect(client, (void *)&in, sizeof(in)));
	getpeername(client, (void *)&peer, &length);
	SHOW("peer", "%s", inet_ntop(AF_INET6, &peer.sin6_addr, text, sizeof(text)));
	client = socket(AF_INET6, SOCK_STREAM, 0);
	CALL(connect(client, (void *)&same, sizeof(same)));
	SHOW("hops", "%d %d", number(client, IPPROTO_IPV6, IPV6_UNICAST_HOPS), number(four, IPPROTO_IPV6, IPV6_V6ONLY));
}

/* The server ends each connection first, and the client comes again from the same port at once. */
static void again(void)
{
	const int on = 1;
	char c;
	int server = listener(5);
	struct sockaddr_in from = to("127.0.0.1", 0), there = to("127.0.0.1", port_of(server));
	for (int i = 0; i < 4; i++) {
		int client = socket(AF_INET, SOCK_STREAM, 0);
		setsockopt(client, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		CALL(bind(client, (void *)&from, sizeof(from)));
		from.sin_port = htons((uint16_t)port_of(client));
		CALL(connect(client, (void *)&there, sizeof(there)));
		int end = accept(server, NULL, NULL);
		CALL(send(client, "x", 1, 0));
		CALL(recv(end, &c, 1, 0));
		close(end);
		CALL(recv(client, &c, 1, 0));
		close(client);
	}
	close(server);
}

/* What is left of a segment after a part of it was read is there to be read, and is told of. */
static void parts(void)
{
	int ends[2];
	char byte;
	connection_make(ends);
	CALL(write(ends[0], "abc", 3));
	struct pollfd p = { ends[1], POLLIN, 0 };
	CALL(poll(&p, 1, 100000));
	for (int i = 0; i < 3; i++) {
		CALL(read(ends[1], &byte, 1));
		SHOW("byte", "%c", byte);
		CALL(poll(&p, 1, 0));
	}
	close(ends[0]);
	close(ends[1]);
}

static void bulk(void)
{
	int ends[2], status;
	static unsigned char block[100000];
	connection_make(ends);
	pid_t child = fork();
	if (child == 0) {
		close(ends[1]);
		for (unsigned k = 0; k < 40; k++) {
			for (unsigned i = 0; i < sizeof(block); i++) {
				block[i] = (unsigned char)(i * 7 + k);
			}
			for (size_t at = 0; at < sizeof(block);) {
				size_t piece = (k * 977 + at) % 30000 + 1, left = sizeof(block) - at;
				ssize_t n = write(ends[0], block + at, piece < left ? piece : left);
				if (n <= 0) {
					_exit(1);
				}
				at += (size_t)n;
			}
		}
		_exit(0);
	}
	close(ends[0]);
	unsigned long total = 0, wrong = 0;
	for (ssize_t n; (n = read(ends[1], block, 1 + total % 65536)) > 0;) {
		for (ssize_t i = 0; i < n; i++, total++) {
			wrong += block[i] != (unsigned char)(total % sizeof(block) * 7 + total / sizeof(block));
		}
	}
	waitpid(child, &status, 0);
	SHOW("bytes", "%lu, %lu wrong, status %x", total, wrong, status);
}

int main(void)
{
	calls_begin();
	RUN(making);
	RUN(binding);
	RUN(listening);
	RUN(refusing);
	RUN(connecting);
	RUN(sending);
	RUN(closing);
	RUN(resetting);
	RUN(broken);
	RUN(backlog);
	RUN(filling);
	RUN(timeouts);
	RUN(edges);
	RUN(options);
	RUN(inherited);
	RUN(deferred);
	if (calls_with("ipv6")) {
		RUN(six);
	}
	RUN(again);
	RUN(parts);
	RUN(bulk);
	return 0;
}
