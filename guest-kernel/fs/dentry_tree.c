/* SPDX-License-Identifier: MIT */
/*
 * The name cache as a tree (dentry.c has it as a table): up to the root, which gives paths; down to the children, which are the whole
 * contents of the file systems that live in the cache, and listed there by a tree. All under the cache's lock.
 */
#include "abi/errno.h"
#include "base/string.h"
#include "fs/dentry_internal.h"
#include "kernel/vfs.h"

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
	__atomic_store_n(&d->mounted, super, __ATOMIC_RELEASE);
	spin_unlock(&dentry_lock);
}

/* A mount over the root itself is no way out of it. */
static struct dentry *above_locked(struct dentry *d, struct dentry *root)
{
	while (d != root && d->parent == d && d->super->mountpoint) {
		d = d->super->mountpoint;
	}
	return d == root ? d : d->parent;
}

struct dentry *dentry_parent(struct dentry *d, struct dentry *root)
{
	spin_lock(&dentry_lock);
	struct dentry *parent = above_locked(d, root);
	dentry_get(parent);
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
		if (at < d->name->length + 1u) {
			fits = false;
			break;
		}
		at -= d->name->length;
		memcpy(text + at, d->name->text, d->name->length);
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

bool dentries_in_use(struct super *super, unsigned own)
{
	spin_lock(&dentry_lock);
	struct dentry *d = super->root;
	bool busy = (d->references & ~DENTRY_DEAD) > own + (super->pinned ? children_count_locked(d) : 0);
	while (!busy && (d = next_locked(d, super->root)) != NULL) {
		busy = d->references > children_count_locked(d) + (d->hashed && d->inode ? 1 : 0) || d->mounted; /* the cache's own; of names */
	}
	spin_unlock(&dentry_lock);
	return busy;
}

void dentries_unpin(struct super *super)
{
	for (;;) {
		spin_lock(&dentry_lock);
		struct dentry *d = super->root;
		while (!list_empty(&d->children)) {
			d = container_of(d->children.next, struct dentry, child_link);
		}
		dentry_get(d); /* an absent name may go at any time */
		spin_unlock(&dentry_lock);
		if (d != super->root) {
			dentry_remove(d);
		}
		dentry_put(d);
		if (d == super->root) {
			return;
		}
	}
}

/* A directory's listing is a treap (base/treap.h) ordered by cookie; a cookie is higher than all before it. */
static struct dentry *listed(const struct treap_node *node)
{
	return container_of(node, struct dentry, listed);
}

static bool is_before(const struct treap_node *a, const struct treap_node *b)
{
	return listed(a)->cookie < listed(b)->cookie;
}

void listing_add_locked(struct dentry *d)
{
	static uint64_t last_cookie = 2; /* dentry_lock */
	if (dentry_listed_locked(d)) {
		d->cookie = ++last_cookie;
		treap_add(&d->parent->listing, &d->listed, is_before);
	}
}

void listing_remove_locked(struct dentry *d)
{
	if (dentry_listed_locked(d)) {
		treap_remove(&d->parent->listing, &d->listed, is_before);
	}
}

bool dentry_child(struct dentry *dir, uint64_t *cookie, char *name, unsigned *length, uint64_t *number, uint32_t *mode)
{
	struct dentry *found = NULL;
	spin_lock(&dentry_lock);
	for (const struct treap_node *at = dir->listing; at;) {
		bool fits = listed(at)->cookie >= *cookie;
		found = fits ? listed(at) : found;
		at = fits ? at->before : at->behind;
	}
	if (found) {
		*cookie = found->cookie;
		memcpy(name, found->name->text, found->name->length);
		*length = found->name->length;
		*number = found->inode->number;
		*mode = found->inode->mode;
	}
	spin_unlock(&dentry_lock);
	return found != NULL;
}
