/* SPDX-License-Identifier: MIT */
/*
 * Signal-driven input and output (fcntl(2): O_ASYNC, F_SETOWN; ioctl(2): FIOASYNC): each wake of an open file's wait queues sends SIGIO
 * to its owner. A wake comes under the queue's lock, inside of which no signal can be sent, so a kernel timer that is due at once sends
 * it: wakes that come before that are one signal, as they would be one pending signal. The observers are there while O_ASYNC is, and are
 * taken away before the file's queues go. F_SETSIG chooses another signal, which says by which descriptor the file was made to send it, and whether there is
 * something to read or room to write: that is told by the queue that was woken.
 */
#include "kernel/platform.h"
#include "kernel/poll.h"
#include "kernel/process.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/time.h"
#include "kernel/user.h"
#include "kernel/vfs.h"

#define QUEUES_MAX 3 /* that a file's poll operation registers on */

struct file_async {
	struct signal_owner owner; /* file->lock */
	int signal; /* file->lock; 0: SIGIO, which says nothing of the file */
	int fd; /* file->lock: by which O_ASYNC was set */
	unsigned woken; /* atomic: bit 0, the queue of those who read; bit 1, who write */
	struct timer timer;
	unsigned observer_count; /* async_mutex */
	struct observer observers[QUEUES_MAX];
};

/* A poll table that has the queues that it meets observed. */
struct async_table {
	struct poll_table table;
	struct file *file;
};

static struct mutex async_mutex;

void async_init(void)
{
	mutex_init(&async_mutex, "signal-driven files");
}

/* Signals whose codes mean something else already. */
static bool has_codes(int signal)
{
	return signal_is_fault(signal) || signal == SIGCHLD || signal == SIGSYS;
}

/* As siginfo_t has it: si_band where others have a process and a user, si_fd where they have a value. */
static struct signal_info describe(const struct file *f, int signal, int fd, bool out)
{
	unsigned band = out ? POLLOUT | POLLWRNORM | POLLWRBAND : POLLIN | POLLRDNORM;
	int code = out ? POLL_OUT : POLL_IN;
	if (!out && socket_hung_up(f)) {
		band = POLLHUP | POLLERR;
		code = POLL_HUP;
	}
	return (struct signal_info){ .signal = signal, .code = has_codes(signal) ? SI_SIGIO : code, .pid = band, .value = (uint32_t)fd };
}

static void async_send(struct timer *timer)
{
	struct file *f = timer->arg;
	unsigned woken = __atomic_exchange_n(&f->async->woken, 0, __ATOMIC_ACQUIRE);
	spin_lock(&f->lock);
	struct signal_owner owner = f->async->owner;
	int signal = f->async->signal, fd = f->async->fd;
	spin_unlock(&f->lock);
	if (!signal) {
		signal_send_owner(&owner, &(struct signal_info){ .signal = SIGIO, .code = SI_KERNEL });
		return;
	}
	for (unsigned which = 0; which < 2; which++) {
		bool out = which == 1;
		if (woken & 1u << which) {
			struct signal_info info = describe(f, signal, fd, out);
			signal_send_owner(&owner, &info);
		}
	}
}

void async_urgent(struct file *f)
{
	struct signal_info info = { .signal = SIGURG, .code = SI_KERNEL };
	if (!__atomic_load_n(&f->async, __ATOMIC_ACQUIRE)) {
		return; /* nobody owns it */
	}
	spin_lock(&f->lock);
	struct signal_owner owner = f->async->owner;
	spin_unlock(&f->lock);
	signal_send_owner(&owner, &info);
}

static void async_notify(struct observer *observer)
{
	struct file *f = observer->of;
	bool out = observer != &f->async->observers[0] || !file_readable(f); /* whoever reads is on the first queue */
	__atomic_fetch_or(&f->async->woken, 1u << out, __ATOMIC_RELEASE);
	timer_set(&f->async->timer, time_ns());
}

static void async_meet(struct poll_table *table, struct waitq *q)
{
	struct file *f = container_of(table, struct async_table, table)->file;
	kassert(f->async->observer_count < QUEUES_MAX);
	struct observer *observer = &f->async->observers[f->async->observer_count++];
	observer->notify = async_notify;
	observer->of = f;
	waitq_observe(q, observer);
}

static void observe_end(struct file *f)
{
	for (unsigned i = 0; i < f->async->observer_count; i++) {
		waitq_unobserve(&f->async->observers[i]);
	}
	f->async->observer_count = 0;
	timer_cancel(&f->async->timer);
}

