/* SPDX-License-Identifier: MIT */
/* Mode, owner and times. Only the owner or root changes them; the file system is told by its `changed` operation. */
#include "base/string.h"
#include "kernel/capability.h"
#include "kernel/notify.h"
#include "kernel/syscall.h"
#include "kernel/time.h"
#include "kernel/user.h"
#include "kernel/vfs.h"

/* What a call wants changed. */
struct change {
	bool mode, owner, times;
	uint32_t new_mode, uid, gid; /* uid, gid: -1 keeps */
	int64_t seconds[2]; /* access, modification */
	uint32_t nanoseconds[2]; /* or UTIME_NOW, UTIME_OMIT */
	bool now; /* utimes(NULL): write permission is enough */
};
#define UTIME_NOW 0x3fffffffu
#define UTIME_OMIT 0x3ffffffeu

static int owner_change(struct inode *inode, const struct change *c)
{
	struct credentials *me = &process_current()->credentials;
	bool other_uid = c->uid != ~0u && c->uid != inode->uid;
	bool other_gid = c->gid != ~0u && (inode->uid != me->fsuid || (c->gid != inode->gid && !credentials_have_group(me, c->gid)));
	if ((other_uid || other_gid || (c->uid != ~0u && inode->uid != me->fsuid)) && !capable(CAP_CHOWN)) {
		return -EPERM;
	}
	inode->uid = c->uid != ~0u ? c->uid : inode->uid;
	inode->gid = c->gid != ~0u ? c->gid : inode->gid;
	if (!S_IS(inode->mode, S_IFDIR)) {
		inode_drop_set_id(inode);
	}
	return 0;
}

static void time_change(struct timestamp *t, const struct change *c, int which)
{
	if (c->nanoseconds[which] == UTIME_NOW) {
		inode_now(t);
	} else if (c->nanoseconds[which] != UTIME_OMIT) {
		t->seconds = c->seconds[which];
		t->nanoseconds = c->nanoseconds[which];
	}
}

static int change_locked(struct inode *inode, const struct change *c)
{
	if (inode->super->read_only) {
		return -EROFS;
	}
	if (c->mode) {
		if (!inode_owned(inode)) {
			return -EPERM;
		}
		const struct credentials *me = &process_current()->credentials;
		uint32_t mode = c->new_mode & 07777;
		if (!credentials_have_group(me, inode->gid) && !capable(CAP_FSETID)) { /* what runs as a group is made by who is in it */
			mode &= ~(uint32_t)S_ISGID;
		}
		inode->mode = (inode->mode & S_IFMT) | mode;
	}
	if (c->owner) {
		int error = owner_change(inode, c);
		if (error) {
			return error;
		}
	}
	if (c->times) {
		if (!inode_owned(inode) && !(c->now && inode_permission(inode, MAY_WRITE) == 0)) {
			return c->now ? -EACCES : -EPERM;
		}
		time_change(&inode->atime, c, 0);
		time_change(&inode->mtime, c, 1);
	}
	inode_now(&inode->ctime);
	return inode->ops && inode->ops->changed ? inode->ops->changed(inode) : 0;
}

static int change_inode(struct inode *inode, const struct change *c)
{
	if (!inode) {
		return -EINVAL;
	}
	mutex_lock(&inode->mutex);
	int error = change_locked(inode, c);
	mutex_unlock(&inode->mutex);
	return error;
}

static void change_notify(struct dentry *d, const struct change *c)
{
	bool accessed = c->times && c->nanoseconds[0] != UTIME_OMIT, modified = c->times && c->nanoseconds[1] != UTIME_OMIT;
	bool attributes = c->mode || (c->owner && (c->uid != ~0u || c->gid != ~0u)) || (accessed && modified);
	uint32_t event = attributes ? NOTIFY_ATTRIBUTES : modified ? NOTIFY_MODIFY : accessed ? NOTIFY_ACCESS : 0;
	if (event) {
		notify_dentry(d, event);
	}
}

static long change_path(int dirfd, uint64_t path, unsigned flags, const struct change *c)
{
	struct dentry *d;
	struct file *f;
	int error = path_find_user(dirfd, path, flags & AT_EMPTY_PATH, !(flags & AT_SYMLINK_NOFOLLOW), &d, &f);
	if (error) {
		return error;
	}
	error = change_inode(f ? f->inode : d->inode, c);
	struct dentry *told = f ? f->dentry : d;
	if (!error && told) {
		change_notify(told, c);
	}
	if (f) {
		file_put(f);
	} else {
		dentry_put(d);
	}
	return error;
}

static long change_fd(int fd, const struct change *c)
{
	struct file *f = file_from_fd(fd);
	if (!f) {
		return -EBADF;
	}
	uint32_t *mode = c->mode ? socket_mode(f) : NULL;
	if (mode) {
		__atomic_store_n(mode, c->new_mode & 07777, __ATOMIC_RELAXED);
	}
	int error = mode ? 0 : change_inode(f->inode, c);
	if (!error && f->dentry) {
		change_notify(f->dentry, c);
	}
	file_put(f);
	return error;
}

static struct change change_of_mode(uint64_t mode)
{
	return (struct change){ .mode = true, .new_mode = (uint32_t)mode };
}

