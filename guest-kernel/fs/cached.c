/* SPDX-License-Identifier: MIT */
/* Pages of a file that need no waiting for: what a page fault maps beside the page that it was for. */
#include "kernel/file.h"
#include "page_cache_internal.h"

unsigned file_pages_cached(struct file *f, uint64_t first, uint64_t last, struct page **pages, unsigned max)
{
	struct inode *inode = f->inode;
	if (!inode || !inode->size) {
		return 0;
	}
	uint64_t end = (inode->size - 1) / PAGE_SIZE;
	last = last < end ? last : end;
	unsigned count = cache_collect(&inode->mapping, &first, last, PAGE_UPTODATE, pages, max);
	/* Those that a truncation has left behind the end by now, it may have looked at before they were referenced here. */
	while (count && pages[count - 1]->index * PAGE_SIZE >= __atomic_load_n(&inode->size, __ATOMIC_ACQUIRE)) {
		page_put(pages[--count]);
	}
	return count;
}
