/* SPDX-License-Identifier: MIT */
/*
 * epoll(7): a set of files that is asked like poll(2) asks, each time anew. One mutex guards all sets, so that a file that is
 * closed for good can be taken out of them (it is not referenced while nobody waits). A waiter references the files for one sleep; a
 * close wakes it to let go. Readiness of an edge-triggered file is told when one of its wait queues has been woken since it was last asked,
 * or when it is ready for something that it was not ready for then.
 */
#include "kernel/poll.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "kernel/user.h"
#include "kernel/vfs.h"

#define EPOLLET (1u << 31)
#define EPOLLONESHOT (1u << 30)
#define EVENTS_MASK 0x3fffu
#define EVENTS_MAX 1024u

enum { EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL = 2, EPOLL_CTL_MOD = 3 };

struct user_event { /* struct epoll_event, packed on x86-64 */
	uint32_t events;
	uint64_t data;
} __attribute__((packed));

struct item {
	struct list link;
	struct file *file; /* weak: removed by epoll_forget() */
	int fd;
	uint32_t events, told, wakes; /* edge-triggered: what it was ready for when last asked, and how often its queues had been woken */
	uint64_t data;
};

struct epoll {
	struct list link, items; /* epoll_mutex */
	unsigned item_count; /* epoll_mutex */
};

struct mutex epoll_mutex; /* set up in fs_mount_root() */
static struct list epolls = LIST_INIT(epolls); /* epoll_mutex */
static struct waitq changed = WAITQ_INIT(changed); /* a set was changed, or a watched file closed */

static struct item *item_find(struct epoll *e, const struct file *f, int fd)
{
	list_for_each(node, &e->items) {
		struct item *item = container_of(node, struct item, link);
		if (item->file == f && item->fd == fd) {
			return item;
		}
	}
	return NULL;
}

void epoll_closing(void)
{
	waitq_wake_all(&changed);
}

void epoll_forget(struct file *f)
{
	mutex_lock(&epoll_mutex);
	list_for_each(set, &epolls) {
		struct epoll *e = container_of(set, struct epoll, link);
		list_for_each_safe(node, &e->items) {
			struct item *item = container_of(node, struct item, link);
			if (item->file == f) {
				e->item_count--;
				list_remove(&item->link);
				kfree(item);
			}
		}
	}
	mutex_unlock(&epoll_mutex);
}

static void epoll_release(struct file *f)
{
	struct epoll *e = f->private;
	mutex_lock(&epoll_mutex);
	list_remove(&e->link);
	for (struct list *node; (node = list_pop_front(&e->items)) != NULL;) {
		kfree(container_of(node, struct item, link));
	}
	mutex_unlock(&epoll_mutex);
	kfree(e);
}

static const struct file_ops epoll_ops = { .release = epoll_release };

