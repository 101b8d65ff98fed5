/* SPDX-License-Identifier: MIT */
/*
 * The figures of `vmctl bench`: per benchmark what each run of each mode measured. The modes' runs are interleaved on one
 * emulator, so a ratio of their medians means something where the times alone do not.
 */
#ifndef VMTOOLS_FIGURES_H
#define VMTOOLS_FIGURES_H

#include <stdbool.h>
#include <stdio.h>

#include "options.h"

#define FIGURES_MAX 40
#define FIGURES_RUNS 99

struct figure {
	char name[32];
	unsigned count[MODE_COUNT]; /* runs, by enum vmctl_mode */
	double ns[MODE_COUNT][FIGURES_RUNS]; /* an operation, each run */
	double exits[FIGURES_RUNS]; /* an operation, all domains, isolated mode */
	double packets[FIGURES_RUNS]; /* an operation, isolated mode; 0: none were counted */
	unsigned icount_runs[MODE_COUNT];
	double instructions[MODE_COUNT][2]; /* an operation, up to two runs of each mode */
};

struct figures {
	struct figure figures[FIGURES_MAX];
	unsigned count;
};

/** Take one line of the benchmark program's output. False if it is none of its lines. */
bool figures_line(struct figures *figures, enum vmctl_mode mode, bool icount, const char *line);
/** The middle one of the values (mean of the two in the middle); reorders them. 0 of none. */
double figures_median(double *values, unsigned count);
/** The median of a figure's runs in a mode, ns an operation; 0 of none. */
double figures_time(struct figure *figure, enum vmctl_mode mode);
/** The mean of a figure's counted runs in a mode, instructions an operation; 0 of none. */
double figures_instructions(const struct figure *figure, enum vmctl_mode mode);
/** Did two runs under icount agree within 1% in every mode that was counted, and in both of ours at least? */
bool figures_repeatable(const struct figure *figure);
/** What isolation costs: monolithic against isolated. */
void figures_table(struct figures *figures, FILE *out);
/** Linux against both (against.c), with geometric means below. */
void figures_against(struct figures *figures, FILE *out);
/** The geometric mean of Linux's figures divided by those of `mode` over the lines that the project's goal names; 0: not all of them have
 *  been measured. */
double figures_goal(struct figures *figures, enum vmctl_mode mode, bool instructions);
void figures_json(struct figures *figures, FILE *out, unsigned cpus, bool kvm);

#endif
