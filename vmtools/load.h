/* SPDX-License-Identifier: MIT */
/*
 * A client for measuring servers behind a published port of this host: some connections, each with its requests on their way until the answer
 * is there, for a given time. Answers are judged: each has to begin as the first one did and to be as long.
 */
#ifndef VMTOOLS_LOAD_H
#define VMTOOLS_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum load_kind {
	LOAD_HTTP, /* an answer's length is in its headers */
	LOAD_EXCHANGE, /* an answer has `answer` bytes */
	LOAD_CONNECT, /* a connection, a byte from the peer, and its end */
	LOAD_SEND, /* one connection: bytes to the peer, a byte back when all have arrived; an operation is a KiB */
	LOAD_TAKE /* one connection: bytes from the peer */
};

struct load {
	enum load_kind kind;
	uint16_t port;
	unsigned connections;
	unsigned depth; /* requests on their way on each, 1 to 64 */
	const char *request, *expected; /* one request, and how its answer begins */
	size_t answer;
	uint64_t ns; /* how long */
};

/* Told when all connections stand, and when the time is over. */
struct load_watch {
	void (*at)(void *to, bool ends);
	void *to;
};

struct load_result {
	uint64_t ops, ns;
	uint64_t errors; /* answers that were wrong, connections that broke */
	uint64_t longest_ns; /* the longest time between two signs of life of one connection */
};

/** 0 or -errno: the peer is not there, or did not answer for 20 s. `watch` may be NULL. */
int load_run(const struct load *load, const struct load_watch *watch, struct load_result *result);
/** A connection to a port of this host; what is written there waits for 20 s at most. -errno. */
int load_open(uint16_t port);

#endif
