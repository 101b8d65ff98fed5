/* SPDX-License-Identifier: MIT */
/*
 * Calls that make and remove names; rename.c moves them. Each walks to the parent, takes its mutex, looks the last name up under it and asks
 * the file system; the name cache follows. What loses or gets a name is locked as well, below its directory: its links change, and nobody may
 * make names in a directory that is just found empty.
 */
#include "base/string.h"
#include "kernel/capability.h"
#include "kernel/notify.h"
#include "kernel/syscall.h"
#include "kernel/user.h"
#include "kernel/vfs.h"

int dir_may_delete(struct inode *dir, struct inode *victim, bool directory)
{
	int error = inode_permission(dir, MAY_WRITE | MAY_EXEC);
	if (error) {
		return error;
	}
	if ((dir->mode & S_ISVTX) && !inode_owned(victim) && !inode_owned(dir)) {
		return -EPERM;
	}
	if (directory != S_IS(victim->mode, S_IFDIR)) {
		return directory ? -ENOTDIR : -EISDIR;
	}
	return 0;
}

/* Walk to the parent of the user's path; its mutex is held on success. */
static int parent_lock(int dirfd, uint64_t user, struct walk *w)
{
	char *path;
	int error = path_from_user(user, false, &path);
	if (error) {
		return error;
	}
	error = path_walk(dirfd, path, WALK_PARENT, w);
	kfree(path);
	if (error) {
		return error;
	}
	if (w->file) {
		walk_put(w);
		return -ENOTDIR;
	}
	mutex_lock(&w->at->inode->mutex);
	return 0;
}

static void parent_unlock(struct walk *w)
{
	mutex_unlock(&w->at->inode->mutex);
	walk_put(w);
}

/* The last name, which must be absent, in a directory that may be written. */
static int absent_last(struct walk *w, bool directory, struct dentry **d)
{
	struct inode *dir = w->at->inode;
	if (w->last != LAST_NAME) {
		return -EEXIST;
	}
	int error = path_last_locked(w, d);
	if (error) {
		return error;
	}
	error = (*d)->inode ? -EEXIST : w->slash && !directory ? -ENOENT : dir->links == 0 ? -ENOENT : 0;
	error = error ? error : inode_permission(dir, MAY_WRITE | MAY_EXEC);
	if (error) {
		dentry_put(*d);
	}
	return error;
}

static long node_make(int dirfd, uint64_t path, uint32_t mode, uint32_t major, uint32_t minor)
{
	struct walk w;
	struct dentry *d;
	struct inode *inode;
	bool directory = S_IS(mode, S_IFDIR);
	int error = parent_lock(dirfd, path, &w);
	if (error) {
		return error;
	}
	error = absent_last(&w, directory, &d);
	if (!error) {
		struct inode *dir = w.at->inode;
		mode = inode_mode_new(dir, mode);
		error = dir->ops->create ? dir->ops->create(dir, w.name, w.length, mode, major, minor, &inode) : -EPERM;
		if (!error) {
			dentry_set_inode(d, inode);
			notify_name(dir, w.name, w.length, NOTIFY_CREATE, inode);
		}
		dentry_put(d);
	}
	parent_unlock(&w);
	return error;
}

long sys_mkdir(const uint64_t a[6])
{
	return node_make(AT_FDCWD, a[0], S_IFDIR | (a[1] & 01777), 0, 0);
}

long sys_mkdirat(const uint64_t a[6])
{
	return node_make((int)a[0], a[1], S_IFDIR | (a[2] & 01777), 0, 0);
}

static long node_make_user(int dirfd, uint64_t path, uint32_t mode, uint64_t device)
{
	uint32_t type = mode & S_IFMT;
	bool is_device = type == S_IFCHR || type == S_IFBLK;
	mode = (type ? type : S_IFREG) | (mode & 07777);
	if (type != 0 && type != S_IFREG && type != S_IFIFO && type != S_IFSOCK && !is_device) {
		return type == S_IFDIR ? -EPERM : -EINVAL;
	}
	if (is_device && !capable(CAP_MKNOD)) {
		return -EPERM;
	}
	uint32_t major = (uint32_t)(device >> 8 & 0xfff), minor = (uint32_t)((device & 0xff) | (device >> 12 & 0xfff00));
	return node_make(dirfd, path, mode, is_device ? major : 0, is_device ? minor : 0);
}

