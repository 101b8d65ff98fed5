/* SPDX-License-Identifier: MIT */
/*
 * What has a place on the disk without the inode's mutex, or is read past the cache, beside what changes the file: reads with O_DIRECT and first
 * writes to mapped pages, of threads of their own, while the file is written, cut off, made longer and given holes, written out and evicted.
 * Blocks are full of rubbish until they are written, and again when they are given back: nobody ever reads a byte of it, and no block is behind the
 * file's end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "fs/page_cache_internal.h"
#include "kernel/address_space.h"
#include "kernel/block.h"
#include "kernel/platform.h"
#include "kernel/vfs.h"
#include "tests/fake/block_map.h"
#include "tests/fake/threads.h"

#define FILE_MOST (64 * 1024u)
#define BLOCK_LEAST 1024u
#define RUBBISH BLOCK_MAP_RUBBISH
#define ROUNDS 1500u
#define READ_LEAST (1u << 20)
#define FAULTS_LEAST 300u
#define CHANGES_A_READ 8u
#define READERS 2u
#define WRITTEN_MOST 9u /* the bytes that are written: 1 to this */

static unsigned block_size;
static struct blkdev blkdev = { .max_segments = 16, .max_sectors = 64 };
static struct block_device device = { .dev = &blkdev };
static struct super super;
static struct inode file;
static struct file opened;
static bool over;
static uint64_t read_bytes, read_turns, faults;

const struct file_ops regular_file_ops = { .read = NULL };

/* Our other threads get on; who yields instead has to wait for every other program of a busy machine, each time. */
static void give_way(void)
{
	nanosleep(&(struct timespec){ 0, 1 }, NULL);
}

/* ---- the disk: others run before and after each transfer ---- */
static void pause_now(void)
{
	if (fake_random(4) == 0) {
		give_way();
	}
}

int block_read(struct block_device *b, uint64_t sector, void *buffer, uint32_t sectors)
{
	pause_now();
	memcpy(buffer, block_map_disk + sector * 512, sectors * 512);
	return 0;
}

int block_write(struct block_device *b, uint64_t sector, const void *buffer, uint32_t sectors)
{
	pause_now();
	memcpy(block_map_disk + sector * 512, buffer, sectors * 512);
	return 0;
}

void block_submit(struct block_device *b, struct blk_request *r)
{
	uint64_t sector = r->sector;
	for (unsigned i = 0; i < r->segment_count; i++) {
		void *memory = phys_to_virt(r->segments[i].bus);
		uint32_t sectors = r->segments[i].len / 512;
		r->op == BLK_READ ? block_read(b, sector, memory, sectors) : block_write(b, sector, memory, sectors);
		sector += sectors;
	}
	r->done(r, 0);
}

/* ---- the file system ---- */
static int map(struct inode *inode, uint64_t offset, uint64_t bytes, bool allocate, struct block_map *m)
{
	pause_now();
	int error = block_map_find(inode, offset, bytes, allocate, m);
	pause_now();
	return error;
}

static int punch_blocks(struct inode *inode, uint64_t offset, uint64_t bytes)
{
	block_map_drop((offset + block_size - 1) / block_size, (offset + bytes) / block_size);
	return 0;
}

static const struct inode_ops ops = { .map = map, .truncate = block_map_truncate, .punch = punch_blocks };

void memory_set_reclaim(size_t (*function)(size_t pages))
{
}

void memory_usage(uint64_t *total, uint64_t *free)
{
	*total = 100000;
	*free = 50000;
}

void writeback_throttle(struct inode *inode)
{
}

/* As tests/fake/threads.c has its pages: the data behind. */
struct page *page_alloc_order(unsigned order, unsigned flags)
{
	struct page *page = malloc(sizeof(*page) + (PAGE_SIZE << order));
	memset(page, RUBBISH, sizeof(*page) + (PAGE_SIZE << order));
	return page;
}

void address_spaces_drop(const struct inode *inode, uint64_t first, uint64_t end)
{
}

void page_free_order(struct page *page, unsigned order)
{
	free(page);
}

/* ---- who uses the file ---- */
static void no_rubbish(const uint8_t *bytes, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		kassert(bytes[i] <= WRITTEN_MOST);
	}
}

static void reads(void *arg)
{
	uint8_t *bytes = malloc(FILE_MOST);
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		uint64_t offset = fake_random(FILE_MOST / 512) * 512, count = (1 + fake_random((FILE_MOST - offset) / 512)) * 512;
		struct io_buffer to = { fake_random(2), (uint64_t)bytes };
		memset(bytes, RUBBISH, count);
		long n = direct_read(&file, to, count, offset);
		kassert(n >= 0 && n <= (long)count);
		no_rubbish(bytes, (uint64_t)n);
		__atomic_fetch_add(&read_bytes, n, __ATOMIC_RELAXED);
		__atomic_fetch_add(&read_turns, 1, __ATOMIC_RELAXED);
	}
	free(bytes);
}

static void writes_to_mapping(void *arg)
{
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		struct page *page;
		if (file_page(&opened, fake_random(FILE_MOST / PAGE_SIZE), true, &page) == 0) {
			*(volatile uint8_t *)page_data(page) = WRITTEN_MOST;
			pause_now();
			file_page_dirty(&opened, page);
			page_put(page);
			__atomic_fetch_add(&faults, 1, __ATOMIC_RELAXED);
		}
		give_way();
	}
}

static void flushes_and_evicts(void *arg)
{
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		kassert(page_cache_flush(&file, true) == 0);
		page_cache_shrink();
		give_way();
	}
}

