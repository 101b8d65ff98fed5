/* SPDX-License-Identifier: MIT */
/* The machine below the kernel: bare, or Bulkhead (abi/hypercall.h). */
#ifndef KERNEL_PLATFORM_H
#define KERNEL_PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/hypercall.h"

bool platform_is_bulkhead(void);
const struct bh_domain_page *platform_domain_page(void); /* NULL on the bare machine */
long hypercall(enum bh_hypercall number, uint64_t a, uint64_t b, uint64_t c, uint64_t d);

/** Handler of one event bit (BH_EVENT_*), run with interrupts off. */
void event_handler(unsigned event, void (*handler)(void *arg), void *arg);
/** Ring a peer: collected, and sent when the processor goes idle, when it has something else to do, or at event_flush(). Not `wanted`:
 *  the peer need know only when the processor goes idle, which costs no call of its own. */
void event_signal(unsigned event, bool wanted);
void event_flush(void);

/** The command line option's value copied into `value`, e.g. "root"; false: absent. */
bool cmdline_option(const char *name, char *value, unsigned long size);

/** The PVH module: the text of the command that /bin/sh -c is to run (not NUL-terminated). NULL: none, interactive. */
const char *platform_command(unsigned long *length);
/** ACPI RSDP's physical address; 0: none (a Bulkhead domain). */
uint64_t platform_rsdp(void);

/* Kernel log: lines; on Bulkhead BH_HC_LOG, on the bare machine the second serial line as "log kernel: ..." */
void kprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void kernel_panic(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** A processor has given up: its last words go out past locks that another one may hold for ever. */
bool kernel_panicking(void);
#define kassert(c) do { if (!(c)) kernel_panic("%s:%d: %s", __FILE__, __LINE__, #c); } while (0)

/* The console's hardware: COM1 on the bare machine, BH_HC_CONSOLE_* on Bulkhead. */
void console_write(const char *text, unsigned long bytes); /* any context */
void console_set_input(void (*input)(char c)); /* called in interrupt context for each character */

/** The user's command starts now (`--kill` counts from here). */
void platform_started(void);
/** Power off, telling vmctl the status: BH_HC_POWER, or "@ exit status=N" on COM2 and ACPI S5. */
_Noreturn void platform_power_off(int status);

#endif
