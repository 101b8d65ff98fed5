/* SPDX-License-Identifier: MIT */
/*
 * Path walk. One component at a time: the cache first, under no mutex; else the file system, under the directory's. Mounts are
 * crossed downwards after each step; links are walked by recursion through walk_link(), 40 at most in one path (ELOOP).
 */
#include "base/string.h"
#include "kernel/user.h"
#include "kernel/vfs.h"

#define LINKS_MAX 40u

static int walk_string(struct walk *w, const char *path, unsigned flags);

int path_from_user(uint64_t user, bool empty, char **path)
{
	char *text = kmalloc(PATH_MAX);
	if (!text) {
		return -ENOMEM;
	}
	long length = user_string(text, user, PATH_MAX);
	if (length < 0 || (length == 0 && !empty)) {
		kfree(text);
		return length < 0 ? (int)length : -ENOENT;
	}
	*path = text;
	return 0;
}

int name_lookup_locked(struct dentry *dir, const char *name, unsigned length, struct dentry **out)
{
	struct dentry *d = dentry_find(dir, name, length);
	struct inode *inode = NULL;
	if (!d) {
		int error = -ENOENT;
		if (length > NAME_MAX) {
			return -ENAMETOOLONG;
		}
		if (!dir->super->pinned) {
			error = dir->inode->ops->lookup(dir->inode, name, length, &inode);
		}
		if (error && error != -ENOENT) {
			return error;
		}
		d = dentry_add(dir, name, length, error ? NULL : inode);
		if (!d) {
			return -ENOMEM;
		}
	}
	*out = d;
	return 0;
}

int name_lookup(struct dentry *dir, const char *name, unsigned length, struct dentry **out)
{
	*out = dentry_find(dir, name, length);
	if (*out) {
		return 0;
	}
	mutex_lock(&dir->inode->mutex);
	int error = name_lookup_locked(dir, name, length, out);
	mutex_unlock(&dir->inode->mutex);
	return error;
}

static void walk_set(struct walk *w, struct dentry *d)
{
	dentry_put(w->at);
	w->at = d;
}

static void cross_mounts(struct walk *w)
{
	struct super *mounted;
	while ((mounted = __atomic_load_n(&w->at->mounted, __ATOMIC_ACQUIRE)) != NULL) {
		dentry_get(mounted->root);
		walk_set(w, mounted->root);
	}
}

static void walk_up(struct walk *w)
{
	if (w->at != w->root) {
		walk_set(w, dentry_parent(w->at));
		cross_mounts(w);
	}
}

/* `link` was found in w->at. Its text is walked from there; or it leads straight to an object. */
int walk_link(struct walk *w, struct inode *link, unsigned flags)
{
	if (++w->links > LINKS_MAX) {
		return -ELOOP;
	}
	if (link->ops->jump) {
		struct dentry *target = NULL;
		int error = link->ops->jump(link, &target, &w->file);
		if (!error && target) {
			walk_set(w, target);
		}
		return error;
	}
	char *text = kmalloc(PATH_MAX);
	if (!text) {
		return -ENOMEM;
	}
	long length = link->ops->readlink ? link->ops->readlink(link, text, PATH_MAX - 1) : -EINVAL;
	int error = length < 0 ? (int)length : length == 0 ? -ENOENT : 0;
	if (!error) {
		text[length] = '\0';
		if (text[0] == '/') {
			dentry_get(w->root);
			walk_set(w, w->root);
		}
		error = walk_string(w, text, flags);
	}
	kfree(text);
	return error;
}

/* One name down from w->at. `last`: nothing follows, so a link is followed only if asked for, and the name may be absent. */
static int walk_down(struct walk *w, const char *name, unsigned length, bool last, unsigned flags)
{
	struct dentry *next;
	int error = name_lookup(w->at, name, length, &next);
	if (error) {
		return error;
	}
	struct inode *inode = __atomic_load_n(&next->inode, __ATOMIC_ACQUIRE);
	if (!inode) {
		dentry_put(next);
		return -ENOENT;
	}
	if (S_IS(inode->mode, S_IFLNK) && (!last || (flags & WALK_FOLLOW))) {
		error = walk_link(w, inode, last ? flags : WALK_FOLLOW);
		dentry_put(next);
		return error;
	}
	walk_set(w, next);
	cross_mounts(w);
	return 0;
}

