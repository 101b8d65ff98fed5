/* SPDX-License-Identifier: MIT */
/* The FPU and the scheduler. kernel/fpu.h is what others see. */
#ifndef ARCH_FPU_H
#define ARCH_FPU_H

#include "kernel/fpu.h"

struct thread;

void fpu_init(void);
/** On a processor that has just started. */
void fpu_start(void);
/** The current thread stops running here, and may go on elsewhere: of several processors. Interrupts are off. */
void fpu_leave(struct thread *thread);
/** The current thread's registers are to be `next`'s. Interrupts are off. */
void fpu_switch(struct thread *next);
/** Memory for a thread's state; a copy of the current user thread's, or a new program's. NULL: no memory. */
void *fpu_state_create(void);
/** The thread is going away. */
void fpu_drop(struct thread *thread);

#endif
