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

/**
 * The current call waits until a deadline that its arguments tell as a duration, and is interrupted: if no handler runs, it goes on as
 * `call` with the same arguments and this deadline. -ERESTART_RESTARTBLOCK.
 */
long syscall_restart_as(syscall_function call, uint64_t deadline_ns);
uint64_t syscall_restart_deadline(void);

#endif
