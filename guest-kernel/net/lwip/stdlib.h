/* SPDX-License-Identifier: MIT */
/* lwIP's <stdlib.h>, of which it takes atoi() only, for an interface's number behind its name. A hosted program has its own. */
#ifndef NET_LWIP_STDLIB_H
#define NET_LWIP_STDLIB_H

#if __STDC_HOSTED__
#include_next <stdlib.h>
#else
#include "base/string.h"
static inline int atoi(const char *text)
{
	const char *end;
	return (int)string_number(text, &end);
}
#endif

#endif
