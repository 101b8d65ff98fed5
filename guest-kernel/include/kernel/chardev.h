/* SPDX-License-Identifier: MIT */
/*
 * Character devices: drivers register them, fs/ shows them in /dev and opens them. Opening a node makes a file with
 * no operations yet and calls `open`, which sets file->ops and file->private; release belongs to those operations.
 */
#ifndef KERNEL_CHARDEV_H
#define KERNEL_CHARDEV_H

#include <stdint.h>

#include "base/list.h"

struct file;

struct char_device {
	struct list link; /* fs/ */
	char name[16]; /* below /dev: "tty1", "pts/0" */
	uint32_t major, minor;
	uint32_t mode; /* permission bits */
	uint32_t uid, gid;
	int (*open)(struct file *f, const struct char_device *device); /* 0 or negative errno */
	void *private; /* for the driver */
};

/** The structure stays the driver's and must live until chardev_unregister(). 0, -EEXIST. Threads only. */
int chardev_register(struct char_device *device);
/** The name goes away; files that are open stay open. */
void chardev_unregister(struct char_device *device);
/** By number, for device nodes on a disk. NULL: none. */
struct char_device *chardev_find(uint32_t major, uint32_t minor);

#endif
