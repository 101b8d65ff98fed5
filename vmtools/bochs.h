/* SPDX-License-Identifier: MIT */
/*
 * Bochs as the machine (machine_bochs in machine.h): the emulator with VT-x, without an IOMMU and without AHCI. It boots by GRUB from
 * an ISO under its BIOS. docs/bochs.md says what else it does differently.
 */
#ifndef VMTOOLS_BOCHS_H
#define VMTOOLS_BOCHS_H

#include <stdint.h>

#include "machine.h"
#include "options.h"

#define BOCHS_BIOS "/usr/share/bochs/BIOS-bochs-latest"
#define BOCHS_VGA_BIOS "/usr/share/bochs/VGABIOS-lgpl-latest"

#define BOCHS_SLIRP "slirp.conf" /* in the machine's directory: machine_config.netdev */

/* TCP ports on the loopback interface where vmctl waits for the serial lines. */
struct bochs_lines {
	uint16_t com1, com2;
};

/** Do the options of `run` make sense on Bochs? 0, or VMCTL_USAGE after a sentence. */
int bochs_check(const struct options *options);
/** The text of Bochs's configuration file, malloc'ed; NULL without memory. */
char *bochs_config(const struct machine_config *config, const struct workdir *dir, struct bochs_lines lines);

#endif
