/* SPDX-License-Identifier: MIT */
/*
 * The name cache: a hash table of (directory, name), absent names included, over a tree of entries. One spin lock guards what changes.
 * Look-ups take none: an entry, its name, its inode and a file system's root stay memory until the sections that may see them have
 * ended (kernel/epoch.h). `sequence` is odd while an entry's name and place change, so whoever reads both and finds the same even
 * number before and after has read what belonged together. A rename may carry a reader from one chain to another: that a name is not
 * found means nothing until it is searched for under the lock.
 * An entry is found at some moment of the search, as with a lock held for it: names leave the table before the call that removes them
 * returns, and an absent name, or one below a directory, keeps its directory.
 * References are counted without the lock but where the last one goes. An entry without users stays until there are too many; it is
 * on the list of those from its first time without users on, and those that were used since are passed over once. Those in use leave the list when
 * room is made, until their last user goes.
 */
#include "abi/errno.h"
#include "base/string.h"
#include "fs/dentry_internal.h"
#include "kernel/epoch.h"
#include "kernel/notify.h"
#include "kernel/platform.h"
#include "kernel/reserve.h"
#include "kernel/vfs.h"

#define BUCKETS 2048u
#define UNUSED_MAX 8192u
#define TRIES 64u /* with the lock held once */

spinlock_t dentry_lock = SPINLOCK_INIT("name cache");
static struct dentry *buckets[BUCKETS]; /* [s] */
static struct list unused = LIST_INIT(unused); /* dentry_lock; head: newest */
static unsigned unused_count; /* dentry_lock */

static uint32_t name_hash(const struct dentry *parent, const char *name, unsigned length)
{
	uint32_t hash = 2166136261u ^ (uint32_t)((uintptr_t)parent >> 5);
	for (unsigned i = 0; i < length; i++) {
		hash = (hash ^ (uint8_t)name[i]) * 16777619u;
	}
	return hash ^ hash >> 15;
}

static void hash_insert_locked(struct dentry *d)
{
	struct dentry **bucket = &buckets[d->hash % BUCKETS];
	__atomic_store_n(&d->hash_next, *bucket, __ATOMIC_RELAXED);
	d->hash_back = bucket;
	if (d->hash_next) {
		d->hash_next->hash_back = &d->hash_next;
	}
	__atomic_store_n(bucket, d, __ATOMIC_RELEASE);
}

/* Its own way on stays for readers that stand on it. */
static void hash_remove_locked(struct dentry *d)
{
	if (d->hash_back) {
		__atomic_store_n(d->hash_back, d->hash_next, __ATOMIC_RELEASE);
		if (d->hash_next) {
			d->hash_next->hash_back = d->hash_back;
		}
		d->hash_back = NULL;
	}
}

static struct dentry_name *name_create(const char *name, unsigned length)
{
	struct dentry_name *n = kmalloc(sizeof(*n) + length + 1);
	if (n) {
		n->length = (uint8_t)length;
		memcpy(n->text, name, length);
		n->text[length] = '\0';
	}
	return n;
}

static void name_free(struct dentry *d, struct dentry_name *name)
{
	if (name != &d->first_name.name) {
		epoch_free(&name->epoch, name);
	}
}

static struct dentry *dentry_alloc(struct super *super, const char *name, unsigned length)
{
	struct dentry *d = kzalloc(sizeof(*d));
	if (!d) {
		return NULL;
	}
	d->name = &d->first_name.name;
	if (length >= sizeof(d->first_name) - offsetof(struct dentry_name, text)) {
		d->name = name_create(name, length);
		if (!d->name) {
			kfree(d);
			return NULL;
		}
	} else {
		d->name->length = (uint8_t)length;
		memcpy(d->name->text, name, length);
	}
	d->super = super;
	d->references = 1;
	list_init(&d->child_link);
	list_init(&d->lru_link);
	list_init(&d->children);
	return d;
}

/* The inode may be written out now: not in a section. */
static void dentry_free(struct dentry *d)
{
	if (d->inode) {
		if (!d->inode->links) {
			notify_gone(d->inode);
		}
		inode_put(d->inode);
	}
	name_free(d, d->name);
	epoch_free(&d->epoch, d);
}

struct dentry *dentry_root_create(struct super *super, struct inode *root)
{
	struct dentry *d = dentry_alloc(super, "/", 1);
	if (d) {
		d->parent = d;
		d->inode = root;
		d->hashed = true;
		super->root = d;
	}
	return d;
}

