/* SPDX-License-Identifier: MIT */
/* TCP ports of this host: such as nobody has, and whose sockets are at them (proc(5), /proc/net/tcp). */
#ifndef VMTOOLS_PORT_H
#define VMTOOLS_PORT_H

#include <stdbool.h>
#include <stdint.h>

#define PORT_LISTENING 0x0a /* TCP_LISTEN */

/** An IPv4 socket of this host; addresses as struct in_addr has them, ports as numbers. */
struct port_socket {
	uint32_t local, remote;
	uint16_t local_port, remote_port;
	unsigned state, user;
	unsigned long inode;
};

/** A socket at a port of 127.0.0.1 that nobody had, which it is told. -errno. */
int port_bind(uint16_t *port);
/** `count` different ports of 127.0.0.1 that nobody has, for a program that takes them a moment later. 0 or -errno. */
int port_free(uint16_t *ports, unsigned count);
/** Shows the host's TCP sockets one by one until `is_it` says that it has seen what it looks for: true then. */
bool port_find(bool (*is_it)(void *to, const struct port_socket *socket), void *to);

#endif
