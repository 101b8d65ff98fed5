/* SPDX-License-Identifier: MIT */
/*
 * inotify(7). An instance is an open file with a ring of events; a watch joins it and an inode, which it keeps in memory. The ring is made
 * with the instance and its watches are counted against their user, so that to tell of an event needs no memory: what finds no room is told
 * as an overflow. One spin lock guards all watches and all rings; it is taken inside the name cache's, under which a file's name and
 * directory stay what they are.
 */
#include "kernel/notify.h"

#include "base/string.h"
#include "fs/dentry_internal.h"
#include "kernel/capability.h"
#include "kernel/poll.h"
#include "kernel/syscall.h"
#include "kernel/user.h"
#include "kernel/vfs.h"

#define IN_ALL_EVENTS 0xfffu
#define IN_UNMOUNT 0x2000u
#define IN_Q_OVERFLOW 0x4000u
#define IN_IGNORED 0x8000u
#define IN_ONLYDIR 0x01000000u
#define IN_DONT_FOLLOW 0x02000000u
#define IN_EXCL_UNLINK 0x04000000u
#define IN_MASK_CREATE 0x10000000u
#define IN_MASK_ADD 0x20000000u
#define IN_ISDIR 0x40000000u
#define IN_ONESHOT 0x80000000u
#define IN_KNOWN                                                                                                                           \
	(IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | \
	 IN_ISDIR | IN_ONESHOT)
#define IN_KEPT (IN_ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT)
#define ON_DENTRY (NOTIFY_ACCESS | NOTIFY_MODIFY | NOTIFY_ATTRIBUTES | NOTIFY_CLOSE_WRITE | NOTIFY_CLOSE | NOTIFY_OPEN)
#define FIONREAD 0x541bu

#define RING 65536u /* bytes */
#define INSTANCES_MAX 128u /* of one user */
#define WATCHES_MAX 8192u

struct event { /* struct inotify_event; `length` bytes of name follow */
	int32_t watch;
	uint32_t mask, cookie, length;
};

struct watch {
	struct watch *next; /* of the inode's */
	struct list link;
	struct instance *instance;
	struct inode *inode; /* referenced */
	uint32_t mask;
	int32_t number;
};

struct instance {
	struct list link, watches;
	struct waitq readers;
	uint32_t uid, watch_count;
	int32_t last_number;
	uint32_t head, tail, last; /* of the ring, counted without end: what is in it, and where its last event begins */
	bool overflowed; /* that is in the ring */
	char ring[RING];
};

/* All of the above, inode.watches and notify_watches. */
static spinlock_t notify_lock = SPINLOCK_INIT("notify");
static struct list instances = LIST_INIT(instances);
uint32_t notify_watches;
static uint32_t cookies; /* atomic */

uint32_t notify_cookie(void)
{
	return __atomic_add_fetch(&cookies, 1, __ATOMIC_RELAXED);
}

/* ---- the ring ---- */

static void ring_put(struct instance *i, const void *bytes, uint32_t count)
{
	uint32_t at = i->tail % RING, first = count < RING - at ? count : RING - at;
	memcpy(i->ring + at, bytes, first);
	memcpy(i->ring, (const char *)bytes + first, count - first);
	i->tail += count;
}

static void ring_get(const struct instance *i, uint32_t from, void *bytes, uint32_t count)
{
	uint32_t at = from % RING, first = count < RING - at ? count : RING - at;
	memcpy(bytes, i->ring + at, first);
	memcpy((char *)bytes + first, i->ring, count - first);
}

/* The event is what the last one that waits to be read was, too: it is told once. */
static bool is_repeated(const struct instance *i, const struct event *e, const char *name)
{
	struct event last;
	if (i->head == i->tail) {
		return false;
	}
	ring_get(i, i->last, &last, sizeof(last));
	if (last.watch != e->watch || last.mask != e->mask || last.length != e->length || (e->mask & IN_IGNORED)) {
		return false;
	}
	uint32_t n = 0;
	while (n < e->length && name[n] && i->ring[(i->last + sizeof(last) + n) % RING] == name[n]) {
		n++;
	}
	return n == e->length || i->ring[(i->last + sizeof(last) + n) % RING] == name[n]; /* both end here */
}

