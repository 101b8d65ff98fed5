/* SPDX-License-Identifier: MIT */
/*
 * `vmctl bench` (docs/bench.md): runs a benchmark in both modes, and on Linux where asked to, in turn, each on a copy of the same disk image, and
 * prints medians. Runs under -icount follow. With --profile it tells where the time of lines goes instead.
 */
#include "bench.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "command.h"
#include "compile.h"
#include "linux.h"
#include "order.h"
#include "run.h"
#include "say.h"
#include "writable.h"

const char *bench_mode_name(enum vmctl_mode mode)
{
	static const char *const names[] = { [MODE_ISOLATED] = "isolated", [MODE_MONOLITHIC] = "monolithic", [MODE_LINUX] = "Linux" };
	return names[mode];
}

pid_t bench_machine_start(const struct options *options, FILE *output)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		_exit(run_machine(options, output, NULL, NULL));
	}
	return pid;
}

int bench_trace(const struct bench *b, const char *line, enum vmctl_mode mode)
{
	if (!b->options->order) {
		return 0;
	}
	char path[4096];
	snprintf(path, sizeof(path), "%s.turns", b->options->order);
	FILE *file = fopen(path, "ae");
	bool good = file && fprintf(file, "trace %s, %s\n", line, bench_mode_name(mode)) > 0;
	good = file && fclose(file) == 0 && good;
	return good ? 0 : fail(VMCTL_HOST, "%s can't be written: %s", path, strerror(errno));
}

static int profile(struct bench *b, const struct bench_kind *kind)
{
	char kernel[512];
	int status = kind->profile(b);
	snprintf(kernel, sizeof(kernel), "%s/guest-kernel.elf", compile_image_dir());
	return status || !b->options->order ? status : order_write(b->options->order, kernel, stdout);
}

/* Run number `run`: each system once, in turns that begin with another one each time. */
static int run_round(struct bench *b, const struct bench_kind *kind, unsigned run, bool icount)
{
	static const enum vmctl_mode order[] = { MODE_MONOLITHIC, MODE_ISOLATED, MODE_LINUX };
	unsigned modes = b->options->against_linux ? 3 : 2;
	int status = 0;
	for (unsigned i = 0; i < modes && status == 0; i++) {
		status = kind->run(b, order[(run + i) % modes], icount);
	}
	return status;
}

static int run_all(struct bench *b, const struct bench_kind *kind)
{
	int status = 0;
	for (unsigned i = 0; i < b->options->runs && status == 0; i++) {
		say("run %u of %u", i + 1, b->options->runs);
		status = run_round(b, kind, i, false);
	}
	unsigned counted = b->accelerator == ACCELERATOR_TCG ? kind->icount_runs(b) : 0;
	for (unsigned i = 0; i < counted && status == 0; i++) {
		say("instructions, run %u of %u", i + 1, counted);
		status = run_round(b, kind, i, true);
	}
	return status;
}

static int write_json(struct bench *b)
{
	if (!b->options->json) {
		return 0;
	}
	FILE *file = fopen(b->options->json, "we");
	if (!file) {
		return fail(VMCTL_HOST, "%s can't be written: %s", b->options->json, strerror(errno));
	}
	figures_json(&b->figures, file, b->options->cpus ? b->options->cpus : 1, b->accelerator != ACCELERATOR_TCG);
	return fclose(file) == 0 ? 0 : fail(VMCTL_HOST, "%s can't be written: %s", b->options->json, strerror(errno));
}

static int measure(struct bench *b, const struct bench_kind *kind)
{
	int status = b->options->against_linux ? linux_fetch() : 0;
	status = status ? status : kind->image(b);
	if (status || b->options->profile) {
		return status ? status : profile(b, kind);
	}
	status = run_all(b, kind);
	if (status == 0) {
		kind->table(b, stdout);
		status = write_json(b);
	}
	return status;
}

/*
 * The same loop runs up to 1.8 times as fast in one QEMU process as in another, for as long as that lives: its speed depends on where TCG's code and the
 * processor's state happen to lie. So they lie where they always do. Where the host does not allow that, the figures scatter.
 */
static void addresses_fix(void)
{
	(void)personality((unsigned long)personality(0xffffffff) | ADDR_NO_RANDOMIZE);
}

int command_bench(const struct options *options)
{
	char name[32];
	bool net = options->word_count == 1 && strcmp(options->words[0], "net") == 0;
	if (options->word_count > 0 && !net) {
		return fail(VMCTL_USAGE, "write \"vmctl bench [net] [options]\"");
	}
	if (options->order && !(options->profile && options->icount)) {
		return fail(VMCTL_USAGE, "--order goes with --profile and --icount");
	}
	addresses_fix();
	int status = writable_check(options->json);
	status = status ? status : writable_check(options->order);
	if (status) {
		return status;
	}
	struct bench *b = calloc(1, sizeof(*b));
	if (!b) {
		return fail(VMCTL_HOST, "no memory");
	}
	b->options = options;
	status = accelerator_take(options, &b->accelerator);
	snprintf(name, sizeof(name), "bench-%d", (int)getpid());
	status = status ? status : workdir_open(&b->dir, name);
	if (status == 0) {
		status = measure(b, net ? &bench_net : &bench_system);
		workdir_close(&b->dir);
	}
	free(b);
	return status;
}
