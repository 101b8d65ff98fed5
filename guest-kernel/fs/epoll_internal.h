/* SPDX-License-Identifier: MIT */
/* Inside of epoll: sets and what they watch. Sets that are in sets never form a circle, and at most EPOLL_LEVELS are one in the other. */
#ifndef FS_EPOLL_INTERNAL_H
#define FS_EPOLL_INTERNAL_H

#include "base/treap.h"
#include "kernel/poll.h"
#include "kernel/vfs.h"

#define QUEUES_MAX 3 /* that a file's poll operation registers on */
#define EPOLL_LEVELS 5u
#define EPOLL_PATHS 500u /* by which what happens to a file of a set goes up to others: each is told */

struct item {
	struct list link; /* in its set's items, or its askers */
	struct list ready_link; /* in its set's ready, while queued */
	struct treap_node node; /* epoll_items.c */
	struct epoll *set;
	struct file *file; /* weak: removed by epoll_forget() */
	struct item *of_file_next, **of_file_from; /* epoll_mutex: in file->watches */
	int fd;
	bool queued; /* set->lock */
	uint32_t events;
	uint64_t data;
	unsigned observer_count;
	struct observer observers[QUEUES_MAX];
};

struct epoll {
	struct list link, items, askers; /* epoll_mutex; askers: of files whose poll operation speaks of the calling process */
	struct treap_node *tree; /* epoll_mutex: all of both, by file and descriptor */
	unsigned sets; /* epoll_mutex: items that are sets */
	unsigned item_count; /* epoll_mutex; read without */
	bool asking; /* epoll_mutex: it has askers, or one below may */
	unsigned height, paths; /* epoll_nest.c, while it looks */
	spinlock_t lock;
	struct list ready; /* lock: items that may have something to tell */
	unsigned ready_count; /* lock */
	struct waitq waiters; /* in epoll_wait() */
	struct waitq pollers; /* who waits for the set as a file: poll(), other sets */
};

extern struct list epolls; /* epoll_mutex: all sets */
/** The set that a file is, or NULL. */
struct epoll *epoll_of(const struct file *f);

/* epoll_items.c, under epoll_mutex: the item of this file by this descriptor, or NULL; and its coming and going */
struct item *epoll_item_find(const struct epoll *e, const struct file *f, int fd);
void epoll_item_enter(struct epoll *e, struct item *item);
void epoll_item_leave(struct epoll *e, struct item *item);

/* epoll_nest.c, under epoll_mutex */
/** 0; -ELOOP: sets in a circle or too many one in the other; -EINVAL: in too many others. As they stand, with the new one in its place. */
int epoll_nest_check(void);
/** A set asks at each wait from now on, and so do those that it is in. */
void epoll_nest_ask(struct epoll *e);

#endif
