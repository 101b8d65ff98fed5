/* SPDX-License-Identifier: MIT */
/*
 * COM1 belongs to the main guest, byte for byte, until Ctrl-] opens the hypervisor's console on it. While that is
 * open, what the guest writes waits in a ring and is shown when it closes; what did not fit is counted and said. The
 * states change only in COM1's interrupt handler, on one processor; guests on other processors write at any time,
 * under the lock.
 */
#include "abi/errno.h"
#include "base/format.h"
#include "base/string.h"
#include "console_internal.h"
#include "hv/boot.h"
#include "hv/cpu.h"
#include "hv/ioapic.h"
#include "hv/log.h"

#define CONSOLE_LINE_MAX 128
#define HELD_MAX 16384u
#define COM1_IRQ 4
#define COM2_IRQ 3

static const char banner[] = "\n[the hypervisor's console; `help` lists commands, `exit` or Ctrl-] returns to the guest]\n";
static const char prompt[] = "bulkhead> ";

static spinlock_t console_lock; /* COM1's output, and: */
static bool console_open;
static bool guest_spoke;
static char held[HELD_MAX]; /* cyclic: the newest of held_count bytes that the guest wrote while the console is open */
static uint64_t held_count;

/* Input: only the processor that COM1 interrupts comes here. */
static char line[CONSOLE_LINE_MAX];
static size_t line_length;

/* Text with "\n" line ends; console_lock held. */
static void write_text(const char *text)
{
	for (; *text; text++) {
		uart_write(&uart_com1, *text == '\n' ? "\r\n" : text, *text == '\n' ? 2 : 1);
	}
}

static void console_print(void *to, const char *text)
{
	spin_lock(&console_lock);
	write_text(text);
	spin_unlock(&console_lock);
}

void console_boot_line(const char *text)
{
	spin_lock(&console_lock);
	if (!uart_com2.present && !guest_spoke) {
		write_text(text);
		write_text("\n");
	}
	spin_unlock(&console_lock);
}

void console_guest_write(const char *text, unsigned long bytes)
{
	spin_lock(&console_lock);
	guest_spoke = true;
	if (!console_open) {
		uart_write(&uart_com1, text, bytes);
	}
	for (unsigned long i = 0; console_open && i < bytes; i++) {
		held[held_count++ % HELD_MAX] = text[i];
	}
	spin_unlock(&console_lock);
}

static void open_console(void)
{
	spin_lock(&console_lock);
	console_open = true;
	write_text(banner);
	write_text(prompt);
	spin_unlock(&console_lock);
	line_length = 0;
}

static void close_console(void)
{
	char note[80];
	spin_lock(&console_lock);
	uint64_t lost = held_count > HELD_MAX ? held_count - HELD_MAX : 0;
	write_text("\n[the guest's console]\n");
	if (lost > 0) {
		format_text(note, sizeof(note), "[%lu bytes of the guest's output were lost here]\n", lost);
		write_text(note);
	}
	for (uint64_t i = lost; i < held_count; i++) {
		uart_write(&uart_com1, &held[i % HELD_MAX], 1);
	}
	held_count = 0;
	console_open = false;
	spin_unlock(&console_lock);
}

static void console_run(void)
{
	console_print(NULL, "\n");
	line[line_length] = '\0';
	if (strcmp(line, "exit") == 0) {
		close_console();
		return;
	}
	if (line_length > 0 && command_run(line, console_print, NULL) == -ENOENT) {
		console_print(NULL, "no such command; `help` lists them\n");
	}
	line_length = 0;
	console_print(NULL, prompt);
}

static void console_edit(char c)
{
	char echo[2] = { c, '\0' };
	if (c == '\r' || c == '\n') {
		console_run();
	} else if (c == '\b' || c == 0x7f) {
		if (line_length > 0) {
			line_length--;
			console_print(NULL, "\b \b");
		}
	} else if (c >= ' ' && c <= '~' && line_length + 1 < sizeof(line)) {
		line[line_length++] = c;
		console_print(NULL, echo);
	}
}

void console_input(char c)
{
	/* console_open is written only by this function's callees: no lock is needed to read it here. */
	if (c == CONSOLE_ESCAPE) {
		(console_open ? close_console : open_console)();
	} else {
		(console_open ? console_edit : guest_console_input)(c);
	}
}

static void input_interrupt(void *arg)
{
	const struct uart *uart = arg;
	for (int c = uart_read(uart); c >= 0; c = uart_read(uart)) {
		(uart == &uart_com1 ? console_input : control_input)((char)c);
	}
}

void console_init(void)
{
	uart_open(&uart_com1, 0x3f8);
	uart_open(&uart_com2, 0x2f8);
}

static void listen(struct uart *uart, unsigned irq, const char *absent)
{
	if (!uart->present) {
		log_line("preflight: no serial line at port %x: %s", uart->port, absent);
		return;
	}
	uint8_t vector = irq_vector_alloc(input_interrupt, uart);
	if (vector == 0 || ioapic_route_isa(irq, vector, 0) < 0) {
		log_line("preflight: no interrupt for the serial line at port %x: it gives no input", uart->port);
		return;
	}
	input_interrupt(uart); /* what came before would raise no interrupt any more */
}

void console_listen(void)
{
	listen(&uart_com1, COM1_IRQ, "the main guest has no console");
	listen(&uart_com2, COM2_IRQ, "no control line; this log goes to the console until the guest writes there");
}
