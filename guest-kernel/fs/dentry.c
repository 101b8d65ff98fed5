/* SPDX-License-Identifier: MIT */
/*
 * The name cache: a hash table of (directory, name), absent names included, over a tree of entries. One spin lock guards it;
 * a walk holds it for one step at a time. An entry without users stays, in order of use, until there are too many.
 */
#include "abi/errno.h"
#include "base/string.h"
#include "kernel/platform.h"
#include "kernel/vfs.h"

#define BUCKETS 1024u
#define UNUSED_MAX 8192u

static spinlock_t dentry_lock = SPINLOCK_INIT("name cache");
static struct list buckets[BUCKETS]; /* dentry_lock; set up at first use */
static struct list unused = LIST_INIT(unused); /* dentry_lock; head: newest */
static unsigned unused_count; /* dentry_lock */
static uint64_t last_cookie = 2; /* dentry_lock */

static uint32_t name_hash(const struct dentry *parent, const char *name, unsigned length)
{
	uint32_t hash = 2166136261u ^ (uint32_t)((uintptr_t)parent >> 5);
	for (unsigned i = 0; i < length; i++) {
		hash = (hash ^ (uint8_t)name[i]) * 16777619u;
	}
	return hash;
}

static struct list *bucket_of(uint32_t hash)
{
	struct list *bucket = &buckets[hash % BUCKETS];
	if (!bucket->next) {
		list_init(bucket);
	}
	return bucket;
}

static struct dentry *dentry_alloc(struct super *super, const char *name, unsigned length)
{
	struct dentry *d = kzalloc(sizeof(*d));
	if (!d) {
		return NULL;
	}
	d->name = d->short_name;
	if (length >= sizeof(d->short_name)) {
		d->name = kmalloc(length + 1);
		if (!d->name) {
			kfree(d);
			return NULL;
		}
	}
	memcpy(d->name, name, length);
	d->name[length] = '\0';
	d->length = (uint8_t)length;
	d->super = super;
	d->references = 1;
	list_init(&d->hash_link);
	list_init(&d->child_link);
	list_init(&d->lru_link);
	list_init(&d->children);
	return d;
}

