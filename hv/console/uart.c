/* SPDX-License-Identifier: MIT */
/*
 * 16550A UARTs at the PC's ports. Output polls: up to a FIFO's worth of bytes each time the transmitter's FIFO is
 * empty. A line whose far end takes nothing is given up after STALL_POLLS polls, and tried again without waiting at
 * each later write, so a reader that has stopped costs the machine one pause, not one a byte. Register names:
 * National PC16550D data sheet, 8.0.
 */
#include "console_internal.h"
#include "hv/cpu.h"
#include "hv/port.h"

enum uart_register { THR = 0, RBR = 0, DLL = 0, IER = 1, DLM = 1, FCR = 2, LCR = 3, MCR = 4, LSR = 5, SCR = 7 };

#define IER_RECEIVED 0x01
#define FCR_ENABLE_CLEAR 0x07 /* FIFOs on and cleared, receive trigger 1 byte */
#define LCR_8N1 0x03
#define LCR_DIVISOR 0x80
#define MCR_DTR_RTS_OUT2 0x0b /* OUT2 lets the interrupt through on a PC */
#define LSR_DATA 0x01
#define LSR_THR_EMPTY 0x20
#define LSR_EMPTY 0x40

#define FIFO_BYTES 16u
#define STALL_POLLS 200000u
/* Between polls, in TSC cycles: some 10 us away from the port. An emulator's port reads hold a lock that the thread
 * which empties the transmitter needs, and back-to-back reads can keep it out for seconds. */
#define POLL_GAP 30000u

struct uart uart_com1, uart_com2;

static uint8_t reg_read(const struct uart *uart, enum uart_register reg)
{
	return port_read8((uint16_t)(uart->port + reg));
}

static void reg_write(const struct uart *uart, enum uart_register reg, uint8_t value)
{
	port_write8((uint16_t)(uart->port + reg), value);
}

void uart_open(struct uart *uart, uint16_t port)
{
	*uart = (struct uart){ .port = port };
	reg_write(uart, SCR, 0x5a);
	if (reg_read(uart, SCR) != 0x5a) {
		return;
	}
	uart->present = true;
	reg_write(uart, LCR, LCR_DIVISOR);
	reg_write(uart, DLL, 1); /* 115200 */
	reg_write(uart, DLM, 0);
	reg_write(uart, LCR, LCR_8N1);
	reg_write(uart, FCR, FCR_ENABLE_CLEAR);
	reg_write(uart, MCR, MCR_DTR_RTS_OUT2);
	reg_write(uart, IER, IER_RECEIVED);
}

static bool wait_for(struct uart *uart, uint8_t lsr_bit)
{
	for (unsigned polls = uart->stalled ? 1 : STALL_POLLS; polls > 0; polls--) {
		if (reg_read(uart, LSR) & lsr_bit) {
			uart->stalled = false;
			return true;
		}
		for (uint64_t start = tsc_read(); tsc_read() - start < POLL_GAP;) {
			__asm__ volatile("pause");
		}
	}
	uart->stalled = true;
	return false;
}

void uart_write(struct uart *uart, const char *text, size_t bytes)
{
	for (size_t i = 0; uart->present && i < bytes; i++) {
		if (i % FIFO_BYTES == 0 && !wait_for(uart, LSR_THR_EMPTY)) {
			return;
		}
		reg_write(uart, THR, (uint8_t)text[i]);
	}
}

void uart_drain(struct uart *uart)
{
	if (uart->present) {
		(void)wait_for(uart, LSR_EMPTY);
	}
}

int uart_read(const struct uart *uart)
{
	return reg_read(uart, LSR) & LSR_DATA ? reg_read(uart, RBR) : -1;
}
