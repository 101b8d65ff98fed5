/* SPDX-License-Identifier: MIT */
/* Inside of fs/: path walk, mounts, open files, what system calls share. */
#ifndef KERNEL_VFS_H
#define KERNEL_VFS_H

#include "abi/errno.h"
#include "kernel/fcntl.h"
#include "kernel/inode.h"
#include "kernel/notify.h"
#include "kernel/process.h"

#define PATH_MAX 4096u
#define NAME_MAX 255u

struct fs_context {
	uint32_t references; /* atomic */
	struct mutex mutex;
	struct dentry *root, *directory; /* written under mutex, read in sections without */
	struct former_root *former; /* under mutex: kept as long as the context, for walks of other threads that began there */
	uint32_t umask;
};

enum last_kind { LAST_NAME, LAST_DOT, LAST_DOTDOT, LAST_ROOT };
struct walk {
	struct dentry *at; /* where the walk ended, or the parent; referenced */
	struct file *file; /* the walk ended at an open file without a name (/proc/self/fd/0) */
	enum last_kind last;
	char name[NAME_MAX + 1]; /* with WALK_PARENT: the last component */
	unsigned length; /* > NAME_MAX: too long, as path_last_locked() will say */
	bool slash; /* the path ended in a slash */
	unsigned links; /* followed so far */
	struct dentry *root; /* not referenced: the context's */
};
#define WALK_FOLLOW 1u /* follow a link at the end */
#define WALK_PARENT 2u /* stop before the last component */

/* descent.c: the part of a walk that needs no lock and no reference. In a section (kernel/epoch.h). */
struct descent {
	struct dentry *at, *root;
	const char *rest; /* of the path, not walked yet: without slashes in front */
};
bool descent_begin(struct descent *way, int dirfd, const char *path, struct fs_context *context); /* false: not so simple */
/** As far as is simple; 0, or -ENOENT for a name known to be absent. */
int descend(struct descent *way, unsigned flags);
/** The inode at the end of a path that is simple to the end, good until the section ends. NULL: *error, or 0: walk it otherwise. */
struct inode *path_peek(int dirfd, const char *path, bool follow, int *error);

/** From the descriptor's directory (AT_FDCWD: the working directory) along `path`. Put walk->at (and ->file) after success. */
int path_walk(int dirfd, const char *path, unsigned flags, struct walk *walk);
void walk_put(struct walk *walk);
/** What covers `dentry`, whose reference is exchanged for one to that, or itself. */
struct dentry *mounts_cross(struct dentry *dentry);
/** `link` was found in walk->at: go on where it leads. */
int walk_link(struct walk *walk, struct inode *link, unsigned flags);
/** The usual end of a path: *dentry referenced and not absent. */
int path_find(int dirfd, const char *path, bool follow, struct dentry **dentry);
/** As path_find from the user's string; with AT_EMPTY_PATH "" is the descriptor itself. */
int path_find_user(int dirfd, uint64_t path, unsigned at_flags, bool follow, struct dentry **dentry, struct file **file);
/** The name `walk` stopped before, looked up under the parent's mutex, which the caller holds. May be absent. */
int path_last_locked(struct walk *walk, struct dentry **dentry);
/** Look up one name in a directory: cached or from the file system. */
int name_lookup(struct dentry *dir, const char *name, unsigned length, struct dentry **out);
int name_lookup_locked(struct dentry *dir, const char *name, unsigned length, struct dentry **out);
/** A copy of the user's path, in place where it is short: path_text_free() it after success. -ENOENT for "" unless `empty`. */
struct path_text {
	char *text;
	char small[120];
};
int path_text_read(struct path_text *path, uint64_t user, bool empty);
static inline void path_text_free(struct path_text *path)
{
	if (path->text != path->small) {
		kfree(path->text);
	}
}
/** A kmalloc'ed copy of the user's path. -ENOENT for "" unless `empty`. */
int path_from_user(uint64_t user, bool empty, char **path);

