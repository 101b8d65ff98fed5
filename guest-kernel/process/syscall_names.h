/* SPDX-License-Identifier: MIT */
/* Names of Linux's x86-64 system calls, for the log. */
#ifndef PROCESS_SYSCALL_NAMES_H
#define PROCESS_SYSCALL_NAMES_H

#include <stdint.h>

/** NULL: not known. */
const char *syscall_name(uint64_t number);

#endif