static void event_put(struct instance *i, struct event e, const char *name, unsigned length)
{
	static const char zeros[sizeof(e)];
	e.length = length ? (length + (uint32_t)sizeof(e)) / sizeof(e) * sizeof(e) : 0; /* with a NUL, in whole records */
	bool fits = i->tail - i->head + 2 * sizeof(e) + e.length <= RING; /* and the word that others did not */
	if (is_repeated(i, &e, name) || (!fits && i->overflowed)) {
		return;
	}
	if (!fits) {
		e = (struct event){ .watch = -1, .mask = IN_Q_OVERFLOW };
		length = 0;
		i->overflowed = true;
	}
	i->last = i->tail;
	ring_put(i, &e, sizeof(e));
	if (e.length) {
		ring_put(i, name, length);
		ring_put(i, zeros, e.length - length);
	}
	waitq_wake_all(&i->readers);
}

/* ---- watches ---- */

/* Off all lists; the inode's reference is the caller's to put. */
static void watch_end_locked(struct watch *w)
{
	struct watch **at = &w->inode->watches;
	while (*at != w) {
		at = &(*at)->next;
	}
	__atomic_store_n(at, w->next, __ATOMIC_RELAXED);
	list_remove(&w->link);
	w->instance->watch_count--;
	__atomic_fetch_sub(&notify_watches, 1, __ATOMIC_RELAXED);
}

/* As above, told to the reader. */
static void watch_ignore_locked(struct watch *w, struct watch **ended)
{
	watch_end_locked(w);
	event_put(w->instance, (struct event){ .watch = w->number, .mask = IN_IGNORED }, NULL, 0);
	w->next = *ended;
	*ended = w;
}

static void watches_free(struct watch *w)
{
	while (w) {
		struct watch *next = w->next;
		inode_put(w->inode);
		kfree(w);
		w = next;
	}
}

/* To those who watch `inode`. What ends by that goes to *ended. */
static void tell_locked(struct inode *inode, struct event e, bool unlinked, const char *name, unsigned length, struct watch **ended)
{
	for (struct watch *w = inode->watches, *next; w; w = next) {
		next = w->next;
		if (!(w->mask & e.mask & IN_ALL_EVENTS) || (unlinked && (w->mask & IN_EXCL_UNLINK))) {
			continue;
		}
		e.watch = w->number;
		event_put(w->instance, e, name, length);
		if (w->mask & IN_ONESHOT) {
			watch_ignore_locked(w, ended);
		}
	}
}

static uint32_t directory_bit(const struct inode *inode)
{
	return S_IS(inode->mode, S_IFDIR) ? IN_ISDIR : 0;
}

void notify_dentry_watched(struct dentry *d, uint32_t event)
{
	struct watch *ended = NULL;
	struct event e = { .mask = event | directory_bit(d->inode) };
	spin_lock(&dentry_lock);
	spin_lock(&notify_lock);
	bool unlinked = !d->hashed && !d->super->uncached;
	if (d->parent != d && d->parent->inode && d->parent->inode->watches) {
		tell_locked(d->parent->inode, e, unlinked, d->name->text, d->name->length, &ended);
	}
	tell_locked(d->inode, e, unlinked, NULL, 0, &ended);
	spin_unlock(&notify_lock);
	spin_unlock(&dentry_lock);
	watches_free(ended);
}

void notify_name_watched(struct inode *dir, const char *name, unsigned length, uint32_t event, struct inode *what, uint32_t cookie)
{
	struct watch *ended = NULL;
	spin_lock(&notify_lock);
	tell_locked(dir, (struct event){ .mask = event | directory_bit(what), .cookie = cookie }, false, name, length, &ended);
	spin_unlock(&notify_lock);
	watches_free(ended);
}

void notify_inode_watched(struct inode *inode, uint32_t event)
{
	struct watch *ended = NULL;
	uint32_t self = NOTIFY_DELETE_SELF | NOTIFY_MOVE_SELF; /* which never say of what kind it is */
	spin_lock(&notify_lock);
	tell_locked(inode, (struct event){ .mask = event | (event & self ? 0 : directory_bit(inode)) }, false, NULL, 0, &ended);
	spin_unlock(&notify_lock);
	watches_free(ended);
}

static void all_ignore_locked(struct inode *inode, uint32_t event, struct watch **ended)
{
	while (inode->watches) {
		struct watch *w = inode->watches;
		if ((w->mask & event) || event == IN_UNMOUNT) {
			event_put(w->instance, (struct event){ .watch = w->number, .mask = event | (event == IN_UNMOUNT ? directory_bit(inode) : 0) }, NULL, 0);
		}
		watch_ignore_locked(w, ended);
	}
}

void notify_gone_watched(struct inode *inode)
{
	struct watch *ended = NULL;
	spin_lock(&notify_lock);
	all_ignore_locked(inode, NOTIFY_DELETE_SELF, &ended);
	spin_unlock(&notify_lock);
	watches_free(ended);
}

