/* SPDX-License-Identifier: MIT */
/*
 * Renames. One mutex for all of them, then both directories' (parent first, else by address), then those of what is moved and replaced or
 * exchanged, so that no two renames can make a loop or a deadlock. The file system is asked first, the name cache follows.
 */
#include "base/string.h"
#include "kernel/notify.h"
#include "kernel/syscall.h"
#include "kernel/vfs.h"

struct mutex rename_mutex; /* set up in fs_mount_root() */

static void inodes_lock(struct inode *first, struct inode *second)
{
	mutex_lock(&first->mutex);
	if (second && second != first) {
		mutex_lock(&second->mutex);
	}
}

static void inodes_unlock(struct inode *a, struct inode *b)
{
	mutex_unlock(&a->mutex);
	if (b && b != a) {
		mutex_unlock(&b->mutex);
	}
}

static void directories_lock(struct dentry *a, struct dentry *b)
{
	bool b_first = a != b && (dentry_is_below(a, b) || (!dentry_is_below(b, a) && a->inode > b->inode));
	inodes_lock(b_first ? b->inode : a->inode, b_first ? a->inode : b->inode);
}

/* Neither is below the other: of the same directory or rename_check() says so. The second may be absent. */
static void moved_lock(struct inode *moved, struct inode *target)
{
	bool target_first = target && target < moved;
	inodes_lock(target_first ? target : moved, target_first ? moved : target);
}

#define RENAME_NOREPLACE 1u
#define RENAME_EXCHANGE 2u

static int rename_check(struct walk *from, struct walk *to, struct dentry *d, struct dentry *target, unsigned flags)
{
	if (!d->inode || to->at->inode->links == 0) {
		return -ENOENT;
	}
	bool directory = S_IS(d->inode->mode, S_IFDIR), exchange = flags & RENAME_EXCHANGE;
	if (target->inode ? flags & RENAME_NOREPLACE : exchange) {
		return exchange ? -ENOENT : -EEXIST;
	}
	bool becomes_directory = exchange ? S_IS(target->inode->mode, S_IFDIR) : directory;
	if ((from->slash && !directory) || (to->slash && !becomes_directory)) {
		return -ENOTDIR;
	}
	if (dentry_is_below(to->at, d)) {
		return -EINVAL;
	}
	return target->inode && dentry_is_below(from->at, target) ? (exchange ? -EINVAL : -ENOTEMPTY) : 0;
}

static int exchange_check_locked(struct walk *from, struct walk *to, struct dentry *d, struct dentry *target)
{
	bool directory = S_IS(d->inode->mode, S_IFDIR), other = S_IS(target->inode->mode, S_IFDIR), across = from->at != to->at;
	int error = dir_may_delete(from->at->inode, d->inode, directory);
	error = error ? error : dir_may_delete(to->at->inode, target->inode, other);
	error = error || !across || !directory ? error : inode_permission(d->inode, MAY_WRITE); /* its ".." changes */
	error = error || !across || !other ? error : inode_permission(target->inode, MAY_WRITE);
	return error ? error : d->mounted || target->mounted ? -EBUSY : 0;
}

static int rename_check_locked(struct walk *from, struct walk *to, struct dentry *d, struct dentry *target)
{
	bool directory = S_IS(d->inode->mode, S_IFDIR);
	int error = dir_may_delete(from->at->inode, d->inode, directory);
	if (!error) {
		error = target->inode ? dir_may_delete(to->at->inode, target->inode, directory)
				      : inode_permission(to->at->inode, MAY_WRITE | MAY_EXEC);
	}
	if (!error && directory && from->at != to->at) {
		error = inode_permission(d->inode, MAY_WRITE); /* its ".." changes */
	}
	error = error ? error : d->mounted || target->mounted ? -EBUSY : 0;
	return error ? error : target->inode && directory && dentry_has_children(target) ? -ENOTEMPTY : 0;
}

/* replaced: NULL, or what has lost its name. */
static void rename_notify(struct walk *from, struct walk *to, struct inode *moved, struct inode *replaced)
{
	uint32_t cookie = notify_cookie();
	notify_name_watched(from->at->inode, from->name, from->length, NOTIFY_MOVED_FROM, moved, cookie);
	notify_name_watched(to->at->inode, to->name, to->length, NOTIFY_MOVED_TO, moved, cookie);
	if (replaced) {
		notify_inode_watched(replaced, NOTIFY_ATTRIBUTES);
	}
	notify_inode_watched(moved, NOTIFY_MOVE_SELF);
}

