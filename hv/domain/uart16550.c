/* SPDX-License-Identifier: MIT */
/*
 * The main domain's console: a ring of input characters (one producer, the console's interrupt handler; one consumer, its vCPU),
 * and a 16550 at 3f8h, polled, for guests that know no hypercalls. Register names: PC16550D data sheet, table II.
 */
#include <stdatomic.h>

#include "hv/boot.h"
#include "hv/domain.h"

#define RING 1024u
enum { DATA = 0, IIR = 2, LCR = 3, LSR = 5, MODEM_STATUS = 6 };
#define IIR_FIFO_NONE 0xc1u /* FIFOs on, no interrupt */
#define LCR_DLAB 0x80u
#define LSR_DATA_READY 0x01u
#define LSR_EMPTY 0x60u
#define CONNECTED 0xb0u

static char ring[RING];
static _Atomic uint32_t ring_in, ring_out;

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

static bool guest_console_ready(void)
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

void uart_access(struct vcpu *v, uint16_t offset, bool in, uint32_t *value)
{
	static uint8_t kept[2][8]; /* what was written: behind DLAB, or not */
	char c = in ? 0 : (char)*value;
	bool divisor = (kept[0][LCR] & LCR_DLAB) && offset < 2;
	if (!in) {
		kept[divisor][offset] = (uint8_t)c;
	}
	if (offset == DATA && !divisor) {
		if (!in) {
			console_guest_write(&c, 1);
		} else {
			(void)guest_console_read(&c, 1);
			*value = (uint8_t)c;
		}
	} else if (in) {
		*value = offset == LSR ? LSR_EMPTY | (guest_console_ready() ? LSR_DATA_READY : 0)
			 : offset == IIR ? IIR_FIFO_NONE : offset == MODEM_STATUS ? CONNECTED : kept[divisor][offset];
	}
}
