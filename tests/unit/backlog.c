/* SPDX-License-Identifier: MIT */
/* A process that listens with room for one and never accepts: how many clients reach it before and after backlog_deepen(). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmtools/backlog.h"

#define CLIENTS 16
#define ROOM 1

static pid_t listener;

/* A child that listens on a port of its own, which is returned. */
static uint16_t listen_apart(void)
{
	int tell[2];
	assert_int_equal(pipe(tell), 0);
	listener = fork();
	assert_true(listener >= 0);
	if (listener == 0) {
		struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		socklen_t length = sizeof(at);
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, ROOM) != 0 || getsockname(fd, (struct sockaddr *)&at, &length) != 0 ||
		    write(tell[1], &at.sin_port, sizeof(at.sin_port)) != sizeof(at.sin_port)) {
			_exit(1);
		}
		for (;;) {
			pause();
		}
	}
	uint16_t port;
	close(tell[1]);
	assert_int_equal(read(tell[0], &port, sizeof(port)), sizeof(port));
	close(tell[0]);
	return ntohs(port);
}

static void listen_end(void)
{
	kill(listener, SIGKILL);
	waitpid(listener, NULL, 0);
}

/* Of CLIENTS that come at once, how many are connected at once. Loopback answers within connect() itself. */
static unsigned connected(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port) };
	struct pollfd fds[CLIENTS];
	unsigned count = 0;
	for (unsigned i = 0; i < CLIENTS; i++) {
		fds[i] = (struct pollfd){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), .events = POLLOUT };
		assert_true(connect(fds[i].fd, (struct sockaddr *)&to, sizeof(to)) == 0 || errno == EINPROGRESS);
	}
	poll(fds, CLIENTS, 0);
	for (unsigned i = 0; i < CLIENTS; i++) {
		count += (fds[i].revents & (POLLOUT | POLLERR)) == POLLOUT;
		close(fds[i].fd);
	}
	return count;
}

static void test_few_without(void **state)
{
	uint16_t port = listen_apart();
	assert_in_range(connected(port), ROOM, CLIENTS - 1);
	listen_end();
}

/* Among others, where nobody listens. */
static void test_all_with(void **state)
{
	uint16_t port = listen_apart();
	int errors[3], error;
	backlog_deepen((uint16_t[]){ 1, port, 2 }, 3, errors);
	assert_int_equal(errors[0], -ENOENT);
	assert_int_equal(errors[2], -ENOENT);
	error = errors[1];
	if (error == -EPERM) {
		listen_end();
		skip(); /* this host lets no process look into another */
	}
	assert_int_equal(error, 0);
	assert_int_equal(connected(port), CLIENTS);
	listen_end();
}

static void test_nobody(void **state)
{
	uint16_t port = listen_apart();
	int error;
	listen_end();
	backlog_deepen(&port, 1, &error);
	assert_int_equal(error, -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_few_without), cmocka_unit_test(test_all_with), cmocka_unit_test(test_nobody) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
