/* SPDX-License-Identifier: MIT */
/*
 * Inodes in memory, found by number within their file system. The last reference evicts: dirty pages are written (or dropped, if
 * no link is left), then the file system takes leave of it. Who looks a dying inode up waits until it is gone.
 */
#include "abi/errno.h"
#include "base/string.h"
#include "kernel/capability.h"
#include "kernel/fcntl.h"
#include "kernel/epoch.h"
#include "kernel/inode.h"
#include "kernel/process.h"
#include "kernel/time.h"
#include "kernel/vfs.h"

#define BUCKETS 256u

static spinlock_t inode_lock = SPINLOCK_INIT("inode table");
static struct list buckets[BUCKETS]; /* inode_lock; a list is set up at its first use */
static struct waitq inode_queue = WAITQ_INIT(inode_queue);

static struct list *bucket_of(const struct super *super, uint64_t number)
{
	struct list *bucket = &buckets[(number ^ (uintptr_t)super / 64) % BUCKETS];
	if (!bucket->next) {
		list_init(bucket);
	}
	return bucket;
}

struct inode *inode_create(struct super *super, uint64_t number, uint32_t mode)
{
	struct inode *inode = kzalloc(sizeof(*inode));
	if (!inode) {
		return NULL;
	}
	list_init(&inode->hash_link);
	list_init(&inode->locks);
	inode->references = 1;
	inode->super = super;
	inode->number = number ? number : __atomic_add_fetch(&super->next_number, 1, __ATOMIC_RELAXED);
	inode->mode = mode;
	inode->links = 1;
	mapping_init(&inode->mapping, inode);
	mutex_init(&inode->mutex, "inode");
	inode->mutex.outer = true;
	inode_now(&inode->mtime);
	inode->atime = inode->ctime = inode->mtime;
	return inode;
}

static struct inode *find_locked(struct super *super, uint64_t number)
{
	list_for_each(node, bucket_of(super, number)) {
		struct inode *inode = container_of(node, struct inode, hash_link);
		if (inode->super == super && inode->number == number) {
			return inode;
		}
	}
	return NULL;
}

/* 0: none there; 1: *out referenced; -EAGAIN: one is being filled in or evicted. */
static int number_try(struct super *super, uint64_t number, struct inode *fresh, struct inode **out)
{
	int result = 0;
	spin_lock(&inode_lock);
	struct inode *found = find_locked(super, number);
	if (found && (found->freeing || !found->in_table)) {
		result = -EAGAIN;
	} else if (found) {
		inode_get(found);
		*out = found;
		result = 1;
	} else if (fresh) {
		list_push_front(bucket_of(super, number), &fresh->hash_link);
	}
	spin_unlock(&inode_lock);
	return result;
}

struct inode *inode_get_number(struct super *super, uint64_t number, bool *is_fresh)
{
	struct inode *fresh = NULL, *found = NULL;
	*is_fresh = false;
	for (;;) {
		int result = number_try(super, number, fresh, &found);
		if (result == -EAGAIN) {
			WAIT_EVENT(&inode_queue, (result = number_try(super, number, NULL, &found)) != -EAGAIN);
			if (result == 0) {
				continue;
			}
		}
		if (result == 1) {
			kfree(fresh);
			return found;
		}
		if (fresh) {
			*is_fresh = true;
			return fresh;
		}
		fresh = inode_create(super, number, 0);
		if (!fresh) {
			return NULL;
		}
	}
}

void inode_ready(struct inode *inode)
{
	spin_lock(&inode_lock);
	inode->in_table = true;
	spin_unlock(&inode_lock);
	waitq_wake_all(&inode_queue);
}

