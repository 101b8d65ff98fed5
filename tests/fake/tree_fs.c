/* SPDX-License-Identifier: MIT */
/* See tree_fs.h; and what fs/'s files want of the rest of the kernel, as far as a test of names gets there. */
#include "tests/fake/tree_fs.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernel/address_space.h"
#include "kernel/block.h"
#include "kernel/chardev.h"
#include "kernel/platform.h"
#include "kernel/vfs.h"
#include "tests/fake/threads.h"

#define NODES 512u

struct entry {
	struct entry *next;
	unsigned node, length;
	char name[];
};

struct node {
	bool used;
	uint32_t mode, links;
	struct entry *entries;
	char *target;
};

struct tree {
	spinlock_t lock; /* which nodes are used */
	unsigned next;
	struct node nodes[NODES];
};

static const struct inode_ops tree_inode_ops;

static struct tree *tree_of(const struct super *super)
{
	return super->private;
}

static struct node *node_of(const struct inode *inode)
{
	return &tree_of(inode->super)->nodes[inode->number];
}

static void check_locked(const struct inode *inode)
{
	kassert(inode->mutex.owner == thread_current());
	if (fake_random(16) == 0) {
		sched_yield(); /* whoever comes in between would be seen */
	}
}

static unsigned node_take(struct tree *t, uint32_t mode)
{
	unsigned number = 0;
	spin_lock(&t->lock);
	for (unsigned tries = 0; tries < NODES && !number; tries++) {
		t->next = t->next + 1 < NODES ? t->next + 1 : 1;
		if (!t->nodes[t->next].used) {
			number = t->next;
			t->nodes[number] = (struct node){ .used = true, .mode = mode, .links = S_IS(mode, S_IFDIR) ? 2 : 1 };
		}
	}
	spin_unlock(&t->lock);
	return number;
}

static void node_free(struct tree *t, struct node *n)
{
	kassert(!n->entries);
	kfree(n->target);
	spin_lock(&t->lock);
	n->used = false;
	spin_unlock(&t->lock);
}

static struct inode *inode_of(struct super *super, unsigned number)
{
	bool fresh;
	struct inode *inode = inode_get_number(super, number, &fresh);
	if (inode && fresh) {
		inode->mode = node_of(inode)->mode;
		inode->links = node_of(inode)->links;
		inode->ops = &tree_inode_ops;
		inode->file_ops = &regular_file_ops;
		inode_ready(inode);
	}
	return inode;
}

static struct entry **entry_find(struct node *dir, const char *name, unsigned length)
{
	struct entry **e = &dir->entries;
	while (*e && !((*e)->length == length && memcmp((*e)->name, name, length) == 0)) {
		e = &(*e)->next;
	}
	return e;
}

static int entry_add(struct inode *dir, const char *name, unsigned length, unsigned node)
{
	struct node *d = node_of(dir);
	kassert(!*entry_find(d, name, length) && d->links > 0 && length > 0 && length <= NAME_MAX);
	struct entry *e = kmalloc(sizeof(*e) + length);
	e->node = node;
	e->length = length;
	e->next = d->entries;
	memcpy(e->name, name, length);
	d->entries = e;
	return 0;
}

static void entry_remove(struct inode *dir, const char *name, unsigned length, const struct inode *victim)
{
	struct entry **at = entry_find(node_of(dir), name, length), *e = *at;
	kassert(e && e->node == victim->number);
	*at = e->next;
	kfree(e);
}

static void links_change(struct inode *inode, int by)
{
	struct node *n = node_of(inode);
	kassert(n->used && inode->links == n->links);
	uint32_t links = n->links + (uint32_t)by;
	if (fake_random(8) == 0) {
		sched_yield();
	}
	inode->links = n->links = links;
}

static int tree_lookup(struct inode *dir, const char *name, unsigned length, struct inode **out)
{
	check_locked(dir);
	const struct entry *e = *entry_find(node_of(dir), name, length);
	*out = e ? inode_of(dir->super, e->node) : NULL;
	return e ? 0 : -ENOENT;
}

static int node_make(struct inode *dir, const char *name, unsigned length, uint32_t mode, const char *target, struct inode **out)
{
	check_locked(dir);
	unsigned number = node_take(tree_of(dir->super), mode);
	if (!number) {
		return -ENOSPC;
	}
	if (target) {
		char *copy = kmalloc(strlen(target) + 1);
		tree_of(dir->super)->nodes[number].target = strcpy(copy, target);
	}
	entry_add(dir, name, length, number);
	if (S_IS(mode, S_IFDIR)) {
		links_change(dir, 1);
	}
	*out = inode_of(dir->super, number);
	return 0;
}

