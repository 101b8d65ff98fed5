/* SPDX-License-Identifier: MIT */
/* What the files of the name cache share: the lock that what they change is under (inode.h: [d], [s]). */
#ifndef FS_DENTRY_INTERNAL_H
#define FS_DENTRY_INTERNAL_H

#include "kernel/lock.h"

extern spinlock_t dentry_lock;

#endif
