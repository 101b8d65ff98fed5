/* SPDX-License-Identifier: MIT */
/* eventfd(2): a 64-bit counter that reads take and writes add to. */
#include "kernel/poll.h"
#include "kernel/syscall.h"
#include "kernel/vfs.h"

enum { EFD_SEMAPHORE = 1 };

struct counter {
	spinlock_t lock;
	uint64_t value; /* under lock; at most UINT64_MAX - 1 */
	bool semaphore;
	struct waitq queue;
};

static long counter_read(struct file *f, void *buffer, uint64_t bytes, uint64_t *offset)
{
	struct counter *c = f->private;
	if (bytes < 8) {
		return -EINVAL;
	}
	for (;;) {
		spin_lock(&c->lock);
		uint64_t taken = c->semaphore && c->value ? 1 : c->value;
		c->value -= taken;
		spin_unlock(&c->lock);
		if (taken) {
			*(uint64_t *)buffer = taken;
			waitq_wake_all(&c->queue);
			return 8;
		}
		if (f->flags & O_NONBLOCK) {
			return -EAGAIN;
		}
		if (WAIT_EVENT_INTERRUPTIBLE(&c->queue, c->value > 0)) {
			return -ERESTARTSYS;
		}
	}
}

static long counter_write(struct file *f, const void *buffer, uint64_t bytes, uint64_t *offset)
{
	struct counter *c = f->private;
	uint64_t add = bytes >= 8 ? *(const uint64_t *)buffer : UINT64_MAX;
	if (add == UINT64_MAX) {
		return -EINVAL;
	}
	for (;;) {
		spin_lock(&c->lock);
		bool fits = c->value < UINT64_MAX - add;
		c->value += fits ? add : 0;
		spin_unlock(&c->lock);
		if (fits) {
			waitq_wake_all(&c->queue);
			return 8;
		}
		if (f->flags & O_NONBLOCK) {
			return -EAGAIN;
		}
		if (WAIT_EVENT_INTERRUPTIBLE(&c->queue, c->value < UINT64_MAX - add)) {
			return -ERESTARTSYS;
		}
	}
}

static unsigned counter_poll(struct file *f, struct poll_table *table)
{
	struct counter *c = f->private;
	poll_wait(table, &c->queue);
	uint64_t value = __atomic_load_n(&c->value, __ATOMIC_ACQUIRE);
	return (value ? POLLIN | POLLRDNORM : 0) | (value < UINT64_MAX - 1 ? POLLOUT | POLLWRNORM : 0);
}

static void counter_release(struct file *f)
{
	kfree(f->private);
}

static const struct file_ops counter_ops = {
	.read = counter_read, .write = counter_write, .poll = counter_poll, .release = counter_release,
};

long sys_eventfd2(const uint64_t a[6])
{
	if (a[1] & ~(uint64_t)(O_CLOEXEC | O_NONBLOCK | EFD_SEMAPHORE)) {
		return -EINVAL;
	}
	struct counter *c = kzalloc(sizeof(*c));
	struct file *f = c ? file_alloc(&counter_ops, O_RDWR | (a[1] & O_NONBLOCK), c) : NULL;
	if (!f) {
		kfree(c);
		return -ENOMEM;
	}
	spin_init(&c->lock, "eventfd");
	waitq_init(&c->queue);
	c->value = (uint32_t)a[0];
	c->semaphore = a[1] & EFD_SEMAPHORE;
	return fd_install(f, a[1] & O_CLOEXEC);
}

long sys_eventfd(const uint64_t a[6])
{
	const uint64_t without_flags[6] = { a[0] };
	return sys_eventfd2(without_flags);
}
