/* SPDX-License-Identifier: MIT */
/* Opening: find or make the name, check permission, give the file the operations of its kind. */
#include "base/string.h"
#include "kernel/address_space.h"
#include "kernel/capability.h"
#include "kernel/notify.h"
#include "kernel/syscall.h"
#include "kernel/vfs.h"

static unsigned access_needed(unsigned flags)
{
	static const unsigned of_mode[] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE };
	return of_mode[flags & O_ACCMODE] | ((flags & O_TRUNC) ? MAY_WRITE : 0);
}

int inode_truncate(struct inode *inode, uint64_t size)
{
	if (!S_IS(inode->mode, S_IFREG) || !inode->ops->truncate) {
		return S_IS(inode->mode, S_IFDIR) ? -EISDIR : -EINVAL;
	}
	bool in_use;
	mutex_lock(&inode->mutex);
	in_use = false;
	int error = inode_sealed_size(inode, size);
	error = error ? error : page_cache_truncate(inode, size, &in_use);
	error = error ? error : page_cache_blocks_cut(inode, size);
	if (!error) {
		page_cache_cut(inode, size, &in_use);
		if (!capable(CAP_FSETID)) {
			inode_drop_set_id(inode);
		}
		inode_modified(inode);
	}
	mutex_unlock(&inode->mutex);
	if (in_use) {
		address_spaces_cut(inode, (size + PAGE_SIZE - 1) / PAGE_SIZE);
	}
	return error;
}

/* Without a descriptor that has it open for writing. */
static int truncate_as_writer(struct inode *inode, uint64_t size)
{
	int error = S_IS(inode->mode, S_IFREG) ? inode_users_add(inode, 1) : -EINVAL;
	if (!error) {
		error = inode_truncate(inode, size);
		inode_users_remove(inode, 1);
	}
	return error;
}

static int kind_open(struct file *f)
{
	struct inode *inode = f->inode;
	switch (inode->mode & S_IFMT) {
	case S_IFCHR:
		return inode->super->no_device ? -EACCES : chardev_open(f, inode->major, inode->minor);
	case S_IFBLK:
		return inode->super->no_device ? -EACCES : block_file_open(f, inode->major, inode->minor);
	case S_IFIFO:
		f->ops = &fifo_file_ops;
		return fifo_open(f);
	case S_IFSOCK:
		return -ENXIO;
	default:
		f->ops = inode->file_ops;
		return f->ops && f->ops->open ? f->ops->open(f) : 0;
	}
}

static int open_check(struct inode *inode, unsigned flags)
{
	unsigned may = access_needed(flags);
	if (flags & O_PATH) {
		return 0;
	}
	if (S_IS(inode->mode, S_IFLNK)) {
		return -ELOOP;
	}
	if (S_IS(inode->mode, S_IFDIR) && (may & MAY_WRITE)) {
		return -EISDIR;
	}
	return inode_permission(inode, may);
}

struct file *file_open_dentry(struct dentry *d, unsigned flags, int *error)
{
	struct inode *inode = d->inode;
	*error = (flags & O_DIRECTORY) && !S_IS(inode->mode, S_IFDIR) ? -ENOTDIR : open_check(inode, flags);
	if (*error) {
		return NULL;
	}
	struct file *f = file_alloc(NULL, flags & ~(unsigned)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC), NULL);
	if (!f) {
		*error = -ENOMEM;
		return NULL;
	}
	if (file_writable(f) && S_IS(inode->mode, S_IFREG) && (*error = inode_users_add(inode, 1)) != 0) {
		file_put(f);
		return NULL;
	}
	dentry_get(d);
	inode_get(inode);
	f->dentry = d;
	f->inode = inode;
	unsigned noctty = flags & O_NOCTTY; /* the terminal looks at it while it is opened */
	f->flags |= noctty;
	if (!(flags & O_PATH)) {
		*error = kind_open(f);
	}
	f->flags &= ~noctty;
	if (!*error && (flags & O_TRUNC) && S_IS(inode->mode, S_IFREG) && inode->ops->truncate) {
		*error = truncate_as_writer(inode, 0);
	}
	if (*error) {
		f->ops = NULL; /* not opened: nothing to release */
		file_put(f);
		return NULL;
	}
	return f;
}

/* The name at the end of the walk, made if it is absent. *link: it is a symbolic link to be followed. */
static int find_or_create(struct walk *w, unsigned flags, unsigned mode, struct dentry **out, bool *created)
{
	struct inode *dir = w->at->inode, *inode;
	mutex_lock(&dir->mutex);
	int error = path_last_locked(w, out);
	if (!error && (*out)->inode) {
		error = flags & O_EXCL ? -EEXIST : 0;
	} else if (!error) {
		error = dir->links == 0 ? -ENOENT : inode_permission(dir, MAY_WRITE | MAY_EXEC);
		error = !error && !dir->ops->create ? -EACCES : error;
		mode = inode_mode_new(dir, S_IFREG | (mode & 07777));
		error = error ? error : dir->ops->create(dir, w->name, w->length, mode, 0, 0, &inode);
		if (!error) {
			dentry_set_inode(*out, inode);
			notify_name(dir, w->name, w->length, NOTIFY_CREATE, inode);
			*created = true;
		}
	} else {
		*out = NULL;
	}
	if (error && *out) {
		dentry_put(*out);
	}
	mutex_unlock(&dir->mutex);
	return error;
}

