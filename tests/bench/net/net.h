/* SPDX-License-Identifier: MIT */
/*
 * The guest's side of `vmctl bench net` (docs/bench.md), a static program, the same on both kernels. It starts the servers that the root
 * has and some of its own, says "ready" when all answer, and then answers lines on port NET_CONTROL:
 *
 *	mark          "ns=N spins=N packets=N sent=N [exits=N exits.DOMAIN=N ...]": what time it is, and what was counted up to now
 *	spin          "spin_ns=N": the time of a count of the process of the lowest priority that the word "spin" has started, so that the
 *	              processor is never idle
 *	loop MS       a byte over the loopback and back for so long: "ops=N ns=N"
 *	end           ends the machine
 */
#ifndef BENCH_NET_H
#define BENCH_NET_H

#include <stdbool.h>
#include <stdint.h>

/* The guest's ports; vmtools/bench_net.c has the same. */
#define NET_CONTROL 7000
#define NET_SINK 7001 /* reads until the end, answers a byte */
#define NET_SOURCE 7002 /* writes until the peer closes */
#define NET_HELLO 7003 /* a byte to each connection */
#define NET_ECHO 7004 /* what comes goes back */

/** True in a process of its own, which ends with this one. */
bool child_start(void);
/** Start one of our own servers as a process of its own, which has one client at a time. */
void serve(unsigned port, void (*run)(int fd));
void serve_sink(int fd);
void serve_source(int fd);
void serve_echo(int fd);
void serve_hello(int fd);
/** A socket that listens at a port; what comes there. */
int net_listen(unsigned port);
int net_accept(int listener);
/** A connection to a port of this machine; -1: nobody listens. */
int net_connect(unsigned port);
/** Bytes over the loopback and back for so many ns; how many in *ops, and how long it took. */
uint64_t loop_run(uint64_t ns, uint64_t *ops);

/** A process counts whenever nobody else wants the processor. */
void spin_start(void);
uint64_t spin_count(void);
/** How long a count takes, in thousandths of a nanosecond: to be asked for while nothing else runs. */
uint64_t spin_measure(void);

uint64_t now_ns(void);
_Noreturn void give_up(const char *what);

#endif
