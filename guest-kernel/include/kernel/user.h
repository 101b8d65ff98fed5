/* SPDX-License-Identifier: MIT */
/* The only way to user memory: checked copies (SMAP is on outside of them). 0 or -EFAULT. May sleep for a page. */
#ifndef KERNEL_USER_H
#define KERNEL_USER_H

#include <stddef.h>
#include <stdint.h>

int user_read(void *to, uint64_t from, size_t bytes);
int user_write(uint64_t to, const void *from, size_t bytes);
int user_zero(uint64_t to, size_t bytes);
/** Replace *at, aligned, by `value` if it is *expected; *expected becomes what it was. */
int user_compare_exchange(uint64_t at, uint32_t *expected, uint32_t value);
/** Copy a NUL-terminated string; returns its length, -EFAULT, or -ENAMETOOLONG if no NUL in `size` bytes. */
long user_string(char *to, uint64_t from, size_t size);

#endif
