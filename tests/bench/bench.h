/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the benchmark program share. A line is one benchmark: `run` does `ops` operations and is timed as a whole; `prepare`
 * and `finish`, where there are any, stand outside the timed part. Exits are those of all domains, as the guest kernel tells them in
 * /proc/bulkhead; there is none on the bare machine, nor on Linux.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define BLOCK 4096l
#define MIB (1l << 20)

struct line {
	const char *name;
	long ops;
	void (*run)(long ops);
	void (*prepare)(void);
	void (*finish)(void);
};

/* Each part's lines; the last has no name. */
extern const struct line call_lines[], process_lines[], passing_lines[], waiting_lines[], memory_lines[], file_lines[], disk_lines[], mail_lines[];

extern const char *file_name, *own_name; /* the data file, and this program */

/** Say what failed and end the program. */
_Noreturn void die(const char *what);
/** Wait for a child; it has to have ended with status 0. */
void wait_for(pid_t pid);

/** One of mail's programs, if the arguments name one: true. */
int mail_program(int argc, char **argv);

#define EXITS_DOMAINS 16

struct exits {
	unsigned domain_count; /* 0: no hypervisor */
	struct {
		char name[16];
		uint64_t count;
	} domains[EXITS_DOMAINS];
};

/** Read the counts so far. */
void exits_read(struct exits *exits);
/** Print " exits=N exits.NAME=N ..." for what happened between the two, `before` NULL: up to now; nothing without a hypervisor. */
void exits_print(FILE *to, const struct exits *before, const struct exits *after);

#endif
