/* SPDX-License-Identifier: MIT */
/* See net_figures.h. A ratio of more than 1 is better: the guest kernel on the bare machine against Linux, isolated against bare. */
#include "net_figures.h"

#include <math.h>

static double rate(struct figure *g, enum vmctl_mode mode)
{
	double ns = figures_time(g, mode);
	return ns > 0 ? 1e9 / ns : 0;
}

static void put(FILE *out, int width, const char *format, double value)
{
	char text[32];
	snprintf(text, sizeof(text), format, value);
	fprintf(out, "%*s", width, value > 0 && isfinite(value) ? text : "-");
}

static void put_line(struct figure *g, FILE *out)
{
	double linux_rate = rate(g, MODE_LINUX), bare = rate(g, MODE_MONOLITHIC), isolated = rate(g, MODE_ISOLATED);
	double packets = figures_median(g->packets, g->count[MODE_ISOLATED]);
	double linux_count = figures_instructions(g, MODE_LINUX), bare_count = figures_instructions(g, MODE_MONOLITHIC);
	fprintf(out, "%-17s", g->name);
	put(out, 10, "%.0f", linux_rate);
	put(out, 10, "%.0f", bare);
	put(out, 10, "%.0f", isolated);
	put(out, 12, "%.2f", bare / linux_rate);
	put(out, 15, "%.2f", isolated / bare);
	put(out, 9, "%.2f", packets);
	put(out, 8, "%.3f", figures_median(g->exits, g->count[MODE_ISOLATED]) / packets);
	put(out, 11, "%.0f", linux_count);
	put(out, 11, "%.0f", bare_count);
	put(out, 11, "%.0f", figures_instructions(g, MODE_ISOLATED));
	put(out, 12, "%.2f", linux_count / bare_count);
	put(out, 15, "%.2f", bare_count / figures_instructions(g, MODE_ISOLATED));
	fputc('\n', out);
}

void net_figures_table(struct figures *f, FILE *out)
{
	fprintf(out, "%-17s%10s%10s%10s%12s%15s%9s%8s%11s%11s%11s%12s%15s\n", "a second", "Linux", "bare", "isolated", "bare/Linux", "isolated/bare", "packets",
		"exits", "Linux ins.", "bare ins.", "isol. ins.", "Linux/bare", "bare/isolated");
	for (unsigned i = 0; i < f->count; i++) {
		put_line(&f->figures[i], out);
	}
	fprintf(out, "Packets are an operation's, exits a packet's, of all domains; instructions an operation's.\n");
}
