/* SPDX-License-Identifier: MIT */
/*
 * `vmctl bench` (docs/bench.md): runs the program of tests/bench in both modes, and on Linux where asked to, in turn, each on the same disk
 * image, and prints medians. Runs under -icount follow, two of each, unless --short asks for less. With --profile it tells where the
 * time of single lines goes instead.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench_net.h"
#include "command.h"
#include "compile.h"
#include "figures.h"
#include "image.h"
#include "linux.h"
#include "machine.h"
#include "run.h"
#include "say.h"
#include "spawn.h"
#include "workdir.h"
#include "writable.h"

#define DATA_BYTES (96u << 20)
#define SCALE_SHORT "8"
#define SCALE_PROFILE "6s"
#define SCALE_PROFILE_SHORT "1s"
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

/* Debian's /bin/true and what it is linked with, as this host has them, for the line that runs a dynamically linked program. */
static int copy_dynamic(const char *tree)
{
	static const char script[] = "mkdir -p \"$1/debian\" \"$1/lib64\" \"$1/lib/x86_64-linux-gnu\" && cp /bin/true \"$1/debian/\" && "
				     "cp -L /lib64/ld-linux-x86-64.so.2 \"$1/lib64/\" && "
				     "cp -L /lib/x86_64-linux-gnu/libc.so.6 \"$1/lib/x86_64-linux-gnu/\"";
	const char *const copy[] = { "sh", "-c", script, "sh", tree, NULL };
	return spawn_run(copy, "libc6");
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
	status = status ? status : copy_dynamic(tree);
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

static const char *const mode_names[] = { [MODE_ISOLATED] = "isolated", [MODE_MONOLITHIC] = "monolithic", [MODE_LINUX] = "Linux" };

/* `scale` and `lines` are the program's arguments (tests/bench/bench.c); lines NULL: all. */
static int run_once(struct bench *b, enum vmctl_mode mode, bool icount, const char *scale, const char *lines)
{
	char *command[] = { "/bench", "/data", (char *)scale, (char *)lines, NULL };
	struct options o = { .mode = mode, .cpus = icount ? 1 : b->options->cpus, .memory = b->options->memory, .command = command,
			     .root = b->image, .icount = icount, .accel = icount ? ACCEL_TCG : b->options->accel, .verbose = b->options->verbose,
			     .profile = b->options->profile,
			     .timeout_ns = b->options->timeout_ns ? b->options->timeout_ns : BENCH_TIMEOUT_NS };
	FILE *output = tmpfile();
	if (!output) {
		return fail(VMCTL_HOST, "no temporary file: %s", strerror(errno));
	}
	int status = run_apart(&o, output);
	if (status == 0) {
		status = take_output(b, output, mode, icount);
	} else {
		fail(status, "the benchmark ended with status %d in %s mode", status, mode_names[mode]);
	}
	fclose(output);
	return status;
}

/* Run number `run`: each mode once, in turns that begin with another one each time. */
static int run_round(struct bench *b, unsigned run, bool icount)
{
	static const enum vmctl_mode order[] = { MODE_MONOLITHIC, MODE_ISOLATED, MODE_LINUX };
	unsigned modes = b->options->against_linux ? 3 : 2;
	int status = 0;
	for (unsigned i = 0; i < modes && status == 0; i++) {
		status = run_once(b, order[(run + i) % modes], icount, b->options->is_short ? SCALE_SHORT : "1", b->options->lines);
	}
	return status;
}

static int run_all(struct bench *b)
{
	int status = 0;
	for (unsigned i = 0; i < b->options->runs && status == 0; i++) {
		say("run %u of %u", i + 1, b->options->runs);
		status = run_round(b, i, false);
	}
	bool counts = b->accelerator == ACCELERATOR_TCG && (!b->options->is_short || b->options->against_linux);
	for (unsigned i = 0; counts && i < (b->options->is_short ? 1 : 2) && status == 0; i++) {
		status = run_round(b, i, true);
	}
	return status;
}

/* A line at a time, long enough for some thousand samples, in each of our modes. */
static int profile_all(struct bench *b)
{
	char names[512];
	int status = 0;
	snprintf(names, sizeof(names), "%s", b->options->profile);
	char *save;
	for (char *name = strtok_r(names, ",", &save); name && status == 0; name = strtok_r(NULL, ",", &save)) {
		for (int i = 0; i < 2 && status == 0; i++) {
			enum vmctl_mode mode = i ? MODE_ISOLATED : MODE_MONOLITHIC;
			printf("%s, %s: ", name, mode_names[mode]);
			status = run_once(b, mode, b->options->icount, b->options->is_short || b->options->icount ? SCALE_PROFILE_SHORT : SCALE_PROFILE,
					  name);
		}
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
	figures_json(&b->figures, file, b->options->cpus ? b->options->cpus : 1,
		     b->accelerator != ACCELERATOR_TCG);
	fclose(file);
	return 0;
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
	addresses_fix();
	bool net = options->word_count == 1 && strcmp(options->words[0], "net") == 0;
	if (options->word_count > 0 && !net) {
		return fail(VMCTL_USAGE, "write \"vmctl bench [net] [options]\"");
	}
	int status = writable_check(options->json);
	if (status || net) {
		return status ? status : bench_net(options);
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
		status = options->against_linux ? linux_fetch() : 0;
		status = status ? status : make_image(b);
		status = status ? status : options->profile ? profile_all(b) : run_all(b);
		if (status == 0 && !options->profile) {
			(options->against_linux ? figures_against : figures_table)(&b->figures, stdout);
			status = write_json(b);
		}
		workdir_close(&b->dir);
	}
	free(b);
	return status;
}
