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
#include "kernel/address_space.h"
#include "kernel/block.h"
#include "kernel/file.h"
#include "kernel/vfs.h"
#include "tests/fake/block_map.h"
#include "tests/fake/threads.h"

#define FILE_MOST (600 * 1024u)
#define BLOCK 1024u
#define BLOCKS (FILE_MOST / BLOCK)
#define QUEUE 64

/* ---- the disk: a thread that takes any request of its queue ---- */
static struct blk_request *queue[QUEUE];
static unsigned queued;
static bool disk_ends, disk_fails, disk_waits;
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
		WAIT_EVENT(&disk_work, (queued && !__atomic_load_n(&disk_waits, __ATOMIC_ACQUIRE)) || disk_ends);
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

/* ---- a mapping that may write to one page ---- */
const struct file_ops regular_file_ops;
static struct file mapped_file = { .ops = &regular_file_ops };
static struct page *mapped;

void address_spaces_drop(const struct inode *inode, uint64_t first, uint64_t end)
{
	if (mapped && mapped->index >= first && mapped->index < end) {
		page_put(mapped);
		mapped = NULL;
	}
}

static void mapping_write(struct inode *inode, uint64_t offset, const void *data, uint64_t count)
{
	mapped_file.inode = inode;
	if (!mapped) {
		assert_int_equal(file_page(&mapped_file, offset / PAGE_SIZE, true, &mapped), 0);
	}
	memcpy((char *)page_data(mapped) + offset % PAGE_SIZE, data, count);
	file_page_dirty(&mapped_file, mapped);
}

/* ---- the model ---- */
static uint8_t content[FILE_MOST], bytes[FILE_MOST];
static struct super super = { .block_size = BLOCK };
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
	disk_ends = disk_fails = disk_waits = over = false;
	block_map_room = UINT32_MAX;
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
	assert_int_equal(page_cache_blocks_cut(file, size), 0);
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
			assert_int_equal(page_cache_truncate(file, size, &in_use), 0);
			assert_int_equal(page_cache_blocks_cut(file, size), 0);
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

/* ---- what a full disk leaves ---- */
static void is_content(void)
{
	struct io_buffer to = { false, (uint64_t)bytes };
	for (unsigned round = 0; round < 2; round++) { /* from memory, and from the disk */
		memset(bytes, 0x11, file->size);
		assert_int_equal(page_cache_read(file, to, file->size, 0), file->size);
		assert_memory_equal(bytes, content, file->size);
		assert_int_equal(page_cache_flush(file, true), 0);
		page_cache_shrink();
	}
}

static void write_until_full(uint64_t offset, uint64_t count, unsigned places, uint64_t fits)
{
	struct io_buffer from = { false, (uint64_t)bytes };
	memset(bytes, 0x77, count);
	block_map_room = places;
	assert_int_equal(page_cache_write(file, from, count, offset), fits ? (long)fits : -ENOSPC);
	memset(content + offset, 0x77, fits);
	is_content();
}

/* What has got a block is written, as far as the call has come; nowhere is what was in the blocks before. */
static void a_full_disk_shows_nothing_of_others(void **state)
{
	bool in_use;
	file_open(true);
	assert_int_equal(page_cache_truncate(file, 8 * PAGE_SIZE, &in_use), 0);
	write_until_full(0, PAGE_SIZE, 2, 2 * BLOCK); /* a whole page of a hole */
	write_until_full(PAGE_SIZE + 100, 3000, 1, BLOCK - 100);
	write_until_full(2 * PAGE_SIZE, 2 * PAGE_SIZE, 5, PAGE_SIZE + BLOCK);
	write_until_full(4 * PAGE_SIZE, PAGE_SIZE, 0, 0);
	write_until_full(6 * PAGE_SIZE + 10, 20, 1, 20);
	write_until_full(6 * PAGE_SIZE, PAGE_SIZE, 1, 2 * BLOCK); /* its second block is new */
	write_until_full(8 * PAGE_SIZE - 100, 2 * PAGE_SIZE, 3, 100 + 2 * BLOCK); /* over the end */
	assert_int_equal(file->size, 8 * PAGE_SIZE + 2 * BLOCK);
	file_close();
}

/* ---- a mapping of the last page ---- */
static void mapped_tail(void (*grow)(void), uint64_t at)
{
	bool in_use;
	file_open(true);
	assert_int_equal(page_cache_truncate(file, PAGE_SIZE + 500, &in_use), 0);
	mapping_write(file, PAGE_SIZE + 10, "first", 5);
	memcpy(content + PAGE_SIZE + 10, "first", 5);
	grow();
	mapping_write(file, at, "second", 6);
	memcpy(content + at, "second", 6);
	address_spaces_drop(file, 0, UINT64_MAX);
	is_content();
	file_close();
}

static void grow_by_truncation(void)
{
	bool in_use;
	assert_int_equal(page_cache_truncate(file, 3 * PAGE_SIZE, &in_use), 0);
}

static void grow_by_write(void)
{
	struct io_buffer from = { false, (uint64_t) "end" };
	assert_int_equal(page_cache_write(file, from, 3, 2 * PAGE_SIZE - 3), 3);
	memcpy(content + 2 * PAGE_SIZE - 3, "end", 3);
}

