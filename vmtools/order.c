/* SPDX-License-Identifier: MIT */
/*
 * See order.h. First greedily: the function that runs most, then always the one whose turns are most like those of the page that is being filled. Then
 * functions and short runs of them are moved where that lowers the pages of all turns.
 */
#include "order.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "figures.h"
#include "say.h"
#include "symbols.h"

#define PAGE 4096
#define ALIGNED(size) (((size) + 15) & ~15ull) /* GCC's alignment of functions */
#define SWITCH "sched_switch_locked"
#define TURN_MIN 12 /* functions; less than that belongs to the next turn */
#define MOVES 200 /* tried, for each function */

int order_add(struct order *o, const char *name, uint64_t address, uint64_t size)
{
	if (o->count % 256 == 0) {
		struct order_function *more = realloc(o->functions, (o->count + 256) * sizeof(*more));
		if (!more) {
			return -ENOMEM;
		}
		o->functions = more;
	}
	struct order_function *f = &o->functions[o->count++];
	*f = (struct order_function){ .address = address, .size = size };
	snprintf(f->name, sizeof(f->name), "%s", name);
	return 0;
}

int order_load(struct order *o, const char *path)
{
	struct symbols symbols = { 0 };
	int error = symbols_add(&symbols, path);
	symbols_sort(&symbols);
	bool fixed = false;
	for (size_t i = 0; i < symbols.count && !error; i++) {
		const struct symbol *s = &symbols.list[i];
		fixed = (fixed || strcmp(s->name, "sched_text_start") == 0) && strcmp(s->name, "sched_text_end") != 0;
		if (strcmp(s->name, SWITCH) == 0) {
			o->switch_address = s->address;
		}
		if (s->size && !fixed && !strstr(s->name, ".cold") && (!o->count || s->address > o->functions[o->count - 1].address)) {
			error = order_add(o, s->name, s->address, s->size);
		}
	}
	symbols_free(&symbols);
	return error;
}

/* The function that an address is in; NULL: none. */
static struct order_function *find(const struct order *o, uint64_t address)
{
	unsigned low = 0, high = o->count;
	while (low < high) {
		unsigned middle = (low + high) / 2;
		if (o->functions[middle].address <= address) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	struct order_function *f = low ? &o->functions[low - 1] : NULL;
	return f && address - f->address < f->size ? f : NULL;
}

static void write_turn(const struct order *o, const bool *runs, FILE *out)
{
	fprintf(out, "turn");
	for (unsigned i = 0; i < o->count; i++) {
		if (runs[i]) {
			fprintf(out, " %llx", (unsigned long long)o->functions[i].address);
		}
	}
	fputc('\n', out);
}

void order_cut(const struct order *o, const uint64_t *ran, size_t count, FILE *out)
{
	bool *runs = calloc(o->count + 1, sizeof(*runs));
	unsigned all = 0;
	for (unsigned pass = 0; runs && pass < 2; pass++) { /* the first one counts */
		unsigned turn = 0, functions = 0;
		memset(runs, 0, o->count);
		for (size_t i = 0; i < count; i++) {
			const struct order_function *f = find(o, ran[i]);
			if (f && !runs[f - o->functions]) {
				runs[f - o->functions] = true;
				functions++;
			}
			if (i + 1 == count || (ran[i] == o->switch_address && functions >= TURN_MIN)) {
				bool taken = all <= ORDER_TURNS || turn * ORDER_TURNS / all != (turn + 1) * ORDER_TURNS / all;
				if (pass && taken && functions) {
					write_turn(o, runs, out);
				}
				turn++;
				functions = 0;
				memset(runs, 0, o->count);
			}
		}
		all = turn;
	}
	free(runs);
}

static int read_trace(struct order *o, const char *name, unsigned *trace)
{
	for (*trace = 0; *trace < o->trace_count && strcmp(o->traces[*trace].name, name) != 0; ++*trace) {
	}
	if (*trace == ORDER_TRACES) {
		return -ENOSPC;
	}
	for (unsigned i = 0; i < o->count; i++) {
		o->functions[i].turns[*trace] = 0;
	}
	o->trace_count += *trace == o->trace_count;
	snprintf(o->traces[*trace].name, sizeof(o->traces[*trace].name), "%s", name);
	o->traces[*trace].turns = 0;
	return 0;
}

static int read_turn(struct order *o, const char *text, unsigned trace)
{
	unsigned turn = o->traces[trace].turns++;
	if (turn == ORDER_TURNS) {
		return -ENOSPC;
	}
	for (char *end; *text; text = end) {
		uint64_t address = strtoull(text, &end, 16);
		struct order_function *f = end > text ? find(o, address) : NULL;
		if (!f || f->address != address) {
			return -EINVAL;
		}
		f->turns[trace] |= 1ull << turn;
	}
	return 0;
}

int order_read(struct order *o, FILE *in)
{
	char *line = NULL;
	size_t room = 0;
	unsigned trace = ORDER_TRACES;
	int error = 0;
	while (!error && getline(&line, &room, in) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "trace ", 6) == 0) {
			error = read_trace(o, line + 6, &trace);
		} else if (strncmp(line, "turn ", 5) == 0 && trace < ORDER_TRACES) {
			error = read_turn(o, line + 5, trace);
		} else {
			error = -EINVAL;
		}
	}
	free(line);
	return error;
}

