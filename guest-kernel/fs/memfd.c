/* SPDX-License-Identifier: MIT */
/*
 * memfd_create(2): files of a tmpfs that is mounted nowhere, without a name in it; and seals (F_ADD_SEALS in fcntl(2)), which every
 * file in memory can have: what is sealed never changes again, so that one process can rely on memory that another one gave it.
 * Seals and the count of shared mappings through which the file may be written are looked at and changed under the inode's mutex or,
 * where a mapping comes to be, by atomic operations: the count goes up before the seals are looked at, and sealing looks at it after.
 */
#include "base/format.h"
#include "base/string.h"
#include "kernel/platform.h"
#include "kernel/syscall.h"
#include "kernel/user.h"
#include "kernel/vfs.h"

#define NAME_MOST 249u
enum { MFD_CLOEXEC = 1, MFD_ALLOW_SEALING = 2 };

static struct super *memory_files; /* made at start */

void memfd_init(void)
{
	if (tmpfs_super_open(&memory_files, 0700)) {
		kprintf("no file system for memfd_create");
	}
}

static struct file *memfd_open(const char *name, bool sealable)
{
	char *text = kmalloc(strlen(name) + 24);
	struct inode *inode = text && memory_files ? memory_file(memory_files) : NULL;
	struct file *f = inode ? file_alloc(&regular_file_ops, O_RDWR | O_LARGEFILE, NULL) : NULL;
	if (!f) {
		kfree(text);
		if (inode) {
			inode_put(inode);
		}
		return NULL;
	}
	format_text(text, strlen(name) + 24, "/memfd:%s (deleted)", name);
	inode->private = text;
	inode->seals = sealable ? 0 : F_SEAL_SEAL;
	inode->writers = 1;
	f->inode = inode;
	return f;
}

struct inode *memory_area_create(uint64_t bytes)
{
	struct inode *inode = memory_files ? memory_file(memory_files) : NULL;
	if (inode) {
		__atomic_store_n(&inode->size, bytes, __ATOMIC_RELEASE); /* nobody else knows it yet */
	}
	return inode;
}

struct file *memory_area_open(struct inode *inode)
{
	struct file *f = file_alloc(&regular_file_ops, O_RDWR | O_LARGEFILE, NULL);
	if (f) {
		__atomic_fetch_add(&inode->writers, 1, __ATOMIC_RELAXED);
		inode_get(inode);
		f->inode = inode;
	}
	return f;
}

long sys_memfd_create(const uint64_t a[6])
{
	char name[NAME_MOST + 1];
	if (a[1] & ~(uint64_t)(MFD_CLOEXEC | MFD_ALLOW_SEALING)) {
		return -EINVAL;
	}
	long length = user_string(name, a[0], sizeof(name));
	if (length < 0) {
		return length == -ENAMETOOLONG ? -EINVAL : length;
	}
	struct file *f = memfd_open(name, a[1] & MFD_ALLOW_SEALING);
	return f ? fd_install(f, a[1] & MFD_CLOEXEC) : -ENOMEM;
}

static bool can_have_seals(const struct file *f)
{
	return f->inode && S_IS(f->inode->mode, S_IFREG) && f->ops == &regular_file_ops && f->inode->super->pinned;
}

long file_seals(struct file *f)
{
	return can_have_seals(f) ? (long)__atomic_load_n(&f->inode->seals, __ATOMIC_ACQUIRE) : -EINVAL;
}

long file_add_seals(struct file *f, uint64_t seals)
{
	if (!file_writable(f)) {
		return -EPERM;
	}
	if (!can_have_seals(f) || (seals & ~(uint64_t)F_SEALS)) {
		return -EINVAL;
	}
	struct inode *inode = f->inode;
	mutex_lock(&inode->mutex);
	uint32_t old = inode->seals;
	long error = old & F_SEAL_SEAL ? -EPERM : 0;
	if (!error) {
		__atomic_store_n(&inode->seals, old | (uint32_t)seals, __ATOMIC_SEQ_CST);
	}
	if (!error && (seals & ~(uint64_t)old & F_SEAL_WRITE) && __atomic_load_n(&inode->writable_mappings, __ATOMIC_SEQ_CST)) {
		__atomic_store_n(&inode->seals, old, __ATOMIC_SEQ_CST);
		error = -EBUSY;
	}
	mutex_unlock(&inode->mutex);
	return error;
}

int file_map_writable(struct file *f)
{
	__atomic_fetch_add(&f->inode->writable_mappings, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&f->inode->seals, __ATOMIC_SEQ_CST) & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) {
		file_unmap_writable(f);
		return -EPERM;
	}
	return 0;
}

void file_map_writable_again(struct file *f)
{
	__atomic_fetch_add(&f->inode->writable_mappings, 1, __ATOMIC_SEQ_CST);
}

void file_unmap_writable(struct file *f)
{
	__atomic_fetch_sub(&f->inode->writable_mappings, 1, __ATOMIC_SEQ_CST);
}

int inode_sealed_write(const struct inode *inode, uint64_t at, uint64_t *bytes)
{
	if (inode->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) {
		return -EPERM;
	}
	if ((inode->seals & F_SEAL_GROW) && at + *bytes > inode->size) {
		/* As Linux, page by page: the first that would make it longer is refused. */
		uint64_t whole = inode->size & ~(PAGE_SIZE - 1);
		if (at >= whole) {
			return -EPERM;
		}
		*bytes = whole - at;
	}
	return 0;
}

int inode_sealed_size(const struct inode *inode, uint64_t size)
{
	bool refused = ((inode->seals & F_SEAL_SHRINK) && size < inode->size) || ((inode->seals & F_SEAL_GROW) && size > inode->size);
	return refused ? -EPERM : 0;
}
