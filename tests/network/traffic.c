/* SPDX-License-Identifier: MIT */
/*
 * What goes over a bad cable (tests/network/wire.c), both of its ends; static, the same program here and in the guest:
 *
 *	net-traffic serve                         at port PORT, for each connection a process of its own, and an echo of datagrams
 *	net-traffic HOST sink|source|echo BYTES   one connection: bytes there, from there, there and back at once; each is compared
 *	net-traffic HOST stalled-sink|stalled-source BYTES   the same, and who reads waits after each STALL bytes until no more fit
 *	net-traffic HOST many COUNT BYTES         so many short connections one after the other, each an echo
 *	net-traffic HOST datagrams COUNT BYTES    echoes, one after the other; one that does not come is given up after DATAGRAM_MS
 *	net-traffic HOST run COMMAND              COMMAND's output, there
 *
 * A connection ends well when its bytes are all right and are followed by the end, on both sides: who serves says so by a byte.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../vmtools/monotonic.h"
#include "stream.h"

#define PORT "7100"
#define PIECE 65536u
#define GIVE_UP_MS 60000
#define DATAGRAM_MS 300
#define WELL 'w'
#define STALL (1u << 20)
#define STALL_MS 50

struct request {
	char what; /* the first letter of the word */
	uint8_t unused[7];
	uint64_t bytes; /* or of the command */
};

static _Noreturn void broken(const char *what, uint64_t at)
{
	printf("broken: %s at byte %llu: %s\n", what, (unsigned long long)at, strerror(errno));
	exit(1);
}

/* ---- bytes ---- */
static void wait_for(int fd, short events, const char *what, uint64_t at)
{
	struct pollfd p = { .fd = fd, .events = events };
	errno = ETIMEDOUT;
	if (poll(&p, 1, GIVE_UP_MS) <= 0) {
		broken(what, at);
	}
}

static uint64_t put(int fd, uint64_t at, uint64_t end)
{
	static uint8_t bytes[PIECE];
	size_t count = end - at < PIECE ? (size_t)(end - at) : PIECE;
	for (size_t i = 0; i < count; i++) {
		bytes[i] = stream_byte(at + i);
	}
	ssize_t n = send(fd, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN) {
		broken("a write", at);
	}
	return n > 0 ? (uint64_t)n : 0;
}

static uint64_t get(int fd, uint64_t at, uint64_t end)
{
	static uint8_t bytes[PIECE];
	size_t count = end - at < PIECE ? (size_t)(end - at) : PIECE;
	ssize_t n = recv(fd, bytes, count, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		errno = n ? errno : 0;
		broken("a read", at);
	}
	for (ssize_t i = 0; i < n; i++) {
		if (bytes[i] != stream_byte(at + (uint64_t)i)) {
			errno = 0;
			broken("a wrong byte", at + (uint64_t)i);
		}
	}
	return n > 0 ? (uint64_t)n : 0;
}

/* Until what waits to be read has not grown for a while: the window is shut. */
static void stall(int fd)
{
	int before = -1, now = 0;
	while (ioctl(fd, FIONREAD, &now) == 0 && (now != before || now == 0)) {
		before = now;
		poll(NULL, 0, STALL_MS);
	}
}

static bool stalls;

/* Both ways at once; what is sent is followed by the end if `ends`. */
static void exchange(int fd, uint64_t out, uint64_t in, bool ends)
{
	uint64_t sent = 0, got = 0;
	while (sent < out || got < in) {
		wait_for(fd, (short)((sent < out ? POLLOUT : 0) | (got < in ? POLLIN : 0)), "nothing more", sent < out ? sent : got);
		sent += sent < out ? put(fd, sent, out) : 0;
		uint64_t n = got < in ? get(fd, got, in) : 0;
		got += n;
		if (stalls && got < in && got / STALL != (got - n) / STALL) {
			stall(fd);
		}
	}
	if (ends) {
		shutdown(fd, SHUT_WR);
	}
}

static void expect_end(int fd, uint64_t at)
{
	char byte;
	wait_for(fd, POLLIN, "no end", at);
	errno = 0;
	if (recv(fd, &byte, 1, 0) != 0) {
		broken("no clean end", at);
	}
}

static void whole(int fd, void *to, size_t bytes)
{
	wait_for(fd, POLLIN, "nothing", 0);
	if (recv(fd, to, bytes, MSG_WAITALL) != (ssize_t)bytes) {
		broken("a short read", 0);
	}
}

/* ---- there ---- */
static void answer(int fd)
{
	struct request r;
	char command[1024] = "", well = WELL;
	whole(fd, &r, sizeof(r));
	if (r.what == 'r' && r.bytes < sizeof(command)) {
		whole(fd, command, (size_t)r.bytes);
		dup2(fd, 1);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		broken("sh", 0);
	}
	stalls = r.what == 'S';
	r.what = stalls ? 's' : r.what;
	exchange(fd, r.what == 's' ? 0 : r.bytes, r.what == 'f' ? 0 : r.bytes, false);
	if (r.what != 'f') {
		expect_end(fd, r.bytes);
	}
	send(fd, &well, 1, MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	if (r.what == 'f') {
		expect_end(fd, r.bytes);
	}
}

static int port_open(int type)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(PORT)) };
	int fd = socket(AF_INET6, type, 0), yes = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || (type == SOCK_STREAM && listen(fd, 128) != 0)) {
		broken("the port", 0);
	}
	return fd;
}

