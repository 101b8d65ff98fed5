/* SPDX-License-Identifier: MIT */
/* The adapter: ownership, reset, interrupts, the ports (AHCI 1.3.1, 10.1.2, 10.4.3, 10.6.3, 10.7). */
#include "ahci_internal.h"

#include "abi/errno.h"

#define PCI_COMMAND 4
#define PCI_COMMAND_MEMORY 2u
#define PCI_COMMAND_MASTER 4u
#define PCI_COMMAND_NO_INTX 0x400u
#define ABAR 5

void ahci_finish(struct ahci *ahci, struct blk_request *request, int status)
{
	request->driver[REQUEST_STATUS] = (uintptr_t)(intptr_t)status;
	request->next = NULL;
	*ahci->finished_end = request;
	ahci->finished_end = &request->next;
	ahci->paced++;
}

void ahci_attention(struct ahci *ahci)
{
	ahci->attended = true;
	env_wake(&ahci->attention);
}

/* Give the lock up, then hand finished requests back: done() may submit again. */
static void ahci_unlock(struct ahci *ahci)
{
	struct blk_request *request = ahci->finished;
	ahci->finished = NULL;
	ahci->finished_end = &ahci->finished;
	env_unlock(&ahci->lock);
	while (request) {
		struct blk_request *next = request->next;
		request->done(request, (int)(intptr_t)request->driver[REQUEST_STATUS]);
		request = next;
	}
}

void ahci_quiet(struct ahci *ahci)
{
	if (ahci->moderate && !ahci->quiet) {
		ahci->quiet = true;
		ahci_write(ahci->registers, HBA_GHC, GHC_AE);
	}
}

static void ahci_interrupt(void *arg)
{
	struct ahci *ahci = arg;
	uint32_t status;
	env_lock(&ahci->lock);
	ahci_quiet(ahci);
	/* The port's status is cleared before the adapter's (5.6.2); a bit set in between is seen by the next look. */
	for (unsigned round = 0; round < 16 && (status = ahci_read(ahci->registers, HBA_IS)) != 0; round++) {
		for (uint32_t left = status; left; left &= left - 1) {
			struct ahci_port *port = ahci->ports[__builtin_ctz(left)];
			if (port) {
				ahci_port_interrupt(port);
			}
		}
		ahci_write(ahci->registers, HBA_IS, status);
	}
	ahci_unlock(ahci);
}

/*
 * How long a busy adapter may be left alone, in ns; 0: it is not busy. Until half of what it has is done, as far as its pace up to now
 * tells: then neither the device nor who waits for it runs dry. After a whole batch of requests the next batch is expected to bring a look.
 */
static uint64_t ahci_rest(struct ahci *ahci)
{
	uint64_t now = env_time_ns(), accepted = 0;
	for (unsigned i = 0; i < AHCI_PORTS; i++) {
		accepted += ahci->ports[i] ? ahci->ports[i]->accepted : 0;
	}
	bool busy = accepted >= AHCI_BUSY;
	if (busy && ahci->paced) {
		ahci->pace_ns = (ahci->pace_ns + (now - ahci->paced_since) / ahci->paced) / 2;
	}
	if (!busy || ahci->paced) {
		ahci->paced = 0;
		ahci->paced_since = now;
	}
	uint64_t half = ahci->pace_ns * accepted / 2;
	bool more = ahci->taken >= AHCI_BATCH;
	ahci->taken = 0;
	half = half < AHCI_LOOK_MAX_NS && !more ? half : AHCI_LOOK_MAX_NS;
	return !busy ? 0 : half > AHCI_LOOK_MIN_NS ? half : AHCI_LOOK_MIN_NS;
}

bool ahci_before_wait(struct ahci *ahci, uint64_t *until)
{
	ahci->moderate = true;
	if (!ahci->quiet) {
		return false;
	}
	if (ahci_read(ahci->registers, HBA_IS)) {
		ahci_interrupt(ahci);
		return true;
	}
	uint64_t rest = ahci_rest(ahci);
	if (rest) {
		uint64_t look = env_time_ns() + rest;
		*until = look < *until ? look : *until;
		return false;
	}
	/* What finishes from here on interrupts; what did in between does so at once (10.7.2). */
	ahci->quiet = false;
	ahci_write(ahci->registers, HBA_GHC, GHC_AE | GHC_IE);
	return false;
}

uint64_t ahci_poll(struct ahci *ahci)
{
	env_lock(&ahci->lock);
	ahci->attended = false;
	uint64_t now = env_time_ns(), next = now + 1000 * MS;
	for (unsigned i = 0; i < AHCI_PORTS; i++) {
		uint64_t due = ahci->ports[i] ? ahci_port_poll(ahci->ports[i], now) : next;
		next = due < next ? due : next;
	}
	ahci_unlock(ahci);
	return next;
}