int inode_users_add(struct inode *inode, int kind)
{
	int now = __atomic_load_n(&inode->writers, __ATOMIC_RELAXED);
	do {
		if (kind > 0 ? now < 0 : now > 0) {
			return -ETXTBSY;
		}
	} while (!__atomic_compare_exchange_n(&inode->writers, &now, now + kind, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	return 0;
}

void inode_users_remove(struct inode *inode, int kind)
{
	__atomic_fetch_sub(&inode->writers, kind, __ATOMIC_RELEASE);
}

void inode_get(struct inode *inode)
{
	__atomic_fetch_add(&inode->references, 1, __ATOMIC_RELAXED);
}

bool inode_try_get(struct inode *inode)
{
	spin_lock(&inode_lock);
	bool alive = inode->references > 0 && !inode->freeing;
	if (alive) {
		inode_get(inode);
	}
	spin_unlock(&inode_lock);
	return alive;
}

/* All but the last reference are given back without the lock. True: that was the last. */
static bool reference_drop(struct inode *inode)
{
	uint32_t references = __atomic_load_n(&inode->references, __ATOMIC_RELAXED);
	while (references > 1) {
		if (__atomic_compare_exchange_n(&inode->references, &references, references - 1, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
			return false;
		}
	}
	spin_lock(&inode_lock);
	bool last = __atomic_sub_fetch(&inode->references, 1, __ATOMIC_ACQ_REL) == 0;
	inode->freeing = inode->freeing || last;
	spin_unlock(&inode_lock);
	return last;
}

void inode_put(struct inode *inode)
{
	if (!reference_drop(inode)) {
		return;
	}
	if (inode->links > 0 && inode->mapping.device) {
		page_cache_flush(inode, true);
	}
	page_cache_drop(inode);
	if (inode->ops && inode->ops->evict) {
		inode->ops->evict(inode);
	}
	spin_lock(&inode_lock);
	list_remove(&inode->hash_link);
	spin_unlock(&inode_lock);
	waitq_wake_all(&inode_queue);
	epoch_free(&inode->epoch, inode);
}

void inode_now(struct timestamp *t)
{
	uint64_t ns = time_wall_ns();
	t->seconds = (int64_t)(ns / 1000000000u);
	t->nanoseconds = (uint32_t)(ns % 1000000000u);
}

void inode_modified(struct inode *inode)
{
	inode_now(&inode->mtime);
	inode->ctime = inode->mtime;
	if (inode->ops && inode->ops->changed) {
		inode->ops->changed(inode);
	}
}

bool credentials_have_group(const struct credentials *c, uint32_t gid)
{
	if (c->fsgid == gid) {
		return true;
	}
	for (uint32_t i = 0; i < c->group_count; i++) {
		if (c->groups[i] == gid) {
			return true;
		}
	}
	return false;
}

/* As Linux: whoever is not in the group of the directory, which the file gets from it, makes no program that runs with it. */
uint32_t inode_mode_new(const struct inode *dir, uint32_t mode)
{
	const struct process *p = process_current();
	bool runs = (mode & S_ISGID) && (mode & 010) && !S_IS(mode, S_IFDIR) && (dir->mode & S_ISGID);
	if (runs && p && !credentials_have_group(&p->credentials, dir->gid) && !capable(CAP_FSETID)) {
		mode &= ~(uint32_t)S_ISGID;
	}
	return mode & ~(fs_context_current()->umask & 0777);
}

bool inode_owned(const struct inode *inode)
{
	struct process *p = process_current();
	return !p || p->credentials.fsuid == inode->uid || capable(CAP_FOWNER);
}

int inode_permission_of(const struct credentials *c, const struct inode *inode, unsigned may)
{
	bool device = S_IS(inode->mode, S_IFCHR) || S_IS(inode->mode, S_IFBLK) || S_IS(inode->mode, S_IFIFO);
	if ((may & MAY_WRITE) && inode->super->read_only && !device) {
		return -EROFS;
	}
	bool directory = S_IS(inode->mode, S_IFDIR);
	if (!c || credentials_capable(c, CAP_DAC_OVERRIDE)) {
		bool needs_bit = (may & MAY_EXEC) && !directory;
		return needs_bit && !(inode->mode & 0111) ? -EACCES : 0;
	}
	unsigned shift = c->fsuid == inode->uid ? 6 : credentials_have_group(c, inode->gid) ? 3 : 0;
	bool only_looks = directory ? !(may & MAY_WRITE) : may == MAY_READ;
	bool allowed = !(may & ~(inode->mode >> shift) & 7) || (only_looks && credentials_capable(c, CAP_DAC_READ_SEARCH));
	return allowed ? 0 : -EACCES;
}

int inode_permission(const struct inode *inode, unsigned may)
{
	const struct process *p = process_current();
	const struct credentials *c = p ? &p->credentials : NULL;
	if (!(may & MAY_WRITE) && S_IS(inode->mode, S_IFDIR) && (!c || credentials_capable(c, CAP_DAC_OVERRIDE))) {
		return 0; /* what walks ask most */
	}
	return inode_permission_of(c, inode, may);
}

static bool wants_flush_locked(const struct inode *inode, const struct super *super)
{
	return !inode->freeing && inode->in_table && (!super || inode->super == super) &&
	       (inode->mapping.dirty_count || inode->mapping.writeback);
}

/* The next one of the bucket to be written, referenced: behind `before`, which its reference keeps in its place (NULL: the first). */
static struct inode *flush_next(unsigned bucket, struct inode *before, const struct super *super)
{
	struct inode *found = NULL;
	spin_lock(&inode_lock);
	struct list *node = before ? before->hash_link.next : buckets[bucket].next;
	for (; node && node != &buckets[bucket] && !found; node = node->next) {
		struct inode *candidate = container_of(node, struct inode, hash_link);
		if (wants_flush_locked(candidate, super)) {
			found = candidate;
			inode_get(found);
		}
	}
	spin_unlock(&inode_lock);
	return found;
}

/* One round over all inodes. */
void inodes_flush(struct super *super)
{
	for (unsigned bucket = 0; bucket < BUCKETS; bucket++) {
		struct inode *inode = flush_next(bucket, NULL, super);
		while (inode) {
			page_cache_flush(inode, true);
			struct inode *next = flush_next(bucket, inode, super);
			inode_put(inode);
			inode = next;
		}
	}
}
