/* SPDX-License-Identifier: MIT */
/* `vmctl bench net`: what the network does, against Linux. */
#ifndef VMTOOLS_BENCH_NET_H
#define VMTOOLS_BENCH_NET_H

#include "options.h"

/** Measure as the options say, print the table. 0 or a vmctl status. */
int bench_net(const struct options *options);

#endif
