/* SPDX-License-Identifier: MIT */
/*
 * epoll(7). A file that joins a set is asked once, and its item observes the file's wait queues from then on: each wake puts the item on
 * the set's list of those that may be ready. A wait asks only these; an item that is told without EPOLLET goes back to the list's end,
 * for it may be ready still, so every ready file has its turn. One mutex guards all sets, so that a file that is closed for good, which
 * sets do not reference, can be taken out of them. Lock order: a file's wait queue, the set, the set's waiters.
 * Files whose poll operation speaks of the calling process (signalfd) cannot be observed in advance: every wait asks them.
 * A set is a file, too, and may be in another (epoll_nest.c): what puts an item on its list tells those that observe the set.
 */
#include "fs/epoll_internal.h"

#include "kernel/platform.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "kernel/user.h"

#define EPOLLET (1u << 31)
#define EPOLLONESHOT (1u << 30)
#define EPOLLWAKEUP (1u << 29)
#define EPOLLEXCLUSIVE (1u << 28) /* of the sets that say so one is told that has a waiter, as long as there is one */
#define EVENTS_MASK 0x3fffu

enum { EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL = 2, EPOLL_CTL_MOD = 3 };

struct user_event { /* struct epoll_event, packed on x86-64 */
	uint32_t events;
	uint64_t data;
} __attribute__((packed));

#define EVENTS_MAX 8192u
#define EVENTS_ON_STACK 16u

/* A poll table that makes an item an observer of the queues that it meets. */
struct item_table {
	struct poll_table table;
	struct item *item;
};

struct mutex epoll_mutex; /* set up in fs_mount_root() */
struct list epolls = LIST_INIT(epolls);
static const struct file_ops epoll_ops;

struct epoll *epoll_of(const struct file *f)
{
	return f->ops == &epoll_ops ? f->private : NULL;
}

static void ready_put_locked(struct epoll *e, struct item *item)
{
	if (!item->queued) {
		item->queued = true;
		list_push_back(&e->ready, &item->ready_link);
		e->ready_count++;
	}
}

/* The first of the ready ones; NULL: none. From here on a wake puts it back. */
static struct item *ready_take(struct epoll *e)
{
	struct item *item = NULL;
	spin_lock(&e->lock);
	struct list *node = list_pop_front(&e->ready);
	if (node) {
		item = container_of(node, struct item, ready_link);
		item->queued = false;
		e->ready_count--;
	}
	spin_unlock(&e->lock);
	return item;
}

/* The item may be ready. Who is about to sleep has put itself on the queue before it looks at the list. Under the file's queue's lock. */
static void item_notify(struct observer *observer)
{
	struct item *item = observer->of;
	struct epoll *e = item->set;
	spin_lock(&e->lock);
	bool news = !item->queued;
	ready_put_locked(e, item);
	bool awaited = news && !list_empty(&e->waiters.waiters);
	bool polled = !list_empty(&e->pollers.waiters) || !list_empty(&e->pollers.observers);
	spin_unlock(&e->lock);
	observer->woke = awaited || polled;
	if (awaited) {
		waitq_wake_one(&e->waiters);
	}
	if (polled) {
		waitq_wake_all(&e->pollers);
	}
}

static void item_meet(struct poll_table *table, struct waitq *q)
{
	struct item *item = container_of(table, struct item_table, table)->item;
	kassert(item->observer_count < QUEUES_MAX);
	struct observer *observer = &item->observers[item->observer_count++];
	observer->notify = item_notify;
	observer->of = item;
	observer->exclusive = item->events & EPOLLEXCLUSIVE;
	waitq_observe(q, observer);
}

