/* SPDX-License-Identifier: MIT */
/*
 * When commands fail. AHCI 1.3.1, 6.2.2: stop the port; with NCQ, read the log page that names the failed tag; where that is
 * not possible, COMRESET, and every request that was active is run again alone, so that the next failure names its
 * culprit. A request is tried AHCI_ATTEMPTS times; the innocent are not counted.
 */
#include "ahci_internal.h"

#include "abi/errno.h"

void ahci_port_fail(struct ahci_port *port, bool comreset, uint32_t culprits)
{
	port->comreset = comreset;
	port->culprits = culprits & port->active;
	port->read_log = false;
	if (!comreset && port->ncq && !port->exclusive) {
		port->read_log = true;
		port->culprits = 0;
	}
	port_write(port, PX_CMD, port_read(port, PX_CMD) & ~PXCMD_ST);
	port->state = PORT_STOP;
	port->deadline = env_time_ns() + 500 * MS;
	ahci_attention(port->ahci);
}

static unsigned port_latest(const struct ahci_port *port)
{
	unsigned latest = (unsigned)__builtin_ctz(port->active);
	for (unsigned slot = latest + 1; slot < AHCI_SLOTS; slot++) {
		bool later = (int32_t)(port->slots[slot].sequence - port->slots[latest].sequence) > 0;
		if ((port->active & (1u << slot)) && later) {
			latest = slot;
		}
	}
	return latest;
}

void ahci_port_requeue(struct ahci_port *port)
{
	if ((port->active & (port->active - 1)) == 0) {
		port->culprits = port->active; /* it can only have been this one */
	}
	bool known = port->culprits != 0;
	while (port->active) { /* the latest first, so that the earliest ends up in front */
		unsigned slot = port_latest(port);
		struct blk_request *request = port->slots[slot].request;
		bool culprit = port->culprits & (1u << slot);
		port->active &= ~(1u << slot);
		port->slots[slot].request = NULL;
		if (culprit && ++request->driver[REQUEST_ATTEMPTS] >= AHCI_ATTEMPTS) {
			env_log("ahci: port %u: gives up a request at sector %lu", port->number, (unsigned long)request->sector);
			port->accepted--;
			ahci_finish(port->ahci, request, -EIO);
			continue;
		}
		request->driver[REQUEST_ALONE] = !known || culprit;
		request->next = port->waiting;
		if (!port->waiting) {
			port->waiting_end = &request->next;
		}
		port->waiting = request;
	}
	port->exclusive = false;
	port->culprits = 0;
}

/* ACS-3, A.14 "NCQ Command Error log": byte 0 has the tag, bit 7 set if it was no queued command; all bytes sum up to 0. */
void ahci_port_log_judge(struct ahci_port *port)
{
	const uint8_t *page = (const uint8_t *)port->memory->scratch;
	uint8_t sum = 0;
	for (unsigned i = 0; i < 512; i++) {
		sum = (uint8_t)(sum + page[i]);
	}
	if (sum == 0 && !(page[0] & 0x80)) {
		port->culprits = port->active & (1u << (page[0] & 31));
	}
}

void ahci_port_gone(struct ahci_port *port, const char *why)
{
	env_log("ahci: port %u: disk lost: %s", port->number, why);
	port_write(port, PX_IE, 0);
	port_write(port, PX_CMD, port_read(port, PX_CMD) & ~PXCMD_ST);
	for (unsigned slot = 0; slot < AHCI_SLOTS; slot++) {
		if (port->active & (1u << slot)) {
			ahci_finish(port->ahci, port->slots[slot].request, -EIO);
		}
	}
	while (port->waiting) {
		struct blk_request *request = port->waiting;
		port->waiting = request->next;
		ahci_finish(port->ahci, request, -EIO);
	}
	port->waiting_end = &port->waiting;
	port->active = 0;
	port->accepted = 0;
	port->state = PORT_GONE;
}
