/* SPDX-License-Identifier: MIT */
/* 16550 serial ports of the bare machine, by polling for output and by interrupt for input. */
#ifndef ARCH_SERIAL_H
#define ARCH_SERIAL_H

#include <stdbool.h>

#define SERIAL_COM1 0x3f8
#define SERIAL_COM2 0x2f8

/** Whether a port is there; sets it up if so. */
bool serial_init(unsigned short port);
void serial_write(unsigned short port, const char *text, unsigned long bytes);
/** Call input(c) in interrupt context for each character from now on. */
void serial_set_input(unsigned short port, unsigned gsi, void (*input)(char c));

#endif
