/* SPDX-License-Identifier: MIT */
/* How many clients may wait at ports of this host that another program of ours listens at. */
#ifndef VMTOOLS_BACKLOG_H
#define VMTOOLS_BACKLOG_H

#include <stdint.h>

/**
 * Whoever listens at these TCP ports of 127.0.0.1 gets as deep a queue as this host allows at each, and errors[i] is what came of ports[i]:
 * 0 or -errno: -ENOENT if nobody does, -EPERM if the process is not ours to change; all works then as before, with bursts of clients that
 * have to try again. At most NETWORK_MAX_PUBLISHED of them.
 */
void backlog_deepen(const uint16_t *ports, unsigned count, int *errors);

#endif
