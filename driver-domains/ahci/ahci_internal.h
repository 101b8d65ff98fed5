/* SPDX-License-Identifier: MIT */
/*
 * The AHCI component's own types. Locking: everything in an ahci_port is guarded by ahci->lock; functions named ahci_port_* and
 * ahci_command_* are called with it held, and put finished requests on ahci->finished, which ahci_unlock hands back.
 */
#ifndef BULKHEAD_AHCI_INTERNAL_H
#define BULKHEAD_AHCI_INTERNAL_H

#include <stdbool.h>

#include "ahci.h"
#include "ahci_registers.h"
#include "env/env.h"

#define AHCI_PORTS 32
#define AHCI_ATTEMPTS 3 /* of a request, before its submitter gets -EIO */
#define MS 1000000ull
#define AHCI_COMMAND_TIMEOUT (10000 * MS)

/* A port's life. Those before PORT_RUN have a deadline; a request may wait in any but the last two. */
enum ahci_port_state {
	PORT_SPIN_WAIT, /* staggered spin-up: another port is spinning up (10.10) */
	PORT_STOP, /* ST was cleared; until CR reads 0 */
	PORT_RESET, /* COMRESET is being sent (10.4.2) */
	PORT_LINK, /* until the device answers: SSTS.DET = 3 */
	PORT_READY, /* until the task file is not busy */
	PORT_IDENTIFY, /* IDENTIFY DEVICE runs in slot 0 */
	PORT_LOG, /* READ LOG EXT runs in slot 0: which queued command failed? */
	PORT_RUN,
	PORT_ABSENT, /* no disk was found here */
	PORT_GONE, /* there was a disk */
};

struct ahci_slot {
	struct blk_request *request;
	uint64_t deadline;
	uint32_t sequence; /* order of issue */
};

struct ahci_port {
	struct ahci *ahci;
	unsigned number;
	volatile void *registers;
	enum ahci_port_state state;
	uint64_t deadline; /* of the state */
	struct ahci_memory *memory;
	uint64_t bus; /* of memory */

	struct blkdev disk;
	bool has_disk; /* was identified once */
	bool ncq, flush, fua;
	unsigned shift; /* logical block = 512 << shift bytes */

	struct ahci_slot slots[AHCI_SLOTS];
	uint32_t active; /* slots with a request: issued, or (not PORT_RUN) broken off */
	bool exclusive; /* the active one bears no company: not queued, or being singled out */
	uint32_t sequence;
	uint32_t accepted; /* requests: active + waiting */
	struct blk_request *waiting, **waiting_end;

	/* Recovery. */
	uint32_t seen; /* interrupt status taken since the list was started: the task file's own ERR bit may be an old one */
	bool comreset; /* PORT_STOP goes on to PORT_RESET */
	bool read_log; /* ... or to PORT_LOG */
	uint32_t culprits; /* of active: those that failed; 0: not known */
};

struct ahci {
	struct pcidev *pci;
	volatile void *registers;
	struct env_lock lock;
	struct env_cond attention;
	bool attended; /* attention was raised since the last poll */
	bool moderate, quiet; /* the caller uses ahci_before_wait; the interrupt is off */
	/* The pace of a busy adapter: what it finished since a moment, and the time that it took for each before. */
	uint32_t paced, taken; /* taken: requests since the last wait */
	uint64_t paced_since, pace_ns;
	uint32_t cap;
	uint32_t port_mask;
	struct ahci_port *ports[AHCI_PORTS];
	struct blk_request *finished, **finished_end;
};

/* What the driver keeps in a request: blk_request.driver. */
enum { REQUEST_ATTEMPTS, REQUEST_ALONE, REQUEST_STATUS };

static inline uint32_t port_read(struct ahci_port *port, uint32_t offset)
{
	return ahci_read(port->registers, offset);
}

static inline void port_write(struct ahci_port *port, uint32_t offset, uint32_t value)
{
	ahci_write(port->registers, offset, value);
}

/* ahci.c */
/** A request is over; its done() is called when the lock has been given up. */
void ahci_finish(struct ahci *ahci, struct blk_request *request, int status);
/** The adapter need not interrupt until ahci_before_wait. */
void ahci_quiet(struct ahci *ahci);
/** The poller is wanted sooner than it knows. */
void ahci_attention(struct ahci *ahci);

/* ahci_port.c */
struct ahci_port *ahci_port_create(struct ahci *ahci, unsigned number);
void ahci_port_destroy(struct ahci_port *port);
void ahci_port_interrupt(struct ahci_port *port);
/** Do what is due; returns when to come back. */
uint64_t ahci_port_poll(struct ahci_port *port, uint64_t now);
bool ahci_port_settled(const struct ahci_port *port);

/* ahci_error.c */
/** Something went wrong with the active commands: stop the port and go through PORT_STOP. */
void ahci_port_fail(struct ahci_port *port, bool comreset, uint32_t culprits);
/** The port runs again: the broken-off requests are issued once more, or end with -EIO. */
void ahci_port_requeue(struct ahci_port *port);
/** The disk is lost: everything ends with -EIO. */
void ahci_port_gone(struct ahci_port *port, const char *why);
/** Read from the log page in memory->scratch which command failed. */
void ahci_port_log_judge(struct ahci_port *port);

/* ahci_command.c */
extern const struct blkdev_ops ahci_disk_ops;
/** Issue as many of the waiting requests as may run now. */
void ahci_command_issue(struct ahci_port *port);
/** Finish the active requests that the device is done with. */
void ahci_command_collect(struct ahci_port *port);
/** Run a data-in command of our own (512 bytes to memory->scratch) in slot 0 of an idle port. */
void ahci_command_internal(struct ahci_port *port, uint8_t command, uint8_t lba_low);

/* ahci_identify.c */
/** Fill port->disk from IDENTIFY data. -ENODEV: not a disk that this driver drives; -ESTALE: not the disk that was here. */
int ahci_identify(struct ahci_port *port, const uint16_t *words);

#endif
