/* SPDX-License-Identifier: MIT */
/* What `vmctl run --stats` writes: one JSON object, described in docs/vmctl.md. */
#ifndef VMTOOLS_STATS_H
#define VMTOOLS_STATS_H

#include "session.h"

/** 0 or a vmctl status. */
int stats_write(const char *path, const struct session *session, int status);

#endif