struct fs_context *fs_context_current(void);
bool dentry_has_children(struct dentry *d); /* of file systems that live in the name cache; false for others */
int dir_may_delete(struct inode *dir, struct inode *victim, bool directory);

/* memfd.c */
enum { F_SEAL_SEAL = 1, F_SEAL_SHRINK = 2, F_SEAL_GROW = 4, F_SEAL_WRITE = 8, F_SEAL_FUTURE_WRITE = 16, F_SEALS = 31 };
void memfd_init(void);
void segments_init(void); /* segment.c: System V shared memory */
long file_seals(struct file *f); /* -EINVAL: not a file in memory */
long file_add_seals(struct file *f, uint64_t seals);
/** What seals leave of a write, or of a change of size. Under the inode's mutex. 0, -EPERM. */
int inode_sealed_write(const struct inode *inode, uint64_t at, uint64_t *bytes);
int inode_sealed_size(const struct inode *inode, uint64_t size);
/** memory_fs.c: a file without a name. NULL: no memory. */
struct inode *memory_file(struct super *super);

/* open.c */
struct file *file_open_at(int dirfd, const char *path, unsigned flags, unsigned mode, int *error);
struct file *file_open_dentry(struct dentry *dentry, unsigned flags, int *error);
int inode_truncate(struct inode *inode, uint64_t size);
/** Is gid the file-system group of c, or one of its supplementary ones? */
bool credentials_have_group(const struct credentials *c, uint32_t gid);
/** What RLIMIT_FSIZE leaves of *bytes at `at`. SIGXFSZ and -EFBIG: nothing. */
int file_size_limit(uint64_t at, uint64_t *bytes);

/* read_write.c */
long file_read(struct file *f, struct io_buffer to, uint64_t bytes, uint64_t *offset);
long file_write(struct file *f, struct io_buffer from, uint64_t bytes, uint64_t *offset);
/** A call has moved n bytes, or failed. */
static inline void file_notify(const struct file *f, bool write, long n)
{
	if (notify_is_used() && n > 0 && f->dentry) {
		notify_dentry_watched(f->dentry, write ? NOTIFY_MODIFY : NOTIFY_ACCESS);
	}
}

/* descriptor.c */
int fd_install_from(struct file *f, int lowest, bool close_on_exec);
int file_table_next(struct file_table *t, unsigned fd); /* the lowest open descriptor >= fd; -1: none */

/* file system types */
struct super *super_create(const char *type, uint64_t magic, const char *source);
int ext4_super_open(const char *device, bool read_only, struct super **super);
int tmpfs_super_open(struct super **super, uint32_t mode);

/** What mount(2) says of a tmpfs; 0: nothing. memory_options.c */
struct memory_options {
	uint64_t pages, nodes;
	uint32_t mode, uid, gid;
};

/** Change what the text names. -EINVAL: something that is not known. */
int memory_options_parse(struct memory_options *options, const char *text);

/** tmpfs as mount(2) wants it, and remounted with other limits; of those that the text does not name nothing changes. */
int tmpfs_super_open_with(struct super **super, const char *text);
int tmpfs_limit(struct super *super, const char *text);
int devfs_super_get(struct super **super);
int procfs_super_open(struct super **super);
int sysfs_super_open(struct super **super);
/** Of a directory /proc/PID: its number, and the moment at which a process had it; else 0. */
uint32_t procfs_process(const struct file *f, uint64_t *since_ns);
int super_mount(struct super *super, struct dentry *at);
/** Walk the list of mounted file systems under its lock. */
void mounts_describe(char *text, size_t size, bool mounts_file, size_t *length);
extern struct mutex mount_mutex, rename_mutex, disks_mutex, epoll_mutex;
extern struct list super_list;
long ext4_file_readdir(struct file *f, void *context, bool (*emit)(void *, const char *, unsigned, uint64_t, unsigned));
extern const struct file_ops regular_file_ops, memory_dir_ops, fifo_file_ops;
extern const struct inode_ops block_inode_ops;