static void dentry_free(struct dentry *d)
{
	if (d->inode) {
		inode_put(d->inode);
	}
	if (d->name != d->short_name) {
		kfree(d->name);
	}
	kfree(d);
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

static void get_locked(struct dentry *d)
{
	if (d->references++ == 0 && !list_empty(&d->lru_link)) {
		list_remove(&d->lru_link);
		unused_count--;
	}
}

static struct dentry *find_locked(struct dentry *parent, const char *name, unsigned length, uint32_t hash)
{
	list_for_each(node, bucket_of(hash)) {
		struct dentry *d = container_of(node, struct dentry, hash_link);
		if (d->hash == hash && d->parent == parent && d->length == length && memcmp(d->name, name, length) == 0) {
			get_locked(d);
			return d;
		}
	}
	return NULL;
}

struct dentry *dentry_find(struct dentry *parent, const char *name, unsigned length)
{
	uint32_t hash = name_hash(parent, name, length);
	spin_lock(&dentry_lock);
	struct dentry *d = find_locked(parent, name, length, hash);
	spin_unlock(&dentry_lock);
	return d;
}

void dentry_get(struct dentry *d)
{
	spin_lock(&dentry_lock);
	get_locked(d);
	spin_unlock(&dentry_lock);
}

/* Out of all lists; the parent, whose reference the entry had, is the caller's to put. */
static struct dentry *detach_locked(struct dentry *d)
{
	list_remove(&d->hash_link);
	list_remove(&d->child_link);
	if (!list_empty(&d->lru_link)) {
		list_remove(&d->lru_link);
		unused_count--;
	}
	return d->parent != d ? d->parent : NULL;
}

void dentry_put(struct dentry *d)
{
	while (d) {
		struct dentry *parent = NULL;
		bool dead = false;
		spin_lock(&dentry_lock);
		if (--d->references == 0) {
			dead = !d->hashed;
			if (dead) {
				parent = detach_locked(d);
			} else {
				list_push_front(&unused, &d->lru_link);
				unused_count++;
			}
		}
		spin_unlock(&dentry_lock);
		if (dead) {
			dentry_free(d);
		}
		d = parent;
	}
}

/* Let the least recently used go; entries with children are never unused, since each child holds its parent. */
static void unused_prune(unsigned keep)
{
	for (;;) {
		struct dentry *victim = NULL, *parent = NULL;
		spin_lock(&dentry_lock);
		if (unused_count > keep && !list_empty(&unused)) {
			victim = container_of(unused.prev, struct dentry, lru_link);
			victim->hashed = false;
			parent = detach_locked(victim);
		}
		spin_unlock(&dentry_lock);
		if (!victim) {
			return;
		}
		dentry_free(victim);
		dentry_put(parent);
	}
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
	get_locked(parent);
	d->parent = parent;
	list_push_back(&parent->children, &d->child_link);
	d->cookie = ++last_cookie;
	if (!parent->super->uncached && parent->hashed) { /* a removed directory keeps no names */
		d->hashed = true;
		list_push_front(bucket_of(d->hash), &d->hash_link);
	}
	if (parent->super->pinned && inode) {
		d->references++;
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
	if (d->super->pinned) {
		d->references++;
	}
	spin_unlock(&dentry_lock);
}

static void unhash_locked(struct dentry *d, bool *pinned)
{
	*pinned = d->hashed && d->super->pinned && d->inode && d->parent != d;
	d->hashed = false;
	list_remove(&d->hash_link);
}

/* Absent names below a directory that is gone would keep it for as long as the cache keeps them. */
static void children_prune(struct dentry *dir)
{
	struct dentry *victim;
	do {
		victim = NULL;
		spin_lock(&dentry_lock);
		list_for_each(node, &dir->children) {
			struct dentry *d = container_of(node, struct dentry, child_link);
			if (d->references == 0) {
				victim = d;
				victim->hashed = false;
				detach_locked(victim);
				break;
			}
		}
		spin_unlock(&dentry_lock);
		if (victim) {
			dentry_free(victim);
			dentry_put(dir);
		}
	} while (victim);
}

void dentry_remove(struct dentry *d)
{
	bool pinned;
	spin_lock(&dentry_lock);
	unhash_locked(d, &pinned);
	spin_unlock(&dentry_lock);
	children_prune(d);
	if (pinned) {
		dentry_put(d);
	}
}

int dentry_move(struct dentry *d, struct dentry *parent, const char *name, unsigned length, struct dentry *target)
{
	char *heap = NULL, *old_heap = NULL;
	bool pinned = false;
	if (length >= sizeof(d->short_name)) {
		heap = kmalloc(length + 1);
		if (!heap) {
			return -ENOMEM;
		}
	}
	spin_lock(&dentry_lock);
	if (target) {
		unhash_locked(target, &pinned);
	}
	struct dentry *old_parent = d->parent;
	list_remove(&d->hash_link);
	list_remove(&d->child_link);
	old_heap = d->name != d->short_name ? d->name : NULL;
	d->name = heap ? heap : d->short_name;
	memcpy(d->name, name, length);
	d->name[length] = '\0';
	d->length = (uint8_t)length;
	get_locked(parent);
	d->parent = parent;
	d->hash = name_hash(parent, name, length);
	list_push_back(&parent->children, &d->child_link);
	d->cookie = ++last_cookie;
	list_push_front(bucket_of(d->hash), &d->hash_link);
	spin_unlock(&dentry_lock);
	kfree(old_heap);
	if (target) {
		children_prune(target);
	}
	if (pinned) {
		dentry_put(target);
	}
	dentry_put(old_parent);
	return 0;
}

bool dentry_is_below(struct dentry *d, struct dentry *ancestor)
{
	bool below = false;
	spin_lock(&dentry_lock);
	for (;; d = d->parent) {
		if (d == ancestor) {
			below = true;
			break;
		}
		if (d->parent == d) {
			break;
		}
	}
	spin_unlock(&dentry_lock);
	return below;
}

void dentry_set_mounted(struct dentry *d, struct super *super)
{
	spin_lock(&dentry_lock);
	d->mounted = super;
	spin_unlock(&dentry_lock);
}

static struct dentry *above_locked(struct dentry *d)
{
	while (d->parent == d && d->super->mountpoint) {
		d = d->super->mountpoint;
	}
	return d->parent;
}

struct dentry *dentry_parent(struct dentry *d)
{
	spin_lock(&dentry_lock);
	struct dentry *parent = above_locked(d);
	get_locked(parent);
	spin_unlock(&dentry_lock);
	return parent;
}

long dentry_path(struct dentry *d, struct dentry *root, char *text, size_t size)
{
	static const char deleted[] = " (deleted)";
	size_t at = size;
	bool fits = size > 1;
	spin_lock(&dentry_lock);
	if (!d->hashed && !d->super->uncached && d->parent != d && size > sizeof(deleted)) {
		at -= sizeof(deleted);
		memcpy(text + at, deleted, sizeof(deleted));
	} else if (fits) {
		text[--at] = '\0';
	}
	bool any = false;
	while (fits && d != root) {
		while (d->parent == d && d->super->mountpoint && d != root) {
			d = d->super->mountpoint;
		}
		if (d == root || d->parent == d) {
			break;
		}
		if (at < d->length + 1u) {
			fits = false;
			break;
		}
		at -= d->length;
		memcpy(text + at, d->name, d->length);
		text[--at] = '/';
		any = true;
		d = d->parent;
	}
	spin_unlock(&dentry_lock);
	if (fits && !any) {
		fits = at > 0;
		if (fits) {
			text[--at] = '/';
		}
	}
	if (!fits) {
		return -ERANGE;
	}
	memmove(text, text + at, size - at);
	return (long)(size - at) - 1;
}

void dentries_drop(struct super *super)
{
	for (;;) {
		struct dentry *victim = NULL, *parent = NULL;
		spin_lock(&dentry_lock);
		list_for_each(node, &unused) {
			struct dentry *d = container_of(node, struct dentry, lru_link);
			if (d->super == super && d != super->root) {
				victim = d;
				break;
			}
		}
		if (victim) {
			victim->hashed = false;
			parent = detach_locked(victim);
		}
		spin_unlock(&dentry_lock);
		if (!victim) {
			return;
		}
		dentry_free(victim);
		dentry_put(parent);
	}
}

static unsigned children_count_locked(const struct dentry *d)
{
	unsigned count = 0;
	list_for_each(node, &d->children) {
		count++;
	}
	return count;
}

/* Depth first: the entry after `d` in the tree below `root`; NULL: that was the last. */
static struct dentry *next_locked(struct dentry *d, struct dentry *root)
{
	if (!list_empty(&d->children)) {
		return container_of(d->children.next, struct dentry, child_link);
	}
	while (d != root) {
		if (d->child_link.next != &d->parent->children) {
			return container_of(d->child_link.next, struct dentry, child_link);
		}
		d = d->parent;
	}
	return NULL;
}

bool dentries_unpin(struct super *super)
{
	bool busy = false;
	spin_lock(&dentry_lock);
	for (struct dentry *d = next_locked(super->root, super->root); d && !busy; d = next_locked(d, super->root)) {
		busy = d->references > children_count_locked(d) + (d->inode ? 1 : 0) || d->mounted;
	}
	spin_unlock(&dentry_lock);
	while (!busy) {
		spin_lock(&dentry_lock);
		struct dentry *d = super->root;
		while (!list_empty(&d->children)) {
			d = container_of(d->children.next, struct dentry, child_link);
		}
		spin_unlock(&dentry_lock);
		if (d == super->root) {
			break;
		}
		dentry_remove(d);
	}
	return !busy;
}

bool dentry_child(struct dentry *dir, uint64_t *cookie, char *name, unsigned *length, uint64_t *number, uint32_t *mode)
{
	bool found = false;
	spin_lock(&dentry_lock);
	list_for_each(node, &dir->children) {
		struct dentry *d = container_of(node, struct dentry, child_link);
		if (!d->inode || !d->hashed || d->cookie < *cookie) {
			continue;
		}
		*cookie = d->cookie;
		memcpy(name, d->name, d->length);
		*length = d->length;
		*number = d->inode->number;
		*mode = d->inode->mode;
		found = true;
		break;
	}
	spin_unlock(&dentry_lock);
	return found;
}
