/* SPDX-License-Identifier: MIT */
/* Numbers as people write them: "256M", "500us", "2s", "0.5". Used by the manifest and the command line. */
#ifndef VMTOOLS_QUANTITY_H
#define VMTOOLS_QUANTITY_H

#include <stdint.h>

/** A whole number, decimal or 0x..., with nothing behind it. 0 or -EINVAL, -ERANGE above `max`. */
int quantity_number(const char *text, uint64_t max, uint64_t *value);
/** Bytes: a number with K, M or G (1024) behind it, or none. 0, -EINVAL, -ERANGE. */
int quantity_size(const char *text, uint64_t *bytes);
/** Microseconds: a number with us, ms or s behind it. 0, -EINVAL, -ERANGE. */
int quantity_duration(const char *text, uint64_t *us);
/** Seconds with a fraction, "1.25", as nanoseconds. 0, -EINVAL, -ERANGE. */
int quantity_seconds(const char *text, uint64_t *ns);

#endif
