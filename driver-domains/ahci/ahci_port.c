/* SPDX-License-Identifier: MIT */
/*
 * One port: bring-up and recovery as one machine of states with deadlines, moved on by interrupts and by the poll; nothing here
 * waits. AHCI 1.3.1, 10.1 (initialization), 10.3 (ST), 10.4 (reset), 10.10 (staggered spin-up).
 */
#include "ahci_internal.h"

#include "abi/errno.h"

#define POLL_INTERVAL MS
#define DETECT_TIME (15 * MS) /* a device answers COMRESET within 10 ms (Serial ATA, 8.4.1) */

static void port_enter(struct ahci_port *port, enum ahci_port_state state, uint64_t timeout)
{
	port->state = state;
	port->deadline = env_time_ns() + timeout;
}

static bool port_spinning(const struct ahci_port *port)
{
	return port->state >= PORT_STOP && port->state <= PORT_IDENTIFY && !port->has_disk;
}

/* With staggered spin-up, one port at a time. */
static bool port_may_spin(const struct ahci_port *port)
{
	if (!(port->ahci->cap & CAP_SSS)) {
		return true;
	}
	for (unsigned i = 0; i < AHCI_PORTS; i++) {
		if (port->ahci->ports[i] && port_spinning(port->ahci->ports[i])) {
			return false;
		}
	}
	return true;
}

static void port_spin_up(struct ahci_port *port)
{
	uint32_t cmd = port_read(port, PX_CMD) & ~PXCMD_ICC_MASK;
	port_write(port, PX_CMD, cmd | PXCMD_SUD | PXCMD_POD | PXCMD_FRE | PXCMD_ICC_ACTIVE);
	port_enter(port, PORT_LINK, DETECT_TIME);
}

/* The device is there and idle: let the list run (10.3.1), with nothing left over from before. */
static void port_run_list(struct ahci_port *port)
{
	port_write(port, PX_SERR, port_read(port, PX_SERR));
	port_write(port, PX_IS, port_read(port, PX_IS));
	port->seen = 0;
	port_write(port, PX_IE, PXIS_USED);
	port_write(port, PX_CMD, port_read(port, PX_CMD) | PXCMD_ST);
}

static void port_reset(struct ahci_port *port)
{
	port_write(port, PX_IE, 0);
	port_write(port, PX_SCTL, (port_read(port, PX_SCTL) & ~PXSCTL_DET_MASK) | PXSCTL_DET_RESET);
	port_enter(port, PORT_RESET, 2 * MS); /* at least 1 ms */
}

static void port_absent(struct ahci_port *port, const char *why)
{
	if (port->has_disk) {
		ahci_port_gone(port, why);
		return;
	}
	port_write(port, PX_CMD, port_read(port, PX_CMD) & ~(PXCMD_ST | PXCMD_FRE));
	port->state = PORT_ABSENT;
}

static void port_to_run(struct ahci_port *port)
{
	port->state = PORT_RUN;
	ahci_port_requeue(port);
	ahci_command_issue(port);
}

/* --- what each state waits for; true: moved on --- */

static bool step_stop(struct ahci_port *port, bool late)
{
	bool running = port_read(port, PX_CMD) & PXCMD_CR;
	if (running && !late) {
		return false;
	}
	if (running || port->comreset || (port_read(port, PX_TFD) & (PXTFD_BSY | PXTFD_DRQ))) {
		port_reset(port);
		return true;
	}
	port_run_list(port);
	if (!port->read_log) {
		port_to_run(port);
		return true;
	}
	port_enter(port, PORT_LOG, 1000 * MS);
	ahci_command_internal(port, ATA_READ_LOG_EXT, ATA_LOG_NCQ_ERROR);
	return true;
}

static bool step_link(struct ahci_port *port, bool late)
{
	uint32_t det = PXSSTS_DET(port_read(port, PX_SSTS));
	if (det == DET_UP) {
		port_write(port, PX_SERR, port_read(port, PX_SERR));
		port_enter(port, PORT_READY, 10000 * MS);
		return true;
	}
	/* A known or half-seen device gets a second in all, an empty port only the time to detect one. */
	bool hope = det == DET_PRESENT || port->has_disk;
	if (late && (!hope || env_time_ns() > port->deadline + 1000 * MS)) {
		port_absent(port, "no answer to the reset");
		return true;
	}
	return false;
}

static bool step_ready(struct ahci_port *port, bool late)
{
	if (port_read(port, PX_TFD) & (PXTFD_BSY | PXTFD_DRQ)) {
		if (late) {
			port_absent(port, "busy for 10 s");
		}
		return late;
	}
	if (port_read(port, PX_SIG) != SIGNATURE_ATA) {
		port_absent(port, "not a disk");
		return true;
	}
	port_run_list(port);
	port_enter(port, PORT_IDENTIFY, 5000 * MS);
	ahci_command_internal(port, ATA_IDENTIFY, 0);
	return true;
}

static bool port_internal_failed(struct ahci_port *port)
{
	port->seen |= port_read(port, PX_IS);
	return port->seen & (PXIS_TFES | PXIS_FATAL);
}

static bool step_identify(struct ahci_port *port, bool late)
{
	bool failed = late || port_internal_failed(port);
	if (!failed && (port_read(port, PX_CI) & 1)) {
		return false;
	}
	if (failed || ahci_identify(port, port->memory->scratch)) {
		port_absent(port, failed ? "IDENTIFY DEVICE failed" : "another disk is in its place");
		return true;
	}
	port_to_run(port);
	return true;
}

