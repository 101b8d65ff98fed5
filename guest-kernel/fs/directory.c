/* SPDX-License-Identifier: MIT */
/* getdents64 and getdents: names are gathered in kernel memory, since the file system emits them under its locks, then copied. */
#include "base/string.h"
#include "kernel/notify.h"
#include "kernel/syscall.h"
#include "kernel/user.h"
#include "kernel/vfs.h"

#define GATHER_MAX 32768u

struct gather {
	char *buffer;
	size_t size, used;
	bool old; /* getdents: the type is the last byte of the record */
	bool too_small;
	struct file *file;
	size_t last; /* offset of the last record, whose d_off is filled in when the next place is known */
};

struct record64 {
	uint64_t inode;
	int64_t offset;
	uint16_t length;
	uint8_t type;
	char name[];
} __attribute__((packed));

struct record_old {
	uint64_t inode;
	int64_t offset;
	uint16_t length;
	char name[];
} __attribute__((packed));

static void last_offset(struct gather *g)
{
	if (g->used > 0) {
		((struct record64 *)(g->buffer + g->last))->offset = (int64_t)g->file->offset;
	}
}

static bool gather_emit(void *context, const char *name, unsigned length, uint64_t inode, unsigned type)
{
	struct gather *g = context;
	size_t head = g->old ? offsetof(struct record_old, name) : offsetof(struct record64, name);
	size_t need = (head + length + 1 + (g->old ? 1 : 0) + 7) & ~(size_t)7;
	if (g->used + need > g->size) {
		g->too_small = g->used == 0;
		return false;
	}
	last_offset(g);
	char *at = g->buffer + g->used;
	struct record64 *r = (struct record64 *)at;
	memset(at, 0, need);
	r->inode = inode;
	r->length = (uint16_t)need;
	if (g->old) {
		at[need - 1] = (char)type;
	} else {
		r->type = (uint8_t)type;
	}
	memcpy(at + head, name, length);
	g->last = g->used;
	g->used += need;
	return true;
}

static long directory_read(int fd, uint64_t user, uint64_t size, bool old)
{
	struct file *f = file_from_fd(fd);
	if (!f) {
		return -EBADF;
	}
	long result = f->inode && S_IS(f->inode->mode, S_IFDIR) ? (f->ops && f->ops->readdir ? 0 : -EBADF) : -ENOTDIR;
	struct gather g = { .size = size < GATHER_MAX ? size : GATHER_MAX, .old = old, .file = f };
	if (!result && g.size > 0) {
		g.buffer = kmalloc(g.size);
		result = g.buffer ? 0 : -ENOMEM;
	}
	mutex_lock(&f->position); /* nobody seeks, or reads as well, until the position is what was read (lseek) */
	uint64_t begin = f->offset;
	if (!result) {
		mutex_lock(&f->inode->mutex);
		result = f->inode->links == 0 ? -ENOENT : f->ops->readdir(f, &g, gather_emit);
		last_offset(&g);
		mutex_unlock(&f->inode->mutex);
		notify_dentry(f->dentry, NOTIFY_ACCESS);
	}
	if (g.used > 0) {
		result = (long)g.used;
		if (user_write(user, g.buffer, g.used)) {
			f->offset = begin; /* what was not seen is there next time */
			result = -EFAULT;
		}
	} else if (!result && g.too_small) {
		result = -EINVAL;
	}
	mutex_unlock(&f->position);
	kfree(g.buffer);
	file_put(f);
	return result;
}

long sys_getdents64(const uint64_t a[6])
{
	return directory_read((int)a[0], a[1], (uint32_t)a[2], false);
}

long sys_getdents(const uint64_t a[6])
{
	return directory_read((int)a[0], a[1], (uint32_t)a[2], true);
}
