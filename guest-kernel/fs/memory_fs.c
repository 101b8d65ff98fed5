/* SPDX-License-Identifier: MIT */
/*
 * File systems that live in the name cache and the page cache only: tmpfs, and devfs, whose nodes drivers make. Names are pinned
 * in the cache by a reference of their own; file pages have no device behind them and stay until the file goes.
 */
#include "base/string.h"
#include "kernel/platform.h"
#include "kernel/vfs.h"

#define TMPFS_MAGIC 0x01021994
#define LINK_SHARE 512 /* what a link leads to counts as a node more for each of so many bytes */
#define NAME_BYTES 20 /* of a directory's size, "." and ".." too, as in Linux's tmpfs */

static const struct inode_ops memory_inode_ops;

static uint64_t memory_half(void)
{
	uint64_t total, free;
	memory_usage(&total, &free);
	return total / 2;
}

/** Names and inodes are memory, too. */
static bool nodes_full(const struct super *super)
{
	uint64_t most = super->nodes_most ? super->nodes_most : memory_half();
	return __atomic_load_n(&super->nodes, __ATOMIC_RELAXED) >= most;
}

/** Each counts as one, a link for what it leads to besides. */
static uint64_t nodes_of(const struct inode *inode)
{
	return 1 + (S_IS(inode->mode, S_IFLNK) ? inode->size / LINK_SHARE : 0);
}

static struct inode *node_create(struct super *super, uint32_t mode, struct inode *dir)
{
	if (dir && (dir->mode & S_ISGID) && S_IS(mode, S_IFDIR)) {
		mode |= S_ISGID;
	}
	struct inode *inode = inode_create(super, 0, mode);
	struct process *p = process_current();
	if (inode) {
		__atomic_fetch_add(&super->nodes, 1, __ATOMIC_RELAXED);
		inode->ops = &memory_inode_ops;
		inode->file_ops = S_IS(mode, S_IFDIR) ? &memory_dir_ops : &regular_file_ops;
		inode->uid = p ? p->credentials.fsuid : 0;
		inode->gid = dir && (dir->mode & S_ISGID) ? dir->gid : p ? p->credentials.fsgid : 0;
		inode->links = S_IS(mode, S_IFDIR) ? 2 : 1;
		inode->size = S_IS(mode, S_IFDIR) ? 2 * NAME_BYTES : 0;
		inode->seals = F_SEAL_SEAL; /* only memfd_create makes files that can be sealed */
	}
	return inode;
}

struct inode *memory_file(struct super *super)
{
	struct inode *inode = node_create(super, S_IFREG | 0777, NULL);
	if (inode) {
		inode->links = 0;
	}
	return inode;
}

static void dir_changed(struct inode *dir, int links, int names)
{
	dir->links += (uint32_t)links;
	dir->size += (uint64_t)(names * NAME_BYTES);
	inode_now(&dir->mtime);
	dir->ctime = dir->mtime;
}

static int memory_create(struct inode *dir, const char *name, unsigned length, uint32_t mode, uint32_t major, uint32_t minor,
			 struct inode **out)
{
	*out = nodes_full(dir->super) ? NULL : node_create(dir->super, mode, dir);
	if (!*out) {
		return nodes_full(dir->super) ? -ENOSPC : -ENOMEM;
	}
	(*out)->major = major;
	(*out)->minor = minor;
	dir_changed(dir, S_IS(mode, S_IFDIR) ? 1 : 0, 1);
	return 0;
}

static int memory_symlink(struct inode *dir, const char *name, unsigned length, const char *target, struct inode **out)
{
	size_t size = strlen(target);
	if (nodes_full(dir->super)) {
		return -ENOSPC;
	}
	struct inode *inode = node_create(dir->super, S_IFLNK | 0777, dir);
	char *copy = kmalloc(size + 1);
	if (!inode || !copy) {
		kfree(copy);
		if (inode) {
			inode_put(inode);
		}
		return -ENOMEM;
	}
	memcpy(copy, target, size + 1);
	inode->private = copy;
	inode->size = size;
	__atomic_fetch_add(&dir->super->nodes, nodes_of(inode) - 1, __ATOMIC_RELAXED);
	dir_changed(dir, 0, 1);
	*out = inode;
	return 0;
}

