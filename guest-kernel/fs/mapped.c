/* SPDX-License-Identifier: MIT */
/*
 * Pages of files, as mappings want them. A page that is written to has a place for its blocks from then on, since write-back allocates nothing.
 * It gets them with the page locked, at home and before the file's end: truncations and punches lock a page before its blocks go, so
 * they either have not met it yet, or have taken it out, and no block gets behind their back into the file.
 */
#include "fs/page_cache_internal.h"

#include "kernel/address_space.h"
#include "kernel/file.h"
#include "kernel/vfs.h"

static uint64_t end_index(const struct inode *inode)
{
	return (__atomic_load_n(&inode->size, __ATOMIC_ACQUIRE) + PAGE_SIZE - 1) / PAGE_SIZE;
}

/* -EAGAIN: it is not the file's page any more. */
static int blocks_give(struct inode *inode, struct page *page)
{
	int error = 0;
	page_lock(page);
	uint64_t at = page->index * PAGE_SIZE, size = __atomic_load_n(&inode->size, __ATOMIC_ACQUIRE);
	uint64_t end = at + PAGE_SIZE < size ? at + PAGE_SIZE : size;
	if (page->owner != &inode->mapping) {
		error = -EAGAIN;
	}
	while (!error && at < end) {
		struct block_map map;
		error = inode->ops->map(inode, at, end - at, true, &map);
		at += error ? 0 : map.bytes;
	}
	if (error && error != -EAGAIN) {
		page_cache_dirty(inode, page); /* a block that has a place, and was never written, may be among them */
	}
	page_unlock(page);
	return error;
}

int file_page(struct file *f, uint64_t index, bool for_write, struct page **page)
{
	struct inode *inode = f->inode;
	int error;
	if (!inode || f->ops != &regular_file_ops) {
		return -ENODEV;
	}
	do {
		if (index >= end_index(inode)) {
			return -ENXIO;
		}
		error = page_cache_get(inode, index, page);
		if (error) {
			return error;
		}
		error = for_write && inode->mapping.device ? blocks_give(inode, *page) : 0;
		error = error ? error : page_check(inode, *page, index * PAGE_SIZE);
		if (error) {
			page_put(*page);
		}
	} while (error == -EAGAIN);
	return error;
}

void file_page_dirty(struct file *f, struct page *page)
{
	if (f->inode) {
		page_cache_dirty(f->inode, page);
	}
}

/* Those that need no waiting for: what a page fault maps beside the page that it was for. */
unsigned file_pages_cached(struct file *f, uint64_t first, uint64_t last, struct page **pages, unsigned max)
{
	struct inode *inode = f->inode;
	if (!inode || !inode->size) {
		return 0;
	}
	uint64_t end = (inode->size - 1) / PAGE_SIZE;
	last = last < end ? last : end;
	unsigned count = cache_collect(&inode->mapping, &first, last, PAGE_UPTODATE, pages, max);
	/* Those that a truncation has left behind the end by now, it may have looked at before they were referenced here. */
	while (count && pages[count - 1]->index * PAGE_SIZE >= __atomic_load_n(&inode->size, __ATOMIC_ACQUIRE)) {
		page_put(pages[--count]);
	}
	return count;
}

/*
 * A mapping that may write to the last page had its blocks up to the old end only, where they are smaller than pages. It lets go of the page, so
 * that the next write to it asks for those that belong to the file now.
 */
void page_cache_grown(struct inode *inode, uint64_t old)
{
	uint64_t block = inode->super->block_size, had = (old + block - 1) & ~(block - 1), end = (old + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
	if (!inode->mapping.device || had >= end || inode->size <= had) {
		return;
	}
	struct page *page = cache_find(&inode->mapping, old / PAGE_SIZE);
	if (page) {
		bool in_use = page->references > 2; /* the cache's and ours */
		page_put(page);
		if (in_use) {
			address_spaces_drop(inode, old / PAGE_SIZE, old / PAGE_SIZE + 1);
		}
	}
}
