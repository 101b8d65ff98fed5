/* SPDX-License-Identifier: MIT */
/*
 * 16550 UARTs at the PC's ports. Output polls: up to `burst` bytes each time the transmitter's FIFO is empty. A line whose
 * far end takes nothing is given up after STALL_POLLS polls, and tried again without waiting at each later write, so a reader
 * that has stopped costs the machine one pause, not one a byte. Register names: National PC16550D data sheet, 8.0.
 */
#include "console_internal.h"
#include "hv/port.h"

enum uart_register { THR = 0, RBR = 0, DLL = 0, IER = 1, DLM = 1, IIR = 2, FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7 };

#define IER_RECEIVED 0x01
#define IIR_FIFOS_ON 0xc0
#define FCR_ENABLE_CLEAR 0x07 /* FIFOs on and cleared, receive trigger 1 byte */
#define LCR_8N1 0x03
#define LCR_DIVISOR 0x80
#define MCR_DTR_RTS_OUT2 0x0b /* OUT2 lets the interrupt through on a PC */
#define MCR_LOOP_RTS_OUT2 0x1a
#define MSR_LOOP_ANSWER 0x90 /* CTS = RTS, DCD = OUT2 */
#define LSR_DATA 0x01
#define LSR_THR_EMPTY 0x20
#define LSR_EMPTY 0x40

#define STALL_POLLS 1000000u /* a port read takes about 1 us */

struct uart uart_com1, uart_com2;

static uint8_t reg_read(const struct uart *uart, enum uart_register reg)
{
	return port_read8((uint16_t)(uart->port + reg));
}

static void reg_write(const struct uart *uart, enum uart_register reg, uint8_t value)
{
	port_write8((uint16_t)(uart->port + reg), value);
}

static bool uart_answers(const struct uart *uart)
{
	reg_write(uart, IER, 0);
	reg_write(uart, SCR, 0x5a);
	if (reg_read(uart, SCR) != 0x5a) {
		return false;
	}
	reg_write(uart, MCR, MCR_LOOP_RTS_OUT2);
	return (reg_read(uart, MSR) & 0xf0) == MSR_LOOP_ANSWER;
}

bool uart_open(struct uart *uart, uint16_t port)
{
	*uart = (struct uart){ .port = port, .burst = 1 };
	if (!uart_answers(uart)) {
		return false;
	}
	reg_write(uart, LCR, LCR_DIVISOR);
	reg_write(uart, DLL, 1); /* 115200 */
	reg_write(uart, DLM, 0);
	reg_write(uart, LCR, LCR_8N1);
	reg_write(uart, FCR, FCR_ENABLE_CLEAR);
	reg_write(uart, MCR, MCR_DTR_RTS_OUT2);
	if ((reg_read(uart, IIR) & IIR_FIFOS_ON) == IIR_FIFOS_ON) {
		uart->burst = 16;
	}
	uart->present = true;
	return true;
}

static bool wait_for(const struct uart *uart, uint8_t lsr_bit, unsigned polls)
{
	for (; polls > 0; polls--) {
		if (reg_read(uart, LSR) & lsr_bit) {
			return true;
		}
		__asm__ volatile("pause");
	}
	return false;
}

size_t uart_write(struct uart *uart, const char *text, size_t bytes)
{
	size_t written = 0;
	if (!uart->present) {
		return 0;
	}
	while (written < bytes) {
		if (!wait_for(uart, LSR_THR_EMPTY, uart->stalled ? 1 : STALL_POLLS)) {
			uart->stalled = true;
			break;
		}
		uart->stalled = false;
		for (unsigned i = 0; i < uart->burst && written < bytes; i++) {
			reg_write(uart, THR, (uint8_t)text[written++]);
		}
	}
	return written;
}

int uart_read(const struct uart *uart)
{
	if (!uart->present || !(reg_read(uart, LSR) & LSR_DATA)) {
		return -1;
	}
	return reg_read(uart, RBR);
}

void uart_drain(const struct uart *uart)
{
	if (uart->present) {
		(void)wait_for(uart, LSR_EMPTY, uart->stalled ? 1 : STALL_POLLS);
	}
}

void uart_input_enable(const struct uart *uart)
{
	if (uart->present) {
		reg_write(uart, IER, IER_RECEIVED);
	}
}
