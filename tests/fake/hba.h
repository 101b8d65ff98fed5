/* SPDX-License-Identifier: MIT */
/*
 * A host bus adapter with up to four disks, as AHCI 1.3.1 describes it to software, with faults on demand. It runs commands only in
 * hba_run(), in a random order where they are queued, and checks what a real disk would not forgive: mixing queued and
 * other commands, a command list changed under it.
 */
#ifndef TESTS_FAKE_HBA_H
#define TESTS_FAKE_HBA_H

#include <stdbool.h>
#include <stdint.h>

#include "component/pcidev.h"

#define HBA_PORTS 4
#define HBA_SECTORS 4096

struct fake_disk {
	bool present, atapi, ncq, fua, powered;
	char serial[21];
	uint8_t *data; /* HBA_SECTORS * 512 */
	/* Faults. */
	uint64_t bad_sector; /* commands that touch it fail ... */
	unsigned bad_count; /* ... this many times */
	unsigned hang_count; /* so many commands are never finished */
	bool log_broken; /* READ LOG EXT aborts */
	bool link_dead; /* no answer to COMRESET */
	/* Registers. */
	uint64_t clb, fb;
	uint32_t is, ie, cmd, tfd, sig, ssts, sctl, serr, sact, ci;
	uint32_t hung;
	bool halted; /* an error stopped it */
	uint8_t failed_tag;
	unsigned resets, commands, flushes, fua_writes, errors, logs;
};

struct fake_hba {
	struct pcidev pci;
	struct fake_disk disks[HBA_PORTS];
	uint32_t ghc, is;
	bool no_stagger, lose_interrupts, wedged; /* wedged: the reset never ends */
	void (*handler)(void *arg);
	void *arg;
	unsigned violations; /* of the protocol, by the driver */
	unsigned most_active;
};

void hba_init(struct fake_hba *hba);
void hba_destroy(struct fake_hba *hba);
/** Run up to `commands` commands, and deliver the interrupt if one is due. */
void hba_run(struct fake_hba *hba, unsigned commands);
/** Pull the disk out: the link goes down, with its interrupt. */
void hba_unplug(struct fake_hba *hba, unsigned port);

#endif
