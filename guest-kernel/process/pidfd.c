/* SPDX-License-Identifier: MIT */
/*
 * pidfd_open(2): files that stand for a process and, unlike its number, for no other one later. Such a file holds a handle, which the
 * process lets go of when it is freed. Handles are under process_lock.
 */
#include "process_internal.h"
#include "trace.h"

#include "abi/errno.h"
#include "kernel/fcntl.h"
#include "kernel/file.h"
#include "kernel/memory.h"
#include "kernel/poll.h"
#include "kernel/syscall.h"
#include "kernel/user.h"
#include "kernel/vfs.h"

struct process_handle {
	uint32_t references; /* the process's, and one a file */
	struct process *process; /* NULL: reaped and gone */
	struct waitq ended;
};

static void handle_put_locked(struct process_handle *h)
{
	if (--h->references == 0) {
		kfree(h);
	}
}

void pidfd_process_ended_locked(struct process *p)
{
	if (p->handle) {
		waitq_wake_all(&p->handle->ended);
	}
}

void pidfd_process_gone(struct process *p)
{
	spin_lock(&process_lock);
	struct process_handle *h = p->handle;
	if (h) {
		p->handle = NULL;
		h->process = NULL;
		waitq_wake_all(&h->ended);
		handle_put_locked(h);
	}
	spin_unlock(&process_lock);
}

static unsigned pidfd_poll(struct file *f, struct poll_table *table)
{
	struct process_handle *h = f->private;
	poll_wait(table, &h->ended);
	spin_lock(&process_lock);
	bool ended = !h->process || h->process->zombie;
	spin_unlock(&process_lock);
	return ended ? POLLIN | POLLRDNORM : 0;
}

static void pidfd_release(struct file *f)
{
	spin_lock(&process_lock);
	handle_put_locked(f->private);
	spin_unlock(&process_lock);
}

static const struct file_ops pidfd_ops = { .poll = pidfd_poll, .release = pidfd_release };

struct process_handle *pidfd_handle(const struct file *f)
{
	return f->ops == &pidfd_ops ? f->private : NULL;
}

struct process *pidfd_process_locked(const struct process_handle *h)
{
	return h->process;
}

/* The handle of *p, made from *spare if it has none; referenced. */
static struct process_handle *handle_get_locked(struct process *p, struct process_handle **spare)
{
	if (!p->handle) {
		p->handle = *spare;
		p->handle->process = p;
		p->handle->references = 1;
		waitq_init(&p->handle->ended);
		*spare = NULL;
	}
	p->handle->references++;
	return p->handle;
}

/* `child`: not published yet; NULL: look `pid` up. */
static long pidfd_create(struct process *child, uint32_t pid, unsigned flags)
{
	struct process_handle *spare = kzalloc(sizeof(*spare)), *h = NULL;
	struct file *f = spare ? file_alloc(&pidfd_ops, O_RDWR | (flags & O_NONBLOCK), NULL) : NULL;
	long error = f ? 0 : -ENOMEM;
	if (f) {
		spin_lock(&process_lock);
		struct process *p = child ? child : process_find_locked(pid);
		if (p) {
			h = handle_get_locked(p, &spare);
		} else {
			error = process_thread_find_locked(pid) ? -EINVAL : -ESRCH;
		}
		spin_unlock(&process_lock);
	}
	kfree(spare);
	if (!h) {
		if (f) {
			f->ops = NULL;
			file_put(f);
		}
		return error;
	}
	f->private = h;
	return fd_install(f, true);
}

int pidfd_of_child(struct process *child, uint64_t user, int *fd)
{
	long result = pidfd_create(child, 0, 0);
	if (result < 0) {
		return (int)result;
	}
	*fd = (int)result;
	return user_write(user, fd, sizeof(*fd));
}

long sys_pidfd_open(const uint64_t a[6])
{
	if ((a[1] & ~(uint64_t)O_NONBLOCK) || (int)a[0] <= 0) {
		return -EINVAL;
	}
	return pidfd_create(NULL, (uint32_t)a[0], (unsigned)a[1]);
}

/* The program's siginfo names the signal too, and claims another sender only towards itself (pidfd_send_signal(2)). */
static int info_read(uint64_t user, int signal, const struct process *to, struct signal_info *info)
{
	int error = signal_queue_info(user, signal, info);
	int named;
	if (error == -EPERM && to == process_current()) {
		return 0;
	}
	if (!error && (user_read(&named, user, sizeof(named)) || named != signal)) {
		error = -EINVAL;
	}
	return error;
}

/* Also a directory /proc/PID stands for the process that it was opened of, as killall(1) has it. */
static bool stands_for_process(const struct file *f)
{
	uint64_t since;
	return f && (pidfd_handle(f) || procfs_process(f, &since));
}

static struct process *process_meant_locked(const struct file *f)
{
	uint64_t since = 0;
	if (pidfd_handle(f)) {
		return pidfd_handle(f)->process;
	}
	struct process *p = process_find_locked(procfs_process(f, &since));
	return p && p->start_ns <= since ? p : NULL;
}

long sys_pidfd_send_signal(const uint64_t a[6])
{
	int signal = (int)a[1];
	struct process *self = process_current();
	struct signal_info info = { .signal = signal, .code = SI_USER, .pid = self->pid, .uid = self->credentials.uid };
	if (a[3]) {
		return -EINVAL;
	}
	struct file *f = file_from_fd((int)a[0]);
	int error = stands_for_process(f) ? 0 : -EBADF;
	if (!error && a[2]) {
		spin_lock(&process_lock);
		struct process *to = process_meant_locked(f);
		spin_unlock(&process_lock);
		error = info_read(a[2], signal, to, &info);
	}
	if (!error && (signal < 0 || signal > SIGNAL_COUNT)) {
		error = -EINVAL;
	}
	if (!error) {
		spin_lock(&process_lock);
		struct process *to = process_meant_locked(f);
		error = to ? signal_send_checked_locked(to, NULL, &info) : -ESRCH;
		spin_unlock(&process_lock);
	}
	if (f) {
		file_put(f);
	}
	return error;
}

long sys_pidfd_getfd(const uint64_t a[6])
{
	struct file *f = file_from_fd((int)a[0]), *found = NULL;
	struct process_handle *h = f ? pidfd_handle(f) : NULL;
	int error = a[2] ? -EINVAL : h ? 0 : -EBADF;
	if (!error) {
		spin_lock(&process_lock);
		struct process *p = h->process;
		error = !p || p->zombie ? -ESRCH : trace_may_access_locked(p) ? -EBADF : -EPERM;
		found = error == -EBADF ? file_of_process(p, (unsigned)a[1]) : NULL;
		spin_unlock(&process_lock);
	}
	if (f) {
		file_put(f);
	}
	return found ? fd_install(found, true) : error;
}
