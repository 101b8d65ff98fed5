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
	/* NULL: it is never unregistered. Called with the list locked: keep the structure until `open`, which follows, is over. */
	void (*hold)(const struct char_device *device);
	int (*open)(struct file *f, const struct char_device *device); /* 0 or negative errno */
	void *private; /* for the driver */
};

/** The structure stays the driver's and must live until chardev_unregister(). 0, -EEXIST. Threads only. */
int chardev_register(struct char_device *device);
/** The name goes away; files that are open stay open. */
void chardev_unregister(struct char_device *device);

#endif
