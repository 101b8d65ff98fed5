/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables: number to open file, with the close-on-exec flag in a bitmap. A table is shared by threads; its spin lock
 * is held for look-ups and changes, never while a file is closed.
 */
#include "base/string.h"
#include "kernel/syscall.h"
#include "kernel/vfs.h"

#define RLIMIT_NOFILE 7
#define TABLE_MAX 65536u

struct file_table {
	uint32_t references; /* atomic */
	spinlock_t lock;
	unsigned size; /* under lock, as all below */
	unsigned lowest_free; /* no free number below */
	struct file **files;
	uint8_t *close_on_exec; /* a byte each */
};

static int table_grow(struct file_table *t, unsigned size)
{
	struct file **files = kzalloc(size * sizeof(*files));
	uint8_t *flags = kzalloc(size);
	if (!files || !flags) {
		kfree(files);
		kfree(flags);
		return -ENOMEM;
	}
	spin_lock(&t->lock);
	struct file **old_files = t->files;
	uint8_t *old_flags = t->close_on_exec;
	if (size > t->size) {
		if (t->size) {
			memcpy(files, t->files, t->size * sizeof(*files));
			memcpy(flags, t->close_on_exec, t->size);
		}
		t->files = files;
		t->close_on_exec = flags;
		t->size = size;
	} else {
		old_files = files;
		old_flags = flags;
	}
	spin_unlock(&t->lock);
	kfree(old_files);
	kfree(old_flags);
	return 0;
}

struct file_table *file_table_create(void)
{
	struct file_table *t = kzalloc(sizeof(*t));
	if (t) {
		t->references = 1;
		spin_init(&t->lock, "descriptors");
		if (table_grow(t, 64)) {
			kfree(t);
			return NULL;
		}
	}
	return t;
}

struct file_table *file_table_fork(struct file_table *from)
{
	struct file_table *t = file_table_create();
	while (t) {
		spin_lock(&from->lock);
		unsigned size = from->size;
		if (t->size >= size) {
			break;
		}
		spin_unlock(&from->lock);
		if (table_grow(t, size)) {
			file_table_put(t);
			return NULL;
		}
	}
	if (t) {
		for (unsigned i = 0; i < from->size; i++) {
			t->files[i] = from->files[i];
			t->close_on_exec[i] = from->close_on_exec[i];
			if (t->files[i]) {
				file_get(t->files[i]);
			}
		}
		spin_unlock(&from->lock);
	}
	return t;
}

void file_table_get(struct file_table *t)
{
	__atomic_fetch_add(&t->references, 1, __ATOMIC_RELAXED);
}

static void file_close(struct file_table *t, struct file *f)
{
	if (f->inode) {
		locks_release_table(f, t);
	}
	if (f->watched) {
		epoll_closing();
	}
	bool socket = f->ops == &socket_file_ops;
	file_put(f);
	if (socket) {
		socket_closed();
	}
}

void file_table_put(struct file_table *t)
{
	if (__atomic_sub_fetch(&t->references, 1, __ATOMIC_ACQ_REL) > 0) {
		return;
	}
	for (unsigned i = 0; i < t->size; i++) {
		if (t->files[i]) {
			file_close(t, t->files[i]);
		}
	}
	kfree(t->files);
	kfree(t->close_on_exec);
	kfree(t);
}

static struct file *take_locked(struct file_table *t, unsigned fd)
{
	struct file *f = fd < t->size ? t->files[fd] : NULL;
	if (f) {
		t->files[fd] = NULL;
		t->lowest_free = fd < t->lowest_free ? fd : t->lowest_free;
	}
	return f;
}

void file_table_exec(struct file_table *t)
{
	for (unsigned i = 0; i < t->size; i++) {
		spin_lock(&t->lock);
		struct file *f = t->close_on_exec[i] ? take_locked(t, i) : NULL;
		spin_unlock(&t->lock);
		if (f) {
			file_close(t, f);
		}
	}
}

static struct file *table_find(struct file_table *t, unsigned fd)
{
	spin_lock(&t->lock);
	struct file *f = fd < t->size ? t->files[fd] : NULL;
	if (f) {
		file_get(f);
	}
	spin_unlock(&t->lock);
	return f;
}

struct file *file_from_fd(int fd)
{
	return fd < 0 ? NULL : table_find(process_current()->files, (unsigned)fd);
}

int file_table_next(struct file_table *t, unsigned fd)
{
	spin_lock(&t->lock);
	while (fd < t->size && !t->files[fd]) {
		fd++;
	}
	int next = fd < t->size ? (int)fd : -1;
	spin_unlock(&t->lock);
	return next;
}

