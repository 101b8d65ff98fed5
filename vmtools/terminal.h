/* SPDX-License-Identifier: MIT */
/* The user's terminal as the guest's: raw while a machine runs, as it was afterwards, whatever ends vmctl. */
#ifndef VMTOOLS_TERMINAL_H
#define VMTOOLS_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/** Are stdin and stdout both a terminal? */
bool terminal_present(void);
/** Its size; false: unknown. */
bool terminal_size(unsigned *rows, unsigned *columns);
/** What a program there should know: " TERM=NAME" and, where the host's locale has UTF-8, " LANG=C.UTF-8"; "" where there is nothing to say. */
void terminal_environment(char *text, size_t size);
/** Make stdin raw; undone by terminal_restore(), and at exit. */
void terminal_raw(void);
void terminal_restore(void);

#endif
