/* SPDX-License-Identifier: MIT */
/*
 * See load.h. All connections by one thread and one epoll set. A connection counts what it has got of the answers that it waits for; how each
 * answer begins is compared, its length must come out. The time is over for all at once: of an answer that is on its way
 * then, the part that has come counts.
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "monotonic.h"

#define BUFFER (128u << 10)
#define DEPTH_MAX 64u
#define REQUEST_MAX 512u
#define GIVE_UP_MS 20000
#define HEAD_MAX 4096u
#define KIB 1024u

struct connection {
	int fd;
	size_t got; /* of the answer that is coming */
	unsigned waiting; /* answers that are to come */
	uint64_t heard_ns;
};

struct run {
	const struct load *load;
	const struct load_watch *watch;
	struct load_result *result;
	struct connection *connections;
	int set;
	size_t answer;
	uint64_t bytes; /* of answers */
	char requests[DEPTH_MAX * REQUEST_MAX];
	char buffer[BUFFER];
};

int load_open(uint16_t port)
{
	const int on = 1;
	const struct timeval limit = { .tv_sec = GIVE_UP_MS / 1000 };
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0) {
		int error = -errno;
		if (fd >= 0) {
			close(fd);
		}
		return error;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	return fd;
}

/* Wait for bytes of one connection. -ETIMEDOUT, -EPIPE at its end. */
static ssize_t read_some(int fd, void *to, size_t bytes)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int ready = poll(&p, 1, GIVE_UP_MS);
	ssize_t n = ready > 0 ? read(fd, to, bytes) : -1;
	return n > 0 ? n : ready == 0 ? -ETIMEDOUT : n == 0 ? -EPIPE : -errno;
}

/* Some of the bytes, and no signal where the peer is gone. -ETIMEDOUT: it takes none. */
static ssize_t write_some(int fd, const void *from, size_t bytes)
{
	ssize_t n = send(fd, from, bytes, MSG_NOSIGNAL);
	return n >= 0 ? n : errno == EAGAIN ? -ETIMEDOUT : -errno;
}

/* One request ahead of the measurement tells how long an answer is. 0 or -errno. */
static int answer_learn(struct run *r)
{
	char head[HEAD_MAX];
	size_t got = 0;
	unsigned long length;
	const char *end = NULL;
	int fd = load_open(r->load->port), error = fd < 0 ? fd : 0;
	if (!error) {
		ssize_t n = write_some(fd, r->load->request, strlen(r->load->request));
		error = n < 0 ? (int)n : 0;
	}
	while (!error && !end && got < sizeof(head) - 1) {
		ssize_t n = read_some(fd, head + got, sizeof(head) - 1 - got);
		error = n < 0 ? (int)n : 0;
		got += n > 0 ? (size_t)n : 0;
		head[got] = '\0';
		end = strstr(head, "\r\n\r\n");
	}
	const char *field = end ? strcasestr(head, "\r\nContent-Length:") : NULL;
	if (!error && (!field || sscanf(field + 17, "%lu", &length) != 1 || strncmp(head, r->load->expected, strlen(r->load->expected)) != 0)) {
		error = -EPROTO;
	} else if (!error) {
		r->answer = (size_t)(end - head) + 4 + length;
	}
	if (fd >= 0) {
		close(fd);
	}
	return error;
}

/* As many requests as the depth allows, when all answers are there: so little that the socket takes it at once. */
static int connection_ask(struct run *r, struct connection *c)
{
	size_t bytes = r->load->depth * strlen(r->load->request);
	c->waiting = r->load->depth;
	ssize_t n = send(c->fd, r->requests, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n == (ssize_t)bytes ? 0 : n < 0 ? -errno : -ENOBUFS;
}

/* Where an answer's start came: it is the expected one. A start that is split is looked at in its first part. */
static bool start_is_right(const struct run *r, const char *bytes, size_t count)
{
	size_t length = strlen(r->load->expected);
	return memcmp(bytes, r->load->expected, count < length ? count : length) == 0;
}

/* 0, or -errno where the connection has to be given up. */
static int connection_take(struct run *r, struct connection *c, size_t count)
{
	size_t at = 0;
	while (at < count) {
		size_t left = r->answer - c->got, part = count - at < left ? count - at : left;
		if (c->waiting == 0 || (c->got == 0 && !start_is_right(r, r->buffer + at, part))) {
			return -EPROTO;
		}
		at += part;
		c->got += part;
		r->bytes += part;
		if (c->got == r->answer) {
			c->got = 0;
			c->waiting--;
		}
	}
	return c->waiting == 0 ? connection_ask(r, c) : 0;
}

static void connection_hear(struct run *r, struct connection *c, uint64_t now)
{
	if (now > c->heard_ns && now - c->heard_ns > r->result->longest_ns) {
		r->result->longest_ns = now - c->heard_ns;
	}
	c->heard_ns = now;
}

/* A request and its answer, before anything is measured: then the whole way is open. */
static int connection_greet(struct run *r, struct connection *c)
{
	size_t got = 0, length = strlen(r->load->request);
	if (write_some(c->fd, r->load->request, length) != (ssize_t)length) {
		return -EPIPE;
	}
	while (got < r->answer) {
		ssize_t n = read_some(c->fd, r->buffer, r->answer - got < BUFFER ? r->answer - got : BUFFER);
		if (n < 0) {
			return (int)n;
		}
		if (got == 0 && !start_is_right(r, r->buffer, (size_t)n)) {
			return -EPROTO;
		}
		got += (size_t)n;
	}
	return 0;
}

/* Opens and joins the set. */
static int connection_start(struct run *r, struct connection *c)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
	*c = (struct connection){ .fd = load_open(r->load->port) };
	if (c->fd < 0) {
		return c->fd;
	}
	int error = r->load->kind == LOAD_CONNECT ? 0 : connection_greet(r, c);
	if (error) {
		return error;
	}
	c->heard_ns = monotonic_ns();
	if (epoll_ctl(r->set, EPOLL_CTL_ADD, c->fd, &event) != 0) {
		return -errno;
	}
	return 0;
}

