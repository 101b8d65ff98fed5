/* SPDX-License-Identifier: MIT */
/*
 * When dirty pages go to the disk without being asked: a thread looks every second for files that have been dirty for five,
 * and a writer that has made a quarter of the I/O zone dirty writes its own file first. Metadata follows every five seconds.
 */
#include "fs/page_cache_internal.h"

#include "kernel/platform.h"
#include "kernel/reserve.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "kernel/vfs.h"

#define SECOND 1000000000ull
#define AGE (5 * SECOND)
#define THROTTLE_SHARE 4u
#define GIVE_UP_FILES 16u

static uint64_t dirty_limit(void)
{
	uint64_t start, bytes;
	memory_io_zone(&start, &bytes);
	return bytes / PAGE_SIZE / THROTTLE_SHARE;
}

void writeback_throttle(struct inode *inode)
{
	if (dirty_pages > dirty_limit()) {
		page_cache_flush(inode, true);
	}
}

/* The dirty file whose turn it is, referenced, if it has been dirty since before that. */
static struct inode *dirty_next(uint64_t before_ns, uint64_t now)
{
	struct inode *inode = NULL;
	spin_lock(&cache_lock);
	if (!list_empty(&dirty_mappings)) {
		struct mapping *m = container_of(dirty_mappings.next, struct mapping, dirty_link);
		if (m->dirty_since_ns <= before_ns) {
			inode = inode_try_get(m->inode) ? m->inode : NULL; /* else it is being evicted, and written */
			list_remove(&m->dirty_link);
			list_push_back(&dirty_mappings, &m->dirty_link);
			m->dirty_since_ns = (before_ns < now ? before_ns : now) + AGE;
		}
	}
	spin_unlock(&cache_lock);
	return inode;
}

static void write_old(uint64_t now)
{
	for (unsigned i = 0; i < 1024; i++) {
		bool pressed = dirty_pages > dirty_limit() / 2;
		struct inode *inode = dirty_next(pressed ? now : now > AGE ? now - AGE : 0, now);
		if (!inode) {
			break;
		}
		page_cache_flush(inode, false);
		inode_put(inode);
		reserve_renew();
	}
}

static void writeback_thread(void *arg)
{
	uint64_t metadata_ns = time_ns();
	for (;;) {
		thread_sleep_until(time_ns() + SECOND, false);
		uint64_t now = time_ns();
		reserve_begin(RESERVE_WRITEBACK);
		write_old(now);
		if (now - metadata_ns >= AGE) {
			metadata_ns = now;
			mutex_lock(&mount_mutex);
			list_for_each(node, &super_list) {
				struct super *super = container_of(node, struct super, link);
				if (super->ops->sync && !super->read_only) {
					super->ops->sync(super);
				}
			}
			mutex_unlock(&mount_mutex);
		}
		reserve_end();
	}
}

/* For the reclaimer: names that nobody uses, and dirty pages, also of a file that never is clean, as it is written to all the time. */
void caches_give_up(void)
{
	const struct inode *first = NULL;
	dentries_shrink();
	for (unsigned i = 0; i < GIVE_UP_FILES && dirty_pages; i++) {
		reserve_renew();
		struct inode *inode = dirty_next(UINT64_MAX, time_ns());
		if (!inode) {
			continue; /* its file system has it */
		}
		if (inode != first) {
			page_cache_flush(inode, true);
		}
		bool again = inode == first;
		first = first ? first : inode;
		inode_put(inode);
		if (again) {
			break;
		}
	}
}

void writeback_start(void)
{
	if (!thread_create("writeback", writeback_thread, NULL)) {
		kprintf("no memory for the writeback thread: data is written by sync only");
	}
}