static void item_remove(struct item *item)
{
	struct epoll *e = item->set;
	for (unsigned i = 0; i < item->observer_count; i++) {
		waitq_unobserve(&item->observers[i]);
	}
	spin_lock(&e->lock);
	if (item->queued) {
		list_remove(&item->ready_link);
		e->ready_count--;
	}
	spin_unlock(&e->lock);
	e->sets -= epoll_of(item->file) != NULL;
	list_remove(&item->link);
	epoll_item_leave(e, item);
	__atomic_store_n(&e->item_count, e->item_count - 1, __ATOMIC_RELAXED);
	*item->of_file_from = item->of_file_next;
	if (item->of_file_next) {
		item->of_file_next->of_file_from = item->of_file_from;
	}
	kfree(item);
}

static void forget_all(struct list *items)
{
	list_for_each_safe(node, items) {
		item_remove(container_of(node, struct item, link));
	}
}

void epoll_forget(struct file *f)
{
	mutex_lock(&epoll_mutex);
	while (f->watches) {
		item_remove(f->watches);
	}
	mutex_unlock(&epoll_mutex);
}

static void epoll_release(struct file *f)
{
	struct epoll *e = f->private;
	mutex_lock(&epoll_mutex);
	list_remove(&e->link);
	forget_all(&e->items);
	forget_all(&e->askers);
	mutex_unlock(&epoll_mutex);
	kfree(e);
}

static bool set_ready(struct epoll *e);

static uint32_t item_mask(const struct item *item, unsigned events)
{
	return events & item->events & EVENTS_MASK;
}

/* What of the item is to be told now; nobody waits for more. */
static uint32_t item_ask(const struct item *item)
{
	struct epoll *member = epoll_of(item->file);
	return item_mask(item, !member ? file_poll(item->file, NULL) : set_ready(member) ? POLLIN | POLLRDNORM : 0);
}

/*
 * Asks the askers of the set and of those in it, which so join the ready ones. All askers wait on one queue, the process's for signals, so
 * the first takes the table.
 */
static bool askers_ready(struct epoll *e, struct poll_table **once)
{
	bool ready = false;
	list_for_each(node, &e->askers) {
		const struct item *item = container_of(node, struct item, link);
		ready = item_mask(item, file_poll(item->file, *once)) || ready;
		*once = NULL;
	}
	if (e->sets == 0) {
		return ready;
	}
	list_for_each(node, &e->items) {
		struct item *item = container_of(node, struct item, link);
		struct epoll *member = epoll_of(item->file);
		if (member && member->asking && askers_ready(member, once) && (item->events & (POLLIN | POLLRDNORM))) {
			spin_lock(&e->lock);
			ready_put_locked(e, item);
			spin_unlock(&e->lock);
			ready = true;
		}
	}
	return ready;
}

/* Drops items from the front that have nothing to tell. */
static bool list_ready(struct epoll *e)
{
	bool ready = false;
	struct item *item;
	while (!ready && (item = ready_take(e)) != NULL) {
		if (item_ask(item)) {
			ready = true;
			spin_lock(&e->lock);
			ready_put_locked(e, item);
			spin_unlock(&e->lock);
		}
	}
	return ready;
}

static bool set_ready(struct epoll *e)
{
	struct poll_table *none = NULL;
	return (e->asking && askers_ready(e, &none)) || list_ready(e);
}

static unsigned epoll_poll(struct file *f, struct poll_table *table)
{
	struct epoll *e = f->private;
	mutex_lock(&epoll_mutex);
	poll_wait(table, &e->pollers);
	bool ready = (e->asking && askers_ready(e, &table)) || list_ready(e);
	mutex_unlock(&epoll_mutex);
	return ready ? POLLIN | POLLRDNORM : 0;
}

static uint64_t epoll_held(const struct file *f)
{
	const struct epoll *e = f->private;
	return sizeof(*e) + __atomic_load_n(&e->item_count, __ATOMIC_RELAXED) * sizeof(struct item);
}

static const struct file_ops epoll_ops = { .poll = epoll_poll, .release = epoll_release, .held = epoll_held };

