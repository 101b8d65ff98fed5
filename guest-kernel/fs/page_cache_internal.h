/* SPDX-License-Identifier: MIT */
/* Shared by the files of the page cache: page_cache.c (index, LRU), page_io.c (disk), page_read.c, page_write.c, writeback.c. */
#ifndef FS_PAGE_CACHE_INTERNAL_H
#define FS_PAGE_CACHE_INTERNAL_H

#include "abi/errno.h"
#include "base/string.h"
#include "kernel/inode.h"
#include "kernel/page_cache.h"

#define PAGE_BATCH 256u /* pages of one request: 1 MiB */

extern spinlock_t cache_lock;

static inline uint32_t page_flags_get(const struct page *page)
{
	return __atomic_load_n(&page->flags, __ATOMIC_ACQUIRE);
}
static inline void page_flag_set(struct page *page, uint32_t flag)
{
	__atomic_fetch_or(&page->flags, flag, __ATOMIC_ACQ_REL);
}
static inline void page_flag_clear(struct page *page, uint32_t flag)
{
	__atomic_fetch_and(&page->flags, ~flag, __ATOMIC_ACQ_REL);
}

/* page_cache.c */
extern struct list dirty_mappings; /* cache_lock; oldest first */
extern uint64_t dirty_pages; /* cache_lock */
extern uint64_t writeback_pages; /* atomic */
/** Referenced, whatever its state; NULL: not there. */
struct page *cache_find(struct mapping *m, uint64_t index);
/** Insert a new page, locked and not up to date, referenced twice (cache and caller). -EEXIST if there is one by now. */
int cache_insert(struct mapping *m, uint64_t index, struct page **page);
/** How many pages more files of this file system may have, which lives in memory only. */
uint64_t cache_memory_room(const struct super *super);
/** Take a page out; drops the cache's reference. */
void cache_remove(struct mapping *m, struct page *page);
/** Up to `max` pages from *index on that have all of `flags`, referenced. */
unsigned cache_collect(struct mapping *m, uint64_t *index, uint64_t last, uint32_t flags, struct page **pages, unsigned max);
void page_lock(struct page *page);
void page_unlock(struct page *page);
void page_wait(struct page *page, uint32_t flag); /* until the flag is clear */
void page_wake(struct page *page);
void cache_page_cleaned(struct mapping *m, struct page *page); /* the dirty flag was taken off */
bool cache_page_dirtied(struct mapping *m, struct page *page); /* set it; false: was set */

/* page_io.c */
/** Start reading locked pages of consecutive indices; each is unlocked when done, and the reference given here dropped. */
void pages_read(struct inode *inode, struct page **pages, unsigned count);
/** Start writing pages marked PAGE_WRITEBACK, in ascending order; likewise. */
void writeback_wait(struct mapping *m); /* until no page of it is on its way to the disk */
void pages_write(struct inode *inode, struct page **pages, unsigned count);

/* page_read.c */
/** -ENXIO: the file ends before `position` by now; -EAGAIN: the page, got without a lock, is not the file's any more. */
int page_check(const struct inode *inode, const struct page *page, uint64_t position);
int page_fill(struct inode *inode, struct page *page); /* locked, not up to date: read it now; stays locked */

/* page_write.c */
/** The page, locked and up to date where `whole` does not say that all of it is replaced. */
int page_grab(struct inode *inode, uint64_t index, bool whole, struct page **page);

/* writeback.c */
void writeback_throttle(struct inode *inode);

#endif
