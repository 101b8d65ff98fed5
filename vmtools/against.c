/* SPDX-License-Identifier: MIT */
/*
 * The table of `vmctl bench --against linux` (figures.h): ratios are Linux's figure divided by ours, so more than 1 is faster than Linux.
 * An instruction count whose two runs differ by more than 1% has a '~' in front; lines that wait for the disk have none, because the
 * machine's clock then skips the wait. The goal is set for the geometric mean over the lines marked with '*'.
 */
#include "figures.h"

#include <math.h>
#include <string.h>

static const char *const goal_lines[] = { "null-syscall", "pipe-ping-pong", "socket-ping-pong", "fork-wait", "fork-exec-wait", "page-fault",
					  "mmap-munmap", "open-close", "stat", "futex-ping-pong", "thread-create-join", "pread-4k-cached" };
#define GOAL_COUNT (sizeof(goal_lines) / sizeof(goal_lines[0]))

/* Those that leave the kernel out, and those that wait for the disk. */
static const char *const control_lines[] = { "cpu-bound", "copy-bound" };
static const char *const disk_lines[] = { "random-read-4k-depth-1", "random-read-4k-depth-32", "sequential-read-1m", "mail-ext4" };

static bool is_among(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0) {
			return true;
		}
	}
	return false;
}

static bool is_goal(const char *name)
{
	return is_among(name, goal_lines, GOAL_COUNT);
}

static double value(struct figure *g, enum vmctl_mode mode, bool instructions)
{
	if (!instructions) {
		return figures_time(g, mode);
	}
	return is_among(g->name, disk_lines, 4) ? 0 : figures_instructions(g, mode);
}

/* 0 where either is unknown. */
static double ratio(struct figure *g, enum vmctl_mode mode, bool instructions)
{
	double ours = value(g, mode, instructions);
	return ours > 0 ? value(g, MODE_LINUX, instructions) / ours : 0;
}

/* The geometric mean of the ratios that are known, over all lines or those of the goal; how many there were in *count. */
static double mean(struct figures *f, enum vmctl_mode mode, bool instructions, bool goal, unsigned *count)
{
	double sum = 0;
	*count = 0;
	for (unsigned i = 0; i < f->count; i++) {
		double r = ratio(&f->figures[i], mode, instructions);
		if (r > 0 && (goal ? is_goal(f->figures[i].name) : !is_among(f->figures[i].name, control_lines, 2))) {
			sum += log(r);
			(*count)++;
		}
	}
	return *count ? exp(sum / *count) : 0;
}

double figures_goal(struct figures *f, enum vmctl_mode mode, bool instructions)
{
	unsigned count;
	double m = mean(f, mode, instructions, true, &count);
	return count == GOAL_COUNT ? m : 0;
}

static void put(FILE *out, int width, const char *mark, const char *format, double number)
{
	char text[32], marked[36];
	snprintf(text, sizeof(text), format, number);
	snprintf(marked, sizeof(marked), "%s%s", mark, text);
	fprintf(out, "%*s", width, number > 0 ? marked : "-");
}

static const char *mark(const struct figure *g, enum vmctl_mode mode)
{
	const double *n = g->instructions[mode];
	return g->icount_runs[mode] == 2 && fabs(n[0] - n[1]) > 0.01 * n[0] ? "~" : "";
}

static void put_line(struct figure *g, FILE *out, bool counted)
{
	static const enum vmctl_mode modes[] = { MODE_LINUX, MODE_MONOLITHIC, MODE_ISOLATED };
	char name[34];
	snprintf(name, sizeof(name), "%s%s", g->name, is_goal(g->name) ? " *" : "");
	fprintf(out, "%-25s", name);
	for (int instructions = 0; instructions < 1 + counted; instructions++) {
		for (int i = 0; i < 3; i++) {
			double v = value(g, modes[i], instructions);
			put(out, instructions ? 11 : 10, instructions ? mark(g, modes[i]) : "", instructions ? "%.0f" : "%.2f", instructions ? v : v / 1000);
		}
		put(out, 7, "", "%.2f", ratio(g, MODE_MONOLITHIC, instructions));
		put(out, 7, "", "%.2f", ratio(g, MODE_ISOLATED, instructions));
	}
	fputc('\n', out);
}

static void put_mean(struct figures *f, FILE *out, bool counted, bool goal, const char *what)
{
	char name[64];
	unsigned count;
	mean(f, MODE_MONOLITHIC, false, goal, &count);
	snprintf(name, sizeof(name), "geometric mean of %u %s", count, what);
	fprintf(out, "%-55s", name);
	for (int instructions = 0; instructions < 1 + counted; instructions++) {
		put(out, instructions ? 40 : 7, "", "%.2f", mean(f, MODE_MONOLITHIC, instructions, goal, &count));
		put(out, 7, "", "%.2f", mean(f, MODE_ISOLATED, instructions, goal, &count));
	}
	fputc('\n', out);
}

void figures_against(struct figures *f, FILE *out)
{
	bool counted = false;
	for (unsigned i = 0; i < f->count; i++) {
		counted = counted || f->figures[i].icount_runs[MODE_LINUX] > 0;
	}
	fprintf(out, "%-25s%10s%10s%10s%7s%7s", "an operation of", "Linux us", "bare us", "isol. us", "x", "x");
	if (counted) {
		fprintf(out, "%11s%11s%11s%7s%7s", "Linux ins.", "bare ins.", "isol. ins.", "x", "x");
	}
	fputc('\n', out);
	for (unsigned i = 0; i < f->count; i++) {
		put_line(&f->figures[i], out, counted);
	}
	put_mean(f, out, counted, true, "lines of the goal (*)");
	put_mean(f, out, counted, false, "lines, all but the controls");
}
