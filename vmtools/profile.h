/* SPDX-License-Identifier: MIT */
/*
 * Where a machine's processors are, looked at by a timer of the host: a thread asks QEMU for every processor's instruction pointer about
 * a thousand times a second. Unlike a timer interrupt in the guest this also sees code that runs with interrupts off, the
 * hypervisor and the driver domains, and the guest needs no part in it. Exactly: QEMU writes down every instruction, until there are enough
 * for shares; what the host does meanwhile does not matter then.
 */
#ifndef VMTOOLS_PROFILE_H
#define VMTOOLS_PROFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "machine.h"

struct profile;

/** Start to sample a machine that runs; samples count from the moment at which *begun is true. `trace`: a file for QEMU to write
 *  instructions to, for an exact profile; NULL: by time. `enough`: becomes true when an exact one has all it needs, and the machine is ended
 *  then; NULL: it ends otherwise. NULL: no memory, no thread. */
struct profile *profile_start(struct machine *machine, const bool *begun, const char *trace, bool *enough);
/** Take one processor's text of QEMU's "info registers": its sample is added. Several processors stand one behind the other in `text`. */
void profile_take(struct profile *profile, const char *text);
/** End the sampling. */
void profile_stop(struct profile *profile);
/** Add an exact profile's turns to `path` (order.h), the kernel being that of vmctl's directory. 0 or a vmctl status after a sentence. */
int profile_turns(const struct profile *profile, const char *path);
/** Print the functions by their share, and free the profile. */
void profile_print(struct profile *profile, const char *driver, FILE *out);

#endif