/* Twice: a mapping's read may have begun before the size was set, and brought a page in that is behind the end now. */
static void cut(uint64_t size)
{
	bool in_use;
	assert_int_equal(page_cache_truncate(&file, size, &in_use), 0);
	block_map_truncate(&file, size);
	assert_int_equal(page_cache_truncate(&file, size, &in_use), 0);
}

static void change(uint8_t *bytes)
{
	uint64_t offset = fake_random(FILE_MOST), count = 1 + fake_random(fake_random(2) ? 9000 : 600);
	bool in_use;
	count = count < FILE_MOST - offset ? count : FILE_MOST - offset;
	mutex_lock(&file.mutex);
	switch (fake_random(5)) {
	case 0:
		cut(fake_random(2) ? offset : offset & ~(PAGE_SIZE - 1));
		break;
	case 1:
		assert_int_equal(page_cache_punch(&file, offset, offset + count, &in_use), 0);
		break;
	case 2:
		cut(FILE_MOST);
		break;
	default:
		memset(bytes, (int)(1 + fake_random(WRITTEN_MOST)), count);
		assert_int_equal(page_cache_write(&file, (struct io_buffer){ false, (uint64_t)bytes }, count, offset), count);
	}
	mutex_lock(&block_map_mutex);
	for (uint64_t i = (file.size + block_size - 1) / block_size; i < FILE_MOST / block_size; i++) {
		assert_null(block_map_block(i)); /* behind the end */
	}
	mutex_unlock(&block_map_mutex);
	mutex_unlock(&file.mutex);
}

static void file_open(unsigned size)
{
	block_size = size;
	memset(&file, 0, sizeof(file));
	block_map_open(size, FILE_MOST / size, true);
	file.super = &super;
	file.ops = &ops;
	mapping_init(&file.mapping, &file);
	file.mapping.device = &device;
	mutex_init(&file.mutex, "inode");
	opened = (struct file){ .ops = &regular_file_ops, .inode = &file };
	page_cache_init();
	over = false;
	read_bytes = read_turns = faults = 0;
}

static bool atomic_less(const uint64_t *value, uint64_t than)
{
	return __atomic_load_n(value, __ATOMIC_RELAXED) < than;
}

/* Who takes the inode's mutex again at once leaves no turn to those who wait for it. */
static void let_one_read(void)
{
	uint64_t before = __atomic_load_n(&read_turns, __ATOMIC_RELAXED);
	while (__atomic_load_n(&read_turns, __ATOMIC_RELAXED) == before) {
		give_way();
	}
}

static void others_at_once(unsigned size)
{
	static uint8_t bytes[FILE_MOST];
	struct fake_thread *threads[READERS + 2];
	fake_seed();
	file_open(size);
	for (unsigned i = 0; i < READERS + 2; i++) {
		threads[i] = fake_thread_start(i < READERS ? reads : i == READERS ? writes_to_mapping : flushes_and_evicts, NULL);
	}
	for (unsigned i = 0; i < ROUNDS || atomic_less(&read_bytes, READ_LEAST) || atomic_less(&faults, FAULTS_LEAST); i++) {
		change(bytes);
		if (i % CHANGES_A_READ == 0) {
			let_one_read();
		}
	}
	over = true;
	for (unsigned i = 0; i < READERS + 2; i++) {
		fake_thread_join(threads[i]);
	}
	assert_int_equal(page_cache_flush(&file, true), 0);
	page_cache_shrink();
	memset(bytes, RUBBISH, sizeof(bytes));
	assert_int_equal(page_cache_read(&file, (struct io_buffer){ false, (uint64_t)bytes }, FILE_MOST, 0), file.size);
	no_rubbish(bytes, file.size);
	page_cache_drop(&file);
	assert_int_equal(fake_pages_in_use(), 0);
	assert_int_equal(fake_memory_in_use(), 0);
}

static void blocks_of_pages(void **state)
{
	others_at_once(PAGE_SIZE);
}

static void smaller_blocks(void **state)
{
	others_at_once(BLOCK_LEAST);
}

/* What is only in the cache is read from there, and what is only on the disk from there; nothing is written for that. */
static void one_thread_reads_what_it_wrote(void **state)
{
	static uint8_t bytes[FILE_MOST], got[FILE_MOST];
	file_open(BLOCK_LEAST);
	for (unsigned i = 0; i < FILE_MOST; i++) {
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	}
	assert_int_equal(page_cache_write(&file, (struct io_buffer){ false, (uint64_t)bytes }, FILE_MOST - 100, 0), FILE_MOST - 100);
	assert_int_equal(page_cache_flush(&file, true), 0);
	page_cache_shrink();
	memset(bytes + 5000, 3, 3000);
	assert_int_equal(page_cache_write(&file, (struct io_buffer){ false, (uint64_t)bytes + 5000 }, 3000, 5000), 3000);
	for (unsigned offset = 0; offset < FILE_MOST; offset += 512) {
		unsigned left = FILE_MOST - 100 - offset;
		assert_int_equal(direct_read(&file, (struct io_buffer){ false, (uint64_t)got }, FILE_MOST - offset, offset), left);
		assert_memory_equal(got, bytes + offset, left);
	}
	assert_true(file.mapping.dirty_count > 0);
	assert_int_equal(direct_read(&file, (struct io_buffer){ false, (uint64_t)got }, 0, 0), 0);
	assert_int_equal(direct_read(&file, (struct io_buffer){ false, (uint64_t)got }, 512, FILE_MOST), 0);
	assert_int_equal(direct_read(&file, (struct io_buffer){ true, 8 }, 512, 0), -EFAULT);
	page_cache_drop(&file);
	assert_int_equal(fake_pages_in_use(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_thread_reads_what_it_wrote), cmocka_unit_test(blocks_of_pages), cmocka_unit_test(smaller_blocks),
	};
	return cmocka_run_group_tests_name("direct", tests, NULL, NULL);
}