/* The first watch of an inode of that file system. */
static struct watch *watch_in_locked(const struct super *super)
{
	list_for_each(node, &instances) {
		list_for_each(at, &container_of(node, struct instance, link)->watches) {
			struct watch *w = container_of(at, struct watch, link);
			if (w->inode->super == super) {
				return w;
			}
		}
	}
	return NULL;
}

void notify_unmounted(struct super *super)
{
	struct watch *w, *ended = NULL;
	if (!notify_is_used()) {
		return;
	}
	spin_lock(&notify_lock);
	while ((w = watch_in_locked(super)) != NULL) {
		all_ignore_locked(w->inode, IN_UNMOUNT, &ended);
	}
	spin_unlock(&notify_lock);
	watches_free(ended);
}

/* ---- the instance's file ---- */

static long notify_read(struct file *f, void *buffer, uint64_t bytes, uint64_t *offset)
{
	struct instance *i = f->private;
	for (;;) {
		uint32_t done = 0;
		bool small = false;
		spin_lock(&notify_lock);
		while (i->head != i->tail && !small) {
			struct event e;
			ring_get(i, i->head, &e, sizeof(e));
			small = bytes - done < sizeof(e) + e.length;
			if (!small) {
				ring_get(i, i->head, (char *)buffer + done, (uint32_t)sizeof(e) + e.length);
				i->head += sizeof(e) + e.length;
				i->overflowed = i->overflowed && !(e.mask & IN_Q_OVERFLOW);
				done += sizeof(e) + e.length;
			}
		}
		spin_unlock(&notify_lock);
		if (done || small) {
			return done ? (long)done : -EINVAL;
		}
		if (f->flags & O_NONBLOCK) {
			return -EAGAIN;
		}
		if (WAIT_EVENT_INTERRUPTIBLE(&i->readers, __atomic_load_n(&i->tail, __ATOMIC_RELAXED) != i->head)) {
			return -ERESTARTSYS;
		}
	}
}

static unsigned notify_poll(struct file *f, struct poll_table *table)
{
	struct instance *i = f->private;
	poll_wait(table, &i->readers);
	return __atomic_load_n(&i->tail, __ATOMIC_ACQUIRE) != i->head ? POLLIN | POLLRDNORM : 0;
}

static long notify_ioctl(struct file *f, unsigned request, uint64_t argument)
{
	const struct instance *i = f->private;
	uint32_t bytes = i->tail - i->head;
	return request == FIONREAD ? user_write(argument, &bytes, sizeof(bytes)) : -ENOTTY;
}

static uint64_t notify_held(const struct file *f)
{
	const struct instance *i = f->private;
	return sizeof(*i) + i->watch_count * (sizeof(struct watch) + sizeof(struct inode));
}

static void notify_release(struct file *f)
{
	struct instance *i = f->private;
	struct watch *ended = NULL;
	spin_lock(&notify_lock);
	while (!list_empty(&i->watches)) {
		struct watch *w = container_of(i->watches.next, struct watch, link);
		watch_end_locked(w);
		w->next = ended;
		ended = w;
	}
	list_remove(&i->link);
	spin_unlock(&notify_lock);
	watches_free(ended);
	kfree(i);
}

static const struct file_ops notify_ops = {
	.read = notify_read, .poll = notify_poll, .ioctl = notify_ioctl, .release = notify_release, .held = notify_held,
};

/* What the instance's user has of them all. */
static void count_locked(uint32_t uid, uint32_t *instance_count, uint32_t *watch_count)
{
	*instance_count = *watch_count = 0;
	list_for_each(node, &instances) {
		const struct instance *i = container_of(node, struct instance, link);
		*instance_count += i->uid == uid;
		*watch_count += i->uid == uid ? i->watch_count : 0;
	}
}

long sys_inotify_init1(const uint64_t a[6])
{
	uint32_t uid = process_current()->credentials.uid, instance_count, watch_count;
	if (a[0] & ~(uint64_t)(O_CLOEXEC | O_NONBLOCK)) {
		return -EINVAL;
	}
	struct instance *i = kzalloc(sizeof(*i));
	struct file *f = i ? file_alloc(&notify_ops, O_RDONLY | (a[0] & O_NONBLOCK), i) : NULL;
	if (!f) {
		kfree(i);
		return -ENOMEM;
	}
	list_init(&i->watches);
	waitq_init(&i->readers);
	i->uid = uid;
	spin_lock(&notify_lock);
	list_push_back(&instances, &i->link);
	count_locked(uid, &instance_count, &watch_count);
	spin_unlock(&notify_lock);
	if (instance_count > INSTANCES_MAX) {
		file_put(f);
		return -EMFILE;
	}
	return fd_install(f, a[0] & O_CLOEXEC);
}

