/* SPDX-License-Identifier: MIT */
/*
 * process_vm_readv and process_vm_writev: copies between the caller's memory and another process's, through a page of the kernel's. They
 * stop at the first byte that cannot be copied and tell how far they came.
 */
#include "trace.h"

#include "abi/errno.h"
#include "kernel/address_space.h"
#include "kernel/file.h"
#include "kernel/memory.h"
#include "kernel/syscall.h"
#include "kernel/user.h"

#define VECTORS_MOST 1024u

/* A walk over a program's vectors, which are read one by one. */
struct walk {
	uint64_t vectors, count;
	struct io_vector now; /* what is left of the current one */
};

/* 1: now.length is not 0; 0: the end; -EFAULT. */
static int walk_next(struct walk *w)
{
	while (!w->now.length) {
		if (!w->count) {
			return 0;
		}
		if (user_read(&w->now, w->vectors, sizeof(w->now))) {
			return -EFAULT;
		}
		w->vectors += sizeof(w->now);
		w->count--;
	}
	return 1;
}

static void walk_on(struct walk *w, uint64_t bytes)
{
	w->now.base += bytes;
	w->now.length -= bytes;
}

static long copy_part(struct address_space *memory, struct walk *own, struct walk *other, void *buffer, bool write)
{
	uint64_t bytes = own->now.length < other->now.length ? own->now.length : other->now.length;
	bytes = bytes < PAGE_SIZE ? bytes : PAGE_SIZE;
	if (write && user_read(buffer, own->now.base, bytes)) {
		return -EFAULT;
	}
	long n = address_space_access(memory, other->now.base, buffer, bytes, write ? ACCESS_WRITE : 0);
	if (n > 0 && !write && user_write(own->now.base, buffer, (size_t)n)) {
		return -EFAULT;
	}
	if (n > 0) {
		walk_on(own, (uint64_t)n);
		walk_on(other, (uint64_t)n);
	}
	return n;
}

/* Vectors may name the same gigabyte a thousand times. */
static bool is_to_end(void)
{
	if (!signal_pending()) {
		return false;
	}
	spin_lock(&process_lock);
	bool ends = process_current()->signals->group_exit || signal_ends_locked(thread_current());
	spin_unlock(&process_lock);
	return ends;
}

static long copy(struct address_space *memory, struct walk *own, struct walk *other, void *buffer, bool write)
{
	long total = 0, n = 1;
	int more = 1;
	while (n > 0 && more > 0 && !is_to_end()) {
		more = walk_next(own);
		more = more > 0 ? walk_next(other) : more;
		n = more > 0 ? copy_part(memory, own, other, buffer, write) : more;
		total += n > 0 ? n : 0;
	}
	return total ? total : n;
}

struct process *process_accessible_locked(uint32_t tid, struct thread **thread, int *error)
{
	struct process *p = process_of_thread_locked(tid, thread);
	*error = !p ? -ESRCH : trace_may_access_locked(p) ? 0 : -EPERM;
	return *error ? NULL : p;
}

struct address_space *process_memory_of(uint32_t tid, int *error)
{
	struct address_space *memory = NULL;
	struct thread *t;
	spin_lock(&process_lock);
	struct process *p = process_accessible_locked(tid, &t, error);
	if (p && p->memory) {
		memory = p->memory;
		address_space_get(memory);
	} else if (p) {
		*error = -ESRCH;
	}
	spin_unlock(&process_lock);
	return memory;
}

static long transfer(const uint64_t a[6], bool write)
{
	struct walk own = { .vectors = a[1], .count = a[2] }, other = { .vectors = a[3], .count = a[4] };
	int error;
	if (a[5] || own.count > VECTORS_MOST || other.count > VECTORS_MOST) {
		return -EINVAL;
	}
	struct address_space *memory = process_memory_of((uint32_t)a[0], &error);
	if (!memory) {
		return error;
	}
	struct page *page = page_alloc(0);
	long result = page ? copy(memory, &own, &other, page_data(page), write) : -ENOMEM;
	if (page) {
		page_put(page);
	}
	address_space_put(memory);
	return result;
}

long sys_process_vm_readv(const uint64_t a[6])
{
	return transfer(a, false);
}

long sys_process_vm_writev(const uint64_t a[6])
{
	return transfer(a, true);
}
