/* SPDX-License-Identifier: MIT */
/*
 * The page cache over a disk that completes its requests late and in any order, against an array of bytes: random writes, reads, truncations,
 * flushes and evictions, also with another thread that flushes and evicts meanwhile. After a flush the disk's blocks are the array's bytes.
 * Blocks are smaller than pages, lie anywhere, and are full of rubbish until they are written. Then failures of the disk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "fs/page_cache_internal.h"
#include "kernel/block.h"
#include "tests/fake/block_map.h"
#include "tests/fake/threads.h"

#define FILE_MOST (600 * 1024u)
#define BLOCK 1024u
#define BLOCKS (FILE_MOST / BLOCK)
#define QUEUE 64

/* ---- the disk: a thread that takes any request of its queue ---- */
static struct blk_request *queue[QUEUE];
static unsigned queued;
static bool disk_ends, disk_fails;
static spinlock_t disk_lock;
static struct waitq disk_work, disk_room;
static struct blkdev blkdev = { .max_segments = 16, .max_sectors = 64 };
static struct block_device device = { .dev = &blkdev };

static void transfer(struct blk_request *r)
{
	uint8_t *at = block_map_disk + r->sector * 512;
	for (unsigned i = 0; i < r->segment_count; i++) {
		void *memory = phys_to_virt(r->segments[i].bus);
		if (r->op == BLK_READ) {
			memcpy(memory, at, r->segments[i].len);
		} else {
			memcpy(at, memory, r->segments[i].len);
		}
		at += r->segments[i].len;
	}
	assert_int_equal(at - block_map_disk - (long)r->sector * 512, r->sectors * 512);
}

static struct blk_request *request_take(unsigned *state)
{
	struct blk_request *r = NULL;
	spin_lock(&disk_lock);
	if (queued) {
		unsigned at = (*state = *state * 1103515245 + 12345) / 65536 % queued;
		r = queue[at];
		queue[at] = queue[--queued];
	}
	spin_unlock(&disk_lock);
	return r;
}

static void disk_runs(void *arg)
{
	unsigned state = 5;
	for (;;) {
		WAIT_EVENT(&disk_work, queued || disk_ends);
		struct blk_request *r = request_take(&state);
		if (!r) {
			return;
		}
		waitq_wake_all(&disk_room);
		if (!disk_fails) {
			transfer(r);
		}
		r->done(r, disk_fails ? -EIO : 0);
	}
}

void block_submit(struct block_device *b, struct blk_request *request)
{
	bool in = false;
	assert_true(request->sectors <= blkdev.max_sectors && request->segment_count <= blkdev.max_segments);
	while (!in) {
		WAIT_EVENT(&disk_room, queued < QUEUE);
		spin_lock(&disk_lock);
		in = queued < QUEUE;
		if (in) {
			queue[queued++] = request;
		}
		spin_unlock(&disk_lock);
	}
	waitq_wake_all(&disk_work);
}

int block_read(struct block_device *b, uint64_t sector, void *buffer, uint32_t sectors)
{
	memcpy(buffer, block_map_disk + sector * 512, sectors * 512);
	return disk_fails ? -EIO : 0;
}

int block_write(struct block_device *b, uint64_t sector, const void *buffer, uint32_t sectors)
{
	memcpy(block_map_disk + sector * 512, buffer, sectors * 512);
	return disk_fails ? -EIO : 0;
}

/* ---- the file system ---- */
static size_t (*reclaim)(size_t pages);

static const struct inode_ops ops = { .map = block_map_find, .truncate = block_map_truncate };

void memory_set_reclaim(size_t (*function)(size_t pages))
{
	reclaim = function;
}

void memory_usage(uint64_t *total, uint64_t *free)
{
	*total = 100000;
	*free = 50000;
}

void writeback_throttle(struct inode *inode)
{
	if (dirty_pages > 40) {
		page_cache_flush(inode, true);
	}
}

/* ---- the model ---- */
static uint8_t content[FILE_MOST], bytes[FILE_MOST];
static struct super super;
static struct inode *file;
static struct fake_thread *disk_thread;
static bool over;

