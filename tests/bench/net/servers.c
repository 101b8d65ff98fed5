/* SPDX-License-Identifier: MIT */
/* See net.h: the servers for bulk transfers, connections and single bytes. */
#include "net.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER (128u << 10) /* as iperf3 writes and reads */
#define BACKLOG 511

static char buffer[BUFFER];

int net_listen(unsigned port)
{
	const int on = 1;
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, BACKLOG) != 0) {
		give_up("listen");
	}
	return fd;
}

int net_accept(int listener)
{
	int fd;
	while ((fd = accept(listener, NULL, NULL)) < 0) {
		if (errno != EINTR && errno != ECONNABORTED) {
			give_up("accept");
		}
	}
	return fd;
}

int net_connect(unsigned port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void set_nodelay(int fd)
{
	const int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void serve(unsigned port, void (*run)(int fd))
{
	int listener = net_listen(port);
	if (child_start()) {
		for (;;) {
			int fd = net_accept(listener);
			run(fd);
			close(fd);
		}
	}
	close(listener);
}

void serve_sink(int fd)
{
	set_nodelay(fd);
	while (read(fd, buffer, sizeof(buffer)) > 0) {
	}
	(void)!write(fd, "", 1);
}

void serve_source(int fd)
{
	set_nodelay(fd);
	while (write(fd, buffer, sizeof(buffer)) > 0) {
	}
}

void serve_echo(int fd)
{
	set_nodelay(fd);
	for (ssize_t n; (n = read(fd, buffer, sizeof(buffer))) > 0;) {
		for (ssize_t done = 0, m; done < n; done += m) {
			m = write(fd, buffer + done, (size_t)(n - done));
			if (m <= 0) {
				return;
			}
		}
	}
}

void serve_hello(int fd)
{
	(void)!write(fd, "", 1);
}

uint64_t loop_run(uint64_t ns, uint64_t *ops)
{
	char byte = 0;
	int fd = net_connect(NET_ECHO);
	if (fd < 0) {
		give_up("connect");
	}
	set_nodelay(fd);
	uint64_t begin = now_ns(), now = begin;
	for (*ops = 0; now - begin < ns; now = now_ns()) {
		for (int i = 0; i < 64; i++, ++*ops) {
			if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1) {
				give_up("a byte to itself");
			}
		}
	}
	close(fd);
	return now - begin;
}