/* pipe.c, block_file.c, chardev.c */
int fifo_open(struct file *f);
int block_file_open(struct file *f, uint32_t major, uint32_t minor);
int chardev_open(struct file *f, uint32_t major, uint32_t minor);
void devfs_blocks_add(void);
/** In tmpfs-like file systems: make a name. */
int memory_node(struct dentry *dir, const char *name, uint32_t mode, uint32_t major, uint32_t minor, struct dentry **out);

/* copy.c */
bool file_gives_pages(const struct file *f); /* of its bytes in memory, as they are */
/** Parts of such pages, each with a reference, *gathered bytes; 0 at the end, -EOPNOTSUPP: devices do not reach them. */
int file_parts(struct file *in, uint64_t at, uint64_t bytes, struct page_part parts[PAGE_PARTS], uint64_t *gathered);

/* pipe.c */
/** What was read could not be used: it comes first again. */
void pipe_give_back(struct file *f, const char *bytes, uint32_t count);
long pipe_capacity(struct file *f);
long pipe_set_capacity(struct file *f, uint64_t bytes); /* the new one; -EBUSY: more than that is in it */

/* pipe_splice.c: at most 64 KiB at a time */
bool file_is_pipe(const struct file *f);
bool pipe_same(const struct file *a, const struct file *b);
/** Copy what is there, `take`: out of the pipe, until pipe_settle(). 0: it has ended; -EAGAIN, -ERESTARTSYS. */
long pipe_look(struct file *f, void *to, uint32_t bytes, bool take, bool wait);
void pipe_settle(struct file *f, const void *bytes, uint32_t taken, uint32_t kept); /* the others go back to the front */
/** Keep room for at most so many bytes, until pipe_fill(). -EPIPE (with SIGPIPE), -EAGAIN, -ERESTARTSYS, -ENOMEM. */
long pipe_reserve(struct file *f, uint32_t bytes, bool wait);
void pipe_fill(struct file *f, const void *bytes, uint32_t count, uint32_t reserved);
/** Pages in place of bytes, into room that was kept; their references are the pipe's then. Bytes; fewer: there are too many parts. */
uint32_t pipe_put_pages(struct file *f, const struct page_part *parts, unsigned count);
/** What comes first, if that is pages, until pipe_settle_pages(). 0: it is not. */
unsigned pipe_take_pages(struct file *f, struct page_part parts[PAGE_PARTS], uint32_t bytes);
void pipe_settle_pages(struct file *f, struct page_part *parts, unsigned count, uint64_t kept); /* references too */
int pipe_await(struct file *f, bool wait); /* 1: there is something; 0: it has ended; -EAGAIN, -ERESTARTSYS */

/* lock.c */
void locks_release_file(struct file *f); /* last reference gone */
void locks_release_table(struct file *f, const struct file_table *table); /* a descriptor of this table was closed */
long lock_posix(struct file *f, int fd, int command, uint64_t user);

/* epoll.c */
void epoll_forget(struct file *f); /* last reference gone */
/* async.c: signal-driven files. */
void async_init(void);
void async_forget(struct file *f); /* last reference gone */
int async_set(struct file *f, int fd, bool on); /* O_ASYNC; -ENOTTY: such a file sends no signals */
int async_set_signal(struct file *f, uint64_t signal); /* F_SETSIG; 0: SIGIO, which says nothing of the file */
int async_signal(struct file *f);
long async_set_owner(struct file *f, int number); /* a process, or a group below 0 */
long async_owner(struct file *f);
long async_set_owner_record(struct file *f, uint64_t user); /* struct f_owner_ex */
long async_owner_record(struct file *f, uint64_t user);

/* writeback.c */
void writeback_start(void);
void caches_give_up(void);

#endif
