/* SPDX-License-Identifier: MIT */
/* The user's terminal as the guest's: raw while a machine runs, as it was afterwards, whatever ends vmctl. */
#ifndef VMTOOLS_TERMINAL_H
#define VMTOOLS_TERMINAL_H

#include <stdbool.h>

/** Are stdin and stdout both a terminal? */
bool terminal_present(void);
/** Its size; false: unknown. */
bool terminal_size(unsigned *rows, unsigned *columns);
/** Make stdin raw; undone by terminal_restore(), and at exit. */
void terminal_raw(void);
void terminal_restore(void);

#endif