static struct change change_of_owner(uint64_t uid, uint64_t gid)
{
	return (struct change){ .owner = true, .uid = (uint32_t)uid, .gid = (uint32_t)gid };
}

long sys_chmod(const uint64_t a[6])
{
	struct change c = change_of_mode(a[1]);
	return change_path(AT_FDCWD, a[0], 0, &c);
}

long sys_fchmod(const uint64_t a[6])
{
	struct change c = change_of_mode(a[1]);
	return change_fd((int)a[0], &c);
}

long sys_fchmodat(const uint64_t a[6])
{
	struct change c = change_of_mode(a[2]);
	return change_path((int)a[0], a[1], 0, &c);
}

long sys_chown(const uint64_t a[6])
{
	struct change c = change_of_owner(a[1], a[2]);
	return change_path(AT_FDCWD, a[0], 0, &c);
}

long sys_lchown(const uint64_t a[6])
{
	struct change c = change_of_owner(a[1], a[2]);
	return change_path(AT_FDCWD, a[0], AT_SYMLINK_NOFOLLOW, &c);
}

long sys_fchown(const uint64_t a[6])
{
	struct change c = change_of_owner(a[1], a[2]);
	return change_fd((int)a[0], &c);
}

long sys_fchownat(const uint64_t a[6])
{
	if (a[4] & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) {
		return -EINVAL;
	}
	struct change c = change_of_owner(a[2], a[3]);
	return change_path((int)a[0], a[1], (unsigned)a[4], &c);
}

static struct change change_to_now(void)
{
	return (struct change){ .times = true, .now = true, .nanoseconds = { UTIME_NOW, UTIME_NOW } };
}

/* Two pairs of seconds and a fraction, `scale` nanoseconds each. */
static int times_from_user(uint64_t user, uint32_t scale, struct change *c)
{
	int64_t pairs[4];
	*c = change_to_now();
	if (!user) {
		return 0;
	}
	if (user_read(pairs, user, sizeof(pairs))) {
		return -EFAULT;
	}
	c->now = scale == 1 && pairs[1] == UTIME_NOW && pairs[3] == UTIME_NOW;
	for (int i = 0; i < 2; i++) {
		int64_t fraction = pairs[2 * i + 1];
		bool special = scale == 1 && (fraction == UTIME_NOW || fraction == UTIME_OMIT);
		if (!special && (fraction < 0 || fraction >= 1000000000 / (int64_t)scale)) {
			return -EINVAL;
		}
		c->seconds[i] = pairs[2 * i];
		c->nanoseconds[i] = (uint32_t)fraction * (special ? 1 : scale);
	}
	return 0;
}

long sys_utimensat(const uint64_t a[6])
{
	struct change c;
	int error = times_from_user(a[2], 1, &c);
	if (error) {
		return error;
	}
	if (a[3] & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) {
		return -EINVAL;
	}
	if (c.nanoseconds[0] == UTIME_OMIT && c.nanoseconds[1] == UTIME_OMIT) {
		return 0;
	}
	return a[1] ? change_path((int)a[0], a[1], (unsigned)a[3], &c) : change_fd((int)a[0], &c);
}

long sys_utimes(const uint64_t a[6])
{
	struct change c;
	int error = times_from_user(a[1], 1000, &c);
	return error ? error : change_path(AT_FDCWD, a[0], 0, &c);
}

long sys_futimesat(const uint64_t a[6])
{
	struct change c;
	int error = times_from_user(a[2], 1000, &c);
	if (error) {
		return error;
	}
	return a[1] ? change_path((int)a[0], a[1], 0, &c) : change_fd((int)a[0], &c);
}

long sys_utime(const uint64_t a[6])
{
	struct change c = change_to_now();
	if (a[1]) {
		if (user_read(c.seconds, a[1], sizeof(c.seconds))) {
			return -EFAULT;
		}
		c.now = false;
		c.nanoseconds[0] = c.nanoseconds[1] = 0;
	}
	return change_path(AT_FDCWD, a[0], 0, &c);
}

/* Extended attributes are not kept: once the file is found, the answer of a file system without them. */
static long attributes_of_path(uint64_t path, bool follow)
{
	struct dentry *d;
	struct file *f;
	int error = path_find_user(AT_FDCWD, path, 0, follow, &d, &f);
	if (error) {
		return error;
	}
	if (f) {
		file_put(f);
	} else {
		dentry_put(d);
	}
	return -EOPNOTSUPP;
}

static long attributes_of_file(int fd)
{
	struct file *f = file_from_fd(fd);
	if (f) {
		file_put(f);
	}
	return f ? -EOPNOTSUPP : -EBADF;
}

#define NO_ATTRIBUTES(name)                                                                        \
	long sys_##name(const uint64_t a[6])                                                       \
	{                                                                                          \
		return attributes_of_path(a[0], true);                                             \
	}                                                                                          \
	long sys_l##name(const uint64_t a[6])                                                      \
	{                                                                                          \
		return attributes_of_path(a[0], false);                                            \
	}                                                                                          \
	long sys_f##name(const uint64_t a[6])                                                      \
	{                                                                                          \
		return attributes_of_file((int)a[0]);                                              \
	}
NO_ATTRIBUTES(setxattr)
NO_ATTRIBUTES(getxattr)
NO_ATTRIBUTES(listxattr)
NO_ATTRIBUTES(removexattr)
