/* SPDX-License-Identifier: MIT */
/*
 * Knobs of the host's implementation of lib/env (host.c): one thread, a clock that the test sets, and a hook that stands for
 * "the rest of the machine runs on" while a component waits.
 */
#ifndef BULKHEAD_ENV_HOST_H
#define BULKHEAD_ENV_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What env_time_ns returns. env_wait moves it on to its timeout when the hook does not wake the condition. */
extern uint64_t env_host_now;
/** Called by env_wait, with the lock given up; NULL: nothing happens. */
extern void (*env_host_run)(void);
/** Print env_log's lines on stderr. */
extern bool env_host_verbose;
/** Let the n-th env_alloc or env_dma_alloc from now fail (1: the next); 0: none. */
extern unsigned env_host_fail_alloc;
/** Blocks handed out and not given back. */
extern size_t env_host_live;

#endif
