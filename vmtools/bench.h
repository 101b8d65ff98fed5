/* SPDX-License-Identifier: MIT */
/*
 * What the benchmarks of `vmctl bench` have in common: an image made once, a machine for each run of each system, the systems in turn, and the
 * figures of all runs. What runs in the machines is a `bench_kind`: tests/bench (bench_system.c) or tests/bench/net (bench_net.c).
 */
#ifndef VMTOOLS_BENCH_H
#define VMTOOLS_BENCH_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "figures.h"
#include "machine.h"
#include "options.h"
#include "workdir.h"

struct bench {
	const struct options *options;
	enum accelerator accelerator;
	struct workdir dir;
	struct figures figures;
	char image[128];
};

/* Each returns 0 or a vmctl status, and has said what went wrong. */
struct bench_kind {
	int (*image)(struct bench *b); /* make b->image, in b->dir */
	int (*run)(struct bench *b, enum vmctl_mode mode, bool icount); /* one machine, its figures to b->figures */
	int (*profile)(struct bench *b); /* in place of runs: print where the time of lines goes */
	unsigned (*icount_runs)(const struct bench *b); /* how many of each system follow under -icount */
	void (*table)(struct bench *b, FILE *out);
};

extern const struct bench_kind bench_system, bench_net;

/** How messages and tables name a system. */
const char *bench_mode_name(enum vmctl_mode mode);
/** With --order: begin the trace of a line, or of lines, to which the next machine adds its turns. 0 or VMCTL_HOST after a sentence. */
int bench_trace(const struct bench *b, const char *line, enum vmctl_mode mode);
/** Start a machine in a process of its own, which ends when this one does (libvirt's embedded driver opens once in a process); its console goes to
 *  `output`, of which this process keeps its copy. -1 and errno, or the process; its status is the machine's. */
pid_t bench_machine_start(const struct options *options, FILE *output);

#endif
