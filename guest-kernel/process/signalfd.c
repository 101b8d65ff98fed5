/* SPDX-License-Identifier: MIT */
/*
 * signalfd(2): a file that takes pending signals of its mask, of whoever reads it: the thread's own and its process's. Such signals are
 * blocked, so no thread is woken for them; whoever waits here sleeps on the process's `arrived` queue.
 */
#include "process_internal.h"

#include "abi/errno.h"
#include "base/string.h"
#include "kernel/fcntl.h"
#include "kernel/file.h"
#include "kernel/memory.h"
#include "kernel/poll.h"
#include "kernel/syscall.h"
#include "kernel/user.h"

#define UNBLOCKABLE (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))

struct signal_file {
	uint64_t mask; /* atomic */
};

struct user_record { /* struct signalfd_siginfo */
	uint32_t signal;
	int32_t error, code;
	uint32_t pid, uid;
	int32_t fd;
	uint32_t timer, band, overrun, trap;
	int32_t status, value_int;
	uint64_t value, user_ticks, system_ticks, address;
	uint8_t pad[48];
};
_Static_assert(sizeof(struct user_record) == 128, "struct signalfd_siginfo");

static uint64_t mask_of(const struct file *f)
{
	return __atomic_load_n(&((struct signal_file *)f->private)->mask, __ATOMIC_RELAXED);
}

static void record_fill(struct user_record *r, const struct signal_info *info)
{
	bool fault = info->code > 0 && info->code != SI_KERNEL, file = fault && !signal_is_fault(info->signal) && info->signal != SIGCHLD;
	*r = (struct user_record){ .signal = (uint32_t)info->signal, .code = info->code };
	if (info->signal == SIGCHLD && fault) {
		r->pid = info->pid;
		r->uid = info->uid;
		r->status = info->status;
		r->user_ticks = info->user_ns / 10000000;
		r->system_ticks = info->system_ns / 10000000;
	} else if (file) {
		r->band = info->pid;
		r->fd = (int32_t)info->value;
	} else if (fault) {
		r->address = info->address;
	} else if (info->code == SI_TIMER) {
		r->timer = info->pid;
		r->overrun = info->uid;
	} else {
		r->pid = info->pid;
		r->uid = info->uid;
	}
	if (info->code < 0) {
		r->value = info->value;
		r->value_int = (int32_t)info->value;
	}
}

static bool take(uint64_t mask, struct signal_info *info)
{
	struct thread *t = thread_current();
	spin_lock(&process_lock);
	bool taken = signal_take_locked(t->process, t->user, mask, info);
	if (taken) {
		signal_recalculate_locked(t);
	}
	spin_unlock(&process_lock);
	return taken;
}

static long signal_file_read(struct file *f, void *buffer, uint64_t bytes, uint64_t *offset)
{
	struct signal_info info;
	struct user_record *record = buffer;
	uint64_t done = 0;
	if (bytes < sizeof(*record)) {
		return -EINVAL;
	}
	while (done + sizeof(*record) <= bytes && take(mask_of(f), &info)) {
		record_fill(record++, &info);
		done += sizeof(*record);
	}
	if (done) {
		return (long)done;
	}
	if (f->flags & O_NONBLOCK) {
		return -EAGAIN;
	}
	bool taken = false;
	int error = WAIT_EVENT_INTERRUPTIBLE(&process_current()->signals->arrived, (taken = take(mask_of(f), &info)));
	if (!taken) {
		return error ? -ERESTARTSYS : 0;
	}
	record_fill(record, &info);
	return sizeof(*record);
}

static unsigned signal_file_poll(struct file *f, struct poll_table *table)
{
	struct thread *t = thread_current();
	struct signals *s = t->process->signals;
	poll_wait(table, &s->arrived);
	spin_lock(&process_lock);
	bool ready = (t->user->pending.mask | s->pending.mask) & mask_of(f);
	spin_unlock(&process_lock);
	return ready ? POLLIN | POLLRDNORM : 0;
}

static void signal_file_release(struct file *f)
{
	kfree(f->private);
}

static const struct file_ops signal_file_ops = {
	.read = signal_file_read, .poll = signal_file_poll, .polls_caller = true, .release = signal_file_release,
};

static long signal_file_create(uint64_t mask, unsigned flags)
{
	struct signal_file *s = kzalloc(sizeof(*s));
	struct file *f = s ? file_alloc(&signal_file_ops, O_RDWR | (flags & O_NONBLOCK), s) : NULL;
	if (!f) {
		kfree(s);
		return -ENOMEM;
	}
	s->mask = mask;
	return fd_install(f, flags & O_CLOEXEC);
}

static long signal_file_change(int fd, uint64_t mask)
{
	struct file *f = file_from_fd(fd);
	if (!f) {
		return -EBADF;
	}
	bool right = f->ops == &signal_file_ops;
	if (right) {
		__atomic_store_n(&((struct signal_file *)f->private)->mask, mask, __ATOMIC_RELAXED);
		waitq_wake_all(&process_current()->signals->arrived);
	}
	file_put(f);
	return right ? fd : -EINVAL;
}

static long signal_file_call(int fd, uint64_t mask_at, uint64_t size, unsigned flags)
{
	uint64_t mask;
	if (size != sizeof(mask) || (flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK))) {
		return -EINVAL;
	}
	if (user_read(&mask, mask_at, sizeof(mask))) {
		return -EFAULT;
	}
	mask &= ~UNBLOCKABLE;
	return fd == -1 ? signal_file_create(mask, flags) : signal_file_change(fd, mask);
}

long sys_signalfd(const uint64_t a[6])
{
	return signal_file_call((int)a[0], a[1], a[2], 0);
}

long sys_signalfd4(const uint64_t a[6])
{
	return signal_file_call((int)a[0], a[1], a[2], (unsigned)a[3]);
}
