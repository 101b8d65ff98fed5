/* SPDX-License-Identifier: MIT */
/* See figures.h. */
#include "figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"

static struct figure *figure_find(struct figures *f, const char *name)
{
	for (unsigned i = 0; i < f->count; i++) {
		if (strcmp(f->figures[i].name, name) == 0) {
			return &f->figures[i];
		}
	}
	if (f->count == FIGURES_MAX) {
		return NULL;
	}
	struct figure *figure = &f->figures[f->count++];
	snprintf(figure->name, sizeof(figure->name), "%s", name);
	return figure;
}

bool figures_line(struct figures *f, enum vmctl_mode mode, bool icount, const char *line)
{
	char name[32], text[32];
	if (sscanf(line, "bench %31s", name) != 1 || !control_value(line, "ops", text, sizeof(text))) {
		return false;
	}
	double ops = atof(text);
	struct figure *figure = figure_find(f, name);
	if (!figure || ops <= 0 || !control_value(line, "ns", text, sizeof(text))) {
		return false;
	}
	double ns = atof(text) / ops;
	if (icount) {
		/* Under -icount shift=0 a nanosecond of the machine's time is an instruction. */
		if (figure->icount_runs[mode] < 2) {
			figure->instructions[mode][figure->icount_runs[mode]++] = ns;
		}
		return true;
	}
	unsigned run = figure->count[mode];
	if (run == FIGURES_RUNS) {
		return false;
	}
	figure->count[mode]++;
	figure->ns[mode][run] = ns;
	if (mode == MODE_ISOLATED) {
		figure->exits[run] = control_value(line, "exits", text, sizeof(text)) ? atof(text) / ops : NAN;
		figure->packets[run] = control_value(line, "packets", text, sizeof(text)) ? atof(text) / ops : 0;
	}
	return true;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

double figures_median(double *values, unsigned count)
{
	if (count == 0) {
		return 0;
	}
	qsort(values, count, sizeof(*values), compare);
	return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

double figures_time(struct figure *g, enum vmctl_mode mode)
{
	return figures_median(g->ns[mode], g->count[mode]);
}

double figures_instructions(const struct figure *g, enum vmctl_mode mode)
{
	const double *n = g->instructions[mode];
	return g->icount_runs[mode] == 0 ? 0 : g->icount_runs[mode] == 1 ? n[0] : (n[0] + n[1]) / 2;
}

bool figures_repeatable(const struct figure *figure)
{
	for (int mode = 0; mode < MODE_COUNT; mode++) {
		const double *n = figure->instructions[mode];
		if (mode == MODE_LINUX && figure->icount_runs[mode] == 0) {
			continue;
		}
		if (figure->icount_runs[mode] < 2 || fabs(n[0] - n[1]) > 0.01 * n[0]) {
			return false;
		}
	}
	return true;
}

static void put_cell(FILE *out, int width, const char *format, double value, bool known)
{
	char text[32];
	snprintf(text, sizeof(text), format, value);
	fprintf(out, "%*s", width, known ? text : "-");
}

void figures_table(struct figures *f, FILE *out)
{
	bool counted = false; /* instructions, of any benchmark */
	for (unsigned i = 0; i < f->count; i++) {
		counted = counted || f->figures[i].icount_runs[MODE_MONOLITHIC] > 0;
	}
	fprintf(out, "%-26s%14s%14s%8s%11s", "an operation of", "monolithic us", "isolated us", "ratio", "exits");
	if (counted) {
		fprintf(out, "%14s%14s%8s", "mono. instr.", "isol. instr.", "ratio");
	}
	fputc('\n', out);
	for (unsigned i = 0; i < f->count; i++) {
		struct figure *g = &f->figures[i];
		double mono = figures_time(g, MODE_MONOLITHIC);
		double isolated = figures_time(g, MODE_ISOLATED);
		double exits = figures_median(g->exits, g->count[MODE_ISOLATED]);
		bool repeatable = figures_repeatable(g);
		fprintf(out, "%-26s", g->name);
		put_cell(out, 14, "%.2f", mono / 1000, g->count[MODE_MONOLITHIC] > 0);
		put_cell(out, 14, "%.2f", isolated / 1000, g->count[MODE_ISOLATED] > 0);
		put_cell(out, 8, "%.2f", isolated / mono, mono > 0 && isolated > 0);
		put_cell(out, 11, "%.3f", exits, g->count[MODE_ISOLATED] > 0 && !isnan(exits));
		if (counted) {
			put_cell(out, 14, "%.0f", g->instructions[MODE_MONOLITHIC][0], repeatable);
			put_cell(out, 14, "%.0f", g->instructions[MODE_ISOLATED][0], repeatable);
			put_cell(out, 8, "%.2f", g->instructions[MODE_ISOLATED][0] / g->instructions[MODE_MONOLITHIC][0], repeatable);
		}
		fputc('\n', out);
	}
}

static void put_member(FILE *out, const char *name, double value, bool known, const char *end)
{
	if (known) {
		fprintf(out, "\"%s\": %.6g%s", name, value, end);
	} else {
		fprintf(out, "\"%s\": null%s", name, end);
	}
}

void figures_json(struct figures *f, FILE *out, unsigned cpus, bool kvm)
{
	fprintf(out, "{\n  \"accelerator\": \"%s\",\n  \"cpus\": %u,\n  \"benchmarks\": [", kvm ? "kvm" : "tcg", cpus);
	for (unsigned i = 0; i < f->count; i++) {
		struct figure *g = &f->figures[i];
		double mono = figures_time(g, MODE_MONOLITHIC);
		double isolated = figures_time(g, MODE_ISOLATED);
		double exits = figures_median(g->exits, g->count[MODE_ISOLATED]);
		fprintf(out, "%s\n    {\"name\": \"%s\", \"runs\": %u, ", i ? "," : "", g->name, g->count[MODE_ISOLATED]);
		put_member(out, "monolithic_ns", mono, mono > 0, ", ");
		put_member(out, "isolated_ns", isolated, isolated > 0, ", ");
		put_member(out, "time_ratio", isolated / mono, mono > 0 && isolated > 0, ", ");
		put_member(out, "exits", exits, g->count[MODE_ISOLATED] > 0 && !isnan(exits), ", ");
		put_member(out, "monolithic_instructions", g->instructions[MODE_MONOLITHIC][0], g->icount_runs[MODE_MONOLITHIC] > 0, ", ");
		put_member(out, "isolated_instructions", g->instructions[MODE_ISOLATED][0], g->icount_runs[MODE_ISOLATED] > 0, ", ");
		if (g->count[MODE_LINUX] > 0) {
			put_member(out, "linux_ns", figures_time(g, MODE_LINUX), true, ", ");
			put_member(out, "linux_instructions", figures_instructions(g, MODE_LINUX), g->icount_runs[MODE_LINUX] > 0, ", ");
		}
		fprintf(out, "\"instructions_repeatable\": %s}", figures_repeatable(g) ? "true" : "false");
	}
	fputs("\n  ]\n}\n", out);
}
