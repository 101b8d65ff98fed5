/* SPDX-License-Identifier: MIT */
/* Open files and descriptor tables, as the rest of the kernel needs them (fs/ implements; inode internals are in fs/'s own headers). */
#ifndef KERNEL_FILE_H
#define KERNEL_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/epoch.h"
#include "kernel/lock.h"
#include "kernel/memory.h"

struct file;
struct file_table;
struct fs_context;
struct inode;
struct item;
struct process;

struct poll_table; /* fs/poll.c */
struct waitq;
/** Of a poll operation: the caller is to be woken by `q` as well. table NULL: nothing. */
void poll_wait(struct poll_table *table, struct waitq *q);

struct io_vector { /* struct iovec */
	uint64_t base, length;
};

struct page_part { /* bytes of a page that has been read */
	struct page *page;
	uint32_t offset, bytes;
};
#define PAGE_PARTS 16u /* at once, at most */

struct file_ops {
	int (*open)(struct file *f); /* of files that have a name; may be NULL. 0 or negative errno */
	/* Buffers are kernel memory here; fs/ copies to the user page by page. Return bytes or negative errno. */
	long (*read)(struct file *f, void *buffer, uint64_t bytes, uint64_t *offset);
	long (*write)(struct file *f, const void *buffer, uint64_t bytes, uint64_t *offset);
	/* NULL, or in place of both for programs' buffers, which the vectors name: one call, one message (sockets). */
	long (*transfer)(struct file *f, bool write, const struct io_vector *vectors, unsigned count);
	/* NULL, or: take pages as they are, with references of its own, in place of copies. Bytes, or -EOPNOTSUPP: write() it. `more` follows. */
	long (*send_pages)(struct file *f, const struct page_part *parts, unsigned count, bool more);
	long (*ioctl)(struct file *f, unsigned request, uint64_t argument);
	/** POLLIN etc. now; registers on wait queues through `table` if not NULL. */
	unsigned (*poll)(struct file *f, struct poll_table *table);
	/** NULL, or mmap(2) of it: the file in memory, referenced, whose pages are mapped in its place. -ENODEV, -EINVAL. */
	int (*map)(struct file *f, uint64_t offset, uint64_t bytes, struct file **in_place);
	bool polls_caller; /* what poll answers, and the queues that it registers on, are the calling process's, not the file's */
	void (*release)(struct file *f); /* last reference gone */
	uint64_t (*held)(const struct file *f); /* bytes of memory that it keeps until it is closed; any context, no lock, a moment's value. May be NULL */
	long (*readdir)(struct file *f, void *context, bool (*emit)(void *context, const char *name, unsigned length, uint64_t inode, unsigned type));
};

struct file {
	const struct file_ops *ops;
	volatile uint32_t references;
	uint32_t flags; /* O_* */
	uint64_t offset;
	struct mutex position; /* regular files and directories: held over a call that reads or writes at `offset` */
	struct inode *inode; /* NULL: pipe end, ... */
	struct dentry *dentry; /* NULL: anonymous */
	void *private;
	spinlock_t lock;
	bool watched; /* was in an epoll set */
	struct item *watches; /* epoll_mutex: by which sets watch it; NULL: none does */
	struct file_async *async; /* made once: its owner, and who sends it signals; NULL: never had one */
	struct epoch_link epoch;
};

extern const struct file_ops socket_file_ops; /* socket/ */
/** Urgent data has come: SIGURG to whoever owns the file. No lock from its own on is held. */
void async_urgent(struct file *f);
uint32_t *socket_mode(const struct file *f); /* of a socket: its permissions, atomic; NULL: it is none */
bool socket_hung_up(const struct file *f); /* a socket, closed both ways */
void socket_closed(void); /* a descriptor of a socket was closed: it may be in messages to itself only */

