/* SPDX-License-Identifier: MIT */
/*
 * What the network stack (guest-kernel/net with lwIP) stands on, for host tests: memory of its own with counted pages, a clock that the
 * test moves, and its threads, each of which runs until it would sleep (net_kernel_run).
 */
#ifndef TESTS_FAKE_NET_KERNEL_H
#define TESTS_FAKE_NET_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct net_kernel {
	uint64_t now_ns;
	size_t heap_bytes, heap_most; /* in use; beyond that there is no memory */
	unsigned locks_held;
	void (*meanwhile)(void); /* NULL, or: somebody else runs, at any lock and allocation */
};
extern struct net_kernel net_kernel;

void net_kernel_start(size_t heap_most);
/** Timers that are due expire, and all threads run until each would sleep. */
void net_kernel_run(void);
/** Time passes, in steps of the timers that are set. */
void net_kernel_pass(uint64_t ns);

#endif
