/* SPDX-License-Identifier: MIT */
/*
 * Connections at their limits: no descriptor is left for the next one, the queue of a listening socket is full until a connect gives up, a peer
 * that does not answer or read, and many who wait for one listening socket with EPOLLEXCLUSIVE.
 */
#include "inet.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

static struct sockaddr_in server;

static int listener(int backlog, int flags)
{
	socklen_t length = sizeof(server);
	int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
	server = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	bind(fd, (void *)&server, length);
	listen(fd, backlog);
	getsockname(fd, (void *)&server, &length);
	return fd;
}

static int client(int flags)
{
	int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
	if (connect(fd, (void *)&server, sizeof(server)) != 0 && errno != EINPROGRESS) {
		SHOW("connect", "%s", calls_error(errno));
	}
	return fd;
}

/* The descriptor that the next open file would get is the first that must not be: what is to be accepted stays in the queue. */
static void no_descriptor(void)
{
	int fd = listener(5, SOCK_NONBLOCK), ends[2] = { client(0), client(0) }, pair[2];
	struct rlimit before, few;
	char c = 0;
	write(ends[0], "1", 1);
	write(ends[1], "2", 1);
	getrlimit(RLIMIT_NOFILE, &before);
	few = before;
	int next = dup(fd);
	close(next);
	few.rlim_cur = (rlim_t)next;
	CALL(setrlimit(RLIMIT_NOFILE, &few));
	CALL(accept(fd, NULL, NULL));
	CALL(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
	SHOW("still there", "%x", until(fd, POLLIN));
	CALL(socket(AF_INET, SOCK_STREAM, 0));
	CALL(socket(AF_INET6, SOCK_DGRAM, 0));
	CALL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	CALL(epoll_create1(0));
	CALL(setrlimit(RLIMIT_NOFILE, &before));
	for (int i = 0; i < 2; i++) {
		int end = accept(fd, NULL, NULL);
		SHOW("accepted", "%d", end >= 0);
		CALL(read(end, &c, 1));
		SHOW("its byte", "%c", c);
	}
	CALL(accept(fd, NULL, NULL));
	SHOW("client", "%x", until(ends[0], POLLOUT));
}

/* Nobody accepts: a SYN that finds the queue full is not answered, and who may send it twice only gives up after 3 s. */
static void given_up(void)
{
	int fd = listener(0, 0), late = socket(AF_INET, SOCK_STREAM, 0), error = -1, once = 1;
	int first = client(0);
	socklen_t length = sizeof(error);
	struct timespec begin, end;
	CALL(setsockopt(late, IPPROTO_TCP, TCP_SYNCNT, &once, sizeof(once)));
	clock_gettime(CLOCK_MONOTONIC, &begin);
	CALL(connect(late, (void *)&server, sizeof(server)));
	clock_gettime(CLOCK_MONOTONIC, &end);
	long ms = (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000;
	IS(ms > 2500);
	CALL(getsockopt(late, SOL_SOCKET, SO_ERROR, &error, &length));
	SHOW("error", "%d", error);
	close(late);
	/* As poll sees it. */
	late = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	setsockopt(late, IPPROTO_TCP, TCP_SYNCNT, &once, sizeof(once));
	CALL(connect(late, (void *)&server, sizeof(server)));
	struct pollfd p = { late, POLLIN | POLLOUT | POLLRDHUP, 0 };
	CALL(poll(&p, 1, 100000));
	SHOW("events", "%x", p.revents);
	CALL(getsockopt(late, SOL_SOCKET, SO_ERROR, &error, &length));
	SHOW("error", "%s", calls_error(error));
	CALL(close(first));
	CALL(close(fd));
}

/* A peer that never reads: what it does not take is given up with the connection, if the program says when. */
static void never_read(void)
{
	int fd = listener(1, 0), end = client(SOCK_NONBLOCK), peer = accept(fd, NULL, NULL), ms = 2000, error = -1;
	static char block[65536];
	socklen_t length = sizeof(error);
	CALL(setsockopt(end, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms)));
	while (write(end, block, sizeof(block)) > 0 || (errno == EAGAIN && (usleep(30000), write(end, block, 1)) > 0)) {
	}
	SHOW("full", "%s", calls_error(errno));
	struct pollfd p = { end, POLLIN, 0 };
	CALL(poll(&p, 1, 100000));
	SHOW("events", "%x", p.revents);
	CALL(getsockopt(end, SOL_SOCKET, SO_ERROR, &error, &length));
	SHOW("error", "%s", calls_error(error));
	CALL(write(end, "x", 1));
	close(peer);
}

/* What is counted of a connection, as far as it does not hang on how bytes were put into segments. */
static void counted(void)
{
	int fd = listener(1, 0), end = client(0), peer = accept(fd, NULL, NULL);
	static char block[5000];
	struct tcp_info one = { 0 }, other = { 0 };
	socklen_t length = sizeof(one);
	write(end, block, 5000);
	recv(peer, block, 5000, MSG_WAITALL);
	write(peer, block, 1);
	read(end, block, 1);
	usleep(200000);
	for (int i = 0; i < 6000 && (i == 0 || one.tcpi_unacked); i++) { /* an acknowledgement may be late */
		getsockopt(end, IPPROTO_TCP, TCP_INFO, &one, &length);
		usleep(10000);
	}
	CALL(getsockopt(end, IPPROTO_TCP, TCP_INFO, &one, &length));
	IS(length >= 232);
	CALL(getsockopt(peer, IPPROTO_TCP, TCP_INFO, &other, &length));
	SHOW("sent", "%lu %lu", (unsigned long)one.tcpi_bytes_sent, (unsigned long)other.tcpi_bytes_sent);
	SHOW("received", "%lu %lu", (unsigned long)one.tcpi_bytes_received, (unsigned long)other.tcpi_bytes_received);
	SHOW("sent again", "%lu %u %u", (unsigned long)one.tcpi_bytes_retrans, one.tcpi_total_retrans, one.tcpi_retransmits);
	SHOW("not acknowledged", "%u %u", one.tcpi_unacked, one.tcpi_notsent_bytes);
	IS(one.tcpi_bytes_acked >= 5000 && one.tcpi_bytes_acked <= 5001);
	IS(one.tcpi_data_segs_out == other.tcpi_data_segs_in && one.tcpi_data_segs_out > 0);
	IS(other.tcpi_data_segs_out == 1 && one.tcpi_data_segs_in == 1);
	IS(one.tcpi_segs_out >= one.tcpi_data_segs_out && one.tcpi_segs_in > 0);
	IS(one.tcpi_rtt > 0 && one.tcpi_rtt < 100000000 && one.tcpi_min_rtt > 0 && one.tcpi_min_rtt <= one.tcpi_rtt);
	IS(one.tcpi_snd_cwnd > 0 && one.tcpi_snd_mss > 500 && one.tcpi_pmtu > one.tcpi_snd_mss && one.tcpi_rto >= 200000);
	IS(one.tcpi_last_data_sent >= 200 && one.tcpi_last_data_sent < 100000 && one.tcpi_last_data_recv >= 200 && one.tcpi_last_data_recv < 100000);
}

/* One connection wakes one of three that wait for it; the other two go on to wait. */
static void one_is_woken(void)
{
	int fd = listener(5, SOCK_NONBLOCK), woken, told[2];
	pid_t children[3];
	char byte;
	pipe(told);
	for (int i = 0; i < 3; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };
			int ep = epoll_create1(0);
			epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
			write(told[1], "", 1);
			_exit(epoll_wait(ep, &event, 1, -1));
		}
		read(told[0], &byte, 1);
		until_sleeps(children[i]);
	}
	int end = client(0);
	woken = count_woken(children, 3);
	SHOW("woken", "%d", woken);
	SHOW("accepted", "%d", accept(fd, NULL, NULL) >= 0);
	close(end);
}

int main(void)
{
	calls_begin();
	RUN(no_descriptor);
	RUN(given_up);
	RUN(never_read);
	RUN(counted);
	RUN(one_is_woken);
	return 0;
}
