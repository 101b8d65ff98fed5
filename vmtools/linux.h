/* SPDX-License-Identifier: MIT */
/*
 * Debian's kernel as a machine's kernel: what `vmctl bench --against linux` compares with. The package is fetched by apt at first use and
 * unpacked beside vmctl, not installed; an initrd is made of the modules that a SATA disk with ext4 needs and vmtools/linux/init.c.
 */
#ifndef VMTOOLS_LINUX_H
#define VMTOOLS_LINUX_H

#include <stdbool.h>
#include <stddef.h>

/* Its clock is the TSC, by the vDSO, as the guest kernel's is: Linux would leave it when the host is late once. Large pages as Debian sets them;
 * Linux does without where there are less than 512 MiB. */
#define LINUX_CMDLINE "quiet mitigations=off panic=-1 tsc=reliable clocksource=tsc transparent_hugepage=always"

/** Fetch and unpack the kernel where that was not done yet. 0 or a vmctl status. */
int linux_fetch(void);
/** The path of the kernel that linux_fetch unpacked. 0 or a vmctl status. */
int linux_kernel(char *path, size_t size);
/** Write an initrd whose init runs `command` by /bin/sh -c on the first disk's ext4 file system; with the driver of an adapter if there is one.
 *  0 or a vmctl status. */
int linux_initrd(const char *output, const char *command, bool has_network);

#endif