static double weight(const struct order *o, const uint64_t *turns)
{
	double sum = 0;
	for (unsigned t = 0; t < o->trace_count; t++) {
		if (turns[t]) {
			sum += (double)__builtin_popcountll(turns[t]) / o->traces[t].turns;
		}
	}
	return sum;
}

/* Pages of a turn, the mean of each trace, all traces together. */
static double cost(const struct order *o, const unsigned *list, unsigned count)
{
	uint64_t touched[ORDER_TRACES] = { 0 }, at = 0, page = 0;
	double sum = 0;
	for (unsigned i = 0; i < count; i++) {
		const struct order_function *f = &o->functions[list[i]];
		for (uint64_t p = at / PAGE; p <= (at + f->size - 1) / PAGE; p++) {
			if (p != page) {
				sum += weight(o, touched);
				memset(touched, 0, sizeof(touched));
				page = p;
			}
			for (unsigned t = 0; t < o->trace_count; t++) {
				touched[t] |= f->turns[t];
			}
		}
		at += ALIGNED(f->size);
	}
	return sum + weight(o, touched);
}

/* Of turns of either, the share that is of both. */
static double likeness(const struct order *o, const uint64_t *page, const struct order_function *f)
{
	uint64_t both[ORDER_TRACES], either[ORDER_TRACES];
	for (unsigned t = 0; t < o->trace_count; t++) {
		both[t] = page[t] & f->turns[t];
		either[t] = page[t] | f->turns[t];
	}
	return weight(o, both) / weight(o, either);
}

/* Swap functions of list[0, count) to the order in which likeness takes them; at equal likeness the lower address is first. */
static void take_alike(const struct order *o, unsigned *list, unsigned count)
{
	uint64_t page[ORDER_TRACES] = { 0 }, at = 0;
	for (unsigned i = 0; i < count; i++) {
		unsigned best = i;
		double most = -1;
		for (unsigned k = i; k < count; k++) {
			const struct order_function *f = &o->functions[list[k]];
			double like = i ? likeness(o, page, f) : weight(o, f->turns);
			if (like > most || (like == most && list[k] < list[best])) {
				best = k;
				most = like;
			}
		}
		unsigned taken = list[best];
		list[best] = list[i];
		list[i] = taken;
		const struct order_function *f = &o->functions[taken];
		uint64_t next = at + ALIGNED(f->size);
		for (unsigned t = 0; t < o->trace_count; t++) {
			page[t] = (next / PAGE == at / PAGE ? page[t] : 0) | f->turns[t];
		}
		at = next;
	}
}

/* Take `length` entries at `from` out and put them in so that they begin at `to`. */
static void move(unsigned *list, unsigned from, unsigned to, unsigned length)
{
	unsigned moved[8];
	memcpy(moved, list + from, length * sizeof(*list));
	if (to < from) {
		memmove(list + to + length, list + to, (from - to) * sizeof(*list));
	} else {
		memmove(list + from, list + from + length, (to - from) * sizeof(*list));
	}
	memcpy(list + to, moved, length * sizeof(*list));
}

static void try_moves(const struct order *o, unsigned *list, unsigned count)
{
	uint64_t x = 88172645463325252ull; /* always the same sequence */
	double least = cost(o, list, count);
	for (unsigned n = 0; n < count * MOVES; n++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		unsigned length = 1u << (x >> 60) / 4;
		if (length < count) {
			unsigned from = (unsigned)(x >> 40) % (count - length + 1), to = (unsigned)(x >> 10) % (count - length + 1);
			move(list, from, to, length);
			double now = cost(o, list, count);
			if (now > least) {
				move(list, to, from, length);
			} else {
				least = now;
			}
		}
	}
}

static bool same_name(const struct order_function *a, const struct order_function *b)
{
	size_t length = strcspn(a->name, ".");
	return length == strcspn(b->name, ".") && memcmp(a->name, b->name, length) == 0;
}