static long epoll_open(unsigned flags)
{
	struct epoll *e = kzalloc(sizeof(*e));
	struct file *f = e ? file_alloc(&epoll_ops, O_RDWR, e) : NULL;
	if (!f) {
		kfree(e);
		return -ENOMEM;
	}
	list_init(&e->items);
	list_init(&e->askers);
	list_init(&e->link);
	list_init(&e->ready);
	spin_init(&e->lock, "epoll set");
	waitq_init(&e->waiters);
	waitq_init(&e->pollers);
	spin_init(&e->waiters.lock, "epoll waiters"); /* both taken under other wait queues' locks */
	spin_init(&e->pollers.lock, "epoll waiters");
	mutex_lock(&epoll_mutex);
	list_push_back(&epolls, &e->link);
	mutex_unlock(&epoll_mutex);
	return fd_install(f, flags & O_CLOEXEC);
}

long sys_epoll_create(const uint64_t a[6])
{
	return (int)a[0] <= 0 ? -EINVAL : epoll_open(0);
}

long sys_epoll_create1(const uint64_t a[6])
{
	return a[0] & ~(uint64_t)O_CLOEXEC ? -EINVAL : epoll_open((unsigned)a[0]);
}

static struct item *item_create(struct epoll *e, struct file *f, int fd)
{
	struct item *item = kzalloc(sizeof(*item));
	if (item) {
		item->set = e;
		item->file = f;
		item->fd = fd;
		f->watched = true;
		item->of_file_next = f->watches;
		item->of_file_from = &f->watches;
		if (f->watches) {
			f->watches->of_file_from = &item->of_file_next;
		}
		f->watches = item;
		__atomic_store_n(&e->item_count, e->item_count + 1, __ATOMIC_RELAXED);
		list_init(&item->link);
		list_push_back(f->ops->polls_caller ? &e->askers : &e->items, &item->link);
		epoll_item_enter(e, item);
		e->sets += epoll_of(f) != NULL;
	}
	return item;
}

/* Ask for what is so already; a wake may have come before the item knew what it is to tell. */
static void item_begin(struct item *item, bool is_new)
{
	struct item_table table = { .item = item };
	struct epoll *member = epoll_of(item->file);
	poll_table_init(&table.table);
	table.table.meet = item_meet;
	if (is_new && member) {
		item_meet(&table.table, &member->pollers);
	} else if (is_new) {
		(void)file_poll(item->file, &table.table);
	}
	if (item_ask(item)) {
		struct observer self = { .of = item };
		item_notify(&self);
	}
}

/** EPOLLEXCLUSIVE is said once, when a file is added that is no set, and goes with few others. */
static bool exclusive_is_wrong(const struct item *item, const struct file *f, int operation, uint32_t events)
{
	if (operation == EPOLL_CTL_MOD) {
		return (events & EPOLLEXCLUSIVE) || (item && (item->events & EPOLLEXCLUSIVE));
	}
	uint32_t beside = POLLIN | POLLOUT | POLLERR | POLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE;
	return operation == EPOLL_CTL_ADD && (events & EPOLLEXCLUSIVE) && ((events & ~beside) || epoll_of(f));
}

/* The file is in its set, but does not tell it anything yet. */
static int item_add(struct file *set, struct file *f, int fd, struct item **out)
{
	struct item *item = item_create(set->private, f, fd);
	int error = !item ? -ENOMEM : epoll_of(f) ? epoll_nest_check() : 0;
	if (error) {
		if (item) {
			item_remove(item);
		}
		return error;
	}
	if (f->ops->polls_caller || (epoll_of(f) && epoll_of(f)->asking)) {
		epoll_nest_ask(set->private);
	}
	*out = item;
	return 0;
}

