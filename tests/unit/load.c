/* SPDX-License-Identifier: MIT */
/* The client of `vmctl bench net` against servers of this process: what they answer well is counted, what they answer badly is an error. */
#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmtools/load.h"
#include "vmtools/monotonic.h"

enum manner { WELL, WRONGLY, LATE_WRONGLY, SHORTLY, SINK, SOURCE, HELLO };

struct server {
	int listener;
	uint16_t port;
	enum manner manner;
	const char *answer;
	size_t request_bytes;
	uint64_t answered; /* atomic */
	uint64_t bytes; /* atomic: that a sink got */
};

struct conversation {
	struct server *server;
	int fd;
};

static void answer_requests(struct server *s, int fd)
{
	char byte;
	size_t got = 0;
	while (read(fd, &byte, 1) == 1) {
		if (++got % s->request_bytes) {
			continue;
		}
		uint64_t n = __atomic_add_fetch(&s->answered, 1, __ATOMIC_RELAXED);
		if (s->manner == SHORTLY && n > 4) {
			return;
		}
		const char *text = s->manner == WRONGLY || (s->manner == LATE_WRONGLY && n % 4 == 0) ? "-no" : s->answer;
		size_t half = strlen(text) / 2; /* an answer may come in pieces */
		if (send(fd, text, half, MSG_NOSIGNAL) < 0 || send(fd, text + half, strlen(text) - half, MSG_NOSIGNAL) < 0) {
			return;
		}
	}
}

static void *converse(void *arg)
{
	struct conversation *c = arg;
	struct server *s = c->server;
	static char bytes[65536];
	ssize_t n;
	if (s->manner == SINK) {
		while ((n = read(c->fd, bytes, sizeof(bytes))) > 0) {
			__atomic_add_fetch(&s->bytes, (uint64_t)n, __ATOMIC_RELAXED);
		}
		n = send(c->fd, "", 1, MSG_NOSIGNAL);
	} else if (s->manner == SOURCE) {
		while (send(c->fd, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0) {
		}
	} else if (s->manner == HELLO) {
		__atomic_add_fetch(&s->answered, 1, __ATOMIC_RELAXED);
		n = send(c->fd, "", 1, MSG_NOSIGNAL);
	} else {
		answer_requests(s, c->fd);
	}
	close(c->fd);
	free(c);
	return NULL;
}

static void *serve(void *arg)
{
	struct server *s = arg;
	int fd;
	while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
		struct conversation *c = malloc(sizeof(*c));
		pthread_t thread;
		*c = (struct conversation){ s, fd };
		if (pthread_create(&thread, NULL, converse, c) == 0) {
			pthread_detach(thread);
		}
	}
	return NULL;
}

/* Lives until the program ends. */
static struct server *server_start(enum manner manner, const char *answer, const char *request)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(at);
	static struct server servers[16];
	static unsigned count;
	struct server *s = &servers[count++];
	pthread_t thread;
	*s = (struct server){ .manner = manner, .answer = answer, .request_bytes = request ? strlen(request) : 1 };
	s->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(s->listener, 64), 0);
	assert_int_equal(getsockname(s->listener, (struct sockaddr *)&at, &length), 0);
	s->port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&thread, NULL, serve, s), 0);
	pthread_detach(thread);
	return s;
}

#define RUN_NS 100000000ull

/* On a busy machine a run may be over before anything has come: longer ones follow until so many answers have, or an error. */
static int run_until(struct load *load, uint64_t ops, struct load_result *r)
{
	int error = 0;
	r->ops = r->errors = 0;
	for (load->ns = RUN_NS; !error && !r->errors && r->ops < ops && load->ns <= 64 * RUN_NS; load->ns *= 2) {
		error = load_run(load, NULL, r);
		assert_true(error || r->ns >= load->ns);
	}
	return error;
}

static void test_exchange(void **state)
{
	struct load_result r;
	for (unsigned depth = 1; depth <= 16; depth += 15) {
		struct server *s = server_start(WELL, "+OK\r\n", "ask\n");
		struct load load = { LOAD_EXCHANGE, s->port, 4, depth, "ask\n", "+OK", 5, RUN_NS };
		uint64_t begin = monotonic_ns();
		assert_int_equal(run_until(&load, depth, &r), 0);
		assert_int_equal(r.errors, 0);
		assert_in_range(r.ops, depth, s->answered);
		assert_in_range(r.longest_ns, 1, monotonic_ns() - begin);
	}
}

static void test_http(void **state)
{
	struct load_result r;
	struct server *s = server_start(WELL, "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", "GET\n");
	struct load load = { LOAD_HTTP, s->port, 3, 1, "GET\n", "HTTP/1.1 200", 0, RUN_NS };
	assert_int_equal(run_until(&load, 1, &r), 0);
	assert_int_equal(r.errors, 0);
	assert_in_range(r.ops, 1, s->answered);
	s = server_start(WELL, "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc", "GET\n");
	load.port = s->port;
	assert_true(load_run(&load, NULL, &r) < 0);
}

static void test_bad_answers(void **state)
{
	struct load_result r;
	struct load load = { LOAD_EXCHANGE, server_start(WRONGLY, "+OK\r\n", "ask\n")->port, 2, 1, "ask\n", "+OK", 5, RUN_NS };
	assert_true(load_run(&load, NULL, &r) < 0);
	load.port = server_start(SHORTLY, "+OK\r\n", "ask\n")->port;
	assert_true(run_until(&load, UINT64_MAX, &r) < 0 || r.errors > 0);
	load.port = server_start(LATE_WRONGLY, "+OK\r\n", "ask\n")->port;
	load.connections = 1;
	assert_true(run_until(&load, UINT64_MAX, &r) < 0 || r.errors > 0);
}

static void test_connect(void **state)
{
	struct load_result r;
	struct server *s = server_start(HELLO, NULL, NULL);
	struct load load = { LOAD_CONNECT, s->port, 2, 1, NULL, NULL, 0, RUN_NS };
	assert_int_equal(run_until(&load, 1, &r), 0);
	assert_int_equal(r.errors, 0);
	assert_in_range(r.ops, 1, s->answered);
}

static void test_bulk(void **state)
{
	struct load_result r;
	struct server *s = server_start(SINK, NULL, NULL);
	struct load load = { LOAD_SEND, s->port, 1, 1, NULL, NULL, 0, RUN_NS };
	assert_int_equal(load_run(&load, NULL, &r), 0);
	assert_int_equal(r.ops, s->bytes / 1024);
	load = (struct load){ LOAD_TAKE, server_start(SOURCE, NULL, NULL)->port, 1, 1, NULL, NULL, 0, RUN_NS };
	assert_int_equal(load_run(&load, NULL, &r), 0);
	assert_true(r.ops > 0);
}

static void test_nobody(void **state)
{
	struct load_result r;
	struct server *s = server_start(HELLO, NULL, NULL);
	shutdown(s->listener, SHUT_RDWR);
	close(s->listener);
	struct load load = { LOAD_CONNECT, s->port, 2, 1, NULL, NULL, 0, RUN_NS };
	assert_true(load_run(&load, NULL, &r) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exchange), cmocka_unit_test(test_http), cmocka_unit_test(test_bad_answers),
		cmocka_unit_test(test_connect), cmocka_unit_test(test_bulk), cmocka_unit_test(test_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