static void datagrams_answer(int fd)
{
	static char bytes[PIECE];
	struct sockaddr_in6 from;
	socklen_t length = sizeof(from);
	for (ssize_t n; (n = recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &length)) >= 0; length = sizeof(from)) {
		sendto(fd, bytes, (size_t)n, 0, (struct sockaddr *)&from, length);
	}
}

static void serve(void)
{
	int listener = port_open(SOCK_STREAM), datagrams = port_open(SOCK_DGRAM), fd;
	signal(SIGCHLD, SIG_IGN);
	if (fork() == 0) {
		datagrams_answer(datagrams);
		broken("datagrams", 0);
	}
	puts("serving");
	fflush(stdout);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		if (fork() == 0) {
			answer(fd);
			exit(0);
		}
		close(fd);
	}
	broken("accept", 0);
}

/* ---- here ---- */
static int reach(const char *host, int type)
{
	struct addrinfo hints = { .ai_socktype = type, .ai_flags = AI_NUMERICHOST }, *to;
	int fd = -1;
	if (getaddrinfo(host, PORT, &hints, &to) == 0) {
		fd = socket(to->ai_family, type, 0);
		if (connect(fd, to->ai_addr, to->ai_addrlen) != 0) {
			broken("connect", 0);
		}
		freeaddrinfo(to);
	}
	return fd;
}

static void ask(int fd, char what, uint64_t bytes)
{
	struct request r = { .what = what, .bytes = bytes };
	if (send(fd, &r, sizeof(r), MSG_NOSIGNAL) != sizeof(r)) {
		broken("a request", 0);
	}
}

static void one(const char *host, char what, uint64_t bytes, unsigned *sent_again)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);
	int fd = reach(host, SOCK_STREAM);
	char well = 0;
	ask(fd, what == 's' && stalls ? 'S' : what, bytes);
	bool stalls_there = what == 's';
	stalls = stalls && !stalls_there;
	exchange(fd, what == 'f' ? 0 : bytes, what == 's' ? 0 : bytes, what != 'f');
	whole(fd, &well, 1);
	expect_end(fd, bytes);
	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length);
	*sent_again += info.tcpi_total_retrans;
	close(fd);
	if (well != WELL) {
		broken("not well there", bytes);
	}
}

static void datagrams(const char *host, unsigned count, unsigned bytes)
{
	static uint8_t out[PIECE], in[PIECE];
	unsigned back = 0, twice = 0;
	int fd = reach(host, SOCK_DGRAM);
	for (uint32_t i = 0; i < count; i++) {
		for (unsigned at = 0; at < bytes; at++) {
			out[at] = stream_byte((uint64_t)i * 977 + at);
		}
		memcpy(out, &i, sizeof(i));
		send(fd, out, bytes, 0);
		struct pollfd p = { .fd = fd, .events = POLLIN };
		for (uint32_t which = UINT32_MAX; which != i && poll(&p, 1, DATAGRAM_MS) > 0;) {
			ssize_t n = recv(fd, in, sizeof(in), 0);
			memcpy(&which, in, sizeof(which));
			for (unsigned at = sizeof(which); n == (ssize_t)bytes && at < bytes; at++) {
				n = in[at] == stream_byte((uint64_t)which * 977 + at) ? n : -1;
			}
			errno = 0;
			if (n != (ssize_t)bytes || which > i) {
				broken("a wrong datagram", i);
			}
			back += which == i;
			twice += which != i;
		}
	}
	printf("datagrams=%u back=%u late_or_twice=%u\n", count, back, twice);
}

static void run(const char *host, const char *text)
{
	char bytes[4096];
	int fd = reach(host, SOCK_STREAM);
	ask(fd, 'r', strlen(text));
	send(fd, text, strlen(text), MSG_NOSIGNAL);
	for (ssize_t n;;) {
		wait_for(fd, POLLIN, "no answer", 0);
		n = recv(fd, bytes, sizeof(bytes), 0);
		if (n < 0) {
			broken("an answer", 0);
		}
		if (n == 0 || write(1, bytes, (size_t)n) != n) {
			break;
		}
	}
	close(fd);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 2 && strcmp(argv[1], "serve") == 0) {
		serve();
	}
	if (argc < 4) {
		return 2;
	}
	const char *word = argv[2];
	uint64_t value = strtoull(argv[3], NULL, 10), begin = monotonic_ns() / 1000000;
	unsigned last = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 0, sent_again = 0;
	if (strcmp(word, "run") == 0) {
		run(argv[1], argv[3]);
		return 0;
	}
	if (strcmp(word, "datagrams") == 0) {
		datagrams(argv[1], (unsigned)value, last);
		return 0;
	}
	bool many = strcmp(word, "many") == 0;
	stalls = strncmp(word, "stalled-", 8) == 0;
	const char *way = stalls ? word + 8 : word;
	char what = many || way[0] == 'e' ? 'e' : strcmp(way, "source") == 0 ? 'f' : 's';
	for (uint64_t i = 0; i < (many ? value : 1); i++) {
		one(argv[1], what, many ? last : value, &sent_again);
	}
	uint64_t ms = monotonic_ns() / 1000000 - begin, bytes = many ? value * last : value;
	unsigned long long rate = bytes * 1000 / 1024 / (ms ? ms : 1);
	printf("%s ms=%llu kib_s=%llu sent_again_here=%u\n", word, (unsigned long long)ms, rate, sent_again);
	return 0;
}
