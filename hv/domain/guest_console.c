/* SPDX-License-Identifier: MIT */
/* The main domain's console input: a ring with one producer, the console's interrupt handler, and one consumer, its
 * vCPU. */
#include <stdatomic.h>

#include "hv/boot.h"
#include "hv/domain.h"

#define RING 1024u

static char ring[RING];
static _Atomic uint32_t ring_in, ring_out;

/* A full ring drops: the guest has stopped listening. */
void guest_console_input(char c)
{
	uint32_t in = atomic_load(&ring_in);
	if (!machine_main || in - atomic_load(&ring_out) == RING) {
		return;
	}
	ring[in % RING] = c;
	atomic_store(&ring_in, in + 1);
	event_raise(machine_main->vcpus[0], BH_EVENT_CONSOLE);
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