void ahci_wait(struct ahci *ahci, uint64_t until)
{
	env_lock(&ahci->lock);
	uint64_t now = env_time_ns();
	if (!ahci->attended && until > now) {
		env_wait(&ahci->attention, &ahci->lock, until - now);
	}
	env_unlock(&ahci->lock);
}

int ahci_disk(struct ahci *ahci, unsigned index, struct blkdev **disk)
{
	int result = -ENODEV;
	env_lock(&ahci->lock);
	for (unsigned i = 0; i < AHCI_PORTS; i++) {
		struct ahci_port *port = ahci->ports[i];
		if (port && !port->has_disk && !ahci_port_settled(port)) {
			result = -EAGAIN;
			break;
		}
		if (port && port->has_disk && index-- == 0) {
			*disk = &port->disk;
			result = 0;
			break;
		}
	}
	env_unlock(&ahci->lock);
	return result;
}

/* Wait until a register's bits are clear. */
static int register_wait(struct ahci *ahci, uint32_t offset, uint32_t bits, uint64_t timeout)
{
	uint64_t end = env_time_ns() + timeout;
	while (ahci_read(ahci->registers, offset) & bits) {
		if (env_time_ns() >= end) {
			return -ETIMEDOUT;
		}
		env_lock(&ahci->lock);
		env_wait(&ahci->attention, &ahci->lock, MS);
		env_unlock(&ahci->lock);
	}
	return 0;
}

/* Firmware gives the adapter up (10.6.3), then it is reset: no port runs and no interrupt is enabled after that. */
static int ahci_take_over(struct ahci *ahci)
{
	volatile void *r = ahci->registers;
	if (ahci_read(r, HBA_CAP2) & CAP2_BOH) {
		ahci_write(r, HBA_BOHC, ahci_read(r, HBA_BOHC) | BOHC_OOS);
		if (register_wait(ahci, HBA_BOHC, BOHC_BOS, 2000 * MS)) {
			env_log("ahci: firmware does not give the adapter up; taken anyway");
		}
	}
	ahci_write(r, HBA_GHC, GHC_AE);
	ahci_write(r, HBA_GHC, GHC_AE | GHC_HR);
	if (register_wait(ahci, HBA_GHC, GHC_HR, 1000 * MS)) {
		env_log("ahci: the adapter does not come out of its reset");
		return -EIO;
	}
	ahci_write(r, HBA_GHC, GHC_AE);
	ahci->cap = ahci_read(r, HBA_CAP);
	ahci->port_mask = ahci_read(r, HBA_PI);
	return 0;
}

static int ahci_start(struct ahci *ahci)
{
	struct pcidev *pci = ahci->pci;
	uint32_t command = pci->ops->config_read(pci, PCI_COMMAND, 2);
	pci->ops->config_write(pci, PCI_COMMAND, 2, command | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_NO_INTX);
	int error = ahci_take_over(ahci);
	if (error) {
		return error;
	}
	error = pci->ops->irq_enable(pci, 0, ahci_interrupt, ahci);
	if (error) {
		env_log("ahci: no interrupt for the adapter");
		return error;
	}
	for (unsigned i = 0; i < AHCI_PORTS; i++) {
		/* A port that firmware reports but whose registers lie behind the BAR is not there. */
		bool there = (ahci->port_mask & (1u << i)) && PORT_BASE(i + 1) <= pci->bars[ABAR].size;
		if (there && !(ahci->ports[i] = ahci_port_create(ahci, i))) {
			env_log("ahci: no memory for port %u", i);
			return -ENOMEM;
		}
	}
	ahci_write(ahci->registers, HBA_IS, ~0u);
	ahci_write(ahci->registers, HBA_GHC, GHC_AE | GHC_IE);
	return 0;
}

struct ahci *ahci_create(struct pcidev *pci)
{
	if (!pci->bars[ABAR].registers || pci->bars[ABAR].size < PORT_BASE(1)) {
		env_log("ahci: BAR 5 is missing or too small");
		return NULL;
	}
	struct ahci *ahci = env_alloc(sizeof(*ahci));
	if (!ahci) {
		return NULL;
	}
	ahci->pci = pci;
	ahci->registers = pci->bars[ABAR].registers;
	ahci->finished_end = &ahci->finished;
	env_lock_init(&ahci->lock, "ahci");
	env_cond_init(&ahci->attention);
	if (ahci_start(ahci)) {
		ahci_destroy(ahci);
		return NULL;
	}
	ahci_poll(ahci);
	return ahci;
}

void ahci_destroy(struct ahci *ahci)
{
	ahci_write(ahci->registers, HBA_GHC, GHC_AE);
	env_lock(&ahci->lock);
	for (unsigned i = 0; i < AHCI_PORTS; i++) {
		if (ahci->ports[i]) {
			ahci_port_destroy(ahci->ports[i]);
			ahci->ports[i] = NULL;
		}
	}
	ahci_unlock(ahci);
	env_free(ahci, sizeof(*ahci));
}
