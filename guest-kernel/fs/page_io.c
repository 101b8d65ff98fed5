/* SPDX-License-Identifier: MIT */
/*
 * Pages to and from the disk. Pieces that follow each other on the disk become one request; a page may consist of several
 * pieces (blocks smaller than a page) and is done when the last of them is. page->private counts the pieces under way, and one
 * more while they are being set up. Completion runs in interrupt context and only sets flags and wakes.
 */
#include "fs/page_cache_internal.h"

#include "kernel/thread.h"
#include "kernel/block.h"
#include "kernel/platform.h"

struct batch {
	struct blk_request request;
	struct inode *inode;
	unsigned room, pieces;
	uint64_t next_sector;
	struct blk_segment *segments;
	struct page *pages[]; /* of each segment; behind them the segments */
};

#define BATCH_ROOM ((PAGE_SIZE - sizeof(struct batch)) / (sizeof(struct page *) + sizeof(struct blk_segment))) /* it is in one page */

/* What a run of pages is being set up with. */
struct setup {
	struct inode *inode;
	enum blk_op op;
	struct batch *batch;
	unsigned pages_left;
	struct block_map map;
	uint64_t map_start, map_end; /* file range that `map` answers for */
};

static struct waitq writeback_queue = WAITQ_INIT(writeback_queue);

static void read_done(struct page *page)
{
	if (!(page_flags_get(page) & PAGE_ERROR)) {
		page_flag_set(page, PAGE_UPTODATE);
	}
	page_flag_clear(page, PAGE_LOCKED);
	page_wake(page);
	page_put(page);
}

static void write_done(struct inode *inode, struct page *page)
{
	struct mapping *m = &inode->mapping;
	if (page_flags_get(page) & PAGE_ERROR) {
		m->error = -EIO;
	}
	page_flag_clear(page, PAGE_WRITEBACK);
	page_wake(page);
	page_put(page);
	__atomic_fetch_sub(&writeback_pages, 1, __ATOMIC_RELAXED);
	if (__atomic_sub_fetch(&m->writeback, 1, __ATOMIC_ACQ_REL) == 0) {
		waitq_wake_all(&writeback_queue);
	}
}

static void piece_done(struct inode *inode, enum blk_op op, struct page *page, int status)
{
	if (status) {
		page_flag_set(page, PAGE_ERROR);
	}
	if (__atomic_sub_fetch((uintptr_t *)&page->private, 1, __ATOMIC_ACQ_REL) == 0) {
		if (op == BLK_READ) {
			read_done(page);
		} else {
			write_done(inode, page);
		}
	}
}

static void batch_done(struct blk_request *request, int status)
{
	struct batch *batch = container_of(request, struct batch, request);
	for (unsigned i = 0; i < batch->pieces; i++) {
		piece_done(batch->inode, request->op, batch->pages[i], status);
	}
	kfree(batch);
}

static void batch_submit(struct setup *s)
{
	if (s->op == BLK_READ) {
		thread_current()->usage.inputs += s->batch ? s->batch->pieces : 0;
	}
	struct batch *batch = s->batch;
	s->batch = NULL;
	if (batch) {
		batch->request.segment_count = batch->pieces;
		batch->request.segments = batch->segments;
		block_submit(s->inode->mapping.device, &batch->request);
	}
}

static struct batch *batch_create(struct setup *s, uint64_t sector)
{
	struct blkdev *dev = s->inode->mapping.device->dev;
	unsigned room = s->pages_left + 8;
	room = room < dev->max_segments ? room : dev->max_segments;
	room = room < BATCH_ROOM ? room : BATCH_ROOM;
	struct batch *batch = kmalloc(sizeof(*batch) + room * (sizeof(struct page *) + sizeof(struct blk_segment)));
	if (batch) {
		memset(batch, 0, sizeof(*batch));
		batch->inode = s->inode;
		batch->room = room;
		batch->segments = (struct blk_segment *)&batch->pages[room];
		batch->next_sector = sector;
		batch->request.op = s->op;
		batch->request.sector = sector;
		batch->request.done = batch_done;
	}
	return batch;
}

/* Without memory for a batch: now, and nothing is needed for it. */
static void piece_transfer(struct setup *s, struct page *page, unsigned offset, unsigned bytes, uint64_t sector)
{
	struct block_device *device = s->inode->mapping.device;
	char *data = (char *)page_data(page) + offset;
	int error = s->op == BLK_READ ? block_read(device, sector, data, bytes / 512) : block_write(device, sector, data, bytes / 512);
	if (error) {
		page_flag_set(page, PAGE_ERROR);
	}
}

