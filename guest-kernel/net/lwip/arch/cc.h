/* SPDX-License-Identifier: MIT */
/* What lwIP needs to know of the compiler and the kernel. It is little-endian, and its types are <stdint.h>'s. */
#ifndef NET_LWIP_ARCH_CC_H
#define NET_LWIP_ARCH_CC_H

#include "kernel/platform.h"

#ifndef BYTE_ORDER /* a hosted program's headers have it */
#define BYTE_ORDER LITTLE_ENDIAN
#endif
#define LWIP_NO_INTTYPES_H 1
#define LWIP_NO_CTYPE_H 1
#define LWIP_NO_UNISTD_H 1
#define SSIZE_MAX INT64_MAX
typedef long ssize_t;
#define LWIP_TIMEVAL_PRIVATE 0
#define LWIP_ERR_T int

#define X8_F "02x"
#define U16_F "u"
#define S16_F "d"
#define X16_F "x"
#define U32_F "u"
#define S32_F "d"
#define X32_F "x"
#define SZT_F "lu"

#define LWIP_PLATFORM_DIAG(x) ((void)0)
/* Debug builds only (LWIP_NOASSERT): what no packet can bring about. */
#define LWIP_PLATFORM_ASSERT(text) kernel_panic("lwIP, %s:%d: %s", __FILE__, __LINE__, text)

unsigned int net_random(void);
#define LWIP_RAND() net_random()

#endif
