/* SPDX-License-Identifier: MIT */
/* fallocate(2): room for a part of a file, a hole in it, or zeros; and what madvise(MADV_REMOVE) asks of files. */
#include "kernel/address_space.h"
#include "kernel/capability.h"
#include "kernel/syscall.h"
#include "kernel/vfs.h"

enum { KEEP_SIZE = 1, PUNCH_HOLE = 2, ZERO_RANGE = 0x10 };

/* Modes that go together, as Linux looks at them. Nothing here moves what is behind the range. */
static int mode_check(unsigned mode)
{
	bool punches = mode & PUNCH_HOLE, zeroes = mode & ZERO_RANGE;
	bool known = !(mode & ~(unsigned)(KEEP_SIZE | PUNCH_HOLE | ZERO_RANGE)) && !(punches && zeroes) && !(punches && !(mode & KEEP_SIZE));
	return known ? 0 : -EOPNOTSUPP;
}

static int file_check(const struct file *f)
{
	if (!file_writable(f)) {
		return -EBADF;
	}
	return f->inode && f->ops == &regular_file_ops ? 0 : file_is_pipe(f) ? -ESPIPE : -ENODEV;
}

/* [from, end) reads as zeros; what is behind the file's end does so anyway. */
static int hole_locked(struct inode *inode, uint64_t from, uint64_t end, bool *in_use)
{
	end = end < inode->size ? end : inode->size;
	if (inode->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) {
		return -EPERM;
	}
	int error = from < end ? page_cache_punch(inode, from, end, in_use) : 0;
	if (!inode->mapping.device) {
		inode->sectors = inode->mapping.page_count * (PAGE_SIZE / 512);
	}
	return error;
}

/* Blocks behind the end would be an error on disk without a larger size: those are not kept. */
static int room_locked(struct inode *inode, unsigned mode, uint64_t from, uint64_t end, bool *in_use)
{
	bool keeps = mode & KEEP_SIZE;
	uint64_t grown = !keeps && end > inode->size ? 1 : 0;
	end = keeps && end > inode->size ? inode->size : end;
	int error = grown ? file_size_limit(end - 1, &grown) : 0;
	error = error || !grown ? error : inode_sealed_size(inode, end);
	error = error || !(mode & ZERO_RANGE) ? error : hole_locked(inode, from, end, in_use);
	error = error ? error : inode->ops->preallocate && end > from ? inode->ops->preallocate(inode, from, end - from) : 0;
	if (!error && grown) {
		uint64_t old = inode->size;
		__atomic_store_n(&inode->size, end, __ATOMIC_RELEASE);
		page_cache_grown(inode, old);
	}
	return error;
}

static int allocate(struct file *f, unsigned mode, uint64_t from, uint64_t end)
{
	struct inode *inode = f->inode;
	bool in_use = false;
	mutex_lock(&inode->mutex);
	int error = mode & PUNCH_HOLE ? hole_locked(inode, from, end, &in_use) : room_locked(inode, mode, from, end, &in_use);
	if (!capable(CAP_FSETID)) {
		inode_drop_set_id(inode);
	}
	inode_modified(inode);
	mutex_unlock(&inode->mutex);
	if (in_use) {
		address_spaces_drop(inode, from / PAGE_SIZE, (end + PAGE_SIZE - 1) / PAGE_SIZE);
	}
	if (!error && f->dentry) {
		notify_dentry(f->dentry, NOTIFY_MODIFY);
	}
	return error;
}

int file_punch(struct file *f, uint64_t offset, uint64_t bytes)
{
	int error = file_check(f);
	return error ? error : allocate(f, PUNCH_HOLE | KEEP_SIZE, offset, offset + bytes);
}

long sys_fallocate(const uint64_t a[6])
{
	struct file *f = file_from_fd((int)a[0]);
	unsigned mode = (unsigned)a[1];
	int error = !f ? -EBADF : (int64_t)a[2] < 0 || (int64_t)a[3] <= 0 ? -EINVAL : mode_check(mode);
	error = error ? error : file_check(f);
	error = error ? error : (int64_t)(a[2] + a[3]) < 0 ? -EFBIG : 0;
	error = error ? error : allocate(f, mode, a[2], a[2] + a[3]);
	if (f) {
		file_put(f);
	}
	return error;
}
