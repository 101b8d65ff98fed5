/* SPDX-License-Identifier: MIT */
/*
 * Reading past the cache (O_DIRECT). The user's pages may lie outside of the I/O zone, so the bytes pass through a buffer in it.
 * A place on the disk is asked for and read under the inode's mutex: no write gives one, and no truncation takes one away, meanwhile. The
 * first write to a mapping gives one without it. But then the page is in the cache, up to date, before, and stays until it has
 * been written; so what is there once the place is known, is taken from there, and the disk is right about the rest.
 */
#include "fs/page_cache_internal.h"

#include "kernel/block.h"
#include "kernel/fcntl.h"
#include "kernel/reserve.h"

#define ORDER_MAX 5u /* 128 KiB at a time */
#define PAGES_MAX ((1u << ORDER_MAX) + 1)

/* Over [offset, offset + bytes) of the file in the buffer; the references are given back. */
static void pages_over(struct page **pages, unsigned count, char *buffer, uint64_t offset, uint64_t bytes)
{
	for (unsigned i = 0; i < count; i++) {
		uint64_t start = pages[i]->index * PAGE_SIZE, from = start > offset ? start : offset;
		uint64_t to = start + PAGE_SIZE < offset + bytes ? start + PAGE_SIZE : offset + bytes;
		memcpy(buffer + (from - offset), (const char *)page_data(pages[i]) + (from - start), to - from);
		page_put(pages[i]);
	}
}

static int stretch_read(struct inode *inode, const struct block_map *map, char *buffer, uint64_t offset, uint64_t bytes)
{
	struct page *pages[PAGES_MAX];
	uint64_t index = offset / PAGE_SIZE, last = (offset + bytes - 1) / PAGE_SIZE;
	unsigned count = cache_collect(&inode->mapping, &index, last, PAGE_UPTODATE, pages, PAGES_MAX);
	int error = 0;
	if (map->mapped) {
		error = block_read(inode->mapping.device, map->sector, buffer, (uint32_t)(bytes / 512));
	} else {
		memset(buffer, 0, bytes);
	}
	pages_over(pages, count, buffer, offset, bytes);
	return error;
}

static int piece_read(struct inode *inode, char *buffer, uint64_t offset, uint64_t bytes)
{
	uint64_t done = 0;
	int error = 0;
	while (!error && done < bytes) {
		struct block_map map;
		error = inode->ops->map(inode, offset + done, bytes - done, false, &map);
		if (!error) {
			uint64_t n = map.bytes < bytes - done ? map.bytes : bytes - done;
			error = stretch_read(inode, &map, buffer + done, offset + done, n);
			done += n;
		}
	}
	return error;
}

/* At most `bytes`; how many there are before the end of the file. */
static long piece_locked(struct inode *inode, struct page *buffer, uint64_t offset, uint64_t bytes)
{
	uint64_t size = inode->size;
	if (offset >= size) {
		return 0;
	}
	bytes = bytes < size - offset ? bytes : size - offset;
	int error = piece_read(inode, page_data(buffer), offset, (bytes + 511) & ~511ull);
	return error ? error : (long)bytes;
}

long direct_read(struct inode *inode, struct io_buffer to, uint64_t bytes, uint64_t offset)
{
	if (!inode->mapping.device || (offset | bytes) % 512 != 0) {
		return page_cache_read(inode, to, bytes, offset);
	}
	unsigned order = 0;
	while (order < ORDER_MAX && (PAGE_SIZE << order) < bytes) {
		order++;
	}
	struct page *buffer = page_alloc_order(order, ALLOC_IO);
	if (!buffer) {
		return page_cache_read(inode, to, bytes, offset);
	}
	uint64_t done = 0, most = PAGE_SIZE << order;
	long error = 0;
	bool more = true; /* a piece that came short has the file's end, wherever that is by now: what follows would begin within a sector */
	while (more && !error && done < bytes) {
		uint64_t asked = most < bytes - done ? most : bytes - done;
		reserve_renew();
		mutex_lock(&inode->mutex);
		long n = piece_locked(inode, buffer, offset + done, asked);
		mutex_unlock(&inode->mutex);
		more = n == (long)asked;
		error = n > 0 ? io_copy_out(to, done, page_data(buffer), (uint64_t)n) : n;
		done += error ? 0 : (uint64_t)n;
	}
	page_free_order(buffer, order);
	return done ? (long)done : error;
}
