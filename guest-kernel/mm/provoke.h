/* SPDX-License-Identifier: MIT */
/* Debug kernels only: see that the kernel's guards stop what they are for (provoke.c). */
#ifndef MM_PROVOKE_H
#define MM_PROVOKE_H

void memory_provoke(void);

#endif
