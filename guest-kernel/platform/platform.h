/* SPDX-License-Identifier: MIT */
/* Start of platform/. */
#ifndef PLATFORM_PLATFORM_H
#define PLATFORM_PLATFORM_H

/** Look whether Bulkhead is below. First of all: the log depends on it. */
void platform_detect(void);
/** Map the domain page; after kernel_map_init(). */
void platform_map(void);
/** Events by upcall from now on; after pages_init(). */
void events_init(void);

#endif