static int tree_create(struct inode *dir, const char *name, unsigned length, uint32_t mode, uint32_t major, uint32_t minor, struct inode **out)
{
	return node_make(dir, name, length, mode, NULL, out);
}

static int tree_symlink(struct inode *dir, const char *name, unsigned length, const char *target, struct inode **out)
{
	return node_make(dir, name, length, S_IFLNK | 0777, target, out);
}

static int tree_link(struct inode *dir, const char *name, unsigned length, struct inode *inode)
{
	check_locked(dir);
	check_locked(inode);
	if (inode->links == 0) {
		return -ENOENT;
	}
	links_change(inode, 1);
	return entry_add(dir, name, length, (unsigned)inode->number);
}

static int tree_unlink(struct inode *dir, const char *name, unsigned length, struct inode *victim)
{
	check_locked(dir);
	check_locked(victim);
	entry_remove(dir, name, length, victim);
	links_change(victim, -1);
	return 0;
}

static int tree_rmdir(struct inode *dir, const char *name, unsigned length, struct inode *victim)
{
	check_locked(dir);
	check_locked(victim);
	if (node_of(victim)->entries) {
		return -ENOTEMPTY;
	}
	entry_remove(dir, name, length, victim);
	links_change(victim, -2);
	links_change(dir, -1);
	return 0;
}

static int tree_rename(struct inode *from, const char *from_name, unsigned from_length, struct inode *to, const char *to_name, unsigned to_length,
		       struct inode *moved, struct inode *target)
{
	bool directory = S_IS(moved->mode, S_IFDIR);
	check_locked(from);
	check_locked(to);
	check_locked(moved);
	int error = !target ? 0 : directory ? tree_rmdir(to, to_name, to_length, target) : tree_unlink(to, to_name, to_length, target);
	if (error) {
		return error;
	}
	entry_remove(from, from_name, from_length, moved);
	entry_add(to, to_name, to_length, (unsigned)moved->number);
	if (directory && from != to) {
		links_change(from, -1);
		links_change(to, 1);
	}
	return 0;
}

static int tree_exchange(struct inode *from, const char *from_name, unsigned from_length, struct inode *to, const char *to_name, unsigned to_length,
			 struct inode *first, struct inode *second)
{
	int links = (S_IS(second->mode, S_IFDIR) ? 1 : 0) - (S_IS(first->mode, S_IFDIR) ? 1 : 0);
	check_locked(from);
	check_locked(to);
	check_locked(first);
	check_locked(second);
	entry_remove(from, from_name, from_length, first);
	entry_remove(to, to_name, to_length, second);
	entry_add(from, from_name, from_length, (unsigned)second->number);
	entry_add(to, to_name, to_length, (unsigned)first->number);
	if (from != to) {
		links_change(from, links);
		links_change(to, -links);
	}
	return 0;
}

static long tree_readlink(struct inode *inode, char *target, size_t size)
{
	size_t length = strlen(node_of(inode)->target);
	length = length < size ? length : size;
	memcpy(target, node_of(inode)->target, length);
	return (long)length;
}

static void tree_evict(struct inode *inode)
{
	if (inode->links == 0 && inode->ops) {
		node_free(tree_of(inode->super), node_of(inode));
	}
}

static const struct inode_ops tree_inode_ops = {
	.lookup = tree_lookup, .create = tree_create, .symlink = tree_symlink, .link = tree_link, .unlink = tree_unlink, .rmdir = tree_rmdir,
	.rename = tree_rename, .exchange = tree_exchange, .readlink = tree_readlink, .evict = tree_evict,
};

unsigned tree_check(struct super *super)
{
	struct tree *t = tree_of(super);
	unsigned names[NODES] = { [1] = 1 }, directories[NODES] = { 0 }, count = 0;
	for (unsigned i = 1; i < NODES; i++) {
		for (const struct entry *e = t->nodes[i].entries; e; e = e->next) {
			kassert(t->nodes[i].used && t->nodes[e->node].used);
			names[e->node]++;
			directories[i] += S_IS(t->nodes[e->node].mode, S_IFDIR);
		}
	}
	for (unsigned i = 1; i < NODES; i++) {
		const struct node *n = &t->nodes[i];
		bool directory = S_IS(n->mode, S_IFDIR);
		kassert(!n->used || (names[i] > 0 && n->links == (directory ? 2 + directories[i] : names[i]) && (!directory || names[i] == 1)));
		count += n->used;
	}
	return count;
}

