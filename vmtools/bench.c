/* SPDX-License-Identifier: MIT */
/*
 * `vmctl bench` (docs/bench.md): runs the program of tests/bench in both modes in turn, on one disk image, and prints medians. Runs under
 * -icount follow, two of each mode, unless --short asks for less: where both agree, instructions per operation are told.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "compile.h"
#include "figures.h"
#include "image.h"
#include "machine.h"
#include "run.h"
#include "say.h"
#include "spawn.h"
#include "workdir.h"
#include "writable.h"

#define DATA_BYTES (96u << 20)
#define SCALE_SHORT "8"
#define BENCH_TIMEOUT_NS 900000000000ull

struct bench {
	const struct options *options;
	enum accelerator accelerator;
	struct workdir dir;
	struct figures figures;
	char image[128];
};

/* No block of the file may be a hole, or it would not be read from the disk. */
static int write_data(const char *path)
{
	FILE *file = fopen(path, "we");
	uint64_t words[512], x = 88172645463325252ull;
	bool good = file != NULL;
	for (uint32_t done = 0; good && done < DATA_BYTES; done += sizeof(words)) {
		for (size_t i = 0; i < 512; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			words[i] = x;
		}
		good = fwrite(words, sizeof(words), 1, file) == 1;
	}
	if (file && fclose(file) != 0) {
		good = false;
	}
	return good ? 0 : fail(VMCTL_HOST, "%s can't be written: %s", path, strerror(errno));
}

static int make_image(struct bench *b)
{
	char program[512], data[128];
	const char *tree = workdir_file(&b->dir, "tree");
	if (mkdir(tree, 0755) != 0) {
		return fail(VMCTL_HOST, "%s can't be made: %s", tree, strerror(errno));
	}
	snprintf(program, sizeof(program), "%s/bench", compile_image_dir());
	if (access(program, X_OK) != 0) {
		return fail(VMCTL_HOST, "%s is missing: run \"make\"", program);
	}
	snprintf(data, sizeof(data), "%s/data", tree);
	const char *const copy[] = { "cp", program, tree, NULL };
	int status = spawn_run(copy, "coreutils");
	status = status ? status : write_data(data);
	snprintf(b->image, sizeof(b->image), "%s", workdir_file(&b->dir, "bench.img"));
	return status ? status : image_make(tree, b->image, 64ull << 20, b->dir.path);
}

/* Feed what the guest printed to the figures. 0 or VMCTL_HOST when a benchmark is missing. */
static int take_output(struct bench *b, FILE *output, enum vmctl_mode mode, bool icount)
{
	char line[512];
	unsigned taken = 0;
	rewind(output);
	while (fgets(line, sizeof(line), output)) {
		line[strcspn(line, "\r\n")] = '\0';
		if (figures_line(&b->figures, mode, icount, line)) {
			taken++;
		} else if (line[0]) {
			fprintf(stderr, "%s\n", line);
		}
	}
	return taken > 0 ? 0 : fail(VMCTL_HOST, "the benchmark program printed no figures");
}

/* libvirt's embedded driver opens once in a process, so each machine has a process of its own; it ends when this one does. */
static int run_apart(const struct options *o, FILE *output)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		_exit(run_machine(o, output, NULL, NULL));
	}
	int status;
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		return fail(VMCTL_HOST, "no process for a machine: %s", strerror(errno));
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : VMCTL_DIED;
}

static int run_once(struct bench *b, enum vmctl_mode mode, bool icount)
{
	static char bench[] = "/bench", data[] = "/data", one[] = "1", short_scale[] = SCALE_SHORT;
	char *command[] = { bench, data, b->options->is_short ? short_scale : one, NULL };
	struct options o = { .mode = mode, .cpus = icount ? 1 : b->options->cpus, .memory = b->options->memory, .command = command,
			     .root = b->image, .write = true, .icount = icount, .accel = icount ? ACCEL_TCG : b->options->accel, .verbose = b->options->verbose,
			     .timeout_ns = b->options->timeout_ns ? b->options->timeout_ns : BENCH_TIMEOUT_NS };
	FILE *output = tmpfile();
	if (!output) {
		return fail(VMCTL_HOST, "no temporary file: %s", strerror(errno));
	}
	int status = run_apart(&o, output);
	if (status == 0) {
		status = take_output(b, output, mode, icount);
	} else {
		fail(status, "the benchmark ended with status %d in %s mode", status, mode == MODE_ISOLATED ? "isolated" : "monolithic");
	}
	fclose(output);
	return status;
}

static int run_all(struct bench *b)
{
	for (unsigned i = 0; i < b->options->runs; i++) {
		enum vmctl_mode first = i % 2 ? MODE_ISOLATED : MODE_MONOLITHIC;
		say("run %u of %u", i + 1, b->options->runs);
		int status = run_once(b, first, false);
		status = status ? status : run_once(b, first == MODE_ISOLATED ? MODE_MONOLITHIC : MODE_ISOLATED, false);
		if (status) {
			return status;
		}
	}
	for (unsigned i = 0; i < 4 && !b->options->is_short && b->accelerator == ACCELERATOR_TCG; i++) {
		int status = run_once(b, i % 2 ? MODE_ISOLATED : MODE_MONOLITHIC, true);
		if (status) {
			return status;
		}
	}
	return 0;
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
	figures_json(&b->figures, file, b->options->cpus ? b->options->cpus : 1,
		     b->accelerator != ACCELERATOR_TCG);
	fclose(file);
	return 0;
}

int command_bench(const struct options *options)
{
	char name[32];
	if (options->word_count > 0) {
		return fail(VMCTL_USAGE, "write \"vmctl bench [options]\"");
	}
	int status = writable_check(options->json);
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
		status = make_image(b);
		status = status ? status : run_all(b);
		if (status == 0) {
			figures_table(&b->figures, stdout);
			status = write_json(b);
		}
		workdir_close(&b->dir);
	}
	free(b);
	return status;
}
