/* SPDX-License-Identifier: MIT */
/*
 * File data in memory: pages of the I/O zone in a radix tree per inode. A page is up to date, or locked while it is being read;
 * dirty pages are written back by fsync, sync, age, or when there are too many.
 */
#ifndef KERNEL_PAGE_CACHE_H
#define KERNEL_PAGE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/lock.h"
#include "kernel/memory.h"

struct inode;
struct block_device;
struct radix_node;

struct mapping { /* under cache_lock but where said */
	struct block_device *device; /* NULL: memory only (tmpfs) */
	struct radix_node *root;
	unsigned height;
	uint64_t page_count, dirty_count;
	uint64_t dirty_first, dirty_last; /* all dirty pages are in here */
	uint64_t dirty_since_ns; /* the oldest */
	struct list dirty_link; /* on the list of mappings with dirty pages */
	struct inode *inode;
	volatile uint32_t writeback; /* atomic: pages being written */
	volatile int error; /* a write failed since the last fsync */
	uint64_t ahead_next, ahead_mark, ahead_window; /* sequential reading; races only cost speed */
};

/* Where bytes come from or go to: the user's memory or the kernel's. */
struct io_buffer {
	bool user;
	uint64_t address;
};

void page_cache_init(void);
void mapping_init(struct mapping *m, struct inode *inode);
/** Bytes, less at the end of the file; -EIO, -EFAULT. */
long page_cache_read(struct inode *inode, struct io_buffer to, uint64_t bytes, uint64_t offset);
/** As page_cache_read, from the disk past the cache (O_DIRECT); what is not whole sectors goes through the cache. */
long direct_read(struct inode *inode, struct io_buffer to, uint64_t bytes, uint64_t offset);
/** Under the inode's mutex. Grows the file. */
long page_cache_write(struct inode *inode, struct io_buffer from, uint64_t bytes, uint64_t offset);
/** Pages for these bytes of a file that lives in memory only: all of them or -ENOSPC. Under the inode's mutex. */
int page_cache_preallocate(struct inode *inode, uint64_t offset, uint64_t bytes);
/** Up to date and referenced; may lie behind the end (zeros). */
int page_cache_get(struct inode *inode, uint64_t index, struct page **page);
void page_cache_dirty(struct inode *inode, struct page *page);
/** Devices reach the page, which the caller has referenced: perhaps another one now, moved there. False: it is where it is. */
bool page_cache_reach(struct inode *inode, struct page **page);
/** Zero the rest of the last page, set the inode's size, drop the pages behind it. Under the inode's mutex.
 *  *in_use: somebody besides the cache has one of those, as a mapping does (or, for a moment, the end of a read). */
int page_cache_truncate(struct inode *inode, uint64_t size, bool *in_use);
/** inode_ops.truncate. Where blocks are smaller than pages, the page with the end is held meanwhile: no write of it that is under way reaches
 *  a block that is another file's by then, and it is not read anew from one. Under the inode's mutex. */
int page_cache_blocks_cut(struct inode *inode, uint64_t size);
/** Once more, when the blocks are gone: a reader that had seen the old size may have read one of them meanwhile. May set *in_use. */
void page_cache_cut(struct inode *inode, uint64_t size, bool *in_use);
/** The size was `old`. Under the inode's mutex. */
void page_cache_grown(struct inode *inode, uint64_t old);
/** [from, to) of the file reads as zeros, and takes no room where that is whole pages. Under the inode's mutex. *in_use: as above. */
int page_cache_punch(struct inode *inode, uint64_t from, uint64_t to, bool *in_use);
/** Of a file in memory: where the next page is that is there (-ENXIO: none before the end), or the next hole; the end is one. */
long page_cache_seek(struct inode *inode, uint64_t offset, bool hole);
/** Write dirty pages; wait for them, if asked to, and return what went wrong since the last time. */
int page_cache_flush(struct inode *inode, bool wait);
void page_cache_drop(struct inode *inode); /* all pages, dirty or not; nobody uses the inode */
uint64_t page_cache_shrink(void); /* give all clean pages back; how many */
void page_cache_usage(uint64_t *pages, uint64_t *dirty, uint64_t *writeback);
uint64_t page_cache_memory(void); /* pages of files that live in memory only */
int io_copy_out(struct io_buffer to, uint64_t at, const void *from, uint64_t bytes);
int io_copy_in(void *to, struct io_buffer from, uint64_t at, uint64_t bytes);

#endif
