/* SPDX-License-Identifier: MIT */
/*
 * The log: a ring of the last LOG_ENTRIES lines, each with a sequence number and its time. A line goes to the control
 * line as well, or, before the guest has written, to COM1 where there is no control line. One lock orders ring and
 * output alike, so the lines come out by sequence number. Lock order: log, then control or console.
 */
#include "hv/log.h"

#include <stdarg.h>

#include "base/format.h"
#include "base/string.h"
#include "console_internal.h"
#include "hv/acpi.h"
#include "hv/cpu.h"

#define LOG_ENTRIES 256u

_Atomic bool hv_panicking;

static spinlock_t log_lock;
static struct log_entry log_ring[LOG_ENTRIES]; /* log_lock */
_Atomic uint64_t log_newest; /* written under log_lock */

void log_text_clean(char *text)
{
	for (; *text; text++) {
		if (*text < ' ' || *text > '~') {
			*text = '?';
		}
	}
}

static void format_clean(char *to, size_t size, const char *format, va_list arguments)
{
	format_text_va(to, size, format, arguments);
	log_text_clean(to);
}

void log_line(const char *format, ...)
{
	va_list arguments;
	if (hv_panicking) {
		return;
	}
	spin_lock(&log_lock);
	struct log_entry *entry = &log_ring[log_newest % LOG_ENTRIES];
	va_start(arguments, format);
	format_clean(entry->text, sizeof(entry->text), format, arguments);
	va_end(arguments);
	entry->sequence = ++log_newest;
	entry->ms = tsc_khz ? tsc_read() / tsc_khz : 0;
	control_line("log ", entry->text);
	console_boot_line(entry->text);
	spin_unlock(&log_lock);
}

bool log_entry_get(uint64_t sequence, struct log_entry *entry)
{
	spin_lock(&log_lock);
	uint64_t oldest = log_newest > LOG_ENTRIES ? log_newest - LOG_ENTRIES + 1 : 1;
	sequence = sequence < oldest ? oldest : sequence;
	bool found = sequence <= log_newest;
	if (found) {
		*entry = log_ring[(sequence - 1) % LOG_ENTRIES];
	}
	spin_unlock(&log_lock);
	return found;
}

void control_event(const char *format, ...)
{
	char text[EVENT_TEXT_MAX];
	va_list arguments;
	va_start(arguments, format);
	format_clean(text, sizeof(text), format, arguments);
	va_end(arguments);
	control_line("@ ", text);
}

static void panic_write(struct uart *uart, const char *before, const char *text, const char *after)
{
	uart_write(uart, before, strlen(before));
	uart_write(uart, text, strlen(text));
	uart_write(uart, after, strlen(after));
	uart_drain(uart);
}

/* No lock is taken: this processor may hold any of them. A leading newline ends what another one was writing. */
void hv_panic(const char *format, ...)
{
	char text[LOG_TEXT_MAX];
	va_list arguments;
	while (__atomic_exchange_n(&hv_panicking, true, __ATOMIC_SEQ_CST)) {
		__asm__ volatile("cli; hlt");
	}
	cpu_stop_others();
	va_start(arguments, format);
	format_clean(text, sizeof(text), format, arguments);
	va_end(arguments);
	panic_write(&uart_com2, "\n@ panic domain=hypervisor reason=", text, "\n");
	panic_write(&uart_com1, "\r\nbulkhead: the hypervisor stops: ", text, "\r\n");
	acpi_power_off();
}
