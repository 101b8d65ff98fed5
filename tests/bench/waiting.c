/* SPDX-License-Identifier: MIT */
/* Lines that ask which of many files are ready, where one is, so that none of them sleeps. */
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench.h"

#define FILES 100

static int pipes[FILES][2], set;

/* FILES pipes of which the last has a byte in it. */
static void open_pipes(void)
{
	for (int i = 0; i < FILES; i++) {
		if (pipe(pipes[i]) != 0) {
			die("pipe");
		}
	}
	if (write(pipes[FILES - 1][1], "x", 1) != 1) {
		die("pipe");
	}
}

static void close_pipes(void)
{
	for (int i = 0; i < FILES; i++) {
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
}

static void poll_100(long ops)
{
	struct pollfd fds[FILES];
	for (int i = 0; i < FILES; i++) {
		fds[i] = (struct pollfd){ .fd = pipes[i][0], .events = POLLIN };
	}
	for (long i = 0; i < ops; i++) {
		if (poll(fds, FILES, -1) != 1) {
			die("poll");
		}
	}
}

static void open_set(void)
{
	open_pipes();
	set = epoll_create1(0);
	for (int i = 0; i < FILES; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.fd = i };
		if (epoll_ctl(set, EPOLL_CTL_ADD, pipes[i][0], &event) != 0) {
			die("epoll_ctl");
		}
	}
}

static void close_set(void)
{
	close(set);
	close_pipes();
}

static void epoll_wait_100(long ops)
{
	struct epoll_event events[8];
	for (long i = 0; i < ops; i++) {
		if (epoll_wait(set, events, 8, -1) != 1) {
			die("epoll_wait");
		}
	}
}

const struct line waiting_lines[] = {
	{ "poll-100", 4000, poll_100, open_pipes, close_pipes },
	{ "epoll-wait-100", 20000, epoll_wait_100, open_set, close_set },
	{ 0 },
};
