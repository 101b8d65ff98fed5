/* SPDX-License-Identifier: MIT */
/* A TCP connection of a program with itself, over the loopback interface, and what the kernel counts of connections. */
#ifndef TESTS_GUEST_CONNECTION_H
#define TESTS_GUEST_CONNECTION_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* One of TcpExt's counters by its name; -1: there is none, as on Linux those of copies. */
static inline long counter_read(const char *name)
{
	char names[4096] = "", values[4096] = "", *next_name, *next_value;
	FILE *f = fopen("/proc/net/netstat", "r");
	long value = -1;
	if (f && fgets(names, sizeof(names), f) && fgets(values, sizeof(values), f)) {
		char *n = strtok_r(names, " \n", &next_name), *v = strtok_r(values, " \n", &next_value);
		for (; n && v; n = strtok_r(NULL, " \n", &next_name), v = strtok_r(NULL, " \n", &next_value)) {
			value = strcmp(n, name) ? value : atol(v);
		}
	}
	if (f) {
		fclose(f);
	}
	return value;
}

#endif
