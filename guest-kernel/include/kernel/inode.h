/* SPDX-License-Identifier: MIT */
/*
 * Inodes, directory entries and mounted file systems, as fs/ and its file system types see them. One struct inode for each
 * file in use; the name cache (struct dentry) keeps the tree of names above them, absent names included.
 *
 * Who guards what: [i] the inode's mutex, [n] inode_lock, [d] dentry_lock, [c] constant after creation, [a] atomic,
 * [s] dentry_lock, and read without it as dentry.c says.
 * Order: rename mutex, directory mutexes (parent before child, else by address), file mutex, page locks, the file system's own
 * mutex, then the spin locks, none of which is held over another but cache_lock over none.
 */
#ifndef KERNEL_INODE_H
#define KERNEL_INODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/treap.h"
#include "kernel/epoch.h"
#include "kernel/fcntl.h"
#include "kernel/file.h"
#include "kernel/lock.h"
#include "kernel/page_cache.h"

struct super;
struct dentry;
struct block_device;
struct credentials;
struct watch;

struct timestamp {
	int64_t seconds;
	uint32_t nanoseconds;
};

/* Where a stretch of a file lies on the device. */
struct block_map {
	bool mapped; /* false: reads as zero */
	bool reserved; /* it does, but has a place */
	uint64_t sector; /* of 512 bytes */
	uint64_t bytes; /* from the asked offset on, at least 512 */
};

struct inode_ops {
	/** The inode of a name, referenced; -ENOENT. Called under the directory's mutex, like all that take names. */
	int (*lookup)(struct inode *dir, const char *name, unsigned length, struct inode **inode);
	int (*create)(struct inode *dir, const char *name, unsigned length, uint32_t mode, uint32_t major, uint32_t minor,
		      struct inode **inode);
	int (*symlink)(struct inode *dir, const char *name, unsigned length, const char *target, struct inode **inode);
	int (*link)(struct inode *dir, const char *name, unsigned length, struct inode *inode);
	int (*unlink)(struct inode *dir, const char *name, unsigned length, struct inode *victim);
	int (*rmdir)(struct inode *dir, const char *name, unsigned length, struct inode *victim);
	int (*rename)(struct inode *from, const char *from_name, unsigned from_length, struct inode *to, const char *to_name,
		      unsigned to_length, struct inode *moved, struct inode *target);
	/** Either gets the other's name; both are locked, like their directories. NULL: cannot. */
	int (*exchange)(struct inode *from, const char *from_name, unsigned from_length, struct inode *to, const char *to_name,
			unsigned to_length, struct inode *first, struct inode *second);
	long (*readlink)(struct inode *inode, char *target, size_t size); /* bytes, no NUL */
	/** A link that leads to an object, not a path (/proc/PID/fd/N): *dentry or *file, referenced. */
	int (*jump)(struct inode *inode, struct dentry **dentry, struct file **file);
	int (*changed)(struct inode *inode); /* owner, mode, times or size in struct inode changed */
	int (*truncate)(struct inode *inode, uint64_t size);
	/** Pages of file data: [offset, offset + bytes) on the device; `allocate`: holes get a place. */
	int (*map)(struct inode *inode, uint64_t offset, uint64_t bytes, bool allocate, struct block_map *map);
	int (*preallocate)(struct inode *inode, uint64_t offset, uint64_t bytes);
	int (*punch)(struct inode *inode, uint64_t offset, uint64_t bytes); /* the whole blocks in there have no place any more */
	uint32_t (*links)(const struct inode *inode); /* NULL: what struct inode says */
	int (*sync)(struct inode *inode); /* metadata, and the device's cache */
	void (*evict)(struct inode *inode); /* last reference gone, pages are gone too */
};

