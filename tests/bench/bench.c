/* SPDX-License-Identifier: MIT */
/*
 * The benchmark that runs in the guest and, the same binary, on Linux: `bench FILE SCALE [NAME,NAME...]`, the names to run only some
 * lines. Each line of output is "bench NAME ops=N ns=N [exits=N exits.DOMAIN=N ...]". SCALE divides the
 * numbers of operations; "3s" instead repeats each line for 3 seconds, and says "warm NAME" when it has run once.
 * FILE is 96 MiB that was never read before (disk.c).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "bench.h"

const char *file_name, *own_name;
static const char *only; /* NULL: all */
static long scale = 1;
static unsigned long least_ns;

void die(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

void wait_for(pid_t pid)
{
	int status;
	if (waitpid(pid, &status, 0) != pid || status != 0) {
		die("a child");
	}
}

static unsigned long now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long)now.tv_sec * 1000000000ul + (unsigned long)now.tv_nsec;
}

static int is_chosen(const char *name)
{
	size_t length = strlen(name);
	for (const char *at = only; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
		if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0')) {
			return 1;
		}
	}
	return !only;
}

static void measure(const struct line *line)
{
	struct exits before, after;
	long ops = line->ops / scale > 0 ? line->ops / scale : 1, done = 0;
	unsigned long ns;
	if (line->prepare) {
		line->prepare();
	}
	exits_read(&before);
	unsigned long begin = now_ns();
	do {
		line->run(ops);
		if (least_ns && done == 0) {
			printf("warm %s\n", line->name);
			fflush(stdout);
		}
		done += ops;
		ns = now_ns() - begin;
	} while (ns < least_ns);
	exits_read(&after);
	if (line->finish) {
		line->finish();
	}
	printf("bench %s ops=%ld ns=%lu", line->name, done, ns);
	exits_print(stdout, &before, &after);
	printf("\n");
	fflush(stdout);
}

static const struct line *const parts[] = { call_lines, process_lines, passing_lines, waiting_lines, memory_lines, file_lines, disk_lines,
	mail_lines };
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static int exists(const char *name, size_t length)
{
	for (unsigned i = 0; i < PARTS; i++) {
		for (const struct line *line = parts[i]; line->name; line++) {
			if (strlen(line->name) == length && strncmp(line->name, name, length) == 0) {
				return 1;
			}
		}
	}
	return 0;
}

/* The names that were asked for, all of them. */
static int names_exist(void)
{
	size_t length;
	for (const char *at = only; at; at = at[length] ? at + length + 1 : NULL) {
		length = strcspn(at, ",");
		if (!exists(at, length)) {
			fprintf(stderr, "bench: no line is called \"%.*s\"\n", (int)length, at);
			return 0;
		}
	}
	return 1;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "exit") == 0) {
		return 0;
	}
	own_name = argv[0];
	if (mail_program(argc, argv)) {
		return 0;
	}
	if (argc > 2 && strchr(argv[2], 's')) {
		least_ns = strtoul(argv[2], NULL, 10) * 1000000000ul;
	} else if (argc > 2) {
		scale = atol(argv[2]);
	}
	if (argc < 3 || argc > 4 || scale < 1) {
		fprintf(stderr, "usage: bench FILE SCALE [NAME,NAME...]\n");
		return 2;
	}
	only = argv[3];
	file_name = argv[1];
	if (!names_exist()) {
		return 2;
	}
	for (unsigned i = 0; i < PARTS; i++) {
		for (const struct line *line = parts[i]; line->name; line++) {
			if (is_chosen(line->name)) {
				measure(line);
			}
		}
	}
	return 0;
}