struct file *file_alloc(const struct file_ops *ops, unsigned flags, void *private); /* NULL: no memory */
size_t files_open(void); /* open files of all processes, those in messages included */
void file_get(struct file *f);
bool file_try_get(struct file *f); /* in a section (kernel/epoch.h). false: it is being closed */
void file_put(struct file *f);
bool file_readable(const struct file *f); /* by the mode it was opened in */
bool file_writable(const struct file *f);
struct file *file_from_fd(int fd); /* of the current process, referenced; NULL: EBADF */
struct file *fd_peek(int fd); /* the same in a section, good until it ends, not referenced */
/** As file_from_fd(), but referenced only if others could close it during this system call: fd_return() it, in the same call. */
struct file *fd_borrow(int fd, bool *counted);
static inline void fd_return(struct file *f, bool counted)
{
	if (counted) {
		file_put(f);
	}
}
int fd_install(struct file *f, bool close_on_exec); /* takes the reference; -EMFILE */
bool fd_is_left(void); /* for one more file, at this moment: before something is done that could not be undone */
int fd_close(int fd);
bool fd_close_on_exec(int fd, int set); /* the flag as it was; set < 0: ask */
/** Pages that are there because of these open files alone, about. Under process_lock, of a process that has not ended. */
uint64_t file_table_held(struct file_table *t);
struct file *file_of_process(struct process *p, unsigned fd); /* under process_lock; referenced, or NULL */

/** Open for exec or by the kernel, resolved against `path` in the current process's (or the initial) fs context. Negative errno in *error. */
struct file *file_open_path(const char *path, unsigned flags, unsigned mode, int *error);
/** Open for execveat: "" is the descriptor's own file, opened anew. */
struct file *file_open_exec(int dirfd, const char *path, bool follow, int *error);
/** Check execute permission and that it is a regular file. 0, -EACCES. */
int file_may_exec(struct file *f);
/** Until file_run_end() nobody can write to what is run. -ETXTBSY: somebody has it open for that. */
int file_run_begin(struct file *f);
void file_run_end(struct file *f);
/** Where the file has set-user-ID or set-group-ID bits (and the mount allows them), put its owner or group there; else leave the numbers. */
void file_exec_ids(struct file *f, uint32_t *uid, uint32_t *gid);
/** Read into kernel memory at an offset, not moving the file's own. */
long file_pread(struct file *f, void *buffer, uint64_t bytes, uint64_t offset);
/** A regular file, whose pages can be mapped. */
bool file_is_mappable(const struct file *f);
/** A shared mapping of a file that is open for writing comes to be: 0, or -EPERM for what is sealed; one more like it; one goes. */
int file_map_writable(struct file *f);
void file_map_writable_again(struct file *f);
void file_unmap_writable(struct file *f);
bool file_is_zeros(const struct file *f); /* /dev/zero: to map it is to map anonymous memory */
/** So many bytes of a file in memory that has no name, as memfd_create(2) makes them, to be mapped by an open file of it. NULL: no memory. */
struct inode *memory_area_create(uint64_t bytes);
struct file *memory_area_open(struct inode *inode);
/** st_dev of the file it belongs to. */
void file_device(const struct file *f, uint32_t *major, uint32_t *minor);
/** The page-cache page of page index `index`, up to date and referenced, for mmap. -EIO, -ENXIO behind the end, -ENODEV: cannot be mapped. */
int file_page(struct file *f, uint64_t index, bool for_write, struct page **page);
/** Those of the pages first..last that are in memory and up to date, at most max, referenced, in the order of page->index. */
unsigned file_pages_cached(struct file *f, uint64_t first, uint64_t last, struct page **pages, unsigned max);
/** A hole in it, as fallocate(2) makes one. */
int file_punch(struct file *f, uint64_t offset, uint64_t bytes);
void file_page_dirty(struct file *f, struct page *page); /* a shared mapping wrote to it */
uint64_t file_size(struct file *f);
uint64_t file_inode_number(struct file *f);
void file_path(struct file *f, char *text, unsigned long size);
uint64_t file_identity(struct file *f); /* of what is behind it: a number that no other file ever has */

/* exec, fork, exit. */
struct file_table *file_table_create(void);
struct file_table *file_table_fork(struct file_table *from); /* NULL: no memory */
void file_table_get(struct file_table *t);
bool file_table_is_shared(struct file_table *t); /* by another process */
void file_table_put(struct file_table *t); /* closes all at the last */
void file_table_exec(struct file_table *t); /* closes close-on-exec descriptors */
struct fs_context *fs_context_create(void); /* at the root file system's root */
struct fs_context *fs_context_fork(struct fs_context *from);
bool fs_context_is_shared(struct fs_context *c); /* or looked at just now */
void fs_context_get(struct fs_context *c);
void fs_context_put(struct fs_context *c);

/** Mount the root file system and /dev, /proc, /tmp. 0, or negative errno with a log line saying why. */
int fs_mount_root(const char *device, const char *options);
void fs_sync_all(void);

#endif
