/* SPDX-License-Identifier: MIT */
/* Exits of all domains, as the guest kernel tells them in /proc/bulkhead; there is none on the bare machine. */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>

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
/** Print " exits=N exits.NAME=N ..." for what happened between the two; nothing without a hypervisor. */
void exits_print(const struct exits *before, const struct exits *after);

#endif
