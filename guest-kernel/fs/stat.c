/* SPDX-License-Identifier: MIT */
/* stat(2) and its relatives, statx, statfs, access. Layouts: Linux x86-64 uapi asm/stat.h, linux/stat.h, asm/statfs.h. */
#include "base/string.h"
#include "kernel/capability.h"
#include "kernel/epoch.h"
#include "kernel/syscall.h"
#include "kernel/user.h"
#include "kernel/vfs.h"

struct user_stat {
	uint64_t dev, ino, nlink;
	uint32_t mode, uid, gid, pad;
	uint64_t rdev;
	int64_t size, blksize, blocks;
	uint64_t atime, atime_ns, mtime, mtime_ns, ctime, ctime_ns;
	int64_t unused[3];
};
_Static_assert(sizeof(struct user_stat) == 144, "struct stat");

struct user_statx_time {
	int64_t seconds;
	uint32_t nanoseconds, reserved;
};
struct user_statx {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, pad;
	uint64_t ino, size, blocks, attributes_mask;
	struct user_statx_time atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t mount_id, spare[13];
};
_Static_assert(sizeof(struct user_statx) == 256, "struct statx");
#define STATX_BASIC 0x7ffu
#define STATX_RESERVED 0x80000000u
#define AT_STATX_SYNC 0x6000u /* both ways at once contradict each other */

struct user_statfs {
	int64_t type, block_size;
	uint64_t blocks, free, available, files, free_files;
	uint64_t id;
	int64_t name_length, fragment_size, flags, spare[4];
};
_Static_assert(sizeof(struct user_statfs) == 120, "struct statfs");
#define ST_VALID 0x20
#define PIPEFS_MAGIC 0x50495045
#define SOCKFS_MAGIC 0x534f434b
#define ANON_INODE_FS_MAGIC 0x09041934

static uint64_t device_number(uint32_t major, uint32_t minor)
{
	return (minor & 0xff) | (uint64_t)(major & 0xfff) << 8 | (uint64_t)(minor & ~0xffu) << 12 | (uint64_t)(major & ~0xfffu) << 32;
}

static uint32_t links_of(const struct inode *inode)
{
	return inode->ops && inode->ops->links ? inode->ops->links(inode) : inode->links;
}

static void stat_fill(struct user_stat *st, const struct inode *inode)
{
	memset(st, 0, sizeof(*st));
	st->dev = device_number(inode->super->major, inode->super->minor);
	st->ino = inode->number;
	st->nlink = links_of(inode);
	st->mode = inode->mode;
	st->uid = inode->uid;
	st->gid = inode->gid;
	st->rdev = device_number(inode->major, inode->minor);
	st->size = S_IS(inode->mode, S_IFBLK) ? 0 : (int64_t)inode->size;
	st->blksize = inode->super->block_size > PAGE_SIZE ? (int64_t)inode->super->block_size : (int64_t)PAGE_SIZE;
	st->blocks = (int64_t)inode->sectors;
	st->atime = (uint64_t)inode->atime.seconds;
	st->atime_ns = inode->atime.nanoseconds;
	st->mtime = (uint64_t)inode->mtime.seconds;
	st->mtime_ns = inode->mtime.nanoseconds;
	st->ctime = (uint64_t)inode->ctime.seconds;
	st->ctime_ns = inode->ctime.nanoseconds;
}

/* A file without an inode: a pipe, an event counter. */
static void stat_anonymous(struct user_stat *st, const struct file *f)
{
	memset(st, 0, sizeof(*st));
	st->dev = 9;
	st->ino = ((uint64_t)f->private >> 4) & 0xffffffff;
	st->nlink = 1;
	const uint32_t *mode = socket_mode(f);
	st->mode = mode ? S_IFSOCK | *mode : S_IFIFO | 0600;
	st->blksize = 4096;
}