/* The file's owner and observers, once made, stay until it is closed. */
static int async_provide(struct file *f)
{
	if (__atomic_load_n(&f->async, __ATOMIC_ACQUIRE)) {
		return 0;
	}
	struct file_async *a = kzalloc(sizeof(*a)), *none = NULL;
	if (!a) {
		return -ENOMEM;
	}
	timer_init(&a->timer, async_send, f);
	if (!__atomic_compare_exchange_n(&f->async, &none, a, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		kfree(a);
	}
	return 0;
}

static bool can_signal(const struct file *f)
{
	return f->ops && f->ops->poll && !f->ops->polls_caller &&
	       (f->ops == &socket_file_ops || file_is_pipe(f) || (f->inode && S_IS(f->inode->mode, S_IFCHR)));
}

int async_set(struct file *f, int fd, bool on)
{
	if (!can_signal(f)) {
		return -ENOTTY;
	}
	int error = on ? async_provide(f) : 0; /* of O_ASYNC in open(2) nothing comes, and it stays: as on Linux */
	if (error || !f->async) {
		return error;
	}
	mutex_lock(&async_mutex);
	bool was = f->async->observer_count > 0;
	if (on && !was) {
		struct async_table table = { .file = f };
		poll_table_init(&table.table);
		table.table.meet = async_meet;
		file_poll(f, &table.table);
	} else if (!on && was) {
		observe_end(f);
	}
	spin_lock(&f->lock);
	f->flags = on ? f->flags | O_ASYNC : f->flags & ~(uint32_t)O_ASYNC;
	f->async->fd = on ? fd : f->async->fd;
	spin_unlock(&f->lock);
	mutex_unlock(&async_mutex);
	return 0;
}

void async_forget(struct file *f)
{
	mutex_lock(&async_mutex);
	observe_end(f);
	mutex_unlock(&async_mutex);
	kfree(f->async);
}

static int owner_put(struct file *f, enum signal_owner_type type, int number)
{
	const struct credentials *c = &process_current()->credentials;
	struct signal_owner owner = { type, (uint32_t)number, c->uid, c->euid };
	if (number && !signal_owner_exists(&owner)) {
		return -ESRCH;
	}
	int error = async_provide(f);
	if (!error) {
		spin_lock(&f->lock);
		f->async->owner = owner;
		spin_unlock(&f->lock);
	}
	return error;
}

int async_set_signal(struct file *f, uint64_t signal)
{
	int error = signal > SIGNAL_COUNT ? -EINVAL : async_provide(f);
	if (!error) {
		spin_lock(&f->lock);
		f->async->signal = (int)signal;
		spin_unlock(&f->lock);
	}
	return error;
}

int async_signal(struct file *f)
{
	return __atomic_load_n(&f->async, __ATOMIC_ACQUIRE) ? f->async->signal : 0;
}

static struct signal_owner owner_of(struct file *f)
{
	struct signal_owner owner = { .type = SIGNAL_OWNER_PROCESS };
	if (__atomic_load_n(&f->async, __ATOMIC_ACQUIRE)) {
		spin_lock(&f->lock);
		owner = f->async->owner;
		spin_unlock(&f->lock);
	}
	return owner;
}

long async_set_owner(struct file *f, int number)
{
	if (number == INT32_MIN) {
		return -EINVAL;
	}
	return number < 0 ? owner_put(f, SIGNAL_OWNER_GROUP, -number) : owner_put(f, SIGNAL_OWNER_PROCESS, number);
}

long async_owner(struct file *f)
{
	struct signal_owner owner = owner_of(f);
	return owner.type == SIGNAL_OWNER_GROUP ? -(long)owner.number : (long)owner.number;
}

long async_set_owner_record(struct file *f, uint64_t user)
{
	int record[2]; /* struct f_owner_ex */
	if (user_read(record, user, sizeof(record))) {
		return -EFAULT;
	}
	if (record[0] < SIGNAL_OWNER_THREAD || record[0] > SIGNAL_OWNER_GROUP) {
		return -EINVAL;
	}
	return record[1] < 0 ? -ESRCH : owner_put(f, (enum signal_owner_type)record[0], record[1]);
}

long async_owner_record(struct file *f, uint64_t user)
{
	struct signal_owner owner = owner_of(f);
	int record[2] = { (int)owner.type, (int)owner.number };
	return user_write(user, record, sizeof(record));
}
