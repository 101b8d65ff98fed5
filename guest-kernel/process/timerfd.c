/* SPDX-License-Identifier: MIT */
/*
 * timerfd(2). The kernel timer is armed for the next expiration only while none waits to be read: from the first unread one on, a read
 * computes how many have passed and arms it again, so a short interval costs nothing while nobody reads. A callback that comes for a
 * time that was changed meanwhile finds that the deadline is not due. Those that are set to a moment of the wall clock are on a list: when
 * that clock is set, they follow it, and who asked for it (TFD_TIMER_CANCEL_ON_SET) is told.
 */
#include "abi/errno.h"
#include "kernel/fcntl.h"
#include "kernel/file.h"
#include "kernel/interval.h"
#include "kernel/memory.h"
#include "kernel/poll.h"
#include "process/process_internal.h"
#include "kernel/syscall.h"
#include "kernel/time.h"

enum { CLOCK_REALTIME = 0, CLOCK_MONOTONIC = 1, CLOCK_BOOTTIME = 7, TFD_TIMER_ABSTIME = 1, TFD_TIMER_CANCEL_ON_SET = 2 };

struct timer_file {
	spinlock_t lock;
	int clock;
	uint64_t deadline_ns, interval_ns; /* lock; deadline 0: not armed, or one-shot and told */
	bool due; /* lock: the deadline has passed and is not read */
	struct list link; /* wall_lock: wall_files */
	uint64_t wall_ns; /* lock: the moment that it was set to last; 0: none of the wall clock */
	bool may_cancel; /* lock */
	uint32_t seen_sets; /* lock: of the clock that its owner knows of */
	struct timer timer;
	struct waitq queue;
};

static spinlock_t wall_lock = SPINLOCK_INIT("timerfds of the wall clock");
static struct list wall_files = LIST_INIT(wall_files);
static volatile uint32_t wall_sets; /* wall_lock */

/** The clock was set since this was last asked. */
static bool is_cancelled_locked(struct timer_file *t)
{
	if (!t->may_cancel || t->seen_sets == wall_sets) {
		return false;
	}
	t->seen_sets = wall_sets;
	return true;
}

void timerfd_clock_set(void)
{
	spin_lock(&wall_lock);
	wall_sets++;
	list_for_each(node, &wall_files)
	{
		struct timer_file *t = container_of(node, struct timer_file, link);
		spin_lock(&t->lock);
		if (t->deadline_ns && !t->due) {
			t->deadline_ns = interval_deadline(t->wall_ns, true, CLOCK_REALTIME);
			timer_set(&t->timer, t->deadline_ns);
		}
		if (t->may_cancel) {
			waitq_wake_all(&t->queue);
		}
		spin_unlock(&t->lock);
	}
	spin_unlock(&wall_lock);
}

static void timer_file_expired(struct timer *timer)
{
	struct timer_file *t = timer->arg;
	spin_lock(&t->lock);
	if (t->deadline_ns && !t->due && time_ns() >= t->deadline_ns) {
		t->due = true;
		waitq_wake_all(&t->queue);
	}
	spin_unlock(&t->lock);
}

/* How often the deadline has passed; the timer goes on. -ECANCELED. */
static int64_t ticks_take(struct timer_file *t)
{
	int64_t ticks = 0;
	spin_lock(&t->lock);
	if (is_cancelled_locked(t)) {
		t->due = false;
		ticks = -ECANCELED;
	} else if (t->due) {
		t->due = false;
		ticks = t->interval_ns ? (int64_t)interval_forward(&t->deadline_ns, t->interval_ns, time_ns()) : 1;
		t->wall_ns += t->wall_ns ? (uint64_t)ticks * t->interval_ns : 0;
		if (t->interval_ns) {
			timer_set(&t->timer, t->deadline_ns);
		} else {
			t->deadline_ns = 0;
		}
	}
	spin_unlock(&t->lock);
	return ticks;
}

static long timer_file_read(struct file *f, void *buffer, uint64_t bytes, uint64_t *offset)
{
	struct timer_file *t = f->private;
	int64_t ticks = bytes < sizeof(ticks) ? 0 : ticks_take(t);
	if (bytes < sizeof(ticks)) {
		return -EINVAL;
	}
	if (!ticks && (f->flags & O_NONBLOCK)) {
		return -EAGAIN;
	}
	if (!ticks && WAIT_EVENT_INTERRUPTIBLE(&t->queue, (ticks = ticks_take(t)) != 0)) {
		return -ERESTARTSYS;
	}
	if (ticks < 0) {
		return ticks;
	}
	*(int64_t *)buffer = ticks;
	return sizeof(ticks);
}