/* Without a reference to anything. -EAGAIN: that is not to be had. */
static int stat_quickly(int dirfd, uint64_t user, unsigned flags, struct user_stat *st)
{
	char path[120];
	int error;
	if (user_string(path, user, sizeof(path)) <= 0) {
		return -EAGAIN;
	}
	epoch_enter();
	const struct inode *inode = path_peek(dirfd, path, !(flags & AT_SYMLINK_NOFOLLOW), &error);
	if (inode) {
		stat_fill(st, inode);
	}
	epoch_exit();
	return inode ? 0 : error ? error : -EAGAIN;
}

static int stat_found(int dirfd, uint64_t path, unsigned flags, struct user_stat *st)
{
	struct dentry *d;
	struct file *f;
	int error = path_find_user(dirfd, path, flags, !(flags & AT_SYMLINK_NOFOLLOW), &d, &f);
	if (error) {
		return error;
	}
	if (f && !f->inode) {
		stat_anonymous(st, f);
	} else {
		stat_fill(st, f ? f->inode : d->inode);
	}
	if (f) {
		file_put(f);
	} else {
		dentry_put(d);
	}
	return 0;
}

static long stat_path(int dirfd, uint64_t path, unsigned flags, uint64_t user)
{
	struct user_stat st;
	int error = stat_quickly(dirfd, path, flags, &st);
	if (error == -EAGAIN) {
		error = stat_found(dirfd, path, flags, &st);
	}
	return error ? error : user_write(user, &st, sizeof(st));
}

long sys_stat(const uint64_t a[6])
{
	return stat_path(AT_FDCWD, a[0], 0, a[1]);
}

long sys_lstat(const uint64_t a[6])
{
	return stat_path(AT_FDCWD, a[0], AT_SYMLINK_NOFOLLOW, a[1]);
}

long sys_newfstatat(const uint64_t a[6])
{
	if (a[3] & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH)) {
		return -EINVAL;
	}
	return stat_path((int)a[0], a[1], (unsigned)a[3], a[2]);
}

long sys_fstat(const uint64_t a[6])
{
	struct user_stat st;
	epoch_enter();
	struct file *f = fd_peek((int)a[0]);
	if (f && f->inode) {
		stat_fill(&st, f->inode);
	} else if (f) {
		stat_anonymous(&st, f);
	}
	epoch_exit();
	return f ? user_write(a[1], &st, sizeof(st)) : -EBADF;
}

static struct user_statx_time statx_time(uint64_t seconds, uint64_t ns)
{
	return (struct user_statx_time){ .seconds = (int64_t)seconds, .nanoseconds = (uint32_t)ns };
}

long sys_statx(const uint64_t a[6])
{
	struct user_stat st;
	struct dentry *d;
	struct file *f;
	uint32_t dev_major = 0, dev_minor = 9, major = 0, minor = 0;
	const uint64_t known = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC;
	if ((a[2] & ~known) || (a[2] & AT_STATX_SYNC) == AT_STATX_SYNC || (a[3] & STATX_RESERVED)) {
		return -EINVAL;
	}
	int error = path_find_user((int)a[0], a[1], (unsigned)a[2], !(a[2] & AT_SYMLINK_NOFOLLOW), &d, &f);
	if (error) {
		return error;
	}
	const struct inode *inode = f ? f->inode : d->inode;
	if (inode) {
		stat_fill(&st, inode);
		dev_major = inode->super->major;
		dev_minor = inode->super->minor;
		major = inode->major;
		minor = inode->minor;
	} else {
		stat_anonymous(&st, f);
	}
	if (f) {
		file_put(f);
	} else {
		dentry_put(d);
	}
	struct user_statx x = {
		.mask = STATX_BASIC, .blksize = (uint32_t)st.blksize, .nlink = (uint32_t)st.nlink, .uid = st.uid, .gid = st.gid,
		.mode = (uint16_t)st.mode, .ino = st.ino, .size = (uint64_t)st.size, .blocks = (uint64_t)st.blocks,
		.atime = statx_time(st.atime, st.atime_ns), .mtime = statx_time(st.mtime, st.mtime_ns),
		.ctime = statx_time(st.ctime, st.ctime_ns), .rdev_major = major, .rdev_minor = minor, .dev_major = dev_major,
		.dev_minor = dev_minor,
	};
	return user_write(a[4], &x, sizeof(x));
}

