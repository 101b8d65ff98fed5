/* SPDX-License-Identifier: MIT */
/*
 * Reading past the cache (O_DIRECT). The user's pages may lie outside of the I/O zone, so the bytes pass through a buffer in
 * it. Dirty pages of the file are written first, so that the disk is right.
 */
#include "fs/page_cache_internal.h"

#include "kernel/block.h"
#include "kernel/fcntl.h"

#define ORDER_MAX 5u /* 128 KiB at a time */

static int piece_read(struct inode *inode, struct page *buffer, uint64_t offset, uint64_t bytes)
{
	uint64_t done = 0;
	while (done < bytes) {
		struct block_map map;
		int error = inode->ops->map(inode, offset + done, bytes - done, false, &map);
		if (error) {
			return error;
		}
		uint64_t n = map.bytes < bytes - done ? map.bytes : bytes - done;
		char *at = (char *)page_data(buffer) + done;
		if (map.mapped) {
			error = block_read(inode->mapping.device, map.sector, at, (uint32_t)(n / 512));
		} else {
			memset(at, 0, n);
		}
		if (error) {
			return error;
		}
		done += n;
	}
	return 0;
}

long direct_read(struct inode *inode, struct io_buffer to, uint64_t bytes, uint64_t offset)
{
	uint64_t size = inode->size, done = 0;
	if (!inode->mapping.device || (offset | bytes) % 512 != 0) {
		return page_cache_read(inode, to, bytes, offset);
	}
	if (offset >= size) {
		return 0;
	}
	if (inode->mapping.dirty_count || inode->mapping.writeback) {
		page_cache_flush(inode, true);
	}
	unsigned order = 0;
	while (order < ORDER_MAX && (PAGE_SIZE << order) < bytes) {
		order++;
	}
	struct page *buffer = page_alloc_order(order, ALLOC_IO);
	if (!buffer) {
		return page_cache_read(inode, to, bytes, offset);
	}
	int error = 0;
	bytes = bytes < size - offset ? bytes : size - offset;
	while (!error && done < bytes) {
		uint64_t n = PAGE_SIZE << order;
		n = n < bytes - done ? n : bytes - done;
		error = piece_read(inode, buffer, offset + done, (n + 511) & ~511ull);
		error = error ? error : io_copy_out(to, done, page_data(buffer), n);
		done += error ? 0 : n;
	}
	page_free_order(buffer, order);
	return done ? (long)done : error;
}