static unsigned timer_file_poll(struct file *f, struct poll_table *table)
{
	struct timer_file *t = f->private;
	poll_wait(table, &t->queue);
	bool cancelled = __atomic_load_n(&t->may_cancel, __ATOMIC_ACQUIRE) && t->seen_sets != wall_sets;
	return cancelled || __atomic_load_n(&t->due, __ATOMIC_ACQUIRE) ? POLLIN | POLLRDNORM : 0;
}

static void timer_file_release(struct file *f)
{
	struct timer_file *t = f->private;
	spin_lock(&wall_lock);
	list_remove(&t->link);
	spin_unlock(&wall_lock);
	timer_cancel(&t->timer);
	kfree(t);
}

static const struct file_ops timer_file_ops = {
	.read = timer_file_read, .poll = timer_file_poll, .release = timer_file_release,
};

long sys_timerfd_create(const uint64_t a[6])
{
	int clock = (int)a[0];
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME) {
		return -EINVAL;
	}
	if (a[1] & ~(uint64_t)(O_CLOEXEC | O_NONBLOCK)) {
		return -EINVAL;
	}
	struct timer_file *t = kzalloc(sizeof(*t));
	struct file *f = t ? file_alloc(&timer_file_ops, O_RDWR | (a[1] & O_NONBLOCK), t) : NULL;
	if (!f) {
		kfree(t);
		return -ENOMEM;
	}
	spin_init(&t->lock, "timerfd");
	waitq_init(&t->queue);
	timer_init(&t->timer, timer_file_expired, t);
	t->clock = clock;
	list_init(&t->link);
	t->seen_sets = wall_sets;
	return fd_install(f, a[1] & O_CLOEXEC);
}

static int timer_file_get(int fd, struct file **f)
{
	*f = file_from_fd(fd);
	if (*f && (*f)->ops != &timer_file_ops) {
		file_put(*f);
		return -EINVAL;
	}
	return *f ? 0 : -EBADF;
}

static struct interval timer_file_left_locked(const struct timer_file *t)
{
	return (struct interval){ interval_left(t->deadline_ns, t->interval_ns, time_ns()), t->interval_ns };
}

long sys_timerfd_settime(const uint64_t a[6])
{
	struct interval new, old;
	struct file *f;
	int error = interval_read(&new, a[2]);
	error = error ? error : a[1] & ~3ull ? -EINVAL : timer_file_get((int)a[0], &f);
	if (error) {
		return error;
	}
	struct timer_file *t = f->private;
	uint64_t deadline = interval_deadline(new.value_ns, a[1] & TFD_TIMER_ABSTIME, t->clock);
	bool wall = t->clock == CLOCK_REALTIME && (a[1] & TFD_TIMER_ABSTIME);
	spin_lock(&wall_lock);
	list_remove(&t->link);
	if (wall) {
		list_push_back(&wall_files, &t->link);
	}
	spin_lock(&t->lock);
	t->wall_ns = wall ? new.value_ns : 0;
	t->may_cancel = wall && (a[1] & TFD_TIMER_CANCEL_ON_SET);
	old = timer_file_left_locked(t);
	t->deadline_ns = deadline;
	t->interval_ns = new.interval_ns;
	t->due = false;
	if (deadline) {
		timer_set(&t->timer, deadline);
	}
	error = deadline && is_cancelled_locked(t) ? -ECANCELED : 0;
	spin_unlock(&t->lock);
	spin_unlock(&wall_lock);
	file_put(f);
	return error ? error : a[3] ? interval_write(a[3], &old) : 0;
}

long sys_timerfd_gettime(const uint64_t a[6])
{
	struct file *f;
	int error = timer_file_get((int)a[0], &f);
	if (error) {
		return error;
	}
	struct timer_file *t = f->private;
	spin_lock(&t->lock);
	struct interval left = timer_file_left_locked(t);
	spin_unlock(&t->lock);
	file_put(f);
	return interval_write(a[1], &left);
}
