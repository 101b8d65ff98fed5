/* SPDX-License-Identifier: MIT */
/* Open files: reference counting, and what exec and mmap ask of them. */
#include "base/string.h"
#include "kernel/epoch.h"
#include "kernel/notify.h"
#include "kernel/poll.h"
#include "kernel/vfs.h"

static size_t files; /* atomic: that are open */

size_t files_open(void)
{
	return __atomic_load_n(&files, __ATOMIC_RELAXED);
}

struct file *file_alloc(const struct file_ops *ops, unsigned flags, void *private)
{
	struct file *f = kzalloc(sizeof(*f));
	if (f) {
		__atomic_fetch_add(&files, 1, __ATOMIC_RELAXED);
		f->ops = ops;
		f->references = 1;
		f->flags = flags;
		f->private = private;
		spin_init(&f->lock, "file");
		mutex_init(&f->position, "file position");
		f->position.outer = true;
	}
	return f;
}

void file_get(struct file *f)
{
	__atomic_fetch_add(&f->references, 1, __ATOMIC_RELAXED);
}

bool file_try_get(struct file *f)
{
	uint32_t references = __atomic_load_n(&f->references, __ATOMIC_RELAXED);
	while (references) {
		if (__atomic_compare_exchange_n(&f->references, &references, references + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
			return true;
		}
	}
	return false;
}

void file_put(struct file *f)
{
	if (__atomic_sub_fetch(&f->references, 1, __ATOMIC_ACQ_REL) > 0) {
		return;
	}
	if (f->dentry && f->ops) {
		notify_dentry(f->dentry, file_writable(f) ? NOTIFY_CLOSE_WRITE : NOTIFY_CLOSE);
	}
	if (f->watched) {
		epoll_forget(f);
	}
	if (f->async) {
		async_forget(f);
	}
	if (f->inode) {
		locks_release_file(f);
	}
	if (f->ops && f->ops->release) {
		f->ops->release(f);
	}
	if (f->inode) {
		if (file_writable(f) && S_IS(f->inode->mode, S_IFREG)) {
			inode_users_remove(f->inode, 1);
		}
		inode_put(f->inode);
	}
	if (f->dentry) {
		dentry_put(f->dentry);
	}
	epoch_free(&f->epoch, f);
	__atomic_fetch_sub(&files, 1, __ATOMIC_RELAXED);
}

bool file_readable(const struct file *f)
{
	unsigned mode = f->flags & O_ACCMODE;
	return !(f->flags & O_PATH) && (mode == O_RDONLY || mode == O_RDWR);
}

bool file_writable(const struct file *f)
{
	unsigned mode = f->flags & O_ACCMODE;
	return !(f->flags & O_PATH) && (mode == O_WRONLY || mode == O_RDWR);
}

struct file *file_open_path(const char *path, unsigned flags, unsigned mode, int *error)
{
	return file_open_at(AT_FDCWD, path, flags, mode, error);
}

int file_may_exec(struct file *f)
{
	if (!f->inode || !S_IS(f->inode->mode, S_IFREG) || f->inode->super->no_exec) {
		return -EACCES;
	}
	return inode_permission(f->inode, MAY_EXEC);
}

int file_run_begin(struct file *f)
{
	return inode_users_add(f->inode, -1);
}

void file_run_end(struct file *f)
{
	inode_users_remove(f->inode, -1);
}

void file_exec_ids(struct file *f, uint32_t *uid, uint32_t *gid)
{
	struct inode *inode = f->inode;
	if (!inode || inode->super->no_suid) {
		return;
	}
	mutex_lock(&inode->mutex); /* not the new owner with the old mode */
	if (inode->mode & S_ISUID) {
		*uid = inode->uid;
	}
	if ((inode->mode & S_ISGID) && (inode->mode & 010)) {
		*gid = inode->gid;
	}
	mutex_unlock(&inode->mutex);
}

long file_pread(struct file *f, void *buffer, uint64_t bytes, uint64_t offset)
{
	return file_read(f, (struct io_buffer){ false, (uint64_t)buffer }, bytes, &offset);
}

bool file_is_mappable(const struct file *f)
{
	return f->inode && f->ops == &regular_file_ops && S_IS(f->inode->mode, S_IFREG);
}

bool file_is_zeros(const struct file *f)
{
	return f->inode && S_IS(f->inode->mode, S_IFCHR) && f->inode->major == 1 && f->inode->minor == 5;
}

void file_device(const struct file *f, uint32_t *major, uint32_t *minor)
{
	*major = f->inode ? f->inode->super->major : 0;
	*minor = f->inode ? f->inode->super->minor : 0;
}

uint64_t file_size(struct file *f)
{
	return f->inode ? f->inode->size : 0;
}

uint64_t file_inode_number(struct file *f)
{
	return f->inode ? f->inode->number : 0;
}

uint64_t file_identity(struct file *f)
{
	static uint64_t identities; /* atomic */
	uint64_t identity = __atomic_load_n(&f->inode->identity, __ATOMIC_RELAXED), fresh;
	if (!identity) {
		fresh = __atomic_add_fetch(&identities, 1, __ATOMIC_RELAXED);
		if (__atomic_compare_exchange_n(&f->inode->identity, &identity, fresh, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
			identity = fresh;
		}
	}
	return identity;
}

void file_path(struct file *f, char *text, unsigned long size)
{
	if (size == 0) {
		return;
	}
	if (!f->dentry && f->inode && f->inode->private && file_seals(f) >= 0) {
		string_copy(text, f->inode->private, size); /* of memfd_create */
		return;
	}
	if (!f->dentry || dentry_path(f->dentry, fs_context_current()->root, text, size) < 0) {
		string_copy(text, f->dentry ? "/..." : "anon", size);
	}
}
