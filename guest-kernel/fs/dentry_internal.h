/* SPDX-License-Identifier: MIT */
/* What the files of the name cache share: the lock that what they change is under (inode.h: [d], [s]). */
#ifndef FS_DENTRY_INTERNAL_H
#define FS_DENTRY_INTERNAL_H

#include "kernel/lock.h"
#include "kernel/vfs.h"

extern spinlock_t dentry_lock;

/** A name of a file system that lives in the cache: the cache has a reference to it, and its parent lists it. */
static inline bool dentry_listed_locked(const struct dentry *d)
{
	return d->super->pinned && d->hashed && d->inode && d->parent != d;
}

/** Enter it in its parent's listing, behind all others, or take it out; nothing, if it is no name of a file system that lives in the cache. */
void listing_add_locked(struct dentry *d);
void listing_remove_locked(struct dentry *d);

#endif
