/* SPDX-License-Identifier: MIT */
/*
 * Reading files through the cache. A miss in a sequential stream reads a window ahead that doubles up to 1 MiB, and the next
 * window is started when the reader is half-way through; a random read asks the disk for what it needs and no more.
 */
#include "fs/page_cache_internal.h"

#include "kernel/reserve.h"
#include "kernel/user.h"

#define WINDOW_FIRST 32u

int io_copy_out(struct io_buffer to, uint64_t at, const void *from, uint64_t bytes)
{
	if (to.user) {
		return user_write(to.address + at, from, bytes);
	}
	memcpy((char *)to.address + at, from, bytes);
	return 0;
}

int io_copy_in(void *to, struct io_buffer from, uint64_t at, uint64_t bytes)
{
	if (from.user) {
		return user_read(to, from.address + at, bytes);
	}
	memcpy(to, (const char *)from.address + at, bytes);
	return 0;
}

static int insert_for_read(struct inode *inode, uint64_t index, struct page **page, bool optional)
{
	if (optional) {
		reserve_optional_begin();
	}
	int error = cache_insert(&inode->mapping, index, page);
	if (optional) {
		reserve_optional_end();
	}
	return error;
}

/*
 * Insert and start reading pages from `index` on, until one is there already, or of those that are read `ahead` there is no memory for one. How many.
 * `first`, where it is asked for, is the first of them with a reference of the caller's, so that it is not taken back before it was used.
 */
static unsigned read_start(struct inode *inode, uint64_t index, uint64_t count, bool ahead, struct page **first, int *error)
{
	struct page *few[8], **pages = few;
	unsigned n = 0;
	count = count < PAGE_BATCH ? count : PAGE_BATCH;
	if (count > 8) {
		pages = kmalloc(count * sizeof(*pages));
		if (!pages) {
			pages = few;
			count = 8;
		}
	}
	*error = 0;
	while (n < count && (*error = insert_for_read(inode, index + n, &pages[n], n > 0 || ahead)) == 0) {
		n++;
	}
	if (n > 0) {
		*error = 0;
		if (first) {
			page_get(pages[0]);
			*first = pages[0];
		}
		pages_read(inode, pages, n);
	}
	if (pages != few) {
		kfree(pages);
	}
	return n;
}

static uint64_t end_index(const struct inode *inode)
{
	return (inode->size + PAGE_SIZE - 1) / PAGE_SIZE;
}

/* The page is missing: read it, with what the request or the stream wants beyond it. -EEXIST: another has brought it in meanwhile. */
static int read_miss(struct inode *inode, uint64_t index, uint64_t wanted, struct page **page)
{
	struct mapping *m = &inode->mapping;
	uint64_t end = end_index(inode), count = wanted;
	bool sequential = index == m->ahead_next || (index == 0 && wanted > 1);
	if (sequential) {
		m->ahead_window = m->ahead_window ? m->ahead_window * 2 : WINDOW_FIRST;
		m->ahead_window = m->ahead_window < PAGE_BATCH ? m->ahead_window : PAGE_BATCH;
		count = count > m->ahead_window ? count : m->ahead_window;
	} else {
		m->ahead_window = 0;
	}
	count = index + count <= end ? count : index < end ? end - index : 1;
	int error;
	unsigned n = read_start(inode, index, count, false, page, &error);
	m->ahead_next = index + n;
	m->ahead_mark = sequential && n > 1 ? index + n / 2 : UINT64_MAX;
	return error;
}

static void read_ahead(struct inode *inode)
{
	struct mapping *m = &inode->mapping;
	uint64_t from = m->ahead_next, end = end_index(inode);
	int error;
	m->ahead_mark = UINT64_MAX;
	if (from < end) {
		uint64_t window = m->ahead_window * 2 < PAGE_BATCH ? m->ahead_window * 2 : PAGE_BATCH;
		unsigned n = read_start(inode, from, window < end - from ? window : end - from, true, NULL, &error);
		if (n > 0) {
			m->ahead_window = window;
			m->ahead_next = from + n;
			m->ahead_mark = from + n / 2;
		}
	}
}

