/* SPDX-License-Identifier: MIT */
/* The kernel log's way out. */
#ifndef PLATFORM_LOG_H
#define PLATFORM_LOG_H

/** Find the bare machine's serial lines. */
void log_init(void);
/** Bare machine: one whole line for vmctl on COM2. */
void log_control_line(const char *prefix, const char *text);
/** The latest lines, oldest first, at most `size` bytes of their end. Returns how many bytes. Threads and interrupts. */
unsigned long log_read(char *to, unsigned long size);
#define LOG_KEPT_MAX 16384u

#endif
