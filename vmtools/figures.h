/* SPDX-License-Identifier: MIT */
/*
 * The figures of `vmctl bench`: per benchmark what each run of each mode measured. The two modes' runs are interleaved on one
 * emulator, so a ratio of their medians means something where the times alone do not.
 */
#ifndef VMTOOLS_FIGURES_H
#define VMTOOLS_FIGURES_H

#include <stdbool.h>
#include <stdio.h>

#include "options.h"

#define FIGURES_MAX 16
#define FIGURES_RUNS 99

struct figure {
	char name[32];
	unsigned count[2]; /* runs, by enum vmctl_mode */
	double ns[2][FIGURES_RUNS]; /* an operation, each run */
	double exits[FIGURES_RUNS]; /* an operation, all domains, isolated mode */
	unsigned icount_runs[2];
	double instructions[2][2]; /* an operation, up to two runs of each mode */
};

struct figures {
	struct figure figures[FIGURES_MAX];
	unsigned count;
};

/** Take one line of the benchmark program's output. False if it is none of its lines. */
bool figures_line(struct figures *figures, enum vmctl_mode mode, bool icount, const char *line);
/** The middle one of the values (mean of the two in the middle); reorders them. 0 of none. */
double figures_median(double *values, unsigned count);
/** Did two runs under icount agree within 1% in both modes? */
bool figures_repeatable(const struct figure *figure);
void figures_table(struct figures *figures, FILE *out);
void figures_json(struct figures *figures, FILE *out, unsigned cpus, bool kvm);

#endif