struct inode {
	struct list hash_link; /* [n] */
	uint32_t references; /* [a]; to and from zero: [n] */
	bool freeing; /* [n] being evicted: lookups wait */
	bool in_table; /* [n] found by number */
	struct super *super; /* [c] */
	uint64_t number; /* [c] */
	uint32_t mode, uid, gid, links; /* [i] */
	uint32_t major, minor; /* [c] device files */
	uint64_t size, sectors; /* [i] read without: a moment's value */
	struct timestamp atime, mtime, ctime; /* [i] */
	const struct inode_ops *ops; /* [c] */
	const struct file_ops *file_ops; /* [c] for regular files and directories */
	struct mapping mapping; /* pages */
	struct mutex mutex;
	void *private;
	struct pipe *fifo; /* [i] */
	struct list locks; /* fs/lock.c */
	int writers; /* [a] open for writing so many times, or, below zero, being run so many times */
	uint64_t identity; /* [a] see file_identity(); 0: none yet */
	uint32_t seals; /* [a] F_SEAL_*, of files in memory */
	uint32_t writable_mappings; /* [a] shared ones, of files that are open for writing */
	struct watch *watches; /* fs/notify.c */
	struct epoch_link epoch; /* walks look at it without a reference */
};

struct super_ops {
	int (*sync)(struct super *super);
	void (*statistics)(struct super *super, uint64_t *blocks, uint64_t *free, uint64_t *available, uint64_t *files, uint64_t *free_files,
			   uint64_t *id);
	void (*unmount)(struct super *super);
};

struct super {
	struct list link; /* under mount_lock */
	const char *type; /* "ext4" */
	uint64_t magic; /* for statfs */
	const struct super_ops *ops;
	struct block_device *device; /* NULL: none */
	uint32_t block_size;
	uint32_t major, minor; /* st_dev */
	uint32_t mount; /* its number in mountinfo */
	struct dentry *root;
	struct dentry *mountpoint; /* NULL: the root of all, or not mounted */
	bool read_only, no_exec, no_suid, no_device;
	bool write_refused; /* cannot be remounted for writing */
	bool uncached; /* names are looked up anew each time (text_fs) */
	bool pinned; /* names live in the cache only (tmpfs, devfs) */
	char source[32];
	uint64_t next_number; /* [a] for file systems without numbers of their own */
	uint64_t memory_pages; /* cache_lock: of files that live in memory only */
	uint64_t memory_most, nodes_most; /* of those, pages and [a] nodes; 0: half of all memory */
	uint64_t nodes; /* [a] */
	void *private;
};

/* A name, never changed: a dentry that gets another points to another. */
struct dentry_name {
	struct epoch_link epoch;
	uint8_t length;
	char text[];
};

struct dentry {
	struct dentry *hash_next, **hash_back; /* [s] */
	struct list child_link, lru_link; /* [d] */
	struct list children; /* [d] */
	struct treap_node *listing; /* [d] its names that are there, of file systems that live in the cache: a tree by cookie (dentry_tree.c) */
	struct treap_node listed; /* [d] in the parent's */
	struct dentry *parent; /* [s] the root's is itself */
	struct super *super; /* [c] */
	struct inode *inode; /* NULL: absent; becomes set once, under the directory's mutex */
	struct super *mounted; /* [s] covers this directory */
	uint32_t references; /* [a] DENTRY_DEAD: there will be none any more */
	uint32_t sequence; /* [s] odd while place and name change */
	bool hashed; /* [s] false: unlinked, or of an uncached file system */
	bool used; /* since it was last looked at as one to let go */
	uint32_t hash; /* [s] */
	uint64_t cookie; /* [d] place in the parent's listing */
	struct dentry_name *name; /* [s] */
	struct epoch_link epoch;
	struct {
		struct dentry_name name;
		char text[32];
	} first_name; /* the name that it was made with, if it is short */
};
#define DENTRY_DEAD 0x80000000u /* or, of a root, maybe not: it is being unmounted */

