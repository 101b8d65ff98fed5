/* SPDX-License-Identifier: MIT */
/*
 * A capsule (abi/capsule.h) on the host: read out of a machine's memory, written as an ELF core for gdb, told in text. A core has the
 * registers of each vCPU as NT_PRSTATUS, each part as a PT_LOAD at the address where the domain had it (a driver domain's virtual
 * addresses are its physical ones), and the capsule's own header as a note, from which it can be read back.
 * What a domain or a file wrote is judged here: nothing of it leads outside what was read.
 */
#ifndef VMTOOLS_CAPSULE_H
#define VMTOOLS_CAPSULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "abi/capsule.h"

struct machine;

struct capsule {
	struct bh_capsule header;
	uint8_t *parts[BH_CAPSULE_PARTS]; /* malloc'ed, header.parts[i].bytes each */
};

/** Why a header cannot be used, in words; NULL: it can. */
const char *capsule_header_check(const struct bh_capsule *header);
/** The capsule that the event "@ capsule" with these pairs told of. 0, or -errno and why. */
int capsule_fetch(struct capsule *capsule, struct machine *machine, const char *pairs, const char **why);
/** From a core. 0, or -errno and why. */
int capsule_load(struct capsule *capsule, const char *path, const char **why);
void capsule_free(struct capsule *capsule);
/** Write it as a core. 0 or -errno. */
int capsule_write(const struct capsule *capsule, const char *path);
void capsule_show(const struct capsule *capsule, FILE *out);
/** Copy what the domain had at gpa. False: not all of it is in the capsule. */
bool capsule_at(const struct capsule *capsule, uint64_t gpa, void *to, size_t bytes);

#endif
