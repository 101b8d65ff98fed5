/* SPDX-License-Identifier: MIT */
/*
 * From the command line to a machine's configuration: makes the root image, the command's file, the bundle and the ISO in the
 * machine's directory.
 */
#ifndef VMTOOLS_PLAN_H
#define VMTOOLS_PLAN_H

#include <limits.h>

#include "machine.h"
#include "manifest.h"
#include "options.h"
#include "workdir.h"

struct plan {
	const struct options *options;
	const struct workdir *dir;
	struct manifest manifest; /* isolated mode */
	struct machine_config config;
	bool on_terminal;
	char kernel[512], initrd[128], iso[128];
	char disks[MACHINE_MAX_DISKS][1024]; /* the first holds the root, on the controller or in the bundle */
	char cached[1024]; /* the image of the packages */
	char cmdline[1024]; /* the guest kernel's */
	char netdev[1024], mac[NETWORK_MAC];
	char capture[PATH_MAX];
};

/** Do the options fit together? 0 or a vmctl status. */
int plan_check(const struct options *options);
/** The guest's console is the user's terminal, or else carries a command's output as it is. 0 or a vmctl status. */
int plan_make(struct plan *plan, const struct options *options, const struct workdir *dir, bool on_terminal);
/** The text of the manifest that is used without --manifest: guest, and the domain of its disk. */
const char *plan_manifest(enum vmctl_disk disk);
/** Give that manifest's RAM disk this image, and memory for it. 0 or a vmctl status. */
int plan_fit_ramdisk(struct manifest *m, const char *image);
/* Bytes free in a root image that we make. */
#define ROOT_SLACK (64ull << 20)
#define RAMDISK_SLACK (16ull << 20)
/** The main domain's name. */
const char *plan_main(struct plan *plan);

#endif