static int control_locked(struct file *set, int operation, struct file *f, int fd, const struct user_event *event)
{
	struct epoll *e = set->private;
	struct item *item = epoll_item_find(e, f, fd);
	if (exclusive_is_wrong(item, f, operation, event->events)) {
		return -EINVAL;
	}
	if (operation == EPOLL_CTL_ADD) {
		int error = item ? -EEXIST : item_add(set, f, fd, &item);
		if (error) {
			return error;
		}
	}
	if (!item) {
		return -ENOENT;
	}
	if (operation == EPOLL_CTL_DEL) {
		item_remove(item);
		return 0;
	}
	item->events = event->events | POLLERR | POLLHUP;
	item->data = event->data;
	if (!f->ops->polls_caller) {
		item_begin(item, operation == EPOLL_CTL_ADD);
	} else {
		waitq_wake_all(&e->waiters); /* who sleeps has to ask this one, too */
		waitq_wake_all(&e->pollers);
	}
	return 0;
}

long sys_epoll_ctl(const uint64_t a[6])
{
	struct file *set = file_from_fd((int)a[0]), *f = file_from_fd((int)a[2]);
	struct user_event event = { 0 };
	int operation = (int)a[1];
	int error = !set || !f ? -EBADF : set->ops != &epoll_ops || f == set ? -EINVAL : 0;
	if (!error && (!f->ops || !f->ops->poll)) {
		error = -EPERM;
	}
	if (!error && (operation < EPOLL_CTL_ADD || operation > EPOLL_CTL_MOD)) {
		error = -EINVAL;
	}
	if (!error && operation != EPOLL_CTL_DEL && user_read(&event, a[3], sizeof(event))) {
		error = -EFAULT;
	}
	if (!error) {
		mutex_lock(&epoll_mutex);
		error = control_locked(set, operation, f, (int)a[2], &event);
		mutex_unlock(&epoll_mutex);
	}
	if (set) {
		file_put(set);
	}
	if (f) {
		file_put(f);
	}
	return error;
}

/* The item is told of. Does it stay among the ready ones? */
static bool item_told(struct item *item)
{
	if (item->events & EPOLLONESHOT) {
		item->events &= ~EVENTS_MASK;
	}
	return !(item->events & (EPOLLET | EPOLLONESHOT));
}

static unsigned askers_take(struct epoll *e, struct user_event *out, unsigned max)
{
	unsigned told = 0;
	list_for_each(node, &e->askers) {
		struct item *item = container_of(node, struct item, link);
		uint32_t events = told < max ? item_ask(item) : 0;
		if (events) {
			out[told++] = (struct user_event){ events, item->data };
			item_told(item);
		}
	}
	return told;
}

/* One round: those that are on the list now, each once. */
static unsigned set_take(struct epoll *e, struct user_event *out, unsigned max)
{
	unsigned told = 0;
	mutex_lock(&epoll_mutex);
	if (e->asking) {
		struct poll_table *none = NULL;
		told = askers_ready(e, &none) ? askers_take(e, out, max) : 0;
	}
	struct item *item;
	for (unsigned left = __atomic_load_n(&e->ready_count, __ATOMIC_ACQUIRE); left && told < max && (item = ready_take(e)) != NULL; left--) {
		uint32_t events = item_ask(item);
		if (!events) {
			continue;
		}
		out[told++] = (struct user_event){ events, item->data };
		if (item_told(item)) {
			spin_lock(&e->lock);
			ready_put_locked(e, item);
			spin_unlock(&e->lock);
		}
	}
	mutex_unlock(&epoll_mutex);
	return told;
}

static bool has_ready(struct epoll *e)
{
	spin_lock(&e->lock);
	bool ready = e->ready_count > 0;
	spin_unlock(&e->lock);
	return ready;
}

