/* SPDX-License-Identifier: MIT */
/* See port.h. */
#include "port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int port_bind(uint16_t *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || getsockname(fd, (struct sockaddr *)&at, &length) != 0) {
		int error = -errno;
		close(fd);
		return error;
	}
	*port = ntohs(at.sin_port);
	return fd;
}

/* All of them are held until the last one is found, or the host might give one twice. */
int port_free(uint16_t *ports, unsigned count)
{
	if (count == 0) {
		return 0;
	}
	int fd = port_bind(ports);
	int error = fd < 0 ? fd : port_free(ports + 1, count - 1);
	if (fd >= 0) {
		close(fd);
	}
	return error;
}

bool port_find(bool (*is_it)(void *to, const struct port_socket *socket), void *to)
{
	char line[256];
	bool found = false;
	FILE *table = fopen("/proc/net/tcp", "re");
	while (table && !found && fgets(line, sizeof(line), table)) {
		struct port_socket s;
		unsigned local_port, remote_port;
		if (sscanf(line, "%*u: %x:%x %x:%x %x %*s %*s %*s %u %*u %lu", &s.local, &local_port, &s.remote, &remote_port, &s.state, &s.user,
			   &s.inode) == 7) {
			s.local_port = (uint16_t)local_port;
			s.remote_port = (uint16_t)remote_port;
			found = is_it(to, &s);
		}
	}
	if (table) {
		fclose(table);
	}
	return found;
}
