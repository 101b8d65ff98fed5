/* SPDX-License-Identifier: MIT */
/* lwIP's <string.h>. A hosted program has its own. */
#ifndef NET_LWIP_STRING_H
#define NET_LWIP_STRING_H

#if __STDC_HOSTED__
#include_next <string.h>
#else
#include "base/string.h"
#endif

#endif
