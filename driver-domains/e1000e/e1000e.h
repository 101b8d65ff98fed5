/* SPDX-License-Identifier: MIT */
/*
 * An Intel 82574L Ethernet controller (8086:10d3), or its ancestor 82540EM (8086:100e), which shares the registers that matter but has no
 * messages for interrupts and no sound segmentation. A component: no static state, everything from outside through env.h and pcidev.h.
 * Interrupts drive it; e1000e_poll moves what waits on time: the link, a transmitter that hangs, an adapter without an interrupt.
 * Spec: Intel 82574 GbE Controller Family Datasheet, 3.4; PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's
 * Manual, 4.0, for the 82540EM.
 */
#ifndef BULKHEAD_E1000E_H
#define BULKHEAD_E1000E_H

#include <stdbool.h>
#include <stdint.h>

#include "component/netdev.h"
#include "component/pcidev.h"

struct e1000e;

#define E1000E_CLASS 0x020000u
#define E1000E_BATCH 128u /* frames, both ways together, that a look at an adapter whose user is busy should find ... */
#define E1000E_REST_MAX_NS 4000000ull /* ... if they come by then */
#define E1000E_WINDOW_NS 8000000ull /* over which their rate is measured */

/** Is this function one that the component drives? */
bool e1000e_drives(const struct pcidev *pci);
/** Take the adapter over, reset and start it. NULL, with the reason logged, if that is not possible. May wait. */
struct e1000e *e1000e_create(struct pcidev *pci);
/** Stop it; every frame and buffer still in the driver comes back by its done(). */
void e1000e_destroy(struct e1000e *nic);
struct netdev *e1000e_netdev(struct e1000e *nic);

/** Do what is due. Returns the time (env_time_ns) by which to call again, at most a second away. */
uint64_t e1000e_poll(struct e1000e *nic);
/** Sleep until e1000e_poll is due, or something wants attention earlier: for a thread that does nothing but this. */
void e1000e_wait(struct e1000e *nic, uint64_t until);

/** For a caller that is awake only between waits: before each wait, take what the adapter has done meanwhile (true: there was
 *  something, look again). From the first call on the adapter's interrupt is off from when it comes until this returns false with nothing
 *  to do; while the user is busy it stays off, and *until comes forward: by then this wants to be called again. */
bool e1000e_before_wait(struct e1000e *nic, uint64_t *until);

/** It does not answer any more: nothing will be sent or received. */
bool e1000e_gone(struct e1000e *nic);

#endif
