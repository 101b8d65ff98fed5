/* SPDX-License-Identifier: MIT */
/*
 * See profile.h. A processor that is halted is counted as idle; what runs in user mode is named after the benchmark program where it lies
 * in its range, and is another program's else. The image files' addresses do not overlap, but for those of driver domains, of which one
 * is named: the hypervisor and the domains lie low, the guest kernel high.
 */
#include "profile.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "compile.h"
#include "order.h"
#include "say.h"
#include "symbols.h"

#define PERIOD_NS 1000000
#define EXACT_AFTER_NS 1500000000 /* a load over the network comes to its pace */
#define EXACT_BYTES (32ll << 20) /* of QEMU's trace: some 400,000 instructions */
#define SHOWN 30 /* functions in the table */
#define SAMPLES_MAX (1u << 20)
#define KERNEL_BEGIN 0xffff800000000000ull
#define PROGRAM_BEGIN 0x400000ull /* the hypervisor and the domains end below */
#define BENCH_END 0x500000ull

enum where { IN_KERNEL, IN_HYPERVISOR, IN_PROGRAM, IDLE };

struct sample {
	uint64_t address;
	enum where where;
};

struct line {
	char name[64];
	unsigned count;
};

struct profile {
	struct machine *machine;
	const bool *begun;
	bool *enough;
	pthread_t thread;
	bool ends;
	char trace[160]; /* "": by time */
	struct sample *samples;
	unsigned count;
};

static bool read_hex(const char *text, const char *key, const char *limit, uint64_t *value)
{
	const char *at = strstr(text, key);
	if (!at || at >= limit) {
		return false;
	}
	*value = strtoull(at + strlen(key), NULL, 16);
	return true;
}

void profile_take(struct profile *p, const char *text)
{
	const char *next;
	for (const char *cpu = strstr(text, "RAX="); cpu && p->count < SAMPLES_MAX; cpu = next) {
		next = strstr(cpu + 1, "RAX=");
		const char *limit = next ? next : cpu + strlen(cpu);
		uint64_t rip, level = 0, halted = 0;
		if (!read_hex(cpu, "RIP=", limit, &rip)) {
			return;
		}
		read_hex(cpu, "CPL=", limit, &level);
		read_hex(cpu, "HLT=", limit, &halted);
		enum where where = halted ? IDLE : level == 3 ? IN_PROGRAM : rip >= KERNEL_BEGIN ? IN_KERNEL : IN_HYPERVISOR;
		p->samples[p->count++] = (struct sample){ rip, where };
	}
}

static void pause_ns(uint64_t ns)
{
	const struct timespec time = { .tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000) };
	nanosleep(&time, NULL);
}

static bool is_over(const struct profile *p)
{
	return __atomic_load_n(&p->ends, __ATOMIC_ACQUIRE);
}

/* "Trace 0: 0x... [flags/ADDRESS/...] name": a block begins, and is of one instruction. */
static void read_trace(struct profile *p)
{
	char line[512];
	FILE *file = fopen(p->trace, "re");
	while (file && fgets(line, sizeof(line), file) && p->count < SAMPLES_MAX) {
		const char *at = strchr(line, '[');
		at = at ? strchr(at, '/') : NULL;
		if (at) {
			uint64_t rip = strtoull(at + 1, NULL, 16);
			p->samples[p->count++] = (struct sample){ rip, rip >= KERNEL_BEGIN ? IN_KERNEL : rip < PROGRAM_BEGIN ? IN_HYPERVISOR : IN_PROGRAM };
		}
	}
	if (file) {
		fclose(file);
	}
}

static bool trace_is_long(const struct profile *p)
{
	struct stat info;
	return stat(p->trace, &info) == 0 && info.st_size >= EXACT_BYTES;
}

static void trace(struct profile *p)
{
	char logfile[200], answer[64];
	int (*monitor)(struct machine *, const char *, char *, size_t) = p->machine->kind->monitor;
	snprintf(logfile, sizeof(logfile), "logfile %s", p->trace);
	pause_ns(EXACT_AFTER_NS);
	if (monitor(p->machine, "singlestep on", answer, sizeof(answer)) == 0 && monitor(p->machine, logfile, answer, sizeof(answer)) == 0 &&
	    monitor(p->machine, "log exec,nochain", answer, sizeof(answer)) == 0) {
		while (!is_over(p) && !trace_is_long(p)) {
			pause_ns(PERIOD_NS);
		}
		monitor(p->machine, "log none", answer, sizeof(answer));
		read_trace(p);
	}
	monitor(p->machine, "singlestep off", answer, sizeof(answer));
	if (p->enough) {
		__atomic_store_n(p->enough, true, __ATOMIC_RELEASE);
		monitor(p->machine, "quit", answer, sizeof(answer));
	}
}

static void *sample(void *to)
{
	struct profile *p = to;
	static char text[1 << 16];
	while (!is_over(p) && !__atomic_load_n(p->begun, __ATOMIC_RELAXED)) {
		pause_ns(PERIOD_NS);
	}
	if (p->trace[0] && !is_over(p)) {
		trace(p);
		return NULL;
	}
	for (; !is_over(p); pause_ns(PERIOD_NS)) {
		if (p->machine->kind->monitor(p->machine, "info registers -a", text, sizeof(text)) == 0) {
			profile_take(p, text);
		}
	}
	return NULL;
}