/* Those of a name behind its first one, whether they run or not. */
static unsigned join_names(const struct order *o, unsigned *list, const unsigned *from, unsigned count)
{
	unsigned joined = 0;
	for (unsigned i = 0; i < count; i++) {
		bool first = true;
		for (unsigned k = 0; k < i; k++) {
			first = first && !same_name(&o->functions[from[k]], &o->functions[from[i]]);
		}
		for (unsigned k = 0; first && k < o->count; k++) {
			if (same_name(&o->functions[k], &o->functions[from[i]])) {
				list[joined++] = k;
			}
		}
	}
	return joined;
}

unsigned order_make(const struct order *o, unsigned *list)
{
	unsigned count = 0, *runs = calloc(o->count + 1, sizeof(*runs));
	for (unsigned i = 0; runs && i < o->count; i++) {
		if (weight(o, o->functions[i].turns) > 0) {
			runs[count++] = i;
		}
	}
	if (count) {
		take_alike(o, runs, count);
		try_moves(o, runs, count);
		count = join_names(o, list, runs, count);
	}
	free(runs);
	return count;
}

unsigned order_pages(const struct order *o, const unsigned *list, unsigned count, unsigned trace, unsigned turn)
{
	uint64_t at = 0, seen = 0; /* pages below `seen` are counted */
	unsigned pages = 0;
	for (unsigned i = 0; i < (list ? count : o->count); i++) {
		const struct order_function *f = &o->functions[list ? list[i] : i];
		uint64_t begin = list ? at : f->address, first = begin / PAGE, end = (begin + f->size - 1) / PAGE + 1;
		if (f->turns[trace] >> turn & 1 && end > seen) {
			pages += (unsigned)(end - (first > seen ? first : seen));
			seen = end;
		}
		at = begin + ALIGNED(f->size);
	}
	return pages;
}

static void print_pages(const struct order *o, const unsigned *list, unsigned count, FILE *out)
{
	double medians[2][ORDER_TRACES], pages[ORDER_TURNS];
	unsigned traces = 0;
	for (unsigned t = 0; t < o->trace_count; t++) {
		if (!o->traces[t].turns) {
			continue;
		}
		for (int then = 0; then < 2; then++) {
			for (unsigned i = 0; i < o->traces[t].turns; i++) {
				pages[i] = order_pages(o, then ? list : NULL, count, t, i);
			}
			medians[then][traces] = figures_median(pages, o->traces[t].turns);
		}
		fprintf(out, "%6.1f %6.1f  %s, %u turns\n", medians[0][traces], medians[1][traces], o->traces[t].name, o->traces[t].turns);
		traces++;
	}
	double now = figures_median(medians[0], traces), then = figures_median(medians[1], traces);
	fprintf(out, "pages a turn, the median of the medians: %.1f as functions lie now, %.1f by the list\n", now, then);
}

static int write_list(const struct order *o, const char *path, FILE *out)
{
	unsigned *list = calloc(o->count + 1, sizeof(*list)), count = list ? order_make(o, list) : 0;
	FILE *file = count ? fopen(path, "we") : NULL;
	if (file) {
		fprintf(file, "# SPDX-License-Identifier: MIT\n"
			      "# Functions in the order in which they lie in the kernel's text, made by vmctl bench --order (docs/bench.md).\n");
		for (unsigned i = 0; i < count; i++) {
			const struct order_function *f = &o->functions[list[i]];
			if (!i || !same_name(f, &o->functions[list[i - 1]])) {
				fprintf(file, "%.*s\n", (int)strcspn(f->name, "."), f->name);
			}
		}
	}
	bool good = file && fclose(file) == 0;
	if (good) {
		print_pages(o, list, count, out);
	}
	free(list);
	return good ? 0 : fail(VMCTL_HOST, "%s can't be written: %s", path, count ? strerror(errno) : "no turn was seen");
}

int order_write(const char *path, const char *kernel, FILE *out)
{
	char turns[4096];
	struct order o = { 0 };
	snprintf(turns, sizeof(turns), "%s.turns", path);
	int error = order_load(&o, kernel);
	FILE *in = error ? NULL : fopen(turns, "re");
	error = error ? error : in ? order_read(&o, in) : -errno;
	if (in) {
		fclose(in);
	}
	int status = error == -EINVAL ? fail(VMCTL_HOST, "%s is of another kernel: remove it", turns) :
		     error ? fail(VMCTL_HOST, "%s, %s: %s", kernel, turns, strerror(-error)) : write_list(&o, path, out);
	order_free(&o);
	return status;
}

void order_free(struct order *o)
{
	free(o->functions);
	*o = (struct order){ 0 };
}
