/* SPDX-License-Identifier: MIT */
/* What the boot loader told us, whichever it was: PVH (qemu -kernel) or Multiboot2 (GRUB). Filled once. */
#ifndef HV_BOOT_H
#define HV_BOOT_H

#include <stdbool.h>
#include <stdint.h>
#include "hv/addr.h"

#define RAM_RANGES 256

struct ram_range {
	uint64_t start, end;
};

struct ram { /* usable RAM: sorted, disjoint, page-aligned */
	unsigned count;
	struct ram_range ranges[RAM_RANGES];
};

struct boot_info {
	const char *loader; /* "PVH", "Multiboot2" */
	hpa_t rsdp; /* as the loader gave it, before paging is final; value 0: none */
	hpa_t low_page; /* a page of RAM below 640 KiB, for the other processors' first instructions; value 0: none */
	const void *bundle; /* mapped read-only, no-execute; NULL: none given */
	uint64_t bundle_size;
	struct ram ram; /* without what the hypervisor itself uses */
};

extern struct boot_info boot_info;

/** Entered on the boot processor with paging, pool, IDT, log, console, ACPI, time and the other processors (idle in
 *  sched_run) up. Builds the domains and runs them. Defined by domain/machine.c. */
_Noreturn void machine_start(void);
/** Every processor's main loop. Defined by domain/sched.c. */
_Noreturn void sched_run(void);
/** Called on the processor whose one-shot timer fired / that was kicked. */
void sched_timer(void);
void sched_poll(void);

/* The console hands lines and characters on (console/ calls these; domain/ defines them). */
void guest_console_input(char c);
/** A command for domains ("kill ahci", "ps"); prints through `print`. 0; -EINVAL, with a message printed; -ENOENT: not
 *  a domain command. */
int machine_command(const char *line, void (*print)(void *to, const char *text), void *to);
/** What follows the word `command` in a command line, "" if nothing; NULL: it is another command. By console/. */
const char *command_argument(const char *line, const char *command);
/* console/ defines these. log_line() works from the start; it reaches a line from console_init() on, which wants
 * nothing but ports. */
void console_init(void);
void console_listen(void); /* input, by interrupt: after the I/O APIC and irq_vector_alloc() work; boot processor */
/* domain/ calls these; console/ defines them. */
void console_guest_write(const char *text, unsigned long bytes); /* the main domain's console output */

#endif
