/* SPDX-License-Identifier: MIT */
/*
 * How vmctl speaks and ends: one clear sentence on stderr and a status of its own for each kind of
 * failure, so that a script can tell them apart from the guest's own statuses (docs/vmctl.md).
 */
#ifndef VMTOOLS_SAY_H
#define VMTOOLS_SAY_H

#include <stdbool.h>

enum vmctl_status {
	VMCTL_OK = 0,
	VMCTL_DIED = 118, /* the machine ended without a status: reset, triple fault, QEMU gone */
	VMCTL_USAGE = 119, /* the command line is wrong */
	VMCTL_MANIFEST = 120, /* the manifest or an image that it names is wrong */
	VMCTL_HOST = 121, /* the host lacks something or an operation of the host failed */
	VMCTL_IMAGE = 122, /* the root image could not be made or opened */
	VMCTL_REFUSED = 123, /* the machine said why it does not start */
	VMCTL_TIMEOUT = 124,
	VMCTL_PANIC = 125, /* the hypervisor or the guest kernel gave up and said so */
};

/** Print "vmctl: TEXT" on stderr and return `status`. */
int fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Print "vmctl: TEXT" on stderr where --verbose asked for it. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say_verbose(bool on);
bool say_is_verbose(void);

#endif