/* inode.c */
/** A new inode with one reference; number 0: the next of the file system's own. NULL: no memory. */
struct inode *inode_create(struct super *super, uint64_t number, uint32_t mode);
/** The inode of that number if it is in memory, referenced; else a new one with *fresh set, to be filled in and then
 *  released to others by inode_ready(), or inode_put() in case of error. */
struct inode *inode_get_number(struct super *super, uint64_t number, bool *fresh);
void inode_ready(struct inode *inode);
void inode_get(struct inode *inode);
/** One more that writes (1) or runs (-1) a regular file. -ETXTBSY: there are some of the other kind. */
int inode_users_add(struct inode *inode, int kind);
void inode_users_remove(struct inode *inode, int kind);
bool inode_try_get(struct inode *inode); /* false: being evicted */
void inode_put(struct inode *inode);
void inode_now(struct timestamp *t);
/** Set mtime and ctime, tell the file system. */
void inode_modified(struct inode *inode);
void inodes_flush(struct super *super); /* write dirty pages; NULL: of all */

#define MAY_EXEC 1u
#define MAY_WRITE 2u
#define MAY_READ 4u
/** Whoever changes it without CAP_FSETID leaves no other user's rights in it. Its mutex is held. */
static inline void inode_drop_set_id(struct inode *inode)
{
	inode->mode &= ~(uint32_t)(S_ISUID | ((inode->mode & 010) ? S_ISGID : 0));
}
/** 0, -EACCES, -EROFS by the current process's file system credentials. */
int inode_permission(const struct inode *inode, unsigned may);
int inode_permission_of(const struct credentials *c, const struct inode *inode, unsigned may); /* NULL: the kernel's */
uint32_t inode_mode_new(const struct inode *dir, uint32_t mode); /* of what the current process makes there */
bool inode_owned(const struct inode *inode); /* owner or root */

/* dentry.c */
struct dentry *dentry_root_create(struct super *super, struct inode *root); /* takes the reference */
struct dentry *dentry_find(struct dentry *parent, const char *name, unsigned length); /* referenced; NULL: not cached */
/** The same in a section (kernel/epoch.h), not referenced. NULL: not cached, or not sure. */
struct dentry *dentry_peek(const struct dentry *parent, const char *name, unsigned length);
bool dentry_try_get(struct dentry *dentry); /* in a section; false: it is on its way out */
/** Enter a name; takes the inode's reference (NULL: an absent name). */
struct dentry *dentry_add(struct dentry *parent, const char *name, unsigned length, struct inode *inode);
void dentry_set_inode(struct dentry *dentry, struct inode *inode); /* an absent name is absent no more */
void dentry_get(struct dentry *dentry);
void dentry_put(struct dentry *dentry);
void dentry_remove(struct dentry *dentry); /* the name is gone; users keep it */
int dentry_move(struct dentry *dentry, struct dentry *parent, const char *name, unsigned length, struct dentry *target);
int dentry_exchange(struct dentry *one, struct dentry *other); /* of names and places */
bool dentry_is_below(struct dentry *dentry, struct dentry *ancestor); /* or the same */
void dentry_set_mounted(struct dentry *dentry, struct super *super);
struct dentry *dentry_parent(struct dentry *dentry, struct dentry *root); /* referenced; crosses mounts upwards; the root's is itself */
/** Absolute path below `root`; -ERANGE if it does not fit. The length without NUL. */
long dentry_path(struct dentry *dentry, struct dentry *root, char *text, size_t size);
void dentries_shrink(void); /* half of the unused ones go */
void dentries_drop(struct super *super); /* all unused ones of a file system that is going */
bool dentries_in_use(struct super *super, unsigned own); /* by others than those `own` that keep the root, and the cache's names that are its contents */
void dentries_unpin(struct super *super); /* all names of a file system that lives in the cache, of which none is in use */
/** The first name whose cookie is at least *cookie, for file systems that live in the cache; *cookie becomes its. false: none. */
bool dentry_child(struct dentry *dir, uint64_t *cookie, char *name, unsigned *length, uint64_t *number, uint32_t *mode);

#endif
