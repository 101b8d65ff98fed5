/* SPDX-License-Identifier: MIT */
/*
 * Who runs a QEMU machine's processors: KVM where /dev/kvm can be used and its guests may virtualize in turn, else QEMU's TCG.
 * The choice is made from the options and a few files, so that it can be tried on a tree of them.
 */
#ifndef VMTOOLS_ACCELERATOR_H
#define VMTOOLS_ACCELERATOR_H

#include <stddef.h>

#include "options.h"

enum accelerator { ACCELERATOR_TCG, ACCELERATOR_KVM_AMD, ACCELERATOR_KVM_INTEL };

/**
 * The accelerator for these options: 0 with *chosen set and the reason in `why`, or -ENODEV: --accel kvm asks for what is not here.
 * `tree` stands in front of /dev and /sys ("" but for tests). Nesting has to be on in the monolithic mode too, which is there to be
 * compared with the isolated one on the same machine; only --accel kvm --mode monolithic does without.
 */
int accelerator_choose(const struct options *options, const char *tree, enum accelerator *chosen, char *why, size_t size);
/** The same for the host that this runs on: the reason is said with --verbose; 0 or a vmctl status after one sentence. */
int accelerator_take(const struct options *options, enum accelerator *chosen);

#endif