struct file *file_of_process(struct process *p, unsigned fd)
{
	return p->files ? table_find(p->files, fd) : NULL;
}

static unsigned table_limit(void)
{
	uint64_t limit = process_current()->rlimits[RLIMIT_NOFILE].soft;
	return limit < TABLE_MAX ? (unsigned)limit : TABLE_MAX;
}

int fd_install_from(struct file *f, int lowest, bool close_on_exec)
{
	struct file_table *t = process_current()->files;
	unsigned limit = table_limit();
	for (;;) {
		spin_lock(&t->lock);
		unsigned fd = (unsigned)lowest > t->lowest_free ? (unsigned)lowest : t->lowest_free;
		while (fd < t->size && t->files[fd]) {
			fd++;
		}
		if (fd < t->size && fd < limit) {
			t->files[fd] = f;
			t->close_on_exec[fd] = close_on_exec;
			if ((unsigned)lowest <= t->lowest_free) {
				t->lowest_free = fd + 1;
			}
			spin_unlock(&t->lock);
			return (int)fd;
		}
		spin_unlock(&t->lock);
		unsigned size = fd * 2 < TABLE_MAX ? fd * 2 : TABLE_MAX;
		if (fd >= limit || table_grow(t, size > fd ? size : fd + 1)) {
			file_put(f);
			return fd >= limit ? -EMFILE : -ENOMEM;
		}
	}
}

int fd_install(struct file *f, bool close_on_exec)
{
	return fd_install_from(f, 0, close_on_exec);
}

bool fd_close_on_exec(int fd, int set)
{
	struct file_table *t = process_current()->files;
	bool was = false;
	spin_lock(&t->lock);
	if (fd >= 0 && (unsigned)fd < t->size && t->files[fd]) {
		was = t->close_on_exec[fd];
		if (set >= 0) {
			t->close_on_exec[fd] = (uint8_t)set;
		}
	}
	spin_unlock(&t->lock);
	return was;
}

int fd_close(int fd)
{
	struct file_table *t = process_current()->files;
	spin_lock(&t->lock);
	struct file *f = fd < 0 ? NULL : take_locked(t, (unsigned)fd);
	spin_unlock(&t->lock);
	if (!f) {
		return -EBADF;
	}
	file_close(t, f);
	return 0;
}

long sys_close(const uint64_t a[6])
{
	return fd_close((int)a[0]);
}

long sys_close_range(const uint64_t a[6])
{
	struct file_table *t = process_current()->files;
	uint64_t last = (uint32_t)a[1];
	if ((uint32_t)a[0] > last || (a[2] & ~4ull)) {
		return -EINVAL;
	}
	for (uint64_t fd = (uint32_t)a[0]; fd <= last && fd < t->size; fd++) {
		if (a[2] & 4) { /* CLOSE_RANGE_CLOEXEC */
			fd_close_on_exec((int)fd, 1);
		} else {
			fd_close((int)fd);
		}
	}
	return 0;
}

static long dup_to(int from, int to, bool close_on_exec)
{
	struct file_table *t = process_current()->files;
	if (to < 0 || (unsigned)to >= table_limit()) {
		return -EBADF;
	}
	struct file *f = file_from_fd(from);
	if (!f) {
		return -EBADF;
	}
	if ((unsigned)to >= t->size && table_grow(t, (unsigned)to + 64)) {
		file_put(f);
		return -ENOMEM;
	}
	spin_lock(&t->lock);
	struct file *old = t->files[to];
	t->files[to] = f;
	t->close_on_exec[to] = close_on_exec;
	spin_unlock(&t->lock);
	if (old) {
		file_close(t, old);
	}
	return to;
}

long sys_dup(const uint64_t a[6])
{
	struct file *f = file_from_fd((int)a[0]);
	return f ? fd_install(f, false) : -EBADF;
}

long sys_dup2(const uint64_t a[6])
{
	if ((int)a[0] == (int)a[1]) {
		struct file *f = file_from_fd((int)a[0]);
		if (!f) {
			return -EBADF;
		}
		file_put(f);
		return (int)a[1];
	}
	return dup_to((int)a[0], (int)a[1], false);
}

long sys_dup3(const uint64_t a[6])
{
	if ((int)a[0] == (int)a[1] || (a[2] & ~(uint64_t)O_CLOEXEC)) {
		return -EINVAL;
	}
	return dup_to((int)a[0], (int)a[1], a[2] & O_CLOEXEC);
}