static void file_open(bool on_disk)
{
	static struct inode inode;
	memset(&inode, 0, sizeof(inode));
	memset(content, 0, sizeof(content));
	block_map_open(BLOCK, BLOCKS, false);
	file = &inode;
	file->super = &super;
	file->ops = &ops;
	mapping_init(&file->mapping, file);
	file->mapping.device = on_disk ? &device : NULL;
	waitq_init(&disk_work);
	waitq_init(&disk_room);
	page_cache_init();
	disk_ends = disk_fails = over = false;
	disk_thread = fake_thread_start(disk_runs, NULL);
}

static void file_close(void)
{
	uint64_t pages, dirty, writing;
	page_cache_drop(file);
	disk_ends = true;
	waitq_wake_all(&disk_work);
	fake_thread_join(disk_thread);
	page_cache_usage(&pages, &dirty, &writing);
	assert_int_equal(pages, 0);
	assert_int_equal(dirty, 0);
	assert_int_equal(writing, 0);
	assert_int_equal(page_cache_memory(), 0);
	assert_int_equal(fake_pages_in_use(), 0);
	assert_int_equal(fake_memory_in_use(), 0);
}

static void pick_range(uint64_t *offset, uint64_t *count)
{
	*offset = fake_random(3) ? fake_random(FILE_MOST) : fake_random(FILE_MOST / 4096) * 4096;
	*count = fake_random(4) ? fake_random(9000) : fake_random(150000);
	if (fake_random(4) == 0) {
		*offset = file->size < FILE_MOST ? file->size : 0; /* appends, and reads at the end */
	}
	*count = *count < FILE_MOST - *offset ? *count : FILE_MOST - *offset;
}

static void try_write(void)
{
	uint64_t offset, count;
	pick_range(&offset, &count);
	for (uint64_t i = 0; i < count; i++) {
		bytes[i] = (uint8_t)fake_random(256);
	}
	struct io_buffer from = { fake_random(2), (uint64_t)bytes };
	assert_int_equal(page_cache_write(file, from, count, offset), count);
	memcpy(content + offset, bytes, count);
}

static void try_read(void)
{
	uint64_t offset, count;
	pick_range(&offset, &count);
	uint64_t there = offset >= file->size ? 0 : file->size - offset < count ? file->size - offset : count;
	memset(bytes, 0x11, count);
	struct io_buffer to = { fake_random(2), (uint64_t)bytes };
	assert_int_equal(page_cache_read(file, to, count, offset), there);
	assert_memory_equal(bytes, content + offset, there);
}

static void try_truncate(void)
{
	uint64_t size = fake_random(4) ? file->size - (file->size ? fake_random(file->size < 20000 ? file->size : 20000) : 0) : fake_random(FILE_MOST);
	bool in_use;
	assert_int_equal(page_cache_truncate(file, size, &in_use), 0);
	block_map_truncate(file, size);
	memset(content + size, 0, FILE_MOST - size);
}

/* What a flush has written is what the array says, and holes are zeros of it. */
static void check_disk(void)
{
	assert_int_equal(page_cache_flush(file, true), 0);
	for (unsigned i = 0; file->mapping.device && i < file->size / BLOCK; i++) {
		static const uint8_t zeros[BLOCK];
		const uint8_t *block = block_map_block(i);
		assert_memory_equal(block ? block : zeros, content + i * BLOCK, BLOCK);
	}
}

static void use_file(unsigned steps)
{
	for (unsigned i = 0; i < steps; i++) {
		switch (fake_random(16)) {
		case 0:
			try_truncate();
			break;
		case 1:
			page_cache_flush(file, fake_random(2));
			break;
		case 2:
			fake_random(2) ? page_cache_shrink() : reclaim(fake_random(50));
			break;
		case 3:
			check_disk();
			break;
		case 4:
		case 5:
		case 6:
		case 7:
		case 8:
			try_write();
			break;
		default:
			try_read();
		}
	}
	check_disk();
}

static void a_file_is_an_array_of_bytes(void **state)
{
	fake_seed();
	file_open(true);
	use_file(2500);
	file_close();
}

static void so_is_one_in_memory(void **state)
{
	fake_seed();
	file_open(false);
	use_file(2500);
	file_close();
}

