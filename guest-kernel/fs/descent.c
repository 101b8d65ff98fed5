/* SPDX-License-Identifier: MIT */
/*
 * The way down through the name cache without locks and without references to the directories on the way (dentry.c, kernel/epoch.h).
 * It goes as far as every name is in the cache and leads to a file or directory that the process may pass; what is anything else (a link,
 * a name that is not there yet, a way up over a mount, an error) is left to path.c, which goes on from there.
 */
#include "kernel/epoch.h"
#include "kernel/vfs.h"

/* What covers it, or itself. NULL: not so simple, for it is being unmounted. */
static struct dentry *topmost(struct dentry *d)
{
	struct super *mounted;
	while ((mounted = __atomic_load_n(&d->mounted, __ATOMIC_ACQUIRE)) != NULL) {
		d = mounted->root;
		if (__atomic_load_n(&d->references, __ATOMIC_ACQUIRE) & DENTRY_DEAD) {
			return NULL;
		}
	}
	return d;
}

/* NULL: not so simple. The root of the process and the roots of all file systems are the tops of something. */
static struct dentry *above(struct dentry *d, const struct dentry *root)
{
	if (d == root) {
		return topmost(d);
	}
	struct dentry *parent = __atomic_load_n(&d->parent, __ATOMIC_ACQUIRE);
	return parent == d ? NULL : topmost(parent);
}

static bool may_pass(const struct dentry *d)
{
	const struct inode *inode = __atomic_load_n(&d->inode, __ATOMIC_ACQUIRE);
	return inode && S_IS(inode->mode, S_IFDIR) && !inode_permission(inode, MAY_EXEC);
}

/* One name down. NULL: not so simple, unless *error says that it is not there. */
static struct dentry *below(struct dentry *dir, const char *name, unsigned length, bool follow, int *error)
{
	struct dentry *d = length <= NAME_MAX ? dentry_peek(dir, name, length) : NULL;
	if (!d) {
		return NULL;
	}
	const struct inode *inode = __atomic_load_n(&d->inode, __ATOMIC_ACQUIRE);
	if (!inode) {
		*error = -ENOENT;
		return NULL;
	}
	return S_IS(inode->mode, S_IFLNK) && follow ? NULL : topmost(d);
}

int descend(struct descent *way, unsigned flags)
{
	int error = 0;
	for (const char *name = way->rest; *name;) {
		unsigned length = 0;
		while (name[length] && name[length] != '/') {
			length++;
		}
		const char *rest = name + length;
		while (*rest == '/') {
			rest++;
		}
		bool last = !*rest;
		if ((last && (name[length] || (flags & WALK_PARENT))) || !may_pass(way->at)) {
			break;
		}
		struct dentry *next = way->at;
		if (name[0] == '.' && name[1] == '.' && length == 2) {
			next = above(way->at, way->root);
		} else if (name[0] != '.' || length != 1) {
			next = below(way->at, name, length, !last || (flags & WALK_FOLLOW), &error);
		}
		if (!next) {
			break;
		}
		way->at = next;
		way->rest = name = rest;
	}
	return error;
}

/* Where a walk begins, not referenced. NULL: not so simple. */
static struct dentry *beginning(int dirfd, const char *path, struct fs_context *context)
{
	if (*path == '/') {
		return __atomic_load_n(&context->root, __ATOMIC_ACQUIRE);
	}
	if (dirfd == AT_FDCWD) {
		return __atomic_load_n(&context->directory, __ATOMIC_ACQUIRE);
	}
	const struct file *f = fd_peek(dirfd);
	return f && f->inode && S_IS(f->inode->mode, S_IFDIR) ? f->dentry : NULL;
}

bool descent_begin(struct descent *way, int dirfd, const char *path, struct fs_context *context)
{
	way->root = __atomic_load_n(&context->root, __ATOMIC_ACQUIRE);
	way->at = beginning(dirfd, path, context);
	while (*path == '/') {
		path++;
	}
	way->rest = path;
	return way->at;
}

struct inode *path_peek(int dirfd, const char *path, bool follow, int *error)
{
	struct descent way;
	*error = 0;
	if (!*path || !descent_begin(&way, dirfd, path, fs_context_current())) {
		return NULL;
	}
	*error = descend(&way, follow ? WALK_FOLLOW : 0);
	return *way.rest || *error ? NULL : way.at->inode;
}
