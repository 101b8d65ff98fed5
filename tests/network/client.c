/* SPDX-License-Identifier: MIT */
/*
 * The host's side of tests/network:
 *	net-client mirror PORT MIB SECONDS    MIB MiB to a peer that sends back what it gets, over and over for so long, on one connection;
 *	                                      every byte is compared
 *	net-client http PORT PATH CONNECTIONS SECONDS
 *	net-client redis PORT CONNECTIONS SECONDS
 *	net-client end PORT                   ends the guest's program (tests/bench/net)
 * They print "ops=N errors=N longest_ms=N": the longest is the longest time in which nothing came on one connection. Status 1: it broke.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stream.h"
#include "vmtools/load.h"
#include "vmtools/monotonic.h"

#define GIVE_UP_MS 30000
#define PIECE 65536u

static int tell(const struct load_result *r, int error)
{
	printf("ops=%llu errors=%llu longest_ms=%llu%s%s\n", (unsigned long long)r->ops, (unsigned long long)r->errors,
	       (unsigned long long)r->longest_ns / 1000000, error ? " " : "", error ? strerror(-error) : "");
	return error || r->errors || !r->ops ? 1 : 0;
}

static int mirror_write(int fd, uint64_t *sent, uint64_t end)
{
	uint8_t bytes[PIECE];
	size_t count = end - *sent < PIECE ? (size_t)(end - *sent) : PIECE;
	for (size_t i = 0; i < count; i++) {
		bytes[i] = stream_byte(*sent + i);
	}
	ssize_t n = write(fd, bytes, count);
	*sent += n > 0 ? (uint64_t)n : 0;
	return n < 0 && errno != EAGAIN ? -errno : 0;
}

static int mirror_read(int fd, uint64_t *got, struct load_result *r)
{
	uint8_t bytes[PIECE];
	ssize_t n = read(fd, bytes, sizeof(bytes));
	for (ssize_t i = 0; i < n; i++) {
		r->errors += bytes[i] != stream_byte(*got + (uint64_t)i);
	}
	*got += n > 0 ? (uint64_t)n : 0;
	return n > 0 || (n < 0 && errno == EAGAIN) ? 0 : n == 0 ? -EPIPE : -errno;
}

/* Whole rounds of `bytes` each, the last one begun before the time is over. */
static int mirror(int fd, uint64_t bytes, uint64_t ns, struct load_result *r)
{
	uint64_t begin = monotonic_ns(), heard = begin, sent = 0, got = 0, end = bytes;
	int error = 0;
	while (!error && got < end) {
		uint64_t before = got;
		struct pollfd p = { .fd = fd, .events = (short)(POLLIN | (sent < end ? POLLOUT : 0)) };
		int ready = poll(&p, 1, GIVE_UP_MS);
		error = ready > 0 ? 0 : ready == 0 ? -ETIMEDOUT : -errno;
		if (!error && (p.revents & POLLOUT)) {
			error = mirror_write(fd, &sent, end);
		}
		if (!error && (p.revents & ~POLLOUT)) {
			error = mirror_read(fd, &got, r);
		}
		uint64_t now = monotonic_ns();
		if (got != before) {
			r->longest_ns = now - heard > r->longest_ns ? now - heard : r->longest_ns;
			heard = now;
		}
		if (got == end && now - begin < ns) {
			end += bytes;
		}
	}
	r->ops = got >> 20;
	return error;
}

static int run_mirror(uint16_t port, uint64_t mib, uint64_t seconds)
{
	struct load_result r = { 0 };
	int fd = load_open(port);
	int error = fd < 0 ? fd : fcntl(fd, F_SETFL, O_NONBLOCK) == 0 ? 0 : -errno;
	return tell(&r, error ? error : mirror(fd, mib << 20, seconds * 1000000000u, &r));
}

static int run_load(const struct load *load)
{
	struct load_result r;
	int error = load_run(load, NULL, &r);
	return tell(&r, error);
}

int main(int argc, char **argv)
{
	static const char set[] = "*3\r\n$3\r\nSET\r\n$16\r\nkey:__rand_int__\r\n$3\r\nxxx\r\n";
	char request[256];
	uint16_t port = argc > 2 ? (uint16_t)atoi(argv[2]) : 0;
	if (argc == 5 && strcmp(argv[1], "mirror") == 0) {
		return run_mirror(port, strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10));
	}
	if (argc == 6 && strcmp(argv[1], "http") == 0) {
		snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: guest\r\n\r\n", argv[3]);
		return run_load(&(struct load){ LOAD_HTTP, port, (unsigned)atoi(argv[4]), 1, request, "HTTP/1.1 200", 0,
						strtoull(argv[5], NULL, 10) * 1000000000u });
	}
	if (argc == 5 && strcmp(argv[1], "redis") == 0) {
		return run_load(&(struct load){ LOAD_EXCHANGE, port, (unsigned)atoi(argv[3]), 1, set, "+OK", 5, strtoull(argv[4], NULL, 10) * 1000000000u });
	}
	if (argc == 3 && strcmp(argv[1], "end") == 0) {
		int fd = load_open(port);
		return fd >= 0 && write(fd, "end\n", 4) == 4 ? 0 : 1;
	}
	fprintf(stderr, "usage: net-client mirror|http|redis|end PORT ...\n");
	return 2;
}
