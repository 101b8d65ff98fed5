/* SPDX-License-Identifier: MIT */
/*
 * The main domain's console: a ring of input characters (one producer, the console's interrupt handler; one consumer, its vCPU),
 * and a 16550 at 3f8h, polled, for guests that know no hypercalls. Register names: PC16550D data sheet, table II.
 */
#include <stdatomic.h>

#include "hv/boot.h"
#include "hv/domain.h"

#define RING 1024u
#define LSR_DATA_READY 0x01u
#define LSR_EMPTY 0x60u
#define LCR_DLAB 0x80u
#define MSR_CONNECTED 0xb0u

static char ring[RING];
static _Atomic uint32_t ring_in, ring_out;
static uint8_t uart_ier, uart_lcr, uart_mcr, uart_scratch, uart_divisor[2];

/* A full ring drops: the guest has stopped listening. */
void guest_console_input(char c)
{
	uint32_t in = atomic_load(&ring_in);
	if (machine_domain_count == 0 || in - atomic_load(&ring_out) == RING) {
		return;
	}
	ring[in % RING] = c;
	atomic_store(&ring_in, in + 1);
	event_raise(machine_main()->vcpu[0], BH_EVENT_CONSOLE);
}

bool guest_console_ready(void)
{
	return atomic_load(&ring_in) != atomic_load(&ring_out);
}

uint64_t guest_console_read(char *to, uint64_t bytes)
{
	uint64_t n = 0;
	uint32_t out = atomic_load(&ring_out), in = atomic_load(&ring_in);
	while (n < bytes && out != in) {
		to[n++] = ring[out++ % RING];
	}
	atomic_store(&ring_out, out);
	return n;
}

static uint8_t uart_read(unsigned offset)
{
	char c = 0;
	bool divisor = uart_lcr & LCR_DLAB;
	switch (offset) {
	case 0:
		if (divisor) {
			return uart_divisor[0];
		}
		(void)guest_console_read(&c, 1);
		return (uint8_t)c;
	case 1:
		return divisor ? uart_divisor[1] : uart_ier;
	case 2:
		return 0xc1; /* FIFOs on, no interrupt */
	case 3:
		return uart_lcr;
	case 4:
		return uart_mcr;
	case 5:
		return LSR_EMPTY | (guest_console_ready() ? LSR_DATA_READY : 0);
	case 6:
		return MSR_CONNECTED;
	default:
		return uart_scratch;
	}
}

static void uart_write(unsigned offset, uint8_t value)
{
	char c = (char)value;
	bool divisor = uart_lcr & LCR_DLAB;
	switch (offset) {
	case 0:
		if (divisor) {
			uart_divisor[0] = value;
		} else {
			console_guest_write(&c, 1);
		}
		break;
	case 1:
		*(divisor ? &uart_divisor[1] : &uart_ier) = value;
		break;
	case 3:
		uart_lcr = value;
		break;
	case 4:
		uart_mcr = value;
		break;
	case 7:
		uart_scratch = value;
		break;
	default:
		break;
	}
}

void uart_access(struct vcpu *v, uint16_t offset, bool in, uint32_t *value)
{
	if (in) {
		*value = uart_read(offset);
	} else {
		uart_write(offset, (uint8_t)*value);
	}
}