static bool step_log(struct ahci_port *port, bool late)
{
	bool failed = late || port_internal_failed(port);
	if (failed) {
		ahci_port_fail(port, true, 0);
		return true;
	}
	if (port_read(port, PX_CI) & 1) {
		return false;
	}
	ahci_port_log_judge(port);
	port_to_run(port);
	return true;
}

/* A command that is overdue takes the port through a reset. */
static void port_check_timeouts(struct ahci_port *port, uint64_t now)
{
	uint32_t overdue = 0;
	for (unsigned slot = 0; slot < AHCI_SLOTS; slot++) {
		if ((port->active & (1u << slot)) && now >= port->slots[slot].deadline) {
			overdue |= 1u << slot;
		}
	}
	if (overdue) {
		env_log("ahci: port %u: command timeout (slots %x of %x)", port->number, overdue, port->active);
		ahci_port_fail(port, true, overdue);
	}
}

static bool port_step(struct ahci_port *port, uint64_t now)
{
	bool late = now >= port->deadline;
	switch (port->state) {
	case PORT_SPIN_WAIT:
		if (!port_may_spin(port)) {
			return false;
		}
		port_spin_up(port);
		return true;
	case PORT_STOP:
		return step_stop(port, late);
	case PORT_RESET:
		if (late) {
			port_write(port, PX_SCTL, port_read(port, PX_SCTL) & ~PXSCTL_DET_MASK);
			port_enter(port, PORT_LINK, DETECT_TIME);
		}
		return late;
	case PORT_LINK:
		return step_link(port, late);
	case PORT_READY:
		return step_ready(port, late);
	case PORT_IDENTIFY:
		return step_identify(port, late);
	case PORT_LOG:
		return step_log(port, late);
	default:
		return false;
	}
}

/* True: the device went away or came back; what it seems to have completed since is not to be believed. */
static bool port_link_changed(struct ahci_port *port, uint32_t status)
{
	if (!(status & (PXIS_PCS | PXIS_PRCS))) {
		return false;
	}
	port_write(port, PX_SERR, port_read(port, PX_SERR));
	return (status & PXIS_PCS) || PXSSTS_DET(port_read(port, PX_SSTS)) != DET_UP;
}

static void port_running(struct ahci_port *port, uint32_t status)
{
	if (port_link_changed(port, status)) {
		env_log("ahci: port %u: link changed", port->number);
		ahci_port_fail(port, true, 0);
		return;
	}
	ahci_command_collect(port);
	if (status & (PXIS_TFES | PXIS_FATAL)) {
		uint32_t cmd = port_read(port, PX_CMD), tfd = port_read(port, PX_TFD);
		env_log("ahci: port %u: error, interrupt status %x, task file %x", port->number, status, tfd);
		ahci_port_fail(port, status & PXIS_FATAL, port->ncq && !port->exclusive ? 0 : 1u << PXCMD_CCS(cmd));
		return;
	}
	ahci_command_issue(port);
}

void ahci_port_interrupt(struct ahci_port *port)
{
	uint32_t status = port_read(port, PX_IS);
	port_write(port, PX_IS, status);
	port->seen |= status;
	if (port->state == PORT_RUN) {
		port_running(port, status);
	}
	while (port_step(port, env_time_ns())) {
	}
}

uint64_t ahci_port_poll(struct ahci_port *port, uint64_t now)
{
	ahci_port_interrupt(port); /* an interrupt may have been lost */
	if (port->state == PORT_RUN) {
		port_check_timeouts(port, now);
	}
	return ahci_port_settled(port) ? now + 1000 * MS : now + POLL_INTERVAL;
}

bool ahci_port_settled(const struct ahci_port *port)
{
	return port->state >= PORT_RUN;
}

struct ahci_port *ahci_port_create(struct ahci *ahci, unsigned number)
{
	struct ahci_port *port = env_alloc(sizeof(*port));
	if (!port) {
		return NULL;
	}
	port->memory = env_dma_alloc(sizeof(*port->memory), 1024, &port->bus);
	bool reachable = (ahci->cap & CAP_S64A) || port->bus + sizeof(*port->memory) <= 1ull << 32;
	if (!port->memory || !reachable) {
		env_dma_free(port->memory, sizeof(*port->memory));
		env_free(port, sizeof(*port));
		return NULL;
	}
	port->ahci = ahci;
	port->number = number;
	port->registers = (volatile char *)ahci->registers + PORT_BASE(number);
	port->waiting_end = &port->waiting;
	port->state = PORT_SPIN_WAIT;
	uint64_t list = port->bus + offsetof(struct ahci_memory, headers);
	uint64_t received = port->bus + offsetof(struct ahci_memory, received);
	port_write(port, PX_CLB, (uint32_t)list);
	port_write(port, PX_CLBU, (uint32_t)(list >> 32));
	port_write(port, PX_FB, (uint32_t)received);
	port_write(port, PX_FBU, (uint32_t)(received >> 32));
	return port;
}

void ahci_port_destroy(struct ahci_port *port)
{
	ahci_port_gone(port, "the driver stops");
	port_write(port, PX_CMD, port_read(port, PX_CMD) & ~PXCMD_FRE);
	env_dma_free(port->memory, sizeof(*port->memory));
	env_free(port, sizeof(*port));
}