static int component(struct walk *w, const char *name, unsigned length, bool last, unsigned flags)
{
	if (w->file || !S_IS(w->at->inode->mode, S_IFDIR)) {
		return -ENOTDIR;
	}
	int error = inode_permission(w->at->inode, MAY_EXEC);
	if (error) {
		return error;
	}
	if (length > NAME_MAX) {
		return -ENAMETOOLONG;
	}
	enum last_kind kind = length == 1 && name[0] == '.'			 ? LAST_DOT
			      : length == 2 && name[0] == '.' && name[1] == '.' ? LAST_DOTDOT
										 : LAST_NAME;
	if (last && (flags & WALK_PARENT)) {
		w->last = kind;
		memcpy(w->name, name, length);
		w->name[length] = '\0';
		w->length = length;
		return 0;
	}
	if (kind == LAST_DOTDOT) {
		walk_up(w);
	}
	return kind == LAST_NAME ? walk_down(w, name, length, last, flags) : 0;
}

static int walk_string(struct walk *w, const char *path, unsigned flags)
{
	int error = 0;
	w->last = LAST_ROOT;
	w->slash = false;
	while (*path == '/') {
		path++;
	}
	while (!error && *path) {
		unsigned length = 0;
		while (path[length] && path[length] != '/') {
			length++;
		}
		const char *rest = path + length;
		bool slash = *rest == '/';
		while (*rest == '/') {
			rest++;
		}
		bool last = !*rest;
		/* "link/" means the directory that the link leads to */
		unsigned how = last && slash && !(flags & WALK_PARENT) ? flags | WALK_FOLLOW : flags;
		error = component(w, path, length, last, how);
		if (!error && last && slash) {
			w->slash = true;
			if (!(flags & WALK_PARENT) && (w->file || !S_IS(w->at->inode->mode, S_IFDIR))) {
				error = -ENOTDIR;
			}
		}
		path = rest;
	}
	return error;
}

static int start_directory(int dirfd, struct fs_context *context, struct dentry **at)
{
	if (dirfd == AT_FDCWD) {
		mutex_lock(&context->mutex);
		*at = context->directory;
		dentry_get(*at);
		mutex_unlock(&context->mutex);
		return 0;
	}
	struct file *f = file_from_fd(dirfd);
	if (!f) {
		return -EBADF;
	}
	*at = f->dentry && f->inode && S_IS(f->inode->mode, S_IFDIR) ? f->dentry : NULL;
	if (*at) {
		dentry_get(*at);
	}
	file_put(f);
	return *at ? 0 : -ENOTDIR;
}

int path_walk(int dirfd, const char *path, unsigned flags, struct walk *w)
{
	struct fs_context *context = fs_context_current();
	memset(w, 0, offsetof(struct walk, name));
	w->length = w->links = 0;
	w->slash = false;
	mutex_lock(&context->mutex);
	w->root = context->root; /* the context keeps it */
	mutex_unlock(&context->mutex);
	if (!*path) {
		return -ENOENT;
	}
	if (*path == '/') {
		dentry_get(w->root);
		w->at = w->root;
	} else {
		int error = start_directory(dirfd, context, &w->at);
		if (error) {
			return error;
		}
	}
	int error = walk_string(w, path, flags);
	if (error) {
		walk_put(w);
	}
	return error;
}

void walk_put(struct walk *w)
{
	if (w->file) {
		file_put(w->file);
		w->file = NULL;
	}
	dentry_put(w->at);
	w->at = NULL;
}

int path_find(int dirfd, const char *path, bool follow, struct dentry **out)
{
	struct walk w;
	int error = path_walk(dirfd, path, follow ? WALK_FOLLOW : 0, &w);
	if (error) {
		return error;
	}
	if (w.file) {
		walk_put(&w);
		return -ENOENT;
	}
	*out = w.at;
	return 0;
}

int path_find_user(int dirfd, uint64_t user, unsigned at_flags, bool follow, struct dentry **out, struct file **file)
{
	char *path;
	struct walk w;
	*out = NULL;
	*file = NULL;
	int error = path_from_user(user, at_flags & AT_EMPTY_PATH, &path);
	if (error) {
		return error;
	}
	if (!*path && dirfd != AT_FDCWD) {
		*file = file_from_fd(dirfd);
		error = *file ? 0 : -EBADF;
	} else {
		error = path_walk(dirfd, *path ? path : ".", follow ? WALK_FOLLOW : 0, &w);
		if (!error) {
			*out = w.file ? NULL : w.at;
			*file = w.file;
			if (w.file) {
				dentry_put(w.at);
			}
		}
	}
	kfree(path);
	return error;
}

int path_last_locked(struct walk *w, struct dentry **out)
{
	if (w->last != LAST_NAME) {
		return -EBUSY;
	}
	return name_lookup_locked(w->at, w->name, w->length, out);
}