static void tree_unmount(struct super *super)
{
	struct tree *t = tree_of(super);
	tree_check(super);
	for (unsigned i = 0; i < NODES; i++) {
		struct entry *e;
		while ((e = t->nodes[i].entries) != NULL) {
			t->nodes[i].entries = e->next;
			kfree(e);
		}
		if (t->nodes[i].used) {
			kfree(t->nodes[i].target);
		}
	}
	kfree(t);
	kfree(super);
}

static const struct super_ops tree_super_ops = { .unmount = tree_unmount };

int ext4_super_open(const char *device, bool read_only, struct super **out)
{
	struct super *super = super_create("ext4", 1, device);
	struct tree *t = kzalloc(sizeof(*t));
	spin_init(&t->lock, "tree");
	super->private = t;
	super->ops = &tree_super_ops;
	dentry_root_create(super, inode_of(super, node_take(t, S_IFDIR | 0755)));
	*out = super;
	return 0;
}

/* ---- what is not reached, or has nothing to do ---- */
#define NOWHERE(result, name, ...)                                \
	result name(__VA_ARGS__)                                  \
	{                                                         \
		kernel_panic("%s is not a part of the test", #name); \
	}
struct mutex disks_mutex, epoll_mutex;
const struct file_ops regular_file_ops, fifo_file_ops, socket_file_ops;
NOWHERE(int, procfs_super_open, struct super **super)
NOWHERE(int, sysfs_super_open, struct super **super)
NOWHERE(int, fifo_open, struct file *f)
NOWHERE(int, chardev_open, struct file *f, uint32_t major, uint32_t minor)
NOWHERE(int, block_file_open, struct file *f, uint32_t major, uint32_t minor)
NOWHERE(bool, file_is_pipe, const struct file *f)
NOWHERE(long, file_read, struct file *f, struct io_buffer to, uint64_t bytes, uint64_t *offset)
NOWHERE(long, file_seals, struct file *f)
NOWHERE(int, file_size_limit, uint64_t at, uint64_t *bytes)
NOWHERE(int, inode_sealed_size, const struct inode *inode, uint64_t size)
NOWHERE(int, page_cache_get, struct inode *inode, uint64_t index, struct page **page)
NOWHERE(int, page_cache_truncate, struct inode *inode, uint64_t size, bool *in_use)
NOWHERE(int, page_cache_blocks_cut, struct inode *inode, uint64_t size)
NOWHERE(void, page_cache_cut, struct inode *inode, uint64_t size, bool *in_use)
NOWHERE(int, page_cache_preallocate, struct inode *inode, uint64_t offset, uint64_t bytes)
NOWHERE(void, page_cache_dirty, struct inode *inode, struct page *page)
NOWHERE(void, address_spaces_cut, const struct inode *inode, uint64_t first)
NOWHERE(void, socket_closed, void)

struct block_device *block_at(unsigned index)
{
	return NULL;
}

int page_cache_flush(struct inode *inode, bool wait)
{
	return 0;
}

uint64_t page_cache_memory(void)
{
	return 0;
}

void memory_usage(uint64_t *total, uint64_t *free)
{
	*total = *free = 1000;
}

void mapping_init(struct mapping *m, struct inode *inode)
{
}

void page_cache_drop(struct inode *inode)
{
}

void page_cache_init(void)
{
}

void devfs_blocks_add(void)
{
}

void memfd_init(void)
{
}

void segments_init(void)
{
}

void writeback_start(void)
{
}

void caches_give_up(void)
{
}

void memory_set_shrink(void (*shrink)(void))
{
}

void locks_release_file(struct file *f)
{
}

void locks_release_table(struct file *f, const struct file_table *table)
{
}

void async_init(void)
{
}

void async_forget(struct file *f)
{
}

void epoll_forget(struct file *f)
{
}

void poll_wait(struct poll_table *table, struct waitq *q)
{
}

void kprintf(const char *format, ...)
{
	va_list list;
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	putchar('\n');
}