static int memory_link(struct inode *dir, const char *name, unsigned length, struct inode *inode)
{
	if (inode->links == 0) {
		return -ENOENT; /* its last name has gone meanwhile */
	}
	inode->links++;
	inode_now(&inode->ctime);
	dir_changed(dir, 0, 1);
	return 0;
}

static int memory_unlink(struct inode *dir, const char *name, unsigned length, struct inode *victim)
{
	victim->links--;
	inode_now(&victim->ctime);
	dir_changed(dir, 0, -1);
	return 0;
}

/* The caller has seen that the directory is empty: path operations count its children (namespace.c). */
static int memory_rmdir(struct inode *dir, const char *name, unsigned length, struct inode *victim)
{
	victim->links = 0;
	dir_changed(dir, -1, -1);
	return 0;
}

static int memory_rename(struct inode *from, const char *from_name, unsigned from_length, struct inode *to, const char *to_name,
			 unsigned to_length, struct inode *moved, struct inode *target)
{
	bool directory = S_IS(moved->mode, S_IFDIR);
	if (target) {
		target->links = directory ? 0 : target->links - 1;
	}
	dir_changed(from, directory && (from != to || target) ? -1 : 0, -1);
	dir_changed(to, directory && from != to && !target ? 1 : 0, target ? 0 : 1);
	return 0;
}

static int memory_exchange(struct inode *from, const char *from_name, unsigned from_length, struct inode *to, const char *to_name,
			   unsigned to_length, struct inode *first, struct inode *second)
{
	int links = (S_IS(second->mode, S_IFDIR) ? 1 : 0) - (S_IS(first->mode, S_IFDIR) ? 1 : 0); /* that `from` gets and `to` loses */
	dir_changed(from, from == to ? 0 : links, 0);
	dir_changed(to, from == to ? 0 : -links, 0);
	inode_now(&first->ctime);
	second->ctime = first->ctime;
	return 0;
}

static long memory_readlink(struct inode *inode, char *target, size_t size)
{
	size_t n = inode->size < size ? inode->size : size;
	memcpy(target, inode->private, n);
	return (long)n;
}

static int memory_truncate(struct inode *inode, uint64_t size)
{
	inode->sectors = inode->mapping.page_count * (PAGE_SIZE / 512);
	return 0;
}

/* All of it or nothing: what is behind the end goes again. */
static int memory_preallocate(struct inode *inode, uint64_t offset, uint64_t bytes)
{
	bool in_use;
	int error = page_cache_preallocate(inode, offset, bytes);
	if (error) {
		page_cache_truncate(inode, inode->size, &in_use);
	}
	inode->sectors = inode->mapping.page_count * (PAGE_SIZE / 512);
	return error;
}

static void memory_evict(struct inode *inode)
{
	__atomic_fetch_sub(&inode->super->nodes, nodes_of(inode), __ATOMIC_RELAXED);
	kfree(inode->private); /* where a link leads to, or what a file without a name is called */
}

static const struct inode_ops memory_inode_ops = {
	.create = memory_create, .symlink = memory_symlink, .link = memory_link, .unlink = memory_unlink, .rmdir = memory_rmdir,
	.rename = memory_rename, .exchange = memory_exchange, .readlink = memory_readlink, .truncate = memory_truncate,
	.preallocate = memory_preallocate, .evict = memory_evict,
};

static void memory_statistics(struct super *super, uint64_t *blocks, uint64_t *free, uint64_t *available, uint64_t *files,
			      uint64_t *free_files, uint64_t *id)
{
	uint64_t half = memory_half(); /* for all together (page_cache.c); what is used is told of each */
	uint64_t used = page_cache_memory(), own = super->memory_pages, nodes = super->nodes;
	*blocks = super->memory_most ? super->memory_most : half;
	*free = *blocks > own ? *blocks - own : 0;
	*available = half > used ? half - used : 0;
	*available = *available < *free ? *available : *free;
	*files = super->nodes_most ? super->nodes_most : half;
	*free_files = *files > nodes ? *files - nodes : 0;
	*id = super->minor;
}

