/* SPDX-License-Identifier: MIT */
/*
 * Writing files through the cache. The user's bytes are copied into a page of their own first, so that no fault is taken with a
 * page locked. Disk blocks are allocated here, so that a full disk is an error of write(2): for an append ahead for the whole
 * call, inside the file page by page under the page's lock, so that no reader meets a block that was never written.
 */
#include "fs/page_cache_internal.h"

#include "kernel/block.h"
#include "kernel/reserve.h"
#include "kernel/user.h"

struct writer {
	struct inode *inode;
	uint64_t covered; /* file offset up to which blocks are allocated */
	uint64_t end; /* of the whole call */
};

static int blocks_allocate(struct writer *w, uint64_t from, uint64_t to)
{
	struct inode *inode = w->inode;
	if (!inode->mapping.device) {
		return 0;
	}
	from = from > w->covered ? from : w->covered;
	while (from < to) {
		struct block_map map;
		uint64_t limit = from >= inode->size ? w->end : to;
		int error = inode->ops->map(inode, from, limit - from, true, &map);
		if (error) {
			return error;
		}
		from += map.bytes;
		w->covered = from;
	}
	return 0;
}

int page_grab(struct inode *inode, uint64_t index, bool whole, struct page **out)
{
	struct mapping *m = &inode->mapping;
	for (;;) {
		struct page *page = cache_find(m, index);
		if (page) {
			page_lock(page);
			if (page->owner != m) {
				page_unlock(page);
				page_put(page);
				continue;
			}
		} else {
			int error = cache_insert(m, index, &page);
			if (error == -EEXIST) {
				continue;
			}
			if (error) {
				return error;
			}
		}
		int error = 0;
		if (!(page_flags_get(page) & PAGE_UPTODATE)) {
			if (!m->device || index * PAGE_SIZE >= inode->size) {
				memset(page_data(page), 0, PAGE_SIZE);
			} else if (!whole) {
				error = page_fill(inode, page);
			}
		}
		if (page->owner != m) { /* a failed reader took it out meanwhile */
			page_unlock(page);
			page_put(page);
			continue;
		}
		if (error) {
			page_unlock(page);
			page_put(page);
			return error;
		}
		*out = page;
		return 0;
	}
}

/*
 * The disk is full within a page whose rest is still on it. The blocks that have got a place would show what was in them before: the first
 * `bytes` go to the disk at once, and the page is read again by who needs it.
 */
static int write_through(struct inode *inode, struct page *page, uint64_t bytes)
{
	uint64_t done = 0;
	int error = 0;
	while (!error && done < bytes) {
		struct block_map map;
		error = inode->ops->map(inode, page->index * PAGE_SIZE + done, bytes - done, false, &map);
		if (!error) {
			uint64_t n = map.bytes < bytes - done ? map.bytes : bytes - done;
			error = block_write(inode->mapping.device, map.sector, (const char *)page_data(page) + done, (uint32_t)(n / 512));
			done += n;
		}
	}
	return error;
}

/* How many bytes: where there is no room for all, as many as there is room for. */
static long page_write(struct writer *w, const void *data, uint64_t position, uint64_t bytes)
{
	struct inode *inode = w->inode;
	struct page *page;
	int error = page_grab(inode, position / PAGE_SIZE, bytes == PAGE_SIZE, &page);
	if (error) {
		return error;
	}
	error = blocks_allocate(w, position, position + bytes);
	bool known = !error || bytes < PAGE_SIZE || position >= inode->size || (page_flags_get(page) & PAGE_UPTODATE);
	bytes = !error ? bytes : w->covered > position ? w->covered - position : 0;
	if (bytes) {
		memcpy((char *)page_data(page) + position % PAGE_SIZE, data, bytes);
		error = known ? 0 : write_through(inode, page, bytes);
	}
	if (!error && known) {
		page_flag_set(page, PAGE_UPTODATE);
		page_cache_dirty(inode, page);
	}
	if (!error && position + bytes > inode->size) {
		__atomic_store_n(&inode->size, position + bytes, __ATOMIC_RELEASE);
	}
	page_unlock(page);
	if (!(page_flags_get(page) & PAGE_UPTODATE)) {
		cache_remove(&inode->mapping, page);
	}
	page_put(page);
	return error ? error : (long)bytes;
}

long page_cache_write(struct inode *inode, struct io_buffer from, uint64_t bytes, uint64_t offset)
{
	struct writer w = { .inode = inode, .end = offset + bytes };
	struct page *copy = from.user ? page_alloc(0) : NULL;
	uint64_t done = 0, old = inode->size;
	long error = from.user && !copy ? -ENOMEM : 0;
	while (!error && done < bytes) {
		reserve_renew();
		uint64_t position = offset + done, n = PAGE_SIZE - position % PAGE_SIZE;
		n = n < bytes - done ? n : bytes - done;
		const void *data = (const char *)from.address + done;
		if (copy) {
			error = user_read(page_data(copy), from.address + done, n);
			data = page_data(copy);
		}
		long written = error ? error : page_write(&w, data, position, n);
		error = written < 0 ? written : 0;
		done += written > 0 ? (uint64_t)written : 0;
		if (!error && inode->mapping.device) {
			writeback_throttle(inode);
		}
	}
	if (copy) {
		page_put(copy);
	}
	if (error && w.covered > inode->size && inode->ops->truncate) {
		page_cache_blocks_cut(inode, inode->size); /* give back what was allocated ahead */
	}
	if (inode->size > old) {
		page_cache_grown(inode, old);
	}
	return done ? (long)done : error;
}

/* Pages of [first, last] that are there. */
static uint64_t pages_present(struct mapping *m, uint64_t first, uint64_t last)
{
	struct page *pages[32];
	uint64_t present = 0;
	unsigned count;
	while ((count = cache_collect(m, &first, last, 0, pages, 32)) > 0) {
		present += count;
		for (unsigned i = 0; i < count; i++) {
			page_put(pages[i]);
		}
	}
	return present;
}

int page_cache_preallocate(struct inode *inode, uint64_t offset, uint64_t bytes)
{
	uint64_t first = offset / PAGE_SIZE, last = (offset + bytes - 1) / PAGE_SIZE;
	uint64_t missing = last - first + 1 - pages_present(&inode->mapping, first, last);
	int error = missing > cache_memory_room(inode->super) ? -ENOSPC : 0;
	for (uint64_t index = first; !error && index <= last; index++) {
		struct page *page;
		reserve_renew();
		error = page_grab(inode, index, false, &page);
		if (!error) {
			page_flag_set(page, PAGE_UPTODATE);
			page_unlock(page);
			page_put(page);
		}
	}
	return error;
}
