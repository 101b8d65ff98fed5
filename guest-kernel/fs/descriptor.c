/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables: number to open file, with the close-on-exec flag beside it. The table's spin lock is held for changes, never
 * while a file is closed. Look-ups take no lock: the array of slots is replaced as a whole when it grows, and goes by an epoch as open
 * files do. A file that is found may be on its way out: a reference is taken only where there is one, else the slot is read again.
 * What a thread finds that has the table to itself is there until its system call ends: it needs no reference at all.
 */
#include "base/string.h"
#include "kernel/epoch.h"
#include "kernel/reserve.h"
#include "kernel/syscall.h"
#include "kernel/vfs.h"

#define TABLE_MAX 65536u

struct slots {
	struct epoch_link link;
	unsigned size; /* constant */
	uint8_t *close_on_exec; /* a byte each, behind `files` */
	struct file *files[]; /* written under the table's lock, read without */
};

struct file_table {
	uint32_t references; /* atomic */
	spinlock_t lock;
	unsigned lowest_free; /* under lock: no free number below */
	struct slots *slots; /* written under lock, read without */
};

static struct slots *slots_create(unsigned size)
{
	struct slots *s = kzalloc(sizeof(*s) + size * (sizeof(s->files[0]) + 1));
	if (s) {
		s->size = size;
		s->close_on_exec = (uint8_t *)&s->files[size];
	}
	return s;
}

static inline struct slots *slots_read(struct file_table *t)
{
	return __atomic_load_n(&t->slots, __ATOMIC_ACQUIRE);
}

/* Slots are only replaced by more of them, and may be gone once this is told. */
static unsigned table_size(struct file_table *t)
{
	spin_lock(&t->lock);
	unsigned size = t->slots->size;
	spin_unlock(&t->lock);
	return size;
}

static inline void slot_set_locked(struct file_table *t, unsigned fd, struct file *f)
{
	__atomic_store_n(&t->slots->files[fd], f, __ATOMIC_RELEASE);
}

static int table_grow(struct file_table *t, unsigned size)
{
	struct slots *new = slots_create(size), *old;
	if (!new) {
		return -ENOMEM;
	}
	spin_lock(&t->lock);
	old = t->slots;
	if (size > old->size) {
		memcpy(new->files, old->files, old->size * sizeof(old->files[0]));
		memcpy(new->close_on_exec, old->close_on_exec, old->size);
		__atomic_store_n(&t->slots, new, __ATOMIC_RELEASE);
	} else {
		old = new;
	}
	spin_unlock(&t->lock);
	epoch_free(&old->link, old);
	return 0;
}

static struct file_table *table_create(unsigned size)
{
	struct file_table *t = kzalloc(sizeof(*t));
	if (t) {
		t->references = 1;
		spin_init(&t->lock, "descriptors");
		t->slots = slots_create(size);
		if (!t->slots) {
			kfree(t);
			return NULL;
		}
	}
	return t;
}

struct file_table *file_table_create(void)
{
	return table_create(64);
}

struct file_table *file_table_fork(struct file_table *from)
{
	struct file_table *t = table_create(table_size(from));
	while (t) {
		spin_lock(&from->lock);
		unsigned size = from->slots->size;
		if (t->slots->size >= size) {
			break;
		}
		spin_unlock(&from->lock);
		if (table_grow(t, size)) {
			file_table_put(t);
			return NULL;
		}
	}
	if (t) {
		for (unsigned i = 0; i < from->slots->size; i++) {
			struct file *f = from->slots->files[i];
			t->slots->files[i] = f;
			t->slots->close_on_exec[i] = from->slots->close_on_exec[i];
			if (f) {
				file_get(f);
			}
		}
		t->lowest_free = from->lowest_free;
		spin_unlock(&from->lock);
	}
	return t;
}

void file_table_get(struct file_table *t)
{
	__atomic_fetch_add(&t->references, 1, __ATOMIC_RELAXED);
}

bool file_table_is_shared(struct file_table *t)
{
	return __atomic_load_n(&t->references, __ATOMIC_ACQUIRE) > 1;
}

