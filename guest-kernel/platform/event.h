/* SPDX-License-Identifier: MIT */
/* Inside of the kernel's core: taking events. */
#ifndef PLATFORM_EVENT_H
#define PLATFORM_EVENT_H

/** Take what is pending and call the handlers. Interrupts are off. */
void events_dispatch(void);

#endif