static long statfs_write(struct super *super, uint64_t user)
{
	struct user_statfs s = { .type = (int64_t)super->magic, .block_size = super->block_size, .name_length = NAME_MAX,
				 .fragment_size = super->block_size };
	if (super->ops && super->ops->statistics) {
		super->ops->statistics(super, &s.blocks, &s.free, &s.available, &s.files, &s.free_files, &s.id);
	}
	s.flags = ST_VALID | (super->read_only ? 1 : 0) | (super->no_suid ? 2 : 0) | (super->no_device ? 4 : 0) | (super->no_exec ? 8 : 0);
	return user_write(user, &s, sizeof(s));
}

/** Of files without a name Linux tells the file systems that it keeps them in (uapi linux/magic.h). */
static long statfs_of_file(const struct file *f, uint64_t user)
{
	if (f->inode) {
		return statfs_write(f->inode->super, user);
	}
	const struct user_statfs s = {
		.type = f->ops == &socket_file_ops ? SOCKFS_MAGIC : file_is_pipe(f) ? PIPEFS_MAGIC : ANON_INODE_FS_MAGIC,
		.block_size = PAGE_SIZE, .name_length = NAME_MAX, .fragment_size = PAGE_SIZE, .flags = ST_VALID,
	};
	return user_write(user, &s, sizeof(s));
}

long sys_statfs(const uint64_t a[6])
{
	struct dentry *d;
	struct file *f;
	int error = path_find_user(AT_FDCWD, a[0], 0, true, &d, &f);
	if (error) {
		return error;
	}
	long result = f ? statfs_of_file(f, a[1]) : statfs_write(d->super, a[1]);
	if (f) {
		file_put(f);
	} else {
		dentry_put(d);
	}
	return result;
}

long sys_fstatfs(const uint64_t a[6])
{
	struct file *f = file_from_fd((int)a[0]);
	if (!f) {
		return -EBADF;
	}
	long result = statfs_of_file(f, a[1]);
	file_put(f);
	return result;
}

/* access(2) asks for the real user, who has what a program that it starts would have. */
static int access_check(const struct inode *inode, unsigned may, bool effective)
{
	if (effective) {
		return inode_permission(inode, may);
	}
	struct credentials real = process_current()->credentials;
	real.fsuid = real.uid;
	real.fsgid = real.gid;
	if (!(real.secure_bits & SECURE_NO_SETUID_FIXUP)) {
		real.effective = real.uid ? 0 : real.permitted;
	}
	return inode_permission_of(&real, inode, may);
}

static long access_path(int dirfd, uint64_t path, unsigned mode, unsigned flags)
{
	struct dentry *d;
	struct file *f;
	if (mode & ~7u) {
		return -EINVAL;
	}
	int error = path_find_user(dirfd, path, flags & AT_EMPTY_PATH, !(flags & AT_SYMLINK_NOFOLLOW), &d, &f);
	if (error) {
		return error;
	}
	const struct inode *inode = f ? f->inode : d->inode;
	error = inode && mode ? access_check(inode, mode, flags & AT_EACCESS) : 0;
	if (f) {
		file_put(f);
	} else {
		dentry_put(d);
	}
	return error;
}

long sys_access(const uint64_t a[6])
{
	return access_path(AT_FDCWD, a[0], (unsigned)a[1], 0);
}

long sys_faccessat(const uint64_t a[6])
{
	return access_path((int)a[0], a[1], (unsigned)a[2], 0);
}

long sys_faccessat2(const uint64_t a[6])
{
	if (a[3] & ~(uint64_t)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) {
		return -EINVAL;
	}
	return access_path((int)a[0], a[1], (unsigned)a[2], (unsigned)a[3]);
}
