/* SPDX-License-Identifier: MIT */
/* 16550 UART (PC16550D data sheet, chapter 8): 115200 8N1, both FIFOs on. The transmitter takes 16 bytes each time it is empty. */
#include "arch/serial.h"
#include "arch/cpu.h"
#include "kernel/lock.h"
#include "kernel/platform.h"
#include "kernel/trap.h"

enum { DATA = 0, INTERRUPT_ENABLE = 1, FIFO_CONTROL = 2, LINE_CONTROL = 3, MODEM_CONTROL = 4, LINE_STATUS = 5, SCRATCH = 7 };
#define LSR_DATA_READY 1
#define LSR_THR_EMPTY 0x20
#define FIFO_DEPTH 16

static void (*input_handler)(char c);
static unsigned short input_port;
static spinlock_t input_lock = SPINLOCK_INIT("serial input");

bool serial_init(unsigned short port)
{
	port_write8(port + SCRATCH, 0x5a);
	if (port_read8(port + SCRATCH) != 0x5a) {
		return false;
	}
	port_write8(port + INTERRUPT_ENABLE, 0);
	port_write8(port + LINE_CONTROL, 0x80);
	port_write8(port + DATA, 1); /* divisor 1: 115200 */
	port_write8(port + INTERRUPT_ENABLE, 0);
	port_write8(port + LINE_CONTROL, 3);
	port_write8(port + FIFO_CONTROL, 7);
	port_write8(port + MODEM_CONTROL, 0x0b);
	return true;
}

void serial_write(unsigned short port, const char *text, unsigned long bytes)
{
	for (unsigned long at = 0; at < bytes;) {
		while (!(port_read8(port + LINE_STATUS) & LSR_THR_EMPTY)) {
			cpu_relax();
		}
		for (unsigned i = 0; i < FIFO_DEPTH && at < bytes; i++) {
			port_write8(port + DATA, (uint8_t)text[at++]);
		}
	}
}

static void serial_interrupt(void *unused)
{
	spin_lock(&input_lock);
	while (port_read8(input_port + LINE_STATUS) & LSR_DATA_READY) {
		input_handler((char)port_read8(input_port + DATA));
	}
	spin_unlock(&input_lock);
}

void serial_set_input(unsigned short port, unsigned gsi, void (*input)(char c))
{
	input_port = port;
	input_handler = input;
	uint8_t vector = irq_allocate(serial_interrupt, NULL);
	if (!vector || irq_route(gsi, vector, false)) {
		kprintf("no interrupt for the console: no input");
		return;
	}
	port_write8(port + INTERRUPT_ENABLE, 1);
	serial_interrupt(NULL);
}
