/* SPDX-License-Identifier: MIT */
/*
 * lwIP's <string.h>. A hosted program has its own. Most of what lwIP copies and compares are addresses, of a size that is known: the compiler
 * does these in line, and calls the functions for the others.
 */
#ifndef NET_LWIP_STRING_H
#define NET_LWIP_STRING_H

#if __STDC_HOSTED__
#include_next <string.h>
#else
#include "base/string.h"
#define memcpy(to, from, n) __builtin_memcpy(to, from, n)
#define memcmp(a, b, n) __builtin_memcmp(a, b, n)
#define memset(to, byte, n) __builtin_memset(to, byte, n)
#endif

#endif
