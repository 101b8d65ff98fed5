/* SPDX-License-Identifier: MIT */
/* No include guard: included with SYSCALL defined by the includer. Numbers: Linux x86-64 (arch/x86/entry/syscalls/syscall_64.tbl). */
