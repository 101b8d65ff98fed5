/* SPDX-License-Identifier: MIT */
/* Files that a command writes when all is over: that they can be written is found out before it begins. */
#ifndef VMTOOLS_WRITABLE_H
#define VMTOOLS_WRITABLE_H

/** Can a file be written there? What is there stays as it is. 0 (also for NULL) or VMCTL_HOST after a sentence. */
int writable_check(const char *path);

#endif