long sys_mknod(const uint64_t a[6])
{
	return node_make_user(AT_FDCWD, a[0], (uint32_t)a[1], a[2]);
}

long sys_mknodat(const uint64_t a[6])
{
	return node_make_user((int)a[0], a[1], (uint32_t)a[2], a[3]);
}

static long link_symbolic(uint64_t target_user, int dirfd, uint64_t path)
{
	struct walk w;
	struct dentry *d;
	struct inode *inode;
	char *target;
	int error = path_from_user(target_user, false, &target);
	if (error) {
		return error;
	}
	error = parent_lock(dirfd, path, &w);
	if (!error) {
		error = absent_last(&w, false, &d);
		if (!error) {
			struct inode *dir = w.at->inode;
			error = dir->ops->symlink ? dir->ops->symlink(dir, w.name, w.length, target, &inode) : -EPERM;
			if (!error) {
				dentry_set_inode(d, inode);
				notify_name(dir, w.name, w.length, NOTIFY_CREATE, inode);
			}
			dentry_put(d);
		}
		parent_unlock(&w);
	}
	kfree(target);
	return error;
}

long sys_symlink(const uint64_t a[6])
{
	return link_symbolic(a[0], AT_FDCWD, a[1]);
}

long sys_symlinkat(const uint64_t a[6])
{
	return link_symbolic(a[0], (int)a[1], a[2]);
}

static long link_hard(int from_fd, uint64_t from, int to_fd, uint64_t to, unsigned flags)
{
	struct walk w;
	struct dentry *old, *d;
	struct file *f;
	if (flags & ~(unsigned)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) {
		return -EINVAL;
	}
	int error = path_find_user(from_fd, from, flags & AT_EMPTY_PATH, flags & AT_SYMLINK_FOLLOW, &old, &f);
	if (error) {
		return error;
	}
	if (f) {
		file_put(f);
		return -EXDEV;
	}
	error = parent_lock(to_fd, to, &w);
	if (!error) {
		struct inode *dir = w.at->inode;
		error = absent_last(&w, false, &d);
		if (!error) {
			error = old->super != w.at->super ? -EXDEV : !dir->ops->link || S_IS(old->inode->mode, S_IFDIR) ? -EPERM : 0;
			if (!error) {
				mutex_lock(&old->inode->mutex);
				error = dir->ops->link(dir, w.name, w.length, old->inode);
				mutex_unlock(&old->inode->mutex);
			}
			if (!error) {
				inode_get(old->inode);
				dentry_set_inode(d, old->inode);
				notify_inode(old->inode, NOTIFY_ATTRIBUTES);
				notify_name(dir, w.name, w.length, NOTIFY_CREATE, old->inode);
			}
			dentry_put(d);
		}
		parent_unlock(&w);
	}
	dentry_put(old);
	return error;
}

long sys_link(const uint64_t a[6])
{
	return link_hard(AT_FDCWD, a[0], AT_FDCWD, a[1], 0);
}

long sys_linkat(const uint64_t a[6])
{
	return link_hard((int)a[0], a[1], (int)a[2], a[3], (unsigned)a[4]);
}

/* File systems in the name cache leave it to the cache to say whether a directory is empty. */
bool dentry_has_children(struct dentry *d)
{
	char name[NAME_MAX + 1];
	unsigned length;
	uint64_t number;
	uint32_t mode;
	uint64_t cookie = 0;
	return d->super->pinned && dentry_child(d, &cookie, name, &length, &number, &mode);
}