static void a_mapping_writes_what_the_file_has_grown_by(void **state)
{
	mapped_tail(grow_by_truncation, 2 * PAGE_SIZE - 6);
	mapped_tail(grow_by_write, PAGE_SIZE + 2 * BLOCK);
}

/* ---- a truncation beside a read ---- */
static long read_result;

static void read_two_pages(void *arg)
{
	static uint8_t into[2 * PAGE_SIZE];
	read_result = page_cache_read(file, (struct io_buffer){ false, (uint64_t)into }, sizeof(into), 0);
	for (long i = 0; i < read_result; i++) {
		read_result = into[i] == BLOCK_MAP_RUBBISH ? -EINVAL : read_result;
	}
}

static void disk_goes_on(void)
{
	__atomic_store_n(&disk_waits, false, __ATOMIC_RELEASE);
	waitq_wake_all(&disk_work);
}

static void two_pages_of_file(void)
{
	file_open(true);
	memset(bytes, 7, 2 * PAGE_SIZE);
	assert_int_equal(page_cache_write(file, (struct io_buffer){ false, (uint64_t)bytes }, 2 * PAGE_SIZE, 0), 2 * PAGE_SIZE);
	assert_int_equal(page_cache_flush(file, true), 0);
	page_cache_shrink();
	disk_waits = true;
}

/* The reader waits for the first page, knows how long the file was, and comes to the second one when the file has lost it, but not yet its blocks. */
static void a_read_has_nothing_of_freed_blocks(void **state)
{
	struct page *page;
	bool in_use;
	two_pages_of_file();
	assert_int_equal(cache_insert(&file->mapping, 0, &page), 0);
	memset(page_data(page), 7, PAGE_SIZE);
	struct fake_thread *t = fake_thread_start(read_two_pages, NULL);
	fake_wait_sleepers(2); /* with the disk */
	assert_int_equal(page_cache_truncate(file, PAGE_SIZE, &in_use), 0);
	page_flag_set(page, PAGE_UPTODATE);
	page_unlock(page);
	page_put(page);
	fake_wait_sleepers(2); /* it has asked for the second one */
	assert_int_equal(page_cache_blocks_cut(file, PAGE_SIZE), 0);
	disk_goes_on();
	fake_thread_join(t);
	page_cache_cut(file, PAGE_SIZE, &in_use);
	assert_int_equal(read_result, PAGE_SIZE);
	file_close();
}

static void blocks_cut(void *arg)
{
	assert_int_equal(page_cache_blocks_cut(file, PAGE_SIZE + 100), 0);
}

/* The page with the new end is thrown out, and read again while the blocks behind it are to become another file's. */
static void nor_has_the_page_with_the_end(void **state)
{
	bool in_use;
	two_pages_of_file();
	disk_goes_on();
	assert_int_equal(page_cache_truncate(file, PAGE_SIZE + 100, &in_use), 0);
	assert_int_equal(page_cache_flush(file, true), 0);
	page_cache_shrink();
	disk_waits = true;
	struct fake_thread *reader = fake_thread_start(read_two_pages, NULL);
	fake_wait_sleepers(2);
	struct fake_thread *cutter = fake_thread_start(blocks_cut, NULL);
	fake_wait_sleepers(3);
	disk_goes_on();
	fake_thread_join(reader);
	fake_thread_join(cutter);
	assert_int_equal(read_result, PAGE_SIZE + 100);
	page_cache_cut(file, PAGE_SIZE + 100, &in_use);
	assert_int_equal(page_cache_truncate(file, 2 * PAGE_SIZE, &in_use), 0);
	memset(content, 7, PAGE_SIZE + 100);
	is_content();
	file_close();
}

/* The page with the new end is on its way to the disk when the blocks behind it go. */
static void a_write_reaches_no_block_that_went(void **state)
{
	bool in_use;
	two_pages_of_file();
	disk_goes_on();
	assert_int_equal(page_cache_truncate(file, PAGE_SIZE + 100, &in_use), 0);
	const uint8_t *second = block_map_block(PAGE_SIZE / BLOCK + 1);
	assert_int_equal(second[0], 7);
	disk_waits = true;
	assert_int_equal(page_cache_flush(file, false), 0);
	struct fake_thread *cutter = fake_thread_start(blocks_cut, NULL);
	fake_wait_sleepers(2); /* with the disk */
	disk_goes_on();
	fake_thread_join(cutter);
	assert_int_equal(page_cache_flush(file, true), 0);
	assert_null(block_map_block(PAGE_SIZE / BLOCK + 1));
	assert_int_equal(second[0], BLOCK_MAP_RUBBISH); /* as it is another's now */
	file_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_an_array_of_bytes), cmocka_unit_test(so_is_one_in_memory), cmocka_unit_test(others_flush_and_evict),
		cmocka_unit_test(the_disks_errors_are_told_once), cmocka_unit_test(who_uses_a_page_is_told_of),
		cmocka_unit_test(no_memory_is_said), cmocka_unit_test(a_full_disk_shows_nothing_of_others),
		cmocka_unit_test(a_mapping_writes_what_the_file_has_grown_by), cmocka_unit_test(a_read_has_nothing_of_freed_blocks),
		cmocka_unit_test(nor_has_the_page_with_the_end),
		cmocka_unit_test(a_write_reaches_no_block_that_went),
	};
	return cmocka_run_group_tests_name("page_cache", tests, NULL, NULL);
}
