/* SPDX-License-Identifier: MIT */
/* Shared by the files of console/: the two serial lines, the log's ring, and the commands. */
#ifndef HV_CONSOLE_INTERNAL_H
#define HV_CONSOLE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONSOLE_ESCAPE 0x1d /* Ctrl-] */
#define LOG_TEXT_MAX 224 /* bytes of a log line with its NUL; what is longer is cut off */
#define EVENT_TEXT_MAX 448 /* of an event's: that of all counters at 20 digits fits */

/* One 16550A. Output is polled: `stalled` says that the line took nothing for a long time, until it does again. */
struct uart {
	uint16_t port;
	bool present, stalled;
};

extern struct uart uart_com1, uart_com2;
/** Look for a 16550A at `port`: 115200 8N1, an interrupt for input. */
void uart_open(struct uart *uart, uint16_t port);
/** What a line does not take, or one that is absent, is lost. */
void uart_write(struct uart *uart, const char *text, size_t bytes);
/** Wait, bounded, until the last byte has left. */
void uart_drain(struct uart *uart);
/** A line that is present: the next byte that came in, or -1. */
int uart_read(const struct uart *uart);

struct log_entry {
	uint64_t sequence; /* from 1 */
	uint64_t ms; /* since the TSC began, which is power-on */
	char text[LOG_TEXT_MAX];
};

/** The first entry with a sequence number >= `sequence` that the ring still has. False: none. */
bool log_entry_get(uint64_t sequence, struct log_entry *entry);
extern _Atomic uint64_t log_newest; /* sequence number, 0: nothing yet */
/** Everything but printable ASCII becomes '?': no text can make a second line. */
void log_text_clean(char *text);
/** Set by hv_panic: the log and the control line are the panicking processor's. */
extern _Atomic bool hv_panicking;

/** Write prefix + text + newline on the control line as one. Does nothing without one. */
void control_line(const char *prefix, const char *text);
/** A byte from the control line. */
void control_input(char c);
/** A byte from COM1: the guest's, or the hypervisor console's while that is open. */
void console_input(char c);
/** A boot line on COM1, where there is no control line and the guest has not written yet. */
void console_boot_line(const char *text);

typedef void (*command_print_t)(void *to, const char *text);
/** Run a command line. 0, -ENOENT (no such command), or another error whose cause was printed. */
int command_run(const char *line, command_print_t print, void *to);

#endif
