/* SPDX-License-Identifier: MIT */
/*
 * Advisory locks: flock(2), owned by an open file, POSIX record locks, owned by a process, and such locks owned by an open file. An inode has one list of them,
 * guarded by one spin lock for all; who is refused waits on one queue and tries again when any lock goes.
 */
#include "kernel/lock.h"

#include "base/string.h"
#include "kernel/epoch.h"
#include "kernel/syscall.h"
#include "kernel/user.h"
#include "kernel/vfs.h"

enum { F_GETLK = 5, F_SETLK = 6, F_SETLKW = 7, F_OFD_GETLK = 36, F_OFD_SETLK, F_OFD_SETLKW, F_RDLCK = 0, F_WRLCK = 1, F_UNLCK = 2 };
enum { LOCK_SH = 1, LOCK_EX = 2, LOCK_NB = 4, LOCK_UN = 8 };

struct held_lock {
	struct list link;
	const void *owner; /* struct file (flock, F_OFD_*) or struct file_table (record locks) */
	bool whole; /* flock: a world of its own */
	bool exclusive;
	uint64_t first, last; /* inclusive */
	uint32_t pid;
};

struct user_lock { /* struct flock */
	int16_t type, whence;
	int32_t pad;
	int64_t start, length;
	int32_t pid, pad2;
};

/* Who waits for a record lock as a process. */
struct lock_wish {
	struct list link;
	struct inode *inode;
	const struct held_lock *wanted;
};

#define DEADLOCK_STEPS 16u /* who waits in a longer circle waits for a signal; Linux goes 10 */

static spinlock_t locks_lock = SPINLOCK_INIT("file locks");
static struct list wishes = LIST_INIT(wishes); /* locks_lock */
static struct waitq locks_queue = WAITQ_INIT(locks_queue);

static bool overlaps(const struct held_lock *a, const struct held_lock *b)
{
	return a->whole == b->whole && a->first <= b->last && b->first <= a->last;
}

static struct held_lock *conflict_locked(struct inode *inode, const struct held_lock *wanted)
{
	list_for_each(node, &inode->locks) {
		struct held_lock *held = container_of(node, struct held_lock, link);
		if (held->owner != wanted->owner && overlaps(held, wanted) && (held->exclusive || wanted->exclusive)) {
			return held;
		}
	}
	return NULL;
}

/* Take [first, last] out of the owner's locks. `spare` serves the one that is cut in two; gone ones go to `dead`. */
static void carve_locked(struct inode *inode, const struct held_lock *cut, struct held_lock **spare, struct list *dead)
{
	list_for_each_safe(node, &inode->locks) {
		struct held_lock *held = container_of(node, struct held_lock, link);
		if (held->owner != cut->owner || !overlaps(held, cut)) {
			continue;
		}
		if (held->first < cut->first && held->last > cut->last) {
			struct held_lock *right = *spare;
			*spare = NULL;
			*right = *held;
			right->first = cut->last + 1;
			held->last = cut->first - 1;
			list_init(&right->link);
			list_push_back(&inode->locks, &right->link);
		} else if (held->first < cut->first) {
			held->last = cut->first - 1;
		} else if (held->last > cut->last) {
			held->first = cut->last + 1;
		} else {
			list_remove(&held->link);
			list_push_back(dead, &held->link);
		}
	}
}

static void free_all(struct list *dead)
{
	for (struct list *node; (node = list_pop_front(dead)) != NULL;) {
		kfree(container_of(node, struct held_lock, link));
	}
}

/* 0 or -EAGAIN. */
static int lock_try(struct inode *inode, const struct held_lock *wanted, bool unlock)
{
	struct list dead = LIST_INIT(dead);
	struct held_lock *spare = kmalloc(sizeof(*spare)), *fresh = unlock ? NULL : kmalloc(sizeof(*fresh));
	int error = spare && (unlock || fresh) ? 0 : -ENOMEM;
	if (!error) {
		spin_lock(&locks_lock);
		if (!unlock && conflict_locked(inode, wanted)) {
			error = -EAGAIN;
		} else {
			carve_locked(inode, wanted, &spare, &dead);
			if (!unlock) {
				*fresh = *wanted;
				list_init(&fresh->link);
				list_push_back(&inode->locks, &fresh->link);
				fresh = NULL;
			}
		}
		spin_unlock(&locks_lock);
	}
	free_all(&dead);
	kfree(spare);
	kfree(fresh);
	if (!error) {
		waitq_wake_all(&locks_queue);
	}
	return error;
}

/* Whom the owner of a lock waits for itself, if that is so: the lock that is in its way. */
static const struct held_lock *wish_conflict_locked(const void *owner)
{
	list_for_each(node, &wishes) {
		const struct lock_wish *wish = container_of(node, struct lock_wish, link);
		if (wish->wanted->owner == owner) {
			return conflict_locked(wish->inode, wish->wanted);
		}
	}
	return NULL;
}

/* Would whoever waits for `held` wait for itself? */
static bool is_deadlock_locked(const struct held_lock *held, const void *owner)
{
	for (unsigned steps = 0; held && steps < DEADLOCK_STEPS; steps++) {
		if (held->owner == owner) {
			return true;
		}
		held = wish_conflict_locked(held->owner);
	}
	return false;
}

