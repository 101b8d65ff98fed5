/* SPDX-License-Identifier: MIT */
/* How many clients may wait at a port of this host that another program of ours listens at. */
#ifndef VMTOOLS_BACKLOG_H
#define VMTOOLS_BACKLOG_H

#include <stdint.h>

/**
 * Whoever listens at TCP port `port` of 127.0.0.1 gets as deep a queue as this host allows. 0 or -errno: -ENOENT if nobody does, -EPERM if
 * the process is not ours to change; all works then as before, with bursts of clients that have to try again.
 */
int backlog_deepen(uint16_t port);

#endif