static int exchange_locked(struct walk *from, struct walk *to, struct dentry *d, struct dentry *other)
{
	const struct inode_ops *ops = from->at->inode->ops;
	int error = exchange_check_locked(from, to, d, other);
	error = error ? error : ops->exchange ? ops->exchange(from->at->inode, from->name, from->length, to->at->inode, to->name, to->length, d->inode,
							      other->inode) : -EINVAL;
	error = error ? error : dentry_exchange(d, other);
	if (!error && notify_is_used()) {
		rename_notify(from, to, d->inode, NULL);
		rename_notify(to, from, other->inode, NULL);
	}
	return error;
}

static int replace_locked(struct walk *from, struct walk *to, struct dentry *d, struct dentry *target)
{
	struct inode *dir = from->at->inode, *moved = d->inode, *replaced = target->inode;
	int error = rename_check_locked(from, to, d, target);
	error = error ? error : dir->ops->rename ? dir->ops->rename(dir, from->name, from->length, to->at->inode, to->name, to->length, moved, replaced)
						 : -EPERM;
	error = error ? error : dentry_move(d, to->at, to->name, to->length, target);
	if (!error && notify_is_used()) {
		rename_notify(from, to, moved, replaced);
	}
	return error;
}

static int rename_locked(struct walk *from, struct walk *to, unsigned flags, struct dentry **d, struct dentry **target)
{
	int error = path_last_locked(from, d);
	error = error ? error : path_last_locked(to, target);
	error = error ? error : rename_check(from, to, *d, *target, flags);
	if (error || (*d)->inode == (*target)->inode) { /* two names of one file: both stay (POSIX, rename) */
		return error;
	}
	struct inode *moved = (*d)->inode, *replaced = (*target)->inode;
	moved_lock(moved, replaced);
	error = flags & RENAME_EXCHANGE ? exchange_locked(from, to, *d, *target) : replace_locked(from, to, *d, *target);
	inodes_unlock(moved, replaced);
	return error;
}

static int rename_walked(struct walk *from, struct walk *to, unsigned flags)
{
	struct dentry *d = NULL, *target = NULL;
	if (from->file || to->file) {
		return -ENOTDIR;
	}
	if (from->at->super != to->at->super) {
		return -EXDEV;
	}
	if (from->last != LAST_NAME || to->last != LAST_NAME) {
		return from->last == LAST_NAME && (flags & RENAME_NOREPLACE) ? -EEXIST : -EBUSY;
	}
	mutex_lock(&rename_mutex);
	directories_lock(from->at, to->at);
	int error = rename_locked(from, to, flags, &d, &target);
	inodes_unlock(from->at->inode, to->at->inode);
	mutex_unlock(&rename_mutex);
	if (d) {
		dentry_put(d);
	}
	if (target) {
		dentry_put(target);
	}
	return error;
}

static long rename_path(int from_fd, uint64_t from_user, int to_fd, uint64_t to_user, unsigned flags)
{
	struct walk from, to;
	char *from_path, *to_path = NULL;
	if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) || flags == (RENAME_NOREPLACE | RENAME_EXCHANGE)) {
		return -EINVAL;
	}
	int error = path_from_user(from_user, false, &from_path);
	if (error) {
		return error;
	}
	error = path_walk(from_fd, from_path, WALK_PARENT, &from);
	if (!error) {
		error = path_from_user(to_user, false, &to_path);
		error = error ? error : path_walk(to_fd, to_path, WALK_PARENT, &to);
		if (!error) {
			error = rename_walked(&from, &to, flags);
			walk_put(&to);
		}
		walk_put(&from);
	}
	kfree(from_path);
	kfree(to_path);
	return error;
}

long sys_rename(const uint64_t a[6])
{
	return rename_path(AT_FDCWD, a[0], AT_FDCWD, a[1], 0);
}

long sys_renameat(const uint64_t a[6])
{
	return rename_path((int)a[0], a[1], (int)a[2], a[3], 0);
}

long sys_renameat2(const uint64_t a[6])
{
	return rename_path((int)a[0], a[1], (int)a[2], a[3], (unsigned)a[4]);
}
