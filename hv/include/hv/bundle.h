/* SPDX-License-Identifier: MIT */
/* The bundle, checked before anything believes it. docs/bundle.md. */
#ifndef HV_BUNDLE_H
#define HV_BUNDLE_H

#include <stddef.h>

#include "abi/bundle.h"

/** Check all that the format promises: after 0, every index, string, offset and size in it can be used. -EINVAL and
 * *why. */
int bundle_check(const void *bundle, size_t bytes, const char **why);

#endif