/* 0: look again; or the reason to give up. */
static int set_sleep(struct epoll *e, uint64_t deadline)
{
	struct waiter waiter;
	struct poll_table table;
	poll_table_init(&table);
	wait_prepare(&e->waiters, &waiter);
	bool asked = false;
	if (e->asking) {
		struct poll_table *once = &table;
		mutex_lock(&epoll_mutex);
		asked = askers_ready(e, &once);
		mutex_unlock(&epoll_mutex);
	}
	int error = table.no_memory ? -ENOMEM : asked || has_ready(e) ? 0 : wait_sleep(deadline, true);
	poll_table_finish(&table);
	wait_finish(&waiter);
	return error;
}

/* Another one may sleep, for whom there is something, too: what this one left, or was woken for when it had another reason to give up. */
static void others_wake(struct epoll *e)
{
	if (!list_empty(&e->waiters.waiters) && has_ready(e)) {
		waitq_wake_one(&e->waiters);
	}
}

/* deadline 0: for ever, 1: do not wait. */
static long set_wait(struct epoll *e, struct user_event *out, unsigned max, uint64_t deadline)
{
	for (;;) {
		unsigned told = set_take(e, out, max);
		if (told || deadline == 1) {
			others_wake(e);
			return told;
		}
		int error = set_sleep(e, deadline);
		if (error && error != -ETIMEDOUT) {
			others_wake(e);
			return error;
		}
		deadline = error ? 1 : deadline;
	}
}

static long epoll_wait(const uint64_t a[6], uint64_t deadline)
{
	struct file *set = file_from_fd((int)a[0]);
	int max = (int)a[2];
	if (!set) {
		return -EBADF;
	}
	long result = set->ops != &epoll_ops || max <= 0 ? -EINVAL : 0;
	unsigned count = (unsigned)max < EVENTS_MAX ? (unsigned)max : EVENTS_MAX;
	struct user_event few[EVENTS_ON_STACK];
	struct user_event *events = result || count <= EVENTS_ON_STACK ? few : kmalloc(count * sizeof(*events));
	if (!result) {
		result = events ? set_wait(set->private, events, count, deadline) : -ENOMEM;
	}
	if (result > 0 && user_write(a[1], events, (size_t)result * sizeof(*events))) {
		result = -EFAULT;
	}
	if (events != few) {
		kfree(events);
	}
	file_put(set);
	return result;
}

/* 0: for ever, 1: at once. */
static uint64_t deadline_in(int milliseconds)
{
	return milliseconds < 0 ? 0 : milliseconds == 0 ? 1 : time_ns() + (uint64_t)milliseconds * 1000000;
}

long sys_epoll_wait(const uint64_t a[6])
{
	return epoll_wait(a, deadline_in((int)a[3]));
}

static int mask_take(uint64_t from)
{
	uint64_t mask;
	if (from && user_read(&mask, from, sizeof(mask))) {
		return -EFAULT;
	}
	if (from) {
		signal_set_temporary_mask(mask);
	}
	return 0;
}

static long masked_wait(const uint64_t a[6], uint64_t deadline)
{
	int error = mask_take(a[4]);
	long result = error ? error : epoll_wait(a, deadline);
	if (a[4] && result != -EINTR) {
		signal_drop_temporary_mask();
	}
	return result;
}

long sys_epoll_pwait(const uint64_t a[6])
{
	return masked_wait(a, deadline_in((int)a[3]));
}

#define SECONDS_MOST 1000000000 /* nobody waits longer */

/* As epoll_pwait, but the time is a struct timespec. */
long sys_epoll_pwait2(const uint64_t a[6])
{
	int64_t t[2] = { 0, 0 };
	if (a[3] && user_read(t, a[3], sizeof(t))) {
		return -EFAULT;
	}
	if (t[0] < 0 || t[1] < 0 || t[1] >= 1000000000) {
		return -EINVAL;
	}
	t[0] = t[0] < SECONDS_MOST ? t[0] : SECONDS_MOST;
	uint64_t ns = (uint64_t)t[0] * 1000000000 + (uint64_t)t[1];
	return masked_wait(a, !a[3] ? 0 : ns ? time_ns() + ns : 1);
}
