/* SPDX-License-Identifier: MIT */
/*
 * Holes in files (fallocate(2)). What is not whole pages is zeroed in the cache. A whole page is held locked while its blocks go, so that
 * nobody reads them meanwhile, or writes to them what would be written out to blocks that are another file's by then.
 */
#include "fs/page_cache_internal.h"

#include "kernel/reserve.h"

/* Part of one page. */
static int part_zero(struct inode *inode, uint64_t from, uint64_t to)
{
	struct page *page;
	if (from >= to) {
		return 0;
	}
	int error = page_cache_get(inode, from / PAGE_SIZE, &page);
	if (error) {
		return error;
	}
	page_lock(page);
	memset((char *)page_data(page) + from % PAGE_SIZE, 0, to - from);
	page_cache_dirty(inode, page);
	page_unlock(page);
	page_put(page);
	return 0;
}

/* One page and its blocks go. */
static int page_drop(struct inode *inode, uint64_t index, bool *in_use)
{
	struct page *page;
	int error = page_grab(inode, index, true, &page);
	if (error) {
		return error;
	}
	page_wait(page, PAGE_WRITEBACK);
	cache_page_cleaned(&inode->mapping, page);
	error = inode->mapping.device ? inode->ops->punch(inode, index * PAGE_SIZE, PAGE_SIZE) : 0;
	if (error && (page_flags_get(page) & PAGE_UPTODATE)) {
		page_cache_dirty(inode, page); /* what it has may not be on the disk yet */
	} else {
		*in_use |= page->references > 2; /* the cache's and ours */
		cache_remove(&inode->mapping, page);
	}
	page_unlock(page);
	page_put(page);
	return error;
}

/* From that page on there is nothing that takes room: so many pages. 0: not known to be so. */
static uint64_t pages_absent(struct inode *inode, uint64_t index, uint64_t end, int *error)
{
	struct block_map map;
	struct page *page;
	uint64_t next = index;
	if (!inode->mapping.device) {
		if (cache_collect(&inode->mapping, &next, end - 1, 0, &page, 1) == 0) {
			return end - index;
		}
		page_put(page);
		return next - 1 - index;
	}
	*error = inode->ops->map(inode, index * PAGE_SIZE, (end - index) * PAGE_SIZE, false, &map);
	return *error || map.mapped || map.reserved ? 0 : map.bytes / PAGE_SIZE;
}

int page_cache_punch(struct inode *inode, uint64_t from, uint64_t to, bool *in_use)
{
	uint64_t first = (from + PAGE_SIZE - 1) / PAGE_SIZE, end = (to >= inode->size ? to + PAGE_SIZE - 1 : to) / PAGE_SIZE;
	int error;
	*in_use = false;
	if (inode->mapping.device && !inode->ops->punch) {
		return -EOPNOTSUPP;
	}
	if (first > end) { /* within one page */
		return part_zero(inode, from, to);
	}
	error = part_zero(inode, from, first * PAGE_SIZE < to ? first * PAGE_SIZE : to);
	error = error ? error : part_zero(inode, end * PAGE_SIZE > from ? end * PAGE_SIZE : from, to);
	while (!error && first < end) {
		reserve_renew();
		uint64_t absent = pages_absent(inode, first, end, &error);
		if (!error && !absent) {
			error = page_drop(inode, first, in_use);
			absent = 1;
		}
		first += absent;
	}
	return error;
}

long page_cache_seek(struct inode *inode, uint64_t offset, bool hole)
{
	uint64_t size = __atomic_load_n(&inode->size, __ATOMIC_ACQUIRE), end = (size + PAGE_SIZE - 1) / PAGE_SIZE, at = offset / PAGE_SIZE;
	while (at < end) {
		struct page *page;
		uint64_t next = at;
		bool found = cache_collect(&inode->mapping, &next, end - 1, 0, &page, 1);
		next = found ? next - 1 : end;
		if (found) {
			page_put(page);
		}
		if (!hole || next != at) {
			at = hole ? at : next;
			break;
		}
		at++;
	}
	offset = at * PAGE_SIZE > offset ? at * PAGE_SIZE : offset;
	return offset < size ? (long)offset : hole ? (long)size : -ENXIO;
}
