/* SPDX-License-Identifier: MIT */
/* What the files that write /proc/net share. */
#ifndef NET_PROC_NET_H
#define NET_PROC_NET_H

#include <stdint.h>

struct text;
/** So many digits, upper case. */
void proc_net_hex(struct text *t, uint64_t value, unsigned digits);

#endif
