/* SPDX-License-Identifier: MIT */
/*
 * What happens to files, for those who watch them (inotify(7), fs/inotify.c). As long as nobody watches anything, each place that tells
 * of something costs a look at one number.
 */
#ifndef KERNEL_NOTIFY_H
#define KERNEL_NOTIFY_H

#include <stdint.h>

struct dentry;
struct file;
struct inode;
struct super;

enum {
	NOTIFY_ACCESS = 1, NOTIFY_MODIFY = 2, NOTIFY_ATTRIBUTES = 4, NOTIFY_CLOSE_WRITE = 8, NOTIFY_CLOSE = 0x10, NOTIFY_OPEN = 0x20,
	NOTIFY_MOVED_FROM = 0x40, NOTIFY_MOVED_TO = 0x80, NOTIFY_CREATE = 0x100, NOTIFY_DELETE = 0x200, NOTIFY_DELETE_SELF = 0x400,
	NOTIFY_MOVE_SELF = 0x800
};

extern uint32_t notify_watches; /* atomic: watches that there are */

void notify_dentry_watched(struct dentry *dentry, uint32_t event);
void notify_name_watched(struct inode *dir, const char *name, unsigned length, uint32_t event, struct inode *what, uint32_t cookie);
void notify_inode_watched(struct inode *inode, uint32_t event);
void notify_gone_watched(struct inode *inode);
uint32_t notify_cookie(void); /* joins the two events of a rename */
void notify_unmounted(struct super *super);

static inline _Bool notify_is_used(void)
{
	return __builtin_expect(__atomic_load_n(&notify_watches, __ATOMIC_RELAXED) != 0, 0);
}

/** Of a file by one of its names: also told to who watches the directory. */
static inline void notify_dentry(struct dentry *dentry, uint32_t event)
{
	if (notify_is_used()) {
		notify_dentry_watched(dentry, event);
	}
}

/** Of a name in a directory: who watches that hears it. */
static inline void notify_name(struct inode *dir, const char *name, unsigned length, uint32_t event, struct inode *what)
{
	if (notify_is_used()) {
		notify_name_watched(dir, name, length, event, what, 0);
	}
}

/** Of a file, whatever its names. */
static inline void notify_inode(struct inode *inode, uint32_t event)
{
	if (notify_is_used()) {
		notify_inode_watched(inode, event);
	}
}

/** The last name of the file has gone, with all who used that. */
static inline void notify_gone(struct inode *inode)
{
	if (notify_is_used()) {
		notify_gone_watched(inode);
	}
}

#endif
