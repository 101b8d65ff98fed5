/* SPDX-License-Identifier: MIT */
/* fcntl(2) and ioctl(2). */
#include "kernel/fcntl.h"

#include "kernel/syscall.h"
#include "kernel/user.h"
#include "kernel/vfs.h"

enum {
	F_DUPFD = 0, F_GETFD = 1, F_SETFD = 2, F_GETFL = 3, F_SETFL = 4, F_GETLK = 5, F_SETLK = 6, F_SETLKW = 7, F_SETOWN = 8,
	F_GETOWN = 9, F_SETSIG = 10, F_GETSIG = 11, F_SETOWN_EX = 15, F_GETOWN_EX = 16, F_OFD_GETLK = 36, F_OFD_SETLK, F_OFD_SETLKW,
	F_SETLEASE = 1024, F_DUPFD_CLOEXEC = 1030, F_SETPIPE_SZ = 1031, F_GETPIPE_SZ = 1032, F_ADD_SEALS = 1033, F_GET_SEALS = 1034,
};
#define SETTABLE (unsigned)(O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME)

#define FIONCLEX 0x5450u
#define FIOCLEX 0x5451u
#define FIONBIO 0x5421u
#define FIOASYNC 0x5452u
#define FIONREAD 0x541bu

static void flags_set(struct file *f, unsigned mask, unsigned flags)
{
	spin_lock(&f->lock);
	f->flags = (f->flags & ~mask) | (flags & mask);
	spin_unlock(&f->lock);
}

/* F_SETFL. A file that sends no signals keeps O_ASYNC as it keeps the others. */
static long flags_change(struct file *f, int fd, unsigned flags)
{
	int error = (f->flags ^ flags) & O_ASYNC ? async_set(f, fd, flags & O_ASYNC) : 0;
	if (error && error != -ENOTTY) {
		return error;
	}
	flags_set(f, SETTABLE | (error ? (unsigned)O_ASYNC : 0), flags);
	return 0;
}

static long dup_from(struct file *f, uint64_t lowest, bool close_on_exec)
{
	if (lowest >= process_current()->rlimits[7].soft || lowest > INT32_MAX) {
		return -EINVAL;
	}
	file_get(f);
	return fd_install_from(f, (int)lowest, close_on_exec);
}

static long control(struct file *f, int fd, int command, uint64_t argument)
{
	switch (command) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return dup_from(f, argument, command == F_DUPFD_CLOEXEC);
	case F_GETFD:
		return fd_close_on_exec(fd, -1);
	case F_SETFD:
		fd_close_on_exec(fd, argument & 1);
		return 0;
	case F_GETFL:
		return f->flags | (f->inode ? O_LARGEFILE : 0);
	case F_SETFL:
		return flags_change(f, fd, (unsigned)argument);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return lock_posix(f, fd, command, argument);
	case F_SETOWN:
		return async_set_owner(f, (int)argument);
	case F_GETOWN:
		return async_owner(f);
	case F_SETSIG:
		return async_set_signal(f, argument);
	case F_GETSIG:
		return async_signal(f);
	case F_SETOWN_EX:
		return async_set_owner_record(f, argument);
	case F_GETOWN_EX:
		return async_owner_record(f, argument);
	case F_SETPIPE_SZ:
	case F_GETPIPE_SZ:
		if (!file_is_pipe(f)) {
			return -EBADF;
		}
		return command == F_GETPIPE_SZ ? pipe_capacity(f) : pipe_set_capacity(f, (uint32_t)argument);
	case F_ADD_SEALS:
		return file_add_seals(f, (uint32_t)argument);
	case F_GET_SEALS:
		return file_seals(f);
	default:
		return -EINVAL;
	}
}

long sys_fcntl(const uint64_t a[6])
{
	struct file *f = file_from_fd((int)a[0]);
	if (!f) {
		return -EBADF;
	}
	long result = control(f, (int)a[0], (int)a[1], a[2]);
	file_put(f);
	return result;
}

static long regular_ioctl(struct file *f, unsigned request, uint64_t argument)
{
	if (request == FIONREAD && f->inode && S_IS(f->inode->mode, S_IFREG)) {
		int left = (int)(f->inode->size > f->offset ? f->inode->size - f->offset : 0);
		return user_write(argument, &left, sizeof(left));
	}
	return f->ops && f->ops->ioctl ? f->ops->ioctl(f, request, argument) : -ENOTTY;
}

long sys_ioctl(const uint64_t a[6])
{
	struct file *f = file_from_fd((int)a[0]);
	long result = 0;
	int on = 0;
	if (!f) {
		return -EBADF;
	}
	switch ((unsigned)a[1]) {
	case FIOCLEX:
	case FIONCLEX:
		fd_close_on_exec((int)a[0], (unsigned)a[1] == FIOCLEX);
		break;
	case FIONBIO:
		result = user_read(&on, a[2], sizeof(on));
		if (!result) {
			flags_set(f, O_NONBLOCK, on ? O_NONBLOCK : 0);
		}
		break;
	case FIOASYNC:
		result = user_read(&on, a[2], sizeof(on));
		if (!result && !on != !(f->flags & O_ASYNC)) {
			result = async_set(f, (int)a[0], on);
		}
		break;
	default:
		result = regular_ioctl(f, (unsigned)a[1], a[2]);
		break;
	}
	file_put(f);
	return result;
}