static void piece_add(struct setup *s, struct page *page, unsigned offset, unsigned bytes, uint64_t sector)
{
	struct batch *batch = s->batch;
	if (batch && (batch->next_sector != sector || batch->pieces == batch->room ||
		      batch->request.sectors + bytes / 512 > s->inode->mapping.device->dev->max_sectors)) {
		batch_submit(s);
		batch = NULL;
	}
	if (!batch) {
		batch = s->batch = batch_create(s, sector);
	}
	if (!batch) {
		piece_transfer(s, page, offset, bytes, sector);
		return;
	}
	__atomic_fetch_add((uintptr_t *)&page->private, 1, __ATOMIC_ACQ_REL);
	batch->pages[batch->pieces] = page;
	batch->segments[batch->pieces] = (struct blk_segment){ .bus = page_phys(page) + offset, .len = bytes };
	batch->pieces++;
	batch->request.sectors += bytes / 512;
	batch->next_sector += bytes / 512;
}

static void page_setup(struct setup *s, struct page *page)
{
	uint64_t start = page->index * PAGE_SIZE;
	unsigned offset = 0;
	while (offset < PAGE_SIZE) {
		uint64_t at = start + offset;
		if (at < s->map_start || at >= s->map_end) {
			uint64_t want = (uint64_t)s->pages_left * PAGE_SIZE - offset;
			int error = s->inode->ops->map(s->inode, at, want, false, &s->map);
			if (error || s->map.bytes == 0) {
				page_flag_set(page, PAGE_ERROR);
				return;
			}
			s->map_start = at;
			s->map_end = at + s->map.bytes;
		}
		uint64_t left = s->map_end - at;
		unsigned bytes = left < PAGE_SIZE - offset ? (unsigned)left : (unsigned)(PAGE_SIZE - offset);
		if (s->map.mapped) {
			piece_add(s, page, offset, bytes, s->map.sector + (at - s->map_start) / 512);
		} else if (s->op == BLK_READ) {
			memset((char *)page_data(page) + offset, 0, bytes);
		}
		offset += bytes;
	}
}

static void pages_start(struct inode *inode, enum blk_op op, struct page **pages, unsigned count)
{
	struct setup s = { .inode = inode, .op = op, .pages_left = count };
	for (unsigned i = 0; i < count; i++) {
		page_flag_clear(pages[i], PAGE_ERROR);
		pages[i]->private = (void *)1;
		s.pages_left = count - i;
		page_setup(&s, pages[i]);
		piece_done(inode, op, pages[i], 0);
	}
	batch_submit(&s);
}

void pages_read(struct inode *inode, struct page **pages, unsigned count)
{
	pages_start(inode, BLK_READ, pages, count);
}

void pages_write(struct inode *inode, struct page **pages, unsigned count)
{
	__atomic_fetch_add(&inode->mapping.writeback, count, __ATOMIC_ACQ_REL);
	__atomic_fetch_add(&writeback_pages, count, __ATOMIC_RELAXED);
	pages_start(inode, BLK_WRITE, pages, count);
}

static void flush_pages(struct inode *inode, struct page **pages, unsigned count)
{
	struct mapping *m = &inode->mapping;
	unsigned ready = 0;
	for (unsigned i = 0; i < count; i++) {
		struct page *page = pages[i];
		page_lock(page);
		page_wait(page, PAGE_WRITEBACK);
		if (page->owner != m || !(page_flags_get(page) & PAGE_DIRTY)) {
			page_unlock(page);
			page_put(page);
			continue;
		}
		page_flag_set(page, PAGE_WRITEBACK);
		cache_page_cleaned(m, page);
		page_unlock(page);
		pages[ready++] = page;
	}
	pages_write(inode, pages, ready);
}

void writeback_wait(struct mapping *m)
{
	WAIT_EVENT(&writeback_queue, __atomic_load_n(&m->writeback, __ATOMIC_ACQUIRE) == 0);
}

int page_cache_flush(struct inode *inode, bool wait)
{
	struct mapping *m = &inode->mapping;
	if (!m->device) {
		return 0;
	}
	struct page **pages = kmalloc(PAGE_BATCH * sizeof(*pages));
	if (!pages) {
		return -ENOMEM;
	}
	spin_lock(&cache_lock);
	uint64_t index = m->dirty_first, last = m->dirty_count ? m->dirty_last : 0;
	bool any = m->dirty_count > 0;
	spin_unlock(&cache_lock);
	while (any) {
		unsigned count = cache_collect(m, &index, last, PAGE_DIRTY, pages, PAGE_BATCH);
		if (count == 0) {
			break;
		}
		flush_pages(inode, pages, count);
	}
	kfree(pages);
	if (!wait) {
		return 0;
	}
	writeback_wait(m);
	return __atomic_exchange_n(&m->error, 0, __ATOMIC_ACQ_REL);
}