static long epoll_open(unsigned flags)
{
	struct epoll *e = kzalloc(sizeof(*e));
	struct file *f = e ? file_alloc(&epoll_ops, O_RDWR, e) : NULL;
	if (!f) {
		kfree(e);
		return -ENOMEM;
	}
	list_init(&e->items);
	list_init(&e->link);
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

static int control_locked(struct epoll *e, int operation, struct file *f, int fd, const struct user_event *event)
{
	struct item *item = item_find(e, f, fd);
	if (operation == EPOLL_CTL_ADD) {
		if (item) {
			return -EEXIST;
		}
		item = kzalloc(sizeof(*item));
		if (!item) {
			return -ENOMEM;
		}
		item->file = f;
		item->fd = fd;
		f->watched = true;
		list_init(&item->link);
		list_push_back(&e->items, &item->link);
		e->item_count++;
	}
	if (!item) {
		return -ENOENT;
	}
	if (operation == EPOLL_CTL_DEL) {
		e->item_count--;
		list_remove(&item->link);
		kfree(item);
		return 0;
	}
	item->events = event->events | POLLERR | POLLHUP;
	item->data = event->data;
	item->told = 0;
	return 0;
}

long sys_epoll_ctl(const uint64_t a[6])
{
	struct file *set = file_from_fd((int)a[0]), *f = file_from_fd((int)a[2]);
	struct user_event event = { 0 };
	int operation = (int)a[1];
	int error = !set || !f ? -EBADF : set->ops != &epoll_ops || f == set ? -EINVAL : !f->ops || !f->ops->poll ? -EPERM : 0;
	if (!error && (operation < EPOLL_CTL_ADD || operation > EPOLL_CTL_MOD)) {
		error = -EINVAL;
	}
	if (!error && operation != EPOLL_CTL_DEL && user_read(&event, a[3], sizeof(event))) {
		error = -EFAULT;
	}
	if (!error) {
		mutex_lock(&epoll_mutex);
		error = control_locked(set->private, operation, f, (int)a[2], &event);
		mutex_unlock(&epoll_mutex);
		waitq_wake_all(&changed);
	}
	if (set) {
		file_put(set);
	}
	if (f) {
		file_put(f);
	}
	return error;
}

/* What of the item is to be told now. */
static uint32_t item_ask(struct item *item, struct poll_table *table)
{
	uint32_t before = table->wakes, events = file_poll(item->file, table) & item->events & EVENTS_MASK;
	uint32_t wakes = table->wakes - before;
	if (item->events & EPOLLET) {
		bool edge = wakes != item->wakes || (events & ~item->told);
		item->told = events;
		item->wakes = wakes;
		events = edge ? events : 0;
	}
	if (events && (item->events & EPOLLONESHOT)) {
		item->events &= ~EVENTS_MASK;
	}
	return events;
}

/* One round. Files registered with are referenced and listed in `held`, for the length of the sleep. What is behind the last one that
 * was told is asked first the next time. */
static unsigned set_ask(struct epoll *e, struct user_event *out, unsigned max, struct poll_table *table, struct file **held, unsigned room)
{
	unsigned ready = 0, kept = 0;
	mutex_lock(&epoll_mutex);
	list_for_each(node, &e->items) {
		struct item *item = container_of(node, struct item, link);
		if (ready == max || kept == room) {
			list_remove(&e->items);
			list_insert_after(node->prev, &e->items);
			break;
		}
		if (!file_try_get(item->file)) {
			continue;
		}
		held[kept++] = item->file;
		uint32_t events = item_ask(item, table);
		if (events) {
			out[ready++] = (struct user_event){ events, item->data };
		}
	}
	mutex_unlock(&epoll_mutex);
	return ready;
}

static void held_put(struct file **held, unsigned room)
{
	for (unsigned i = 0; i < room && held[i]; i++) {
		file_put(held[i]);
		held[i] = NULL;
	}
}

/* Room for all files of the set. One that joins it later wakes the sleeper. */
static bool held_room(struct epoll *e, struct file ***held, unsigned *room)
{
	unsigned count = __atomic_load_n(&e->item_count, __ATOMIC_RELAXED);
	if (*held && count <= *room) {
		return true;
	}
	kfree(*held);
	*room = count + 16;
	*held = kzalloc(*room * sizeof(**held));
	return *held != NULL;
}

/* deadline 0: for ever, 1: do not wait. */
static long set_wait(struct epoll *e, struct user_event *out, unsigned max, uint64_t deadline)
{
	unsigned room = 0;
	struct file **held = NULL;
	long result = 0;
	bool last = deadline == 1;
	for (;;) {
		struct poll_table table;
		if (!held_room(e, &held, &room)) {
			result = -ENOMEM;
			break;
		}
		poll_table_init(&table);
		table.ask_only = last;
		poll_wait(&table, &changed);
		result = set_ask(e, out, max, &table, held, room);
		int error = result || last ? 0 : table.no_memory ? -ENOMEM : wait_sleep(deadline, true);
		poll_table_finish(&table);
		held_put(held, room);
		if (result || last || (error && error != -ETIMEDOUT)) {
			result = result ? result : error;
			break;
		}
		last = error == -ETIMEDOUT;
	}
	kfree(held);
	return result;
}

static long epoll_wait(const uint64_t a[6])
{
	struct file *set = file_from_fd((int)a[0]);
	int max = (int)a[2], timeout = (int)a[3];
	if (!set) {
		return -EBADF;
	}
	long result = set->ops != &epoll_ops || max <= 0 ? -EINVAL : 0;
	unsigned count = (unsigned)max < EVENTS_MAX ? (unsigned)max : EVENTS_MAX;
	struct user_event *events = result ? NULL : kmalloc(count * sizeof(*events));
	if (!result) {
		uint64_t deadline = timeout < 0 ? 0 : timeout == 0 ? 1 : time_ns() + (uint64_t)timeout * 1000000;
		result = events ? set_wait(set->private, events, count, deadline) : -ENOMEM;
	}
	if (result > 0 && user_write(a[1], events, (size_t)result * sizeof(*events))) {
		result = -EFAULT;
	}
	kfree(events);
	file_put(set);
	return result;
}

long sys_epoll_wait(const uint64_t a[6])
{
	return epoll_wait(a);
}

long sys_epoll_pwait(const uint64_t a[6])
{
	uint64_t mask;
	if (a[4]) {
		if (user_read(&mask, a[4], sizeof(mask))) {
			return -EFAULT;
		}
		signal_set_temporary_mask(mask);
	}
	return epoll_wait(a);
}
