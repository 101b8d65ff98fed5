/* SPDX-License-Identifier: MIT */
/* The per-processor window: the only way to domain memory, for the length of one copy. */
#ifndef HV_WINDOW_H
#define HV_WINDOW_H

#include <stddef.h>
#include "hv/addr.h"

uint64_t window_word(hpa_t at); /* 8 bytes, aligned, read at once */
/** Copy between hypervisor memory and host-physical memory that pool_take_domain gave out. Any length. */
void window_read(void *to, hpa_t from, size_t bytes);
void window_write(hpa_t to, const void *from, size_t bytes);
void window_zero(hpa_t to, size_t bytes);

#endif
