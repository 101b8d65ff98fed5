/* SPDX-License-Identifier: MIT */
/* What the programs of the network have in common: names of sockets, options that are a number, and what poll says. */
#ifndef TESTS_LINUX_INET_H
#define TESTS_LINUX_INET_H

#include "../guest/connection.h"
#include "calls.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

struct error_report { /* struct sock_extended_err, and who reported it */
	uint32_t error;
	uint8_t origin, type, code, pad;
	uint32_t info, data;
	struct sockaddr_in by;
};

/* The Internet's checksum of that (RFC 1071), as it stands in a message. */
static inline uint16_t checksum(const void *data, size_t bytes)
{
	const unsigned char *at = data;
	uint32_t sum = 0;
	for (size_t i = 0; i < bytes; i++) {
		sum += (uint32_t)at[i] << (i % 2 ? 0 : 8);
	}
	while (sum >> 16) {
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return htons((uint16_t)~sum);
}

static inline struct sockaddr_in to(const char *address, int port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	inet_pton(AF_INET, address, &in.sin_addr);
	return in;
}

static inline int port_of(int fd)
{
	struct sockaddr_in6 in = { 0 };
	socklen_t length = sizeof(in);
	getsockname(fd, (void *)&in, &length);
	return ntohs(in.sin6_port);
}

static inline int number(int fd, int level, int option)
{
	int value = -1;
	socklen_t length = sizeof(value);
	return getsockopt(fd, level, option, &value, &length) == 0 ? value : -errno;
}

static inline int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

static inline int polled(int fd, int milliseconds)
{
	struct pollfd p = { fd, POLLIN | POLLOUT | POLLRDHUP | POLLPRI | POLLRDNORM | POLLWRNORM, 0 };
	int n = poll(&p, 1, milliseconds);
	return n < 0 ? -1 : p.revents;
}

/* All that is there when this event is, at most a minute later: what another socket does takes a moment to arrive. */
static inline int until(int fd, int event)
{
	struct pollfd p = { fd, (short)event, 0 };
	poll(&p, 1, 60000);
	return polled(fd, 0);
}

#endif
