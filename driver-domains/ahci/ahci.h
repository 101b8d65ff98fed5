/* SPDX-License-Identifier: MIT */
/*
 * An AHCI host bus adapter and its disks. A component: no static state, everything from outside through env.h and pcidev.h.
 * Interrupts drive it; ahci_poll moves what waits on time: bring-up, recovery, timeouts.
 * Spec: Serial ATA AHCI 1.3.1; ATA commands: ACS-3 (T13/2161-D).
 */
#ifndef BULKHEAD_AHCI_H
#define BULKHEAD_AHCI_H

#include <stdbool.h>
#include <stdint.h>

#include "component/blkdev.h"
#include "component/pcidev.h"

struct ahci;

#define AHCI_BUSY 4 /* requests */
#define AHCI_BATCH 12
#define AHCI_LOOK_MIN_NS 20000ull /* between two looks at a busy adapter */
#define AHCI_LOOK_MAX_NS 2000000ull

/** Take the adapter over, reset it and start its ports. NULL, with the reason logged, if that is not possible. May wait. */
struct ahci *ahci_create(struct pcidev *pci);
/** Stop the ports; every request still in the driver ends with -EIO. */
void ahci_destroy(struct ahci *ahci);

/** Do what is due. Returns the time (env_time_ns) by which to call again, at most a second away. */
uint64_t ahci_poll(struct ahci *ahci);
/** Sleep until ahci_poll is due, or an error wants attention earlier: for a thread that does nothing but this. */
void ahci_wait(struct ahci *ahci, uint64_t until);

/** For a caller that is awake only between waits: before each wait, take what the adapter has finished meanwhile (true: there
 *  was something, look again). From the first call on the adapter's interrupt is off while commands are issued or
 *  collected, and on again when this returns false: one interrupt a wait, none in between. With AHCI_BUSY requests
 *  accepted it stays off, and *until comes forward: by then this wants to be called again. */
bool ahci_before_wait(struct ahci *ahci, uint64_t *until);

/** The index-th disk in the order of ports. 0; -EAGAIN: not known yet, poll on; -ENODEV: there are fewer. */
int ahci_disk(struct ahci *ahci, unsigned index, struct blkdev **disk);

#endif
