/* SPDX-License-Identifier: MIT */
/* A TCP connection of a program with itself, over the loopback interface. */
#ifndef TESTS_GUEST_CONNECTION_H
#define TESTS_GUEST_CONNECTION_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* ends[0] is the client's. */
static inline void connection_make(int ends[2])
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(in);
	int listening = socket(AF_INET, SOCK_STREAM, 0);
	bind(listening, (void *)&in, sizeof(in));
	listen(listening, 1);
	getsockname(listening, (void *)&in, &length);
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	connect(ends[0], (void *)&in, sizeof(in));
	ends[1] = accept(listening, NULL, NULL);
	close(listening);
}

#endif
