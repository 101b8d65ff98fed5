/* SPDX-License-Identifier: MIT */
/* What a process knows of the tree: its root, working directory and umask; and the calls that change them. */
#include "base/string.h"
#include "kernel/capability.h"
#include "kernel/syscall.h"
#include "kernel/user.h"
#include "kernel/vfs.h"

struct former_root {
	struct former_root *next;
	struct dentry *dentry;
};

extern struct dentry *root_dentry;

static struct fs_context kernel_context = { .references = 1, .umask = 022 };

struct fs_context *fs_context_current(void)
{
	struct process *p = process_current();
	if (p && p->fs) {
		return p->fs;
	}
	if (!kernel_context.root) {
		mutex_init(&kernel_context.mutex, "kernel fs context");
		kernel_context.root = kernel_context.directory = root_dentry;
	}
	return &kernel_context;
}

static struct fs_context *context_alloc(struct dentry *root, struct dentry *directory, uint32_t umask)
{
	struct fs_context *c = kzalloc(sizeof(*c));
	if (c) {
		c->references = 1;
		mutex_init(&c->mutex, "fs context");
		dentry_get(root);
		dentry_get(directory);
		c->root = root;
		c->directory = directory;
		c->umask = umask;
	}
	return c;
}

struct fs_context *fs_context_create(void)
{
	return context_alloc(root_dentry, root_dentry, 022);
}

struct fs_context *fs_context_fork(struct fs_context *from)
{
	mutex_lock(&from->mutex);
	struct fs_context *c = context_alloc(from->root, from->directory, from->umask);
	mutex_unlock(&from->mutex);
	return c;
}

void fs_context_get(struct fs_context *c)
{
	__atomic_fetch_add(&c->references, 1, __ATOMIC_RELAXED);
}

bool fs_context_is_shared(struct fs_context *c)
{
	return __atomic_load_n(&c->references, __ATOMIC_ACQUIRE) > 1;
}

void fs_context_put(struct fs_context *c)
{
	if (__atomic_sub_fetch(&c->references, 1, __ATOMIC_ACQ_REL) == 0) {
		dentry_put(c->root);
		dentry_put(c->directory);
		while (c->former) {
			struct former_root *former = c->former;
			c->former = former->next;
			dentry_put(former->dentry);
			kfree(former);
		}
		kfree(c);
	}
}

static void root_set_locked(struct fs_context *c, struct former_root *former, struct dentry *d)
{
	*former = (struct former_root){ c->former, c->root };
	c->former = former;
	__atomic_store_n(&c->root, d, __ATOMIC_RELEASE);
}

static long directory_set(struct dentry *d, bool root)
{
	int error = S_IS(d->inode->mode, S_IFDIR) ? inode_permission(d->inode, MAY_EXEC) : -ENOTDIR;
	struct former_root *former = root && !error ? kmalloc(sizeof(*former)) : NULL;
	if (error || (root && !former)) {
		dentry_put(d);
		return error ? error : -ENOMEM;
	}
	struct fs_context *c = fs_context_current();
	struct dentry *old = NULL;
	mutex_lock(&c->mutex);
	if (root) {
		root_set_locked(c, former, d);
	} else {
		old = c->directory;
		__atomic_store_n(&c->directory, d, __ATOMIC_RELEASE);
	}
	mutex_unlock(&c->mutex);
	dentry_put(old);
	return 0;
}

static long directory_set_user(uint64_t user, bool root)
{
	struct dentry *d;
	struct file *f;
	int error = path_find_user(AT_FDCWD, user, 0, true, &d, &f);
	if (f) {
		file_put(f);
		return -ENOTDIR;
	}
	return error ? error : directory_set(d, root);
}

long sys_chdir(const uint64_t a[6])
{
	return directory_set_user(a[0], false);
}

long sys_chroot(const uint64_t a[6])
{
	if (!capable(CAP_SYS_CHROOT)) {
		return -EPERM;
	}
	return directory_set_user(a[0], true);
}

long sys_fchdir(const uint64_t a[6])
{
	struct file *f = file_from_fd((int)a[0]);
	if (!f) {
		return -EBADF;
	}
	struct dentry *d = f->dentry && f->inode ? f->dentry : NULL;
	if (d) {
		dentry_get(d);
	}
	file_put(f);
	return d ? directory_set(d, false) : -ENOTDIR;
}

long sys_umask(const uint64_t a[6])
{
	return __atomic_exchange_n(&fs_context_current()->umask, (uint32_t)a[0] & 0777, __ATOMIC_RELAXED);
}

long sys_getcwd(const uint64_t a[6])
{
	struct fs_context *c = fs_context_current();
	char *text = kmalloc(PATH_MAX);
	if (!text) {
		return -ENOMEM;
	}
	mutex_lock(&c->mutex);
	long length = dentry_path(c->directory, c->root, text, PATH_MAX);
	bool gone = c->directory->inode->links == 0;
	mutex_unlock(&c->mutex);
	if (gone) {
		length = -ENOENT;
	} else if (length >= 0) {
		length++;
		length = (uint64_t)length > a[1] ? -ERANGE : user_write(a[0], text, (size_t)length) ? -EFAULT : length;
	}
	kfree(text);
	return length;
}
