/* SPDX-License-Identifier: MIT */
/*
 * System calls: each is `long sys_NAME(const uint64_t a[6])`, returns a value or a negative errno, and is listed once in
 * include/kernel/syscall_table.h as SYSCALL(number, NAME). Arguments are the user's registers rdi, rsi, rdx, r10, r8, r9.
 */
#ifndef KERNEL_SYSCALL_H
#define KERNEL_SYSCALL_H

#include <stdint.h>

typedef long (*syscall_function)(const uint64_t a[6]);
#define SYSCALL(number, name) long sys_##name(const uint64_t a[6]);
#include "kernel/syscall_table.h"
#undef SYSCALL

#endif
