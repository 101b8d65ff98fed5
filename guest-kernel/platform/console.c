/* SPDX-License-Identifier: MIT */
/* The console's hardware: BH_HC_CONSOLE_* on Bulkhead, COM1 on the bare machine. The terminal on top is tty/. */
#include "arch/cpu.h"
#include "arch/serial.h"
#include "base/string.h"
#include "kernel/lock.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "platform/acpi.h"

#define CHUNK 4096
#define COM1_ISA_IRQ 4

static spinlock_t console_lock = SPINLOCK_INIT("console");
static spinlock_t input_lock = SPINLOCK_INIT("console input");
static char input_buffer[256]; /* under input_lock */
static void (*input_handler)(char c);

void console_write(const char *text, unsigned long bytes)
{
	if (!platform_is_bulkhead()) {
		spin_lock(&console_lock);
		serial_write(SERIAL_COM1, text, bytes);
		spin_unlock(&console_lock);
		return;
	}
	/* Kernel memory is physically contiguous wherever it is mapped: heap, image, stacks. */
	while (bytes) {
		unsigned long n = bytes < CHUNK ? bytes : CHUNK;
		hypercall(BH_HC_CONSOLE_WRITE, virt_to_phys(text), n, 0, 0);
		text += n;
		bytes -= n;
	}
}

static void console_event(void *unused)
{
	long n;
	spin_lock(&input_lock);
	while ((n = hypercall(BH_HC_CONSOLE_READ, virt_to_phys(input_buffer), sizeof(input_buffer), 0, 0)) > 0) {
		for (long i = 0; i < n; i++) {
			input_handler(input_buffer[i]);
		}
	}
	spin_unlock(&input_lock);
}

void console_set_input(void (*input)(char c))
{
	input_handler = input;
	if (platform_is_bulkhead()) {
		event_handler(BH_EVENT_CONSOLE, console_event, NULL);
		console_event(NULL);
	} else {
		serial_set_input(SERIAL_COM1, acpi_interrupts().isa_gsi[COM1_ISA_IRQ], input);
	}
}
