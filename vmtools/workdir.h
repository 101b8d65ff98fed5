/* SPDX-License-Identifier: MIT */
/*
 * A machine's private directory, /tmp/bulkhead-UID/NAME: sockets, images, libvirt's state. A watcher process holds the
 * other end of a pipe; when vmctl ends, in whatever way, it kills the machine's QEMU and removes the
 * directory. That is the one path of cleaning up, so a killed vmctl leaves nothing behind either.
 */
#ifndef VMTOOLS_WORKDIR_H
#define VMTOOLS_WORKDIR_H

#include <sys/types.h>

struct workdir {
	char path[64];
	int lock; /* open and flock'ed while the machine lives */
	int alive; /* the watcher sees EOF on its end when this closes */
	pid_t watcher;
};

/** Where all machines of this user have their directories. */
const char *workdir_base(void);
/** Make the directory of a machine; NULL: a name made of our process ID. 0 or a vmctl status. */
int workdir_open(struct workdir *dir, const char *name);
/** A file elsewhere that is to be removed if it is still there, under this name, when the directory is: whatever ends vmctl meanwhile. One at most. */
void workdir_half_made(const struct workdir *dir, const char *path);

/** Kill what is left of the machine, remove the directory, and wait until that is done. */
void workdir_close(struct workdir *dir);
/** "DIR/NAME" in one of a few static buffers. */
const char *workdir_file(const struct workdir *dir, const char *name);

#endif
