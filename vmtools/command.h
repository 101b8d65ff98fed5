/* SPDX-License-Identifier: MIT */
/* vmctl's commands: each takes its parsed options and returns the exit status. */
#ifndef VMTOOLS_COMMAND_H
#define VMTOOLS_COMMAND_H

#include "options.h"

int command_run(const struct options *options);
int command_bench(const struct options *options);
int command_bundle(const struct options *options);
int command_check(const struct options *options);
int command_image(const struct options *options);
int command_kill(const struct options *options);
int command_console(const struct options *options);
int command_capsule(const struct options *options);
int command_ps(const struct options *options);

#endif