/* Ends: a page that is gone or stale is another's doing, and the one that is read here stays until it is used. */
static int get_for_read(struct inode *inode, uint64_t index, uint64_t wanted, struct page **out)
{
	struct mapping *m = &inode->mapping;
	for (;;) {
		struct page *page = cache_find(m, index);
		/* Of a read that failed before this one: it is tried again, for its error was another's, or of a page read ahead. */
		bool stale = page && !(page_flags_get(page) & (PAGE_UPTODATE | PAGE_LOCKED));
		if (!page) {
			int error = read_miss(inode, index, wanted, &page);
			if (error == -EEXIST) {
				continue;
			}
			if (error) {
				return error;
			}
		} else if (index == m->ahead_mark) {
			read_ahead(inode);
		}
		if (!(page_flags_get(page) & PAGE_UPTODATE)) {
			page_wait(page, PAGE_LOCKED);
		}
		if (page_flags_get(page) & PAGE_UPTODATE) {
			*out = page;
			return 0;
		}
		bool failed = !stale && (page_flags_get(page) & PAGE_ERROR);
		cache_remove(m, page); /* so that the next reader tries the disk again */
		page_put(page);
		if (failed) {
			return -EIO;
		}
	}
}

static int get_memory(struct inode *inode, uint64_t index, struct page **out)
{
	for (;;) {
		struct page *page = cache_find(&inode->mapping, index);
		if (page) {
			page_wait(page, PAGE_LOCKED);
			*out = page;
			return 0;
		}
		int error = cache_insert(&inode->mapping, index, &page);
		if (error == -EEXIST) {
			continue;
		}
		if (!error) {
			page_flag_set(page, PAGE_UPTODATE);
			page_unlock(page);
			*out = page;
		}
		return error;
	}
}

int page_cache_get(struct inode *inode, uint64_t index, struct page **page)
{
	return inode->mapping.device ? get_for_read(inode, index, 1, page) : get_memory(inode, index, page);
}

int page_fill(struct inode *inode, struct page *page)
{
	page_get(page);
	pages_read(inode, &page, 1);
	page_lock(page);
	return page_flags_get(page) & PAGE_UPTODATE ? 0 : -EIO;
}

/*
 * A read of the disk may have met a block that a truncation took away meanwhile, and that is another file's by now. Then the file was shorter
 * for a time, and the page is out: as the size is looked at first, one of the two shows it.
 */
int page_check(const struct inode *inode, const struct page *page, uint64_t position)
{
	if (position >= __atomic_load_n(&inode->size, __ATOMIC_ACQUIRE)) {
		return -ENXIO;
	}
	return __atomic_load_n(&page->owner, __ATOMIC_ACQUIRE) == &inode->mapping ? 0 : -EAGAIN;
}

/* Checked. -ENXIO: it is behind the end by now. */
static int get_checked(struct inode *inode, uint64_t position, uint64_t total, struct page **page)
{
	uint64_t wanted = (position % PAGE_SIZE + total + PAGE_SIZE - 1) / PAGE_SIZE;
	int error;
	do {
		error = get_for_read(inode, position / PAGE_SIZE, wanted, page);
		if (error) {
			return error;
		}
		error = page_check(inode, *page, position);
		if (error) {
			page_put(*page);
		}
	} while (error == -EAGAIN);
	return error;
}

/* A hole of a file in memory reads as zero without getting a page. */
static int copy_page_out(struct inode *inode, struct io_buffer to, uint64_t at, uint64_t position, uint64_t bytes, uint64_t total)
{
	struct page *page;
	int error;
	if (!inode->mapping.device && !(page = cache_find(&inode->mapping, position / PAGE_SIZE))) {
		if (to.user) {
			return user_zero(to.address + at, bytes);
		}
		memset((char *)to.address + at, 0, bytes);
		return 0;
	}
	if (inode->mapping.device) {
		error = get_checked(inode, position, total, &page);
		if (error) {
			return error;
		}
	}
	error = io_copy_out(to, at, (const char *)page_data(page) + position % PAGE_SIZE, bytes);
	page_put(page);
	return error;
}

long page_cache_read(struct inode *inode, struct io_buffer to, uint64_t bytes, uint64_t offset)
{
	uint64_t done = 0, size = __atomic_load_n(&inode->size, __ATOMIC_ACQUIRE);
	if (offset >= size) {
		return 0;
	}
	bytes = bytes < size - offset ? bytes : size - offset;
	while (done < bytes) {
		reserve_renew();
		uint64_t position = offset + done, n = PAGE_SIZE - position % PAGE_SIZE;
		n = n < bytes - done ? n : bytes - done;
		int error = copy_page_out(inode, to, done, position, n, bytes - done);
		if (error) {
			return done || error == -ENXIO ? (long)done : error;
		}
		done += n;
	}
	return (long)done;
}