static void memory_unmount(struct super *super)
{
	kfree(super);
}

static const struct super_ops memory_super_ops = { .statistics = memory_statistics, .unmount = memory_unmount };
static const struct super_ops device_super_ops = { .statistics = memory_statistics }; /* stays for good */

static int memory_super(const char *type, uint32_t mode, struct super **out)
{
	struct super *super = super_create(type, TMPFS_MAGIC, type);
	struct inode *root = super ? node_create(super, S_IFDIR | mode, NULL) : NULL;
	if (!root) {
		kfree(super);
		return -ENOMEM;
	}
	super->ops = strcmp(type, "tmpfs") == 0 ? &memory_super_ops : &device_super_ops;
	super->pinned = true;
	if (!dentry_root_create(super, root)) {
		inode_put(root);
		kfree(super);
		return -ENOMEM;
	}
	*out = super;
	return 0;
}

int tmpfs_super_open(struct super **super, uint32_t mode)
{
	return memory_super("tmpfs", mode, super);
}

int tmpfs_super_open_with(struct super **super, const char *text)
{
	struct memory_options options = { .mode = 01777 };
	int error = memory_options_parse(&options, text);
	error = error ? error : tmpfs_super_open(super, options.mode);
	if (!error) {
		(*super)->memory_most = options.pages;
		(*super)->nodes_most = options.nodes;
		(*super)->root->inode->uid = options.uid;
		(*super)->root->inode->gid = options.gid;
	}
	return error;
}

int tmpfs_limit(struct super *super, const char *text)
{
	struct memory_options options = { .pages = super->memory_most, .nodes = super->nodes_most };
	int error = memory_options_parse(&options, text);
	if (!error && ((options.pages && options.pages < super->memory_pages) || (options.nodes && options.nodes < super->nodes))) {
		error = -EINVAL; /* more than that is in use */
	}
	if (!error) {
		super->memory_most = options.pages;
		super->nodes_most = options.nodes;
	}
	return error;
}

int devfs_super_get(struct super **out)
{
	static struct super *devfs; /* made by the first driver or the mount, whichever comes first; both are threads, at start */
	int error = devfs ? 0 : memory_super("devtmpfs", 0755, &devfs);
	*out = devfs;
	return error;
}

int memory_node(struct dentry *dir, const char *name, uint32_t mode, uint32_t major, uint32_t minor, struct dentry **out)
{
	struct dentry *d;
	struct inode *inode;
	mutex_lock(&dir->inode->mutex);
	int error = name_lookup_locked(dir, name, (unsigned)strlen(name), &d);
	if (!error && d->inode) {
		error = -EEXIST;
		if (S_IS(mode, S_IFDIR) && S_IS(d->inode->mode, S_IFDIR)) {
			error = 0;
		} else {
			dentry_put(d);
		}
	} else if (!error) {
		error = memory_create(dir->inode, name, (unsigned)strlen(name), mode, major, minor, &inode);
		if (!error) {
			dentry_set_inode(d, inode);
		} else {
			dentry_put(d);
		}
	}
	mutex_unlock(&dir->inode->mutex);
	if (!error) {
		*out = d;
	}
	return error;
}

static long memory_readdir(struct file *f, void *context, bool (*emit)(void *, const char *, unsigned, uint64_t, unsigned))
{
	char name[NAME_MAX + 1];
	unsigned length;
	uint64_t number;
	uint32_t mode;
	for (;; f->offset++) {
		if (f->offset < 2) {
			if (!emit(context, "..", (unsigned)f->offset + 1, f->inode->number, DT_DIR)) {
				return 0;
			}
		} else if (!dentry_child(f->dentry, &f->offset, name, &length, &number, &mode) ||
			   !emit(context, name, length, number, DT_OF_MODE(mode))) {
			return 0;
		}
	}
}

const struct file_ops memory_dir_ops = { .readdir = memory_readdir };