bool dentry_try_get(struct dentry *d)
{
	uint32_t references = __atomic_load_n(&d->references, __ATOMIC_RELAXED);
	while (!(references & DENTRY_DEAD)) {
		if (__atomic_compare_exchange_n(&d->references, &references, references + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
			return true;
		}
	}
	return false;
}

void dentry_get(struct dentry *d)
{
	__atomic_fetch_add(&d->references, 1, __ATOMIC_RELAXED);
}

/* Is it this name, and on the table, at one moment? */
static bool is_name(const struct dentry *d, const struct dentry *parent, const char *name, unsigned length)
{
	uint32_t sequence = __atomic_load_n(&d->sequence, __ATOMIC_ACQUIRE);
	const struct dentry_name *its = __atomic_load_n(&d->name, __ATOMIC_ACQUIRE);
	bool here = __atomic_load_n(&d->parent, __ATOMIC_RELAXED) == parent && __atomic_load_n(&d->hashed, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	bool together = !(sequence & 1) && __atomic_load_n(&d->sequence, __ATOMIC_RELAXED) == sequence;
	return here && together && its->length == length && memcmp(its->text, name, length) == 0;
}

struct dentry *dentry_peek(const struct dentry *parent, const char *name, unsigned length)
{
	uint32_t hash = name_hash(parent, name, length);
	struct dentry *d = __atomic_load_n(&buckets[hash % BUCKETS], __ATOMIC_ACQUIRE);
	while (d && !(__atomic_load_n(&d->hash, __ATOMIC_RELAXED) == hash && is_name(d, parent, name, length))) {
		d = __atomic_load_n(&d->hash_next, __ATOMIC_ACQUIRE);
	}
	return d;
}

/* Nothing moves meanwhile: not found is not there. */
static struct dentry *find_locked(struct dentry *parent, const char *name, unsigned length)
{
	spin_lock(&dentry_lock);
	struct dentry *d = dentry_peek(parent, name, length);
	if (d && !dentry_try_get(d)) {
		d = NULL;
	}
	spin_unlock(&dentry_lock);
	return d;
}

struct dentry *dentry_find(struct dentry *parent, const char *name, unsigned length)
{
	epoch_enter();
	struct dentry *d = dentry_peek(parent, name, length);
	if (d && !dentry_try_get(d)) {
		d = NULL;
	}
	epoch_exit();
	return d ? d : find_locked(parent, name, length);
}

static void lru_remove_locked(struct dentry *d)
{
	if (!list_empty(&d->lru_link)) {
		list_remove(&d->lru_link);
		unused_count--;
	}
}

static void unhash_locked(struct dentry *d)
{
	listing_remove_locked(d);
	__atomic_store_n(&d->hashed, false, __ATOMIC_RELEASE);
	hash_remove_locked(d);
}

/* False: others use it than the caller, who has `own` references. Else out of all lists; the parent, whose reference the entry had, is the caller's to put. */
static bool kill_locked(struct dentry *d, uint32_t own, struct dentry **parent)
{
	if (!__atomic_compare_exchange_n(&d->references, &own, DENTRY_DEAD, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
		return false;
	}
	unhash_locked(d);
	list_remove(&d->child_link);
	lru_remove_locked(d);
	*parent = d->parent != d ? d->parent : NULL;
	return true;
}

/* The last user has gone; if there is none again: keep it for later, or let it go (true). In a section, for others may do that as well. */
static bool idle(struct dentry *d, struct dentry **parent)
{
	bool dead = false;
	spin_lock(&dentry_lock);
	if (!d->hashed) {
		dead = kill_locked(d, 0, parent);
	} else if (list_empty(&d->lru_link)) {
		list_push_front(&unused, &d->lru_link);
		unused_count++;
	}
	spin_unlock(&dentry_lock);
	return dead;
}

void dentry_put(struct dentry *d)
{
	while (d) {
		struct dentry *parent = NULL;
		bool dead = false;
		epoch_enter();
		if (__atomic_fetch_sub(&d->references, 1, __ATOMIC_ACQ_REL) == 1) {
			__atomic_store_n(&d->used, true, __ATOMIC_RELAXED);
			/* Who takes the name off the table has a reference, and sees to it when that goes. */
			if (!__atomic_load_n(&d->hashed, __ATOMIC_RELAXED) || list_empty(&d->lru_link)) {
				dead = idle(d, &parent);
			}
		}
		epoch_exit();
		if (dead) {
			dentry_free(d);
		}
		d = parent;
	}
}

/*
 * The least recently used of those without users. Those used lately go to the front; those with users off the list, and only then it is certain
 * that they have some: the last one to go sees that, and puts them back.
 */
static struct dentry *victim_locked(unsigned keep, unsigned *tries, struct dentry **parent)
{
	for (unsigned left = TRIES; left > 0 && *tries > 0 && unused_count > keep; left--, --*tries) {
		struct dentry *d = container_of(unused.prev, struct dentry, lru_link);
		lru_remove_locked(d);
		if (__atomic_exchange_n(&d->used, false, __ATOMIC_SEQ_CST)) {
			list_push_front(&unused, &d->lru_link);
			unused_count++;
		} else if (kill_locked(d, 0, parent)) {
			return d;
		}
	}
	return NULL;
}

/* Entries with children are never without users, since each child holds its parent. */
static void unused_prune(unsigned keep)
{
	unsigned tries = 2 * __atomic_load_n(&unused_count, __ATOMIC_RELAXED);
	while (tries > 0 && __atomic_load_n(&unused_count, __ATOMIC_RELAXED) > keep) {
		struct dentry *parent = NULL;
		spin_lock(&dentry_lock);
		struct dentry *victim = victim_locked(keep, &tries, &parent);
		spin_unlock(&dentry_lock);
		if (victim) {
			dentry_free(victim);
			dentry_put(parent);
			reserve_renew();
		}
	}
}

void dentries_shrink(void)
{
	unused_prune(unused_count / 2);
}

struct dentry *dentry_add(struct dentry *parent, const char *name, unsigned length, struct inode *inode)
{
	struct dentry *d = dentry_alloc(parent->super, name, length);
	if (!d) {
		if (inode) {
			inode_put(inode);
		}
		return NULL;
	}
	d->hash = name_hash(parent, name, length);
	d->inode = inode;
	spin_lock(&dentry_lock);
	dentry_get(parent);
	d->parent = parent;
	list_push_back(&parent->children, &d->child_link);
	if (parent->super->pinned && inode) {
		dentry_get(d);
	}
	if (!parent->super->uncached && parent->hashed) { /* a removed directory keeps no names */
		d->hashed = true;
		hash_insert_locked(d);
		listing_add_locked(d);
	}
	bool many = unused_count > UNUSED_MAX;
	spin_unlock(&dentry_lock);
	if (many) {
		unused_prune(UNUSED_MAX);
	}
	return d;
}

void dentry_set_inode(struct dentry *d, struct inode *inode)
{
	spin_lock(&dentry_lock);
	__atomic_store_n(&d->inode, inode, __ATOMIC_RELEASE);
	listing_add_locked(d);
	if (d->super->pinned) {
		dentry_get(d);
	}
	spin_unlock(&dentry_lock);
}

/* True: the reference that kept it in the cache is the caller's to put. */
static bool name_remove_locked(struct dentry *d)
{
	bool pinned = dentry_listed_locked(d);
	unhash_locked(d);
	return pinned;
}

/* The next one to let go behind `stays`, which becomes the last one before it that is in use: with a reference, it keeps its place. */
static struct dentry *child_next_locked(struct dentry *dir, struct dentry **stays, bool *over)
{
	struct list *node = *stays ? (*stays)->child_link.next : dir->children.next;
	struct dentry *last = NULL, *victim = NULL, *parent;
	for (unsigned left = TRIES; node != &dir->children && !victim && left > 0; left--) {
		struct dentry *d = container_of(node, struct dentry, child_link);
		node = node->next;
		unhash_locked(d); /* first: whoever gives it back from now on sees that (dentry_put) */
		if (kill_locked(d, 0, &parent)) {
			victim = d;
		} else {
			last = d;
		}
	}
	if (last) {
		dentry_get(last);
		*stays = last;
	}
	*over = !victim && node == &dir->children;
	return victim;
}

/* Absent names below a directory that is gone would keep it for as long as the cache keeps them. Those in use go with their last user. */
static void children_prune(struct dentry *dir)
{
	struct dentry *stays = NULL;
	for (bool over = false; !over;) {
		struct dentry *before = stays;
		spin_lock(&dentry_lock);
		struct dentry *victim = child_next_locked(dir, &stays, &over);
		spin_unlock(&dentry_lock);
		if (before != stays) {
			dentry_put(before);
		}
		if (victim) {
			dentry_free(victim);
			dentry_put(dir);
		}
	}
	dentry_put(stays);
}

void dentry_remove(struct dentry *d)
{
	spin_lock(&dentry_lock);
	bool pinned = name_remove_locked(d);
	spin_unlock(&dentry_lock);
	children_prune(d);
	if (pinned) {
		dentry_put(d);
	}
}

/* Readers meanwhile find neither the old name nor the new one, and search again under the lock. */
static void place_locked(struct dentry *d, struct dentry *parent, struct dentry_name *name)
{
	__atomic_store_n(&d->sequence, d->sequence + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	hash_remove_locked(d);
	listing_remove_locked(d);
	list_remove(&d->child_link);
	__atomic_store_n(&d->name, name, __ATOMIC_RELEASE);
	__atomic_store_n(&d->parent, parent, __ATOMIC_RELEASE);
	__atomic_store_n(&d->hash, name_hash(parent, name->text, name->length), __ATOMIC_RELAXED);
	__atomic_store_n(&d->sequence, d->sequence + 1, __ATOMIC_RELEASE);
	list_push_back(&parent->children, &d->child_link);
	listing_add_locked(d);
	hash_insert_locked(d);
}

int dentry_move(struct dentry *d, struct dentry *parent, const char *name, unsigned length, struct dentry *target)
{
	struct dentry_name *new_name = name_create(name, length), *old_name;
	if (!new_name) {
		return -ENOMEM;
	}
	spin_lock(&dentry_lock);
	bool pinned = target && name_remove_locked(target);
	struct dentry *old_parent = d->parent;
	old_name = d->name;
	dentry_get(parent);
	place_locked(d, parent, new_name);
	spin_unlock(&dentry_lock);
	name_free(d, old_name);
	if (target) {
		children_prune(target);
	}
	if (pinned) {
		dentry_put(target);
	}
	dentry_put(old_parent);
	return 0;
}

int dentry_exchange(struct dentry *one, struct dentry *other)
{
	struct dentry_name *first = name_create(other->name->text, other->name->length);
	struct dentry_name *second = name_create(one->name->text, one->name->length);
	if (!first || !second) {
		kfree(first);
		kfree(second);
		return -ENOMEM;
	}
	spin_lock(&dentry_lock);
	struct dentry *parent = one->parent; /* either keeps the other's, by the other's reference */
	struct dentry_name *old_first = one->name, *old_second = other->name;
	hash_remove_locked(other);
	place_locked(one, other->parent, first);
	place_locked(other, parent, second);
	spin_unlock(&dentry_lock);
	name_free(one, old_first);
	name_free(other, old_second);
	return 0;
}

/* With it those above that nobody else uses. How many. */
static unsigned chain_free(struct dentry *d, struct dentry *parent)
{
	unsigned freed = 0;
	while (d) {
		struct dentry *above = NULL;
		dentry_free(d);
		freed++;
		spin_lock(&dentry_lock);
		d = parent && parent != parent->super->root && kill_locked(parent, 1, &above) ? parent : NULL;
		spin_unlock(&dentry_lock);
		if (!d) {
			dentry_put(parent);
		}
		parent = above;
	}
	return freed;
}

/* Of the list, which stays as it is but for what is gone: each goes from the end to the front in its turn. */
static unsigned unused_drop(const struct super *super)
{
	unsigned freed = 0;
	for (unsigned left = __atomic_load_n(&unused_count, __ATOMIC_RELAXED); left > 0;) {
		struct dentry *victim = NULL, *parent = NULL;
		spin_lock(&dentry_lock);
		left = left < unused_count ? left : unused_count;
		for (unsigned tries = TRIES; tries > 0 && left > 0 && !victim; tries--, left--) {
			struct dentry *d = container_of(unused.prev, struct dentry, lru_link);
			list_remove(&d->lru_link);
			list_push_front(&unused, &d->lru_link);
			if (d->super == super && d != super->root && kill_locked(d, 0, &parent)) {
				victim = d;
			}
		}
		spin_unlock(&dentry_lock);
		freed += chain_free(victim, parent);
	}
	return freed;
}

void dentries_drop(struct super *super)
{
	while (unused_drop(super)) {
	}
}