static void file_close(struct file_table *t, struct file *f)
{
	if (f->inode) {
		locks_release_table(f, t);
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
	struct slots *slots = t->slots;
	for (unsigned i = 0; i < slots->size; i++) {
		if (slots->files[i]) {
			reserve_renew();
			file_close(t, slots->files[i]);
		}
	}
	kfree(slots); /* nobody has the table any more */
	kfree(t);
}

static struct file *take_locked(struct file_table *t, unsigned fd)
{
	struct file *f = fd < t->slots->size ? t->slots->files[fd] : NULL;
	if (f) {
		slot_set_locked(t, fd, NULL);
		t->lowest_free = fd < t->lowest_free ? fd : t->lowest_free;
	}
	return f;
}

void file_table_exec(struct file_table *t)
{
	for (unsigned i = 0, size = table_size(t); i < size; i++) {
		spin_lock(&t->lock);
		struct file *f = t->slots->close_on_exec[i] ? take_locked(t, i) : NULL;
		spin_unlock(&t->lock);
		if (f) {
			file_close(t, f);
		}
	}
}

static inline struct file *file_peek(struct file_table *t, unsigned fd)
{
	const struct slots *slots = slots_read(t);
	return fd < slots->size ? __atomic_load_n(&slots->files[fd], __ATOMIC_ACQUIRE) : NULL;
}

static struct file *table_find(struct file_table *t, unsigned fd)
{
	struct file *f;
	epoch_enter();
	do {
		f = file_peek(t, fd);
	} while (f && !file_try_get(f));
	epoch_exit();
	return f;
}

struct file *file_from_fd(int fd)
{
	return fd < 0 ? NULL : table_find(process_current()->files, (unsigned)fd);
}

struct file *fd_peek(int fd)
{
	return fd < 0 ? NULL : file_peek(process_current()->files, (unsigned)fd);
}

/* Others add threads to neither; only this thread could. */
static inline bool alone_with(const struct process *p, struct file_table *t)
{
	return p->threads.next->next == &p->threads && __atomic_load_n(&t->references, __ATOMIC_RELAXED) == 1;
}

struct file *fd_borrow(int fd, bool *counted)
{
	const struct process *p = process_current();
	struct file_table *t = p->files;
	*counted = false;
	if (fd < 0 || alone_with(p, t)) {
		return fd < 0 ? NULL : file_peek(t, (unsigned)fd);
	}
	*counted = true;
	return table_find(t, (unsigned)fd);
}

int file_table_next(struct file_table *t, unsigned fd)
{
	spin_lock(&t->lock);
	while (fd < t->slots->size && !t->slots->files[fd]) {
		fd++;
	}
	int next = fd < t->slots->size ? (int)fd : -1;
	spin_unlock(&t->lock);
	return next;
}

struct file *file_of_process(struct process *p, unsigned fd)
{
	return p->files ? table_find(p->files, fd) : NULL;
}

/** An open file as such, and what hangs on most of them. */
#define FILE_BYTES 512u

static uint64_t file_held(const struct file *f)
{
	const struct inode *inode = f->inode;
	bool nameless = inode && inode->super->pinned && !inode->links && S_IS(inode->mode, S_IFREG);
	return FILE_BYTES + (f->ops && f->ops->held ? f->ops->held(f) : 0) + (nameless ? inode->mapping.page_count * PAGE_SIZE : 0);
}

uint64_t file_table_held(struct file_table *t)
{
	uint64_t bytes = 0;
	spin_lock(&t->lock); /* what is in it stays open */
	for (unsigned fd = 0; fd < t->slots->size; fd++) {
		bytes += t->slots->files[fd] ? file_held(t->slots->files[fd]) : 0;
	}
	spin_unlock(&t->lock);
	return bytes / PAGE_SIZE;
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
		while (fd < t->slots->size && t->slots->files[fd]) {
			fd++;
		}
		if (fd < t->slots->size && fd < limit) {
			slot_set_locked(t, fd, f);
			t->slots->close_on_exec[fd] = close_on_exec;
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

bool fd_is_left(void)
{
	struct file_table *t = process_current()->files;
	unsigned limit = table_limit();
	spin_lock(&t->lock);
	unsigned fd = t->lowest_free;
	while (fd < limit && fd < t->slots->size && t->slots->files[fd]) {
		fd++;
	}
	spin_unlock(&t->lock);
	return fd < limit;
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
	if (fd >= 0 && (unsigned)fd < t->slots->size && t->slots->files[fd]) {
		was = t->slots->close_on_exec[fd];
		if (set >= 0) {
			t->slots->close_on_exec[fd] = (uint8_t)set;
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
	uint64_t size = table_size(t);
	for (uint64_t fd = (uint32_t)a[0]; fd <= last && fd < size; fd++) {
		if (a[2] & 4) { /* CLOSE_RANGE_CLOEXEC */
			fd_close_on_exec((int)fd, 1);
		} else {
			reserve_renew();
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
	if ((unsigned)to >= table_size(t) && table_grow(t, (unsigned)to + 64)) {
		file_put(f);
		return -ENOMEM;
	}
	spin_lock(&t->lock);
	struct file *old = t->slots->files[to];
	slot_set_locked(t, (unsigned)to, f);
	t->slots->close_on_exec[to] = close_on_exec;
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
