/* SPDX-License-Identifier: MIT */
/*
 * What `vmctl bench` measures of the system (docs/bench.md): the program of tests/bench, which prints a line for each benchmark, on an image with a
 * file of data for the disk's lines.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "compile.h"
#include "image.h"
#include "say.h"
#include "spawn.h"

#define DATA_BYTES (96u << 20)
#define SCALE_SHORT "8"
#define SCALE_PROFILE "6s"
#define SCALE_PROFILE_SHORT "1s"
#define SCALE_PROFILE_EXACT "36000s" /* the profile ends it, whatever time of the machine passes meanwhile */
#define BENCH_TIMEOUT_NS 900000000000ull

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

/* Feed what the guest printed to the figures, and show what is none. True if there was one. */
static bool take_output(struct bench *b, FILE *output, enum vmctl_mode mode, bool icount)
{
	char line[512];
	unsigned taken = 0;
	rewind(output);
	while (fgets(line, sizeof(line), output)) {
		line[strcspn(line, "\r\n")] = '\0';
		if (strncmp(line, "warm ", 5) == 0 || figures_line(&b->figures, mode, icount, line)) {
			taken++;
		} else if (line[0]) {
			fprintf(stderr, "%s\n", line);
		}
	}
	return taken > 0;
}

static int run_apart(const struct options *o, FILE *output)
{
	pid_t pid = bench_machine_start(o, output);
	int status;
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		return fail(VMCTL_HOST, "no process for a machine: %s", strerror(errno));
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : VMCTL_DIED;
}

/* `scale` and `lines` are the program's arguments (tests/bench/bench.c); lines NULL: all. */
static int run_program(struct bench *b, enum vmctl_mode mode, bool icount, const char *scale, const char *lines)
{
	char *command[] = { "/bench", "/data", (char *)scale, (char *)lines, NULL };
	struct options o = { .mode = mode, .cpus = icount ? 1 : b->options->cpus, .memory = b->options->memory, .command = command,
			     .root = b->image, .icount = icount, .accel = icount ? ACCEL_TCG : b->options->accel, .verbose = b->options->verbose,
			     .profile = b->options->profile, .order = b->options->order,
			     .timeout_ns = b->options->timeout_ns ? b->options->timeout_ns : BENCH_TIMEOUT_NS };
	FILE *output = tmpfile();
	if (!output) {
		return fail(VMCTL_HOST, "no temporary file: %s", strerror(errno));
	}
	int status = run_apart(&o, output);
	bool taken = take_output(b, output, mode, icount);
	fclose(output);
	if (status == 0 && !taken) {
		return fail(VMCTL_HOST, "the benchmark program printed no figures");
	}
	return status ? fail(status, "the benchmark ended with status %d in %s mode", status, bench_mode_name(mode)) : 0;
}

static int run_once(struct bench *b, enum vmctl_mode mode, bool icount)
{
	return run_program(b, mode, icount, b->options->is_short ? SCALE_SHORT : "1", b->options->lines);
}

static unsigned icount_runs(const struct bench *b)
{
	return !b->options->is_short ? 2 : b->options->against_linux ? 1 : 0;
}

static void print_table(struct bench *b, FILE *out)
{
	(b->options->against_linux ? figures_against : figures_table)(&b->figures, out);
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
			printf("%s, %s: ", name, bench_mode_name(mode));
			status = bench_trace(b, name, mode);
			status = status ? status : run_program(b, mode, b->options->icount,
					     b->options->icount ? SCALE_PROFILE_EXACT : b->options->is_short ? SCALE_PROFILE_SHORT : SCALE_PROFILE, name);
		}
	}
	return status;
}

const struct bench_kind bench_system = { make_image, run_once, profile_all, icount_runs, print_table };
