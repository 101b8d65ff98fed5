/* SPDX-License-Identifier: MIT */
/*
 * Pages of files in memory are made where devices do not reach. One that is to be sent as it is moves to where they do, once: after that it goes without a
 * copy each time (sendfile(2)). Only a page moves that nobody but the cache and the caller has: a program that has mapped it goes on writing
 * to where it is, and that one is copied each time.
 */
#include "fs/page_cache_internal.h"

#include "kernel/reserve.h"
#include "mm/radix.h"

/* Under the cache's lock nobody gets another reference, and with the page's nobody is writing to it. */
static bool take_place_locked(struct mapping *m, struct page *old, struct page *fresh)
{
	if (old->owner != m || old->references != 2) {
		return false;
	}
	list_init(&fresh->link);
	fresh->owner = m;
	fresh->index = old->index;
	page_flag_set(fresh, PAGE_UPTODATE | (page_flags_get(old) & PAGE_ACCESSED));
	memcpy(page_data(fresh), page_data(old), PAGE_SIZE);
	radix_exchange(m->root, m->height, old->index, fresh);
	page_get(fresh); /* the cache's */
	old->owner = NULL;
	return true;
}

bool page_cache_reach(struct inode *inode, struct page **page)
{
	struct mapping *m = &inode->mapping;
	struct page *old = *page;
	if ((old->flags & PAGE_IO) || m->device) {
		return old->flags & PAGE_IO;
	}
	reserve_optional_begin();
	struct page *fresh = page_alloc(ALLOC_IO | ALLOC_SPARE | ALLOC_KIND(PAGE_SHARED));
	reserve_optional_end();
	if (!fresh) {
		return false;
	}
	page_lock(old);
	spin_lock(&cache_lock);
	bool moved = take_place_locked(m, old, fresh);
	spin_unlock(&cache_lock);
	page_unlock(old);
	if (!moved) {
		page_put(fresh);
		return false;
	}
	page_put(old); /* the cache's, which is now of the other one */
	page_put(old);
	*page = fresh;
	return true;
}