static int name_remove_locked(struct walk *w, struct dentry *d, bool directory)
{
	struct inode *dir = w->at->inode, *victim = d->inode;
	int (*act)(struct inode *, const char *, unsigned, struct inode *) = directory ? dir->ops->rmdir : dir->ops->unlink;
	int error = !w->slash || directory ? 0 : S_IS(victim->mode, S_IFDIR) ? -EISDIR : -ENOTDIR;
	error = error ? error : dir_may_delete(dir, victim, directory);
	if (!error && (d->mounted || (directory && d == fs_context_current()->root))) {
		error = -EBUSY;
	}
	if (!error && directory && dentry_has_children(d)) {
		error = -ENOTEMPTY;
	}
	return error ? error : act ? act(dir, w->name, w->length, victim) : -EPERM;
}

/* The file has a name less; it is gone already, if nobody but the caller uses that name, and at the last use else (dentry.c). */
static void removal_notify(struct walk *w, struct dentry *d, bool directory)
{
	struct inode *victim = d->inode;
	if (!directory) {
		notify_inode(victim, NOTIFY_ATTRIBUTES);
	}
	if (!victim->links && __atomic_load_n(&d->references, __ATOMIC_RELAXED) == 1) {
		notify_gone(victim);
	}
	notify_name(w->at->inode, w->name, w->length, NOTIFY_DELETE, victim);
}

static int name_remove(struct walk *w, struct dentry *d, bool directory)
{
	struct inode *victim = d->inode;
	if (!victim) {
		return -ENOENT;
	}
	mutex_lock(&victim->mutex);
	int error = name_remove_locked(w, d, directory);
	if (!error) {
		dentry_remove(d); /* from now on the directory keeps no names, absent ones neither */
	}
	mutex_unlock(&victim->mutex);
	if (!error && notify_is_used()) {
		removal_notify(w, d, directory);
	}
	return error;
}

static long remove_path(int dirfd, uint64_t path, bool directory)
{
	struct walk w;
	struct dentry *d = NULL;
	int error = parent_lock(dirfd, path, &w);
	if (error) {
		return error;
	}
	if (w.last != LAST_NAME) {
		error = !directory ? -EISDIR : w.last == LAST_DOT ? -EINVAL : w.last == LAST_DOTDOT ? -ENOTEMPTY : -EBUSY;
		parent_unlock(&w);
		return error;
	}
	error = path_last_locked(&w, &d);
	error = error ? error : name_remove(&w, d, directory);
	mutex_unlock(&w.at->inode->mutex);
	if (d) {
		dentry_put(d); /* may free the file's blocks: not under the directory's mutex */
	}
	walk_put(&w);
	return error;
}

long sys_unlink(const uint64_t a[6])
{
	return remove_path(AT_FDCWD, a[0], false);
}

long sys_rmdir(const uint64_t a[6])
{
	return remove_path(AT_FDCWD, a[0], true);
}

long sys_unlinkat(const uint64_t a[6])
{
	return a[2] & ~(uint64_t)AT_REMOVEDIR ? -EINVAL : remove_path((int)a[0], a[1], a[2] & AT_REMOVEDIR);
}

static long link_read(int dirfd, uint64_t path, uint64_t user, uint64_t size)
{
	struct dentry *d;
	struct file *f;
	int error = path_find_user(dirfd, path, dirfd == AT_FDCWD ? 0 : AT_EMPTY_PATH, false, &d, &f);
	if (error) {
		return error;
	}
	if (f) { /* an empty path: the link that was opened with O_PATH itself */
		d = f->dentry;
		if (!d || !S_IS(d->inode->mode, S_IFLNK)) {
			file_put(f);
			return -ENOENT;
		}
		dentry_get(d);
		file_put(f);
	}
	char *target = kmalloc(PATH_MAX);
	long n = (int64_t)size <= 0 ? -EINVAL : !target ? -ENOMEM : !S_IS(d->inode->mode, S_IFLNK) ? -EINVAL
		: d->inode->ops->readlink(d->inode, target, size < PATH_MAX ? size : PATH_MAX);
	if (n > 0 && user_write(user, target, (size_t)n)) {
		n = -EFAULT;
	}
	kfree(target);
	dentry_put(d);
	return n;
}

long sys_readlink(const uint64_t a[6])
{
	return link_read(AT_FDCWD, a[0], a[1], a[2]);
}

long sys_readlinkat(const uint64_t a[6])
{
	return link_read((int)a[0], a[1], a[2], a[3]);
}