/* A byte came: the connection has done its service, and another one takes its place. */
static int connection_again(struct run *r, struct connection *c, ssize_t n)
{
	r->result->ops += n == 1;
	r->result->errors += n != 1;
	close(c->fd);
	return connection_start(r, c);
}

static int connection_event(struct run *r, struct connection *c)
{
	ssize_t n = recv(c->fd, r->buffer, sizeof(r->buffer), MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN) {
		return 0;
	}
	connection_hear(r, c, monotonic_ns());
	if (r->load->kind == LOAD_CONNECT) {
		return connection_again(r, c, n);
	}
	return n > 0 ? connection_take(r, c, (size_t)n) : n == 0 ? -EPIPE : -errno;
}

static void run_tell(const struct run *r, bool ends)
{
	if (r->watch) {
		r->watch->at(r->watch->to, ends);
	}
}

/* A connection that broke is an error, and is opened again. */
static int run_events(struct run *r)
{
	struct epoll_event events[64];
	uint64_t begin = monotonic_ns(), end = begin + r->load->ns, now = begin;
	for (unsigned i = 0; i < r->load->connections && r->load->kind != LOAD_CONNECT; i++) {
		r->connections[i].heard_ns = begin;
		int error = connection_ask(r, &r->connections[i]);
		if (error) {
			return error;
		}
	}
	while (now < end) {
		uint64_t left_ms = (end - now) / 1000000 + 1;
		int count = epoll_wait(r->set, events, 64, left_ms < GIVE_UP_MS ? (int)left_ms : GIVE_UP_MS);
		now = monotonic_ns();
		for (int i = 0; i < count; i++) {
			struct connection *c = events[i].data.ptr;
			if (connection_event(r, c)) {
				r->result->errors++;
				close(c->fd);
				int error = connection_start(r, c);
				error = error || r->load->kind == LOAD_CONNECT ? error : connection_ask(r, c);
				if (error) {
					return error;
				}
			}
		}
	}
	r->result->ns = now - begin;
	r->result->ops += r->answer ? r->bytes / r->answer : 0; /* parts of large ones count, too */
	for (unsigned i = 0; i < r->load->connections; i++) {
		connection_hear(r, &r->connections[i], now);
	}
	return 0;
}

static int run_requests(struct run *r)
{
	const struct load *l = r->load;
	int error = l->kind == LOAD_HTTP ? answer_learn(r) : 0;
	r->connections = calloc(l->connections, sizeof(*r->connections));
	r->set = epoll_create1(EPOLL_CLOEXEC);
	if (!r->connections || r->set < 0) {
		error = -ENOMEM;
	}
	for (unsigned i = 0; i < l->depth && l->request; i++) {
		strcat(r->requests, l->request);
	}
	unsigned open = 0;
	for (; !error && open < l->connections; open++) {
		error = connection_start(r, &r->connections[open]);
	}
	if (!error) {
		run_tell(r, false);
		error = run_events(r);
		run_tell(r, true);
	}
	for (unsigned i = 0; i < open; i++) {
		close(r->connections[i].fd);
	}
	free(r->connections);
	close(r->set);
	return error;
}

/* Until the time is over; of what was sent the end is awaited. */
static int run_bulk(struct run *r, bool sends)
{
	uint64_t bytes = 0;
	int fd = load_open(r->load->port), error = fd < 0 ? fd : 0;
	run_tell(r, false);
	uint64_t begin = monotonic_ns(), now = begin;
	while (!error && now - begin < r->load->ns) {
		ssize_t n = sends ? write_some(fd, r->buffer, sizeof(r->buffer)) : read_some(fd, r->buffer, sizeof(r->buffer));
		error = n > 0 ? 0 : n == 0 ? -EPIPE : (int)n;
		bytes += n > 0 ? (uint64_t)n : 0;
		uint64_t then = now;
		now = monotonic_ns();
		if (now - then > r->result->longest_ns) {
			r->result->longest_ns = now - then;
		}
	}
	if (!error && sends) {
		shutdown(fd, SHUT_WR);
		error = read_some(fd, r->buffer, 1) == 1 ? 0 : -EPIPE;
		now = monotonic_ns();
	}
	r->result->ops = bytes / KIB;
	r->result->ns = now - begin;
	run_tell(r, true);
	if (fd >= 0) {
		close(fd);
	}
	return error;
}

int load_run(const struct load *load, const struct load_watch *watch, struct load_result *result)
{
	*result = (struct load_result){ 0 };
	if (load->depth > DEPTH_MAX || (load->request && strlen(load->request) >= REQUEST_MAX)) {
		return -EINVAL;
	}
	struct run *r = calloc(1, sizeof(*r));
	if (!r) {
		return -ENOMEM;
	}
	r->load = load;
	r->watch = watch;
	r->result = result;
	r->answer = load->answer;
	int error = load->kind == LOAD_SEND || load->kind == LOAD_TAKE ? run_bulk(r, load->kind == LOAD_SEND) : run_requests(r);
	free(r);
	return error;
}