long sys_inotify_init(const uint64_t a[6])
{
	const uint64_t without_flags[6] = { 0 };
	return sys_inotify_init1(without_flags);
}

static bool number_is_used_locked(const struct instance *i, int32_t number)
{
	list_for_each(node, &i->watches) {
		if (container_of(node, struct watch, link)->number == number) {
			return true;
		}
	}
	return false;
}

static long watch_change_locked(struct watch *w, uint32_t mask)
{
	if (mask & IN_MASK_CREATE) {
		return -EEXIST;
	}
	w->mask = (mask & IN_KEPT) | (mask & IN_MASK_ADD ? w->mask : 0);
	return w->number;
}

/* *fresh: used, and NULL then, if there is none of this inode yet. */
static long watch_add_locked(struct instance *i, struct inode *inode, uint32_t mask, struct watch **fresh)
{
	uint32_t instance_count, watch_count;
	for (struct watch *w = inode->watches; w; w = w->next) {
		if (w->instance == i) {
			return watch_change_locked(w, mask);
		}
	}
	count_locked(i->uid, &instance_count, &watch_count);
	if (watch_count >= WATCHES_MAX) {
		return -ENOSPC;
	}
	do {
		i->last_number = i->last_number == INT32_MAX ? 1 : i->last_number + 1;
	} while (i->last_number < 0 || (i->watch_count && number_is_used_locked(i, i->last_number)));
	struct watch *w = *fresh;
	*fresh = NULL;
	*w = (struct watch){ .next = inode->watches, .instance = i, .inode = inode, .mask = mask & IN_KEPT, .number = i->last_number };
	inode_get(inode);
	list_push_back(&i->watches, &w->link);
	i->watch_count++;
	__atomic_store_n(&inode->watches, w, __ATOMIC_RELAXED);
	__atomic_fetch_add(&notify_watches, 1, __ATOMIC_RELAXED);
	return w->number;
}

static long watch_add(struct instance *i, struct inode *inode, uint32_t mask)
{
	struct watch *fresh = kmalloc(sizeof(*fresh));
	long number = -ENOMEM;
	if (fresh) {
		spin_lock(&notify_lock);
		number = watch_add_locked(i, inode, mask, &fresh);
		spin_unlock(&notify_lock);
		kfree(fresh);
	}
	return number;
}

static struct file *instance_file(int fd, long *error)
{
	struct file *f = file_from_fd(fd);
	*error = !f ? -EBADF : f->ops != &notify_ops ? -EINVAL : 0;
	if (f && *error) {
		file_put(f);
	}
	return *error ? NULL : f;
}

static long watch_path(struct instance *i, uint64_t path, uint32_t mask)
{
	struct dentry *d;
	struct file *other;
	long result = path_find_user(AT_FDCWD, path, 0, !(mask & IN_DONT_FOLLOW), &d, &other);
	if (result) {
		return result;
	}
	struct inode *inode = other ? other->inode : d->inode;
	result = !inode ? -EINVAL : (mask & IN_ONLYDIR) && !S_IS(inode->mode, S_IFDIR) ? -ENOTDIR : inode_permission(inode, MAY_READ);
	result = result ? result : watch_add(i, inode, mask);
	if (other) {
		file_put(other);
	} else {
		dentry_put(d);
	}
	return result;
}

long sys_inotify_add_watch(const uint64_t a[6])
{
	uint32_t mask = (uint32_t)a[2];
	long result;
	if ((mask & ~IN_KNOWN) || !(mask & IN_KNOWN)) {
		return -EINVAL;
	}
	struct file *f = instance_file((int)a[0], &result);
	if (!f) {
		return result;
	}
	result = (mask & IN_MASK_ADD) && (mask & IN_MASK_CREATE) ? -EINVAL : watch_path(f->private, a[1], mask);
	file_put(f);
	return result;
}

long sys_inotify_rm_watch(const uint64_t a[6])
{
	long result;
	struct watch *ended = NULL;
	struct file *f = instance_file((int)a[0], &result);
	if (!f) {
		return result;
	}
	result = -EINVAL;
	spin_lock(&notify_lock);
	list_for_each(node, &((struct instance *)f->private)->watches) {
		struct watch *w = container_of(node, struct watch, link);
		if (w->number == (int32_t)a[1]) {
			watch_ignore_locked(w, &ended);
			result = 0;
			break;
		}
	}
	spin_unlock(&notify_lock);
	watches_free(ended);
	file_put(f);
	return result;
}
