/* SPDX-License-Identifier: MIT */
/* `vmctl run` and what `vmctl bench` shares with it: from options to a machine that ran. */
#ifndef VMTOOLS_RUN_H
#define VMTOOLS_RUN_H

#include <stdio.h>

#include "options.h"
#include "session.h"

/** Boot a machine as the options say, its console's output to `output`; without a command it is interactive. `after`, which may be NULL,
 *  sees the session when the machine has ended. Returns the exit status. */
int run_machine(const struct options *options, FILE *output, void (*after)(void *to, const struct session *session, int status), void *to);

#endif
