/* SPDX-License-Identifier: MIT */
/* Inside of the kernel's core: taking events. */
#ifndef PLATFORM_EVENT_H
#define PLATFORM_EVENT_H

#include "platform/doorbell.h"

/** Upcalls to this processor from now on. */
void events_start(void);
/** Take what is pending and call the handlers. Interrupts are off. */
void events_dispatch(void);
/** Rings wait and this thread, the current one, is to run in user mode: ring, or set the timer that bounds the wait. Interrupts are off. */
void events_before_user(struct thread *thread);

#endif