struct profile *profile_start(struct machine *machine, const bool *begun, const char *trace_file, bool *enough)
{
	struct profile *p = calloc(1, sizeof(*p));
	if (p) {
		p->machine = machine;
		p->begun = begun;
		p->enough = enough;
		snprintf(p->trace, sizeof(p->trace), "%s", trace_file ? trace_file : "");
		p->samples = malloc(SAMPLES_MAX * sizeof(*p->samples));
	}
	if (!p || !p->samples || !machine->kind->monitor || pthread_create(&p->thread, NULL, sample, p) != 0) {
		if (p) {
			free(p->samples);
		}
		free(p);
		return NULL;
	}
	return p;
}

void profile_stop(struct profile *p)
{
	__atomic_store_n(&p->ends, true, __ATOMIC_RELEASE);
	pthread_join(p->thread, NULL);
}

static void add_files(struct symbols *symbols, const char *driver)
{
	char debug[64];
	snprintf(debug, sizeof(debug), "%s.elf.debug", driver);
	const char *const files[] = { "guest-kernel.elf", "hv.elf", debug, "bench" };
	char path[512];
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", compile_image_dir(), files[i]);
		symbols_add(symbols, path);
	}
}

int profile_turns(const struct profile *p, const char *path)
{
	struct order order = { 0 };
	char kernel[512];
	uint64_t *ran = malloc((p->count + 1) * sizeof(*ran));
	size_t count = 0;
	snprintf(kernel, sizeof(kernel), "%s/guest-kernel.elf", compile_image_dir());
	int error = ran ? order_load(&order, kernel) : -ENOMEM;
	FILE *out = error ? NULL : fopen(path, "ae");
	for (unsigned i = 0; ran && i < p->count; i++) {
		if (p->samples[i].where == IN_KERNEL) {
			ran[count++] = p->samples[i].address;
		}
	}
	if (out) {
		order_cut(&order, ran, count, out);
	}
	bool good = out && fclose(out) == 0;
	order_free(&order);
	free(ran);
	return good ? 0 : fail(VMCTL_HOST, "%s can't be written: %s", path, strerror(error ? -error : errno));
}

static void name_sample(struct symbols *symbols, const struct sample *s, char *name, size_t size)
{
	static const char *const prefix[] = { [IN_KERNEL] = "kernel", [IN_HYPERVISOR] = "hypervisor", [IN_PROGRAM] = "program" };
	const char *function = s->where == IN_PROGRAM && s->address >= BENCH_END ? NULL : symbols_find(symbols, s->address);
	if (s->where == IDLE) {
		snprintf(name, size, "idle");
	} else {
		snprintf(name, size, "%s %s", prefix[s->where], function ? function : "(unknown)");
	}
}

static int compare_lines(const void *a, const void *b)
{
	unsigned x = ((const struct line *)a)->count, y = ((const struct line *)b)->count;
	return x < y ? 1 : x > y ? -1 : strcmp(((const struct line *)a)->name, ((const struct line *)b)->name);
}

/* One line for each name, the commonest first; returns how many. */
static unsigned fold(struct profile *p, struct symbols *symbols, struct line *lines)
{
	unsigned count = 0;
	for (unsigned i = 0; i < p->count; i++) {
		char name[64];
		unsigned at = 0;
		name_sample(symbols, &p->samples[i], name, sizeof(name));
		while (at < count && strcmp(lines[at].name, name) != 0) {
			at++;
		}
		if (at == count) {
			snprintf(lines[count++].name, sizeof(name), "%s", name);
		}
		lines[at].count++;
	}
	qsort(lines, count, sizeof(*lines), compare_lines);
	return count;
}

void profile_print(struct profile *p, const char *driver, FILE *out)
{
	struct symbols symbols = { 0 };
	struct line *lines = calloc(p->count + 1, sizeof(*lines));
	unsigned shares[4] = { 0 }, calls = 0;
	add_files(&symbols, driver);
	unsigned count = lines ? fold(p, &symbols, lines) : 0;
	for (unsigned i = 0; i < p->count; i++) {
		shares[p->samples[i].where]++;
		calls += p->trace[0] && symbols_at(&symbols, p->samples[i].address, "syscall_entry");
	}
	double all = p->count ? p->count : 1;
	fprintf(out, "%u %s: kernel %.1f%%, hypervisor and drivers %.1f%%, programs %.1f%%, idle %.1f%%\n", p->count, p->trace[0] ? "instructions" : "samples",
		100 * shares[IN_KERNEL] / all, 100 * shares[IN_HYPERVISOR] / all, 100 * shares[IN_PROGRAM] / all, 100 * shares[IDLE] / all);
	for (unsigned i = 0; i < count && i < SHOWN; i++) {
		fprintf(out, "%7.2f%%", 100 * lines[i].count / all);
		if (calls) {
			fprintf(out, "%10.1f a system call", (double)lines[i].count / calls);
		}
		fprintf(out, "  %s\n", lines[i].name);
	}
	symbols_free(&symbols);
	free(lines);
	free(p->samples);
	free(p);
}