/* 0: try again. `records`: of a process, which may be refused for what it has itself (POSIX, fcntl); all others wait. */
static int lock_sleep(struct inode *inode, const struct held_lock *wanted, bool records)
{
	struct lock_wish wish = { .inode = inode, .wanted = wanted };
	struct waiter waiter;
	wait_prepare(&locks_queue, &waiter);
	spin_lock(&locks_lock);
	const struct held_lock *held = conflict_locked(inode, wanted);
	int error = held && records && is_deadlock_locked(held, wanted->owner) ? -EDEADLK : 0;
	bool waits = held && !error;
	list_init(&wish.link);
	if (waits && records) {
		list_push_back(&wishes, &wish.link);
	}
	spin_unlock(&locks_lock);
	error = waits && wait_sleep(0, true) ? -ERESTARTSYS : error;
	wait_finish(&waiter);
	if (waits && records) {
		spin_lock(&locks_lock);
		list_remove(&wish.link);
		spin_unlock(&locks_lock);
	}
	return error;
}

static int lock_wait(struct inode *inode, const struct held_lock *wanted, bool records)
{
	int error;
	while ((error = lock_try(inode, wanted, false)) == -EAGAIN) {
		error = lock_sleep(inode, wanted, records);
		if (error) {
			break;
		}
	}
	return error;
}

static int range_from_user(struct file *f, const struct user_lock *u, bool files, struct held_lock *wanted)
{
	int64_t base = u->whence == 0 ? 0 : u->whence == 1 ? (int64_t)f->offset : u->whence == 2 ? (int64_t)f->inode->size : -1;
	int64_t start, length = u->length;
	if (base < 0 || u->type < F_RDLCK || u->type > F_UNLCK || length == INT64_MIN || (files && u->pid)) {
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, u->start, &start) || (length > 0 && start > INT64_MAX - length + 1)) {
		return -EOVERFLOW;
	}
	if (length < 0) {
		start += length;
		length = -length;
	}
	if (start < 0) {
		return -EINVAL;
	}
	*wanted = (struct held_lock){ .owner = files ? (const void *)f : process_current()->files, .exclusive = u->type == F_WRLCK,
				      .first = (uint64_t)start, .last = length ? (uint64_t)(start + length - 1) : INT64_MAX,
				      .pid = files ? UINT32_MAX : process_current()->pid };
	return 0;
}

static long lock_ask(struct file *f, const struct held_lock *wanted, struct user_lock *u, uint64_t user)
{
	spin_lock(&locks_lock);
	struct held_lock *held = conflict_locked(f->inode, wanted);
	u->type = held ? (held->exclusive ? F_WRLCK : F_RDLCK) : F_UNLCK;
	if (held) {
		u->whence = 0;
		u->start = (int64_t)held->first;
		u->length = held->last == INT64_MAX ? 0 : (int64_t)(held->last - held->first + 1);
		u->pid = (int32_t)held->pid;
	}
	spin_unlock(&locks_lock);
	return user_write(user, u, sizeof(*u));
}

/* Another thread may have closed it before the lock was there to be given up with it (release_owner, whose fence is this one's other half). */
static bool is_closed(const struct file *f, int fd)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	epoch_enter();
	bool closed = fd_peek(fd) != f;
	epoch_exit();
	return closed;
}

long lock_posix(struct file *f, int fd, int command, uint64_t user)
{
	struct user_lock u;
	struct held_lock wanted;
	if (user_read(&u, user, sizeof(u))) {
		return -EFAULT;
	}
	bool files = command >= F_OFD_GETLK; /* as long as the open file, whatever descriptors it has */
	command -= files ? F_OFD_GETLK - F_GETLK : 0;
	int error = f->inode ? range_from_user(f, &u, files, &wanted) : -EINVAL;
	if (error) {
		return error;
	}
	if (command == F_GETLK) {
		return u.type == F_UNLCK && !files ? -EINVAL : lock_ask(f, &wanted, &u, user);
	}
	if ((u.type == F_RDLCK && !file_readable(f)) || (u.type == F_WRLCK && !file_writable(f))) {
		return -EBADF;
	}
	if (u.type == F_UNLCK) {
		return lock_try(f->inode, &wanted, true);
	}
	error = command == F_SETLKW ? lock_wait(f->inode, &wanted, !files) : lock_try(f->inode, &wanted, false);
	if (!error && !files && is_closed(f, fd)) {
		(void)lock_try(f->inode, &wanted, true);
		error = -EBADF;
	}
	return error;
}

static void release_owner(struct inode *inode, const void *owner, bool whole)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (list_empty(&inode->locks)) {
		return;
	}
	struct held_lock all = { .owner = owner, .whole = whole, .first = 0, .last = UINT64_MAX };
	struct list dead = LIST_INIT(dead);
	struct held_lock *spare = NULL; /* nothing lies outside of `all` */
	spin_lock(&locks_lock);
	carve_locked(inode, &all, &spare, &dead);
	spin_unlock(&locks_lock);
	free_all(&dead);
	waitq_wake_all(&locks_queue);
}

void locks_release_file(struct file *f)
{
	release_owner(f->inode, f, true);
	release_owner(f->inode, f, false);
}

void locks_release_table(struct file *f, const struct file_table *table)
{
	release_owner(f->inode, table, false);
}

long sys_flock(const uint64_t a[6])
{
	struct file *f = file_from_fd((int)a[0]);
	if (!f) {
		return -EBADF;
	}
	unsigned how = (unsigned)a[1] & ~(unsigned)LOCK_NB;
	struct held_lock wanted = { .owner = f, .whole = true, .exclusive = how == LOCK_EX, .first = 0, .last = UINT64_MAX,
				    .pid = process_current()->pid };
	long result = -EINVAL;
	if (f->inode && how == LOCK_UN) {
		result = lock_try(f->inode, &wanted, true);
	} else if (f->inode && (how == LOCK_SH || how == LOCK_EX)) {
		result = a[1] & LOCK_NB ? lock_try(f->inode, &wanted, false) : lock_wait(f->inode, &wanted, false);
	}
	file_put(f);
	return result;
}