static void disturb(void *arg)
{
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		page_cache_flush(file, true);
		page_cache_shrink();
	}
}

/* Reads of another thread, flushes and evictions come in between everything. */
static void others_flush_and_evict(void **state)
{
	fake_seed();
	file_open(true);
	struct fake_thread *t = fake_thread_start(disturb, NULL);
	for (unsigned i = 0; i < 1500; i++) {
		fake_random(3) ? try_write() : try_read();
		if (fake_random(10) == 0) {
			uint64_t size = fake_random(file->size + 1);
			bool in_use;
			mutex_lock(&block_map_mutex); /* nothing of the file system's is under way */
			mutex_unlock(&block_map_mutex);
			assert_int_equal(page_cache_truncate(file, size, &in_use), 0);
			writeback_wait(&file->mapping);
			block_map_truncate(file, size);
			memset(content + size, 0, FILE_MOST - size);
		}
	}
	over = true;
	fake_thread_join(t);
	check_disk();
	file_close();
}

static void the_disks_errors_are_told_once(void **state)
{
	struct io_buffer buffer = { false, (uint64_t)bytes };
	memset(bytes, 7, sizeof(bytes));
	file_open(true);
	assert_int_equal(page_cache_write(file, buffer, 50000, 0), 50000);
	disk_fails = true;
	assert_int_equal(page_cache_flush(file, true), -EIO);
	disk_fails = false;
	assert_int_equal(page_cache_flush(file, true), 0);
	page_cache_shrink();
	disk_fails = true;
	assert_int_equal(page_cache_read(file, buffer, 5000, 4096), -EIO);
	/* A piece of a page needs the rest of it; the file is as it was. */
	assert_int_equal(page_cache_write(file, buffer, 100, 10), -EIO);
	disk_fails = false;
	assert_int_equal(page_cache_read(file, buffer, 5000, 4096), 5000);
	assert_int_equal(page_cache_write(file, buffer, 100, 10), 100);
	assert_int_equal(page_cache_write(file, (struct io_buffer){ true, 8 }, 100, 10), -EFAULT);
	file_close();
}

static void who_uses_a_page_is_told_of(void **state)
{
	struct io_buffer buffer = { false, (uint64_t)bytes };
	struct page *page;
	bool in_use;
	file_open(true);
	assert_int_equal(page_cache_write(file, buffer, 50000, 0), 50000);
	assert_int_equal(page_cache_flush(file, true), 0);
	assert_int_equal(page_cache_get(file, 5, &page), 0);
	assert_int_equal(page_cache_truncate(file, 6 * PAGE_SIZE, &in_use), 0);
	assert_false(in_use);
	assert_int_equal(page_cache_truncate(file, 5 * PAGE_SIZE, &in_use), 0);
	assert_true(in_use);
	assert_null(page->owner);
	page_put(page);
	file_close();
}

static void no_memory_is_said(void **state)
{
	struct io_buffer buffer = { false, (uint64_t)bytes };
	file_open(true);
	fake_memory_fail(1);
	assert_int_equal(page_cache_write(file, buffer, 100, 0), -ENOMEM);
	assert_int_equal(file->size, 0);
	assert_int_equal(page_cache_write(file, buffer, 30000, 0), 30000);
	for (unsigned i = 1; i < 12; i++) { /* wherever it is: an error, or done without */
		assert_int_equal(page_cache_flush(file, true), 0);
		page_cache_shrink();
		fake_memory_fail(i);
		long n = page_cache_read(file, buffer, 20000, 0);
		assert_true(n == 20000 || n == -ENOMEM || (n > 0 && n % PAGE_SIZE == 0));
		fake_memory_fail(0);
	}
	file_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_an_array_of_bytes), cmocka_unit_test(so_is_one_in_memory), cmocka_unit_test(others_flush_and_evict),
		cmocka_unit_test(the_disks_errors_are_told_once), cmocka_unit_test(who_uses_a_page_is_told_of),
		cmocka_unit_test(no_memory_is_said),
	};
	return cmocka_run_group_tests_name("page_cache", tests, NULL, NULL);
}