static int walk_create(int dirfd, const char *path, unsigned flags, unsigned mode, struct walk *w, bool *created)
{
	int error = path_walk(dirfd, path, WALK_PARENT, w);
	while (!error) {
		struct dentry *d;
		if (w->file || w->last != LAST_NAME || w->slash) {
			error = (flags & O_EXCL) && w->last != LAST_NAME ? -EEXIST : -EISDIR;
			walk_put(w);
			return error;
		}
		error = find_or_create(w, flags, mode, &d, created);
		if (error) {
			walk_put(w);
			return error;
		}
		if (S_IS(d->inode->mode, S_IFLNK) && !(flags & O_NOFOLLOW)) {
			error = walk_link(w, d->inode, WALK_PARENT);
			bool object = d->inode->ops->jump != NULL;
			dentry_put(d);
			if (error) {
				walk_put(w);
			}
			if (error || object) {
				return error;
			}
			continue;
		}
		dentry_put(w->at);
		w->at = mounts_cross(d);
		return 0;
	}
	return error;
}

struct file *file_open_at(int dirfd, const char *path, unsigned flags, unsigned mode, int *error)
{
	struct walk w;
	bool created = false;
	if (flags & O_CREAT) {
		*error = flags & O_DIRECTORY ? -EINVAL : walk_create(dirfd, path, flags, mode, &w, &created);
	} else {
		*error = path_walk(dirfd, path, flags & O_NOFOLLOW ? 0 : WALK_FOLLOW, &w);
	}
	if (*error) {
		return NULL;
	}
	struct file *f = w.file;
	if (f && (flags & O_DIRECTORY)) {
		f = NULL;
		*error = -ENOTDIR;
	} else if (f) { /* /proc/self/fd/N of something without a name: the same open file */
		file_get(f);
	} else if (created) {
		/* Who makes a file may open it as asked, whatever its mode. */
		f = file_open_dentry(w.at, flags & ~(unsigned)O_TRUNC, error);
	} else if ((flags & O_CREAT) && S_IS(w.at->inode->mode, S_IFDIR)) {
		*error = -EISDIR;
	} else {
		f = file_open_dentry(w.at, flags, error);
	}
	if (f && f != w.file && f->ops && notify_is_used()) {
		notify_dentry_watched(w.at, NOTIFY_OPEN);
		if ((flags & O_TRUNC) && !created && S_IS(f->inode->mode, S_IFREG)) {
			notify_dentry_watched(w.at, NOTIFY_MODIFY);
		}
	}
	walk_put(&w);
	return f;
}

struct file *file_open_exec(int dirfd, const char *path, bool follow, int *error)
{
	if (path[0]) {
		return file_open_at(dirfd, path, O_RDONLY | (follow ? 0 : O_NOFOLLOW), 0, error);
	}
	struct file *own = file_from_fd(dirfd), *f = NULL;
	*error = !own ? -EBADF : !own->dentry ? -EACCES : 0;
	if (!*error) {
		f = file_open_dentry(own->dentry, O_RDONLY, error);
	}
	if (own) {
		file_put(own);
	}
	return f;
}

static long open_user(int dirfd, uint64_t user, unsigned flags, unsigned mode)
{
	struct path_text path;
	if (flags & O_PATH) { /* which makes nothing and cuts nothing (open(2)) */
		flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	}
	int error = path_text_read(&path, user, false);
	if (error) {
		return error;
	}
	struct file *f = file_open_at(dirfd, path.text, flags, mode, &error);
	path_text_free(&path);
	return f ? fd_install(f, flags & O_CLOEXEC) : error;
}

long sys_open(const uint64_t a[6])
{
	return open_user(AT_FDCWD, a[0], (unsigned)a[1], (unsigned)a[2]);
}

long sys_creat(const uint64_t a[6])
{
	return open_user(AT_FDCWD, a[0], O_CREAT | O_WRONLY | O_TRUNC, (unsigned)a[1]);
}

long sys_openat(const uint64_t a[6])
{
	return open_user((int)a[0], a[1], (unsigned)a[2], (unsigned)a[3]);
}

/* As a call asks for it: growing is bounded by RLIMIT_FSIZE. */
static int size_within_limit(struct inode *inode, uint64_t size)
{
	uint64_t grown = size > inode->size ? 1 : 0;
	return grown && S_IS(inode->mode, S_IFREG) ? file_size_limit(size - 1, &grown) : 0;
}

long sys_truncate(const uint64_t a[6])
{
	struct dentry *d;
	struct file *f;
	int error = path_find_user(AT_FDCWD, a[0], 0, true, &d, &f);
	if (f) {
		file_put(f);
		return -EINVAL;
	}
	if (error) {
		return error;
	}
	error = (int64_t)a[1] < 0 ? -EINVAL : S_IS(d->inode->mode, S_IFDIR) ? -EISDIR : 0;
	error = error ? error : !S_IS(d->inode->mode, S_IFREG) ? -EINVAL : inode_permission(d->inode, MAY_WRITE);
	error = error ? error : size_within_limit(d->inode, a[1]);
	error = error ? error : truncate_as_writer(d->inode, a[1]);
	if (!error) {
		notify_dentry(d, NOTIFY_MODIFY);
	}
	dentry_put(d);
	return error;
}

long sys_ftruncate(const uint64_t a[6])
{
	struct file *f = file_from_fd((int)a[0]);
	if (!f) {
		return -EBADF;
	}
	int error = f->flags & O_PATH ? -EBADF : (int64_t)a[1] < 0 || !f->inode || !file_writable(f) ? -EINVAL : size_within_limit(f->inode, a[1]);
	error = error ? error : inode_truncate(f->inode, a[1]);
	if (!error && f->dentry) {
		notify_dentry(f->dentry, NOTIFY_MODIFY);
	}
	file_put(f);
	return error;
}
