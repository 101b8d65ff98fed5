/* SPDX-License-Identifier: MIT */
/*
 * Path walk. Without locks as far as that goes (descent.c); then one component at a time: the cache first, under no mutex; else the
 * file system, under the directory's. Mounts are crossed downwards after each step; links are walked by recursion through
 * walk_link(), 40 at most in one path (ELOOP).
 */
#include "base/string.h"
#include "kernel/epoch.h"
#include "kernel/user.h"
#include "kernel/reserve.h"
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

int path_text_read(struct path_text *path, uint64_t user, bool empty)
{
	path->text = path->small;
	long length = user_string(path->small, user, sizeof(path->small));
	if (length == -ENAMETOOLONG) {
		return path_from_user(user, empty, &path->text);
	}
	return length < 0 ? (int)length : length == 0 && !empty ? -ENOENT : 0;
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

struct dentry *mounts_cross(struct dentry *d)
{
	while (__atomic_load_n(&d->mounted, __ATOMIC_ACQUIRE) != NULL) {
		epoch_enter();
		struct super *mounted = __atomic_load_n(&d->mounted, __ATOMIC_ACQUIRE);
		struct dentry *root = mounted && dentry_try_get(mounted->root) ? mounted->root : NULL;
		epoch_exit();
		if (root) {
			dentry_put(d);
			d = root;
		} else if (mounted) { /* it is being unmounted, if nobody uses it (mount.c): that shows soon */
			mutex_lock(&mount_mutex);
			mutex_unlock(&mount_mutex);
		}
	}
	return d;
}

static void walk_up(struct walk *w)
{
	walk_set(w, mounts_cross(dentry_parent(w->at, w->root)));
}

/* `link` was found in w->at. Its text is walked from there; or it leads straight to an object. Part of walk_string's frame, for the recursion's sake. */
static inline __attribute__((always_inline)) int link_follow(struct walk *w, struct inode *link, unsigned flags)
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

int walk_link(struct walk *w, struct inode *link, unsigned flags)
{
	return link_follow(w, link, flags);
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
		error = link_follow(w, inode, last ? flags : WALK_FOLLOW);
		dentry_put(next);
		return error;
	}
	walk_set(w, mounts_cross(next));
	return 0;
}

/* Nothing is looked up in a directory that is gone. */
static int name_too_long(const struct dentry *dir)
{
	return dir->inode->links == 0 ? -ENOENT : -ENAMETOOLONG;
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
	if (length > NAME_MAX && !(last && (flags & WALK_PARENT))) {
		return name_too_long(w->at);
	}
	enum last_kind kind = length == 1 && name[0] == '.'			 ? LAST_DOT
			      : length == 2 && name[0] == '.' && name[1] == '.' ? LAST_DOTDOT
										 : LAST_NAME;
	if (last && (flags & WALK_PARENT)) {
		w->last = kind;
		unsigned kept = length <= NAME_MAX ? length : NAME_MAX; /* path_last_locked() looks at the length */
		memcpy(w->name, name, kept);
		w->name[kept] = '\0';
		w->length = length;
		return 0;
	}
	if (kind == LAST_DOTDOT) {
		walk_up(w);
	}
	return kind == LAST_NAME ? walk_down(w, name, length, last, flags) : 0;
}

/* As far from w->at as descent.c goes; what is left of the path. */
static const char *walk_quickly(struct walk *w, const char *path, unsigned flags, int *error)
{
	struct descent way = { .at = w->at, .root = w->root, .rest = path };
	if (w->file) {
		return path;
	}
	epoch_enter();
	*error = descend(&way, flags);
	bool moved = way.at != w->at && dentry_try_get(way.at);
	epoch_exit();
	if (moved) {
		walk_set(w, way.at);
	}
	return moved || way.at == w->at ? way.rest : path;
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
		reserve_renew();
		path = walk_quickly(w, path, flags, &error);
		if (error || !*path) {
			break;
		}
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
		w->slash = false; /* a link before this one may have ended in a slash */
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

/* As far as it goes with no reference to where it begins; else there. *path: what is left. */
static int walk_begin(struct walk *w, int dirfd, const char **path, unsigned flags)
{
	struct fs_context *context = fs_context_current();
	struct descent way;
	int error = 0;
	epoch_enter();
	if (descent_begin(&way, dirfd, *path, context)) {
		error = descend(&way, flags);
		w->at = !error && dentry_try_get(way.at) ? way.at : NULL;
	}
	epoch_exit();
	if (error || w->at) {
		*path = way.rest;
		return error;
	}
	if (**path == '/') {
		dentry_get(w->root);
		w->at = w->root;
		return 0;
	}
	return start_directory(dirfd, context, &w->at);
}

int path_walk(int dirfd, const char *path, unsigned flags, struct walk *w)
{
	struct fs_context *context = fs_context_current();
	memset(w, 0, offsetof(struct walk, name));
	w->length = w->links = 0;
	w->slash = false;
	w->root = __atomic_load_n(&context->root, __ATOMIC_ACQUIRE); /* the context keeps it */
	if (!*path) {
		return -ENOENT;
	}
	int error = walk_begin(w, dirfd, &path, flags);
	if (error) {
		return error;
	}
	error = walk_string(w, path, flags);
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
	struct path_text path;
	struct walk w;
	*out = NULL;
	*file = NULL;
	int error = path_text_read(&path, user, at_flags & AT_EMPTY_PATH);
	if (error) {
		return error;
	}
	if (!*path.text && dirfd != AT_FDCWD) {
		*file = file_from_fd(dirfd);
		error = *file ? 0 : -EBADF;
	} else {
		error = path_walk(dirfd, *path.text ? path.text : ".", follow ? WALK_FOLLOW : 0, &w);
		if (!error) {
			*out = w.file ? NULL : w.at;
			*file = w.file;
			if (w.file) {
				dentry_put(w.at);
			}
		}
	}
	path_text_free(&path);
	return error;
}

int path_last_locked(struct walk *w, struct dentry **out)
{
	if (w->last != LAST_NAME) {
		return -EBUSY;
	}
	if (w->length > NAME_MAX) {
		return name_too_long(w->at);
	}
	return name_lookup_locked(w->at, w->name, w->length, out);
}
