/* SPDX-License-Identifier: MIT */
/* Starting the other processors. */
#ifndef ARCH_PROCESSORS_H
#define ARCH_PROCESSORS_H

/** Start all that there are, at most CPU_MAX. The first thread, with interrupts on, before there is another one. */
void processors_start(void);

#endif
