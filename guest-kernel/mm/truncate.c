/* SPDX-License-Identifier: MIT */
/*
 * A file has become shorter: whoever maps what was cut off lets go of it, so that the next touch is a SIGBUS (POSIX, mmap). All
 * address spaces are looked through, which a truncation does only when it met a page that somebody besides the cache used.
 * A fault that runs at the same time holds the address space's lock from its look at the file's size to the leaf: it is either over
 * when its address space's turn comes, or sees the new size.
 */
#include "kernel/file.h"
#include "kernel/memory.h"
#include "mm/address_space.h"

static spinlock_t spaces_lock = SPINLOCK_INIT("address spaces");
static struct list spaces = LIST_INIT(spaces); /* spaces_lock */

void address_space_list(struct address_space *as)
{
	spin_lock(&spaces_lock);
	list_push_back(&spaces, &as->all_link); /* behind its parent: a walk that cuts the parent first finds the copy, too */
	spin_unlock(&spaces_lock);
}

void address_space_unlist(struct address_space *as)
{
	spin_lock(&spaces_lock);
	list_remove(&as->all_link);
	spin_unlock(&spaces_lock);
}

struct address_space *address_space_next(struct address_space *as)
{
	struct address_space *found = NULL;
	spin_lock(&spaces_lock);
	struct list *node = as ? as->all_link.next : spaces.next;
	for (; node != &spaces && !found; node = node->next) {
		struct address_space *next = container_of(node, struct address_space, all_link);
		uint32_t references = __atomic_load_n(&next->references, __ATOMIC_ACQUIRE);
		while (references && !found) {
			if (__atomic_compare_exchange_n(&next->references, &references, references + 1, false, __ATOMIC_ACQ_REL,
							__ATOMIC_ACQUIRE)) {
				found = next;
			}
		}
	}
	spin_unlock(&spaces_lock);
	return found;
}

/* Of what pages [first, end) of the file are mapped by. */
static void area_cut(struct address_space *as, struct area *area, uint64_t first, uint64_t end, struct flush *flush)
{
	uint64_t begins = area->offset >> PAGE_SHIFT, ends = begins + ((area->end - area->start) >> PAGE_SHIFT);
	first = first > begins ? first : begins;
	end = end < ends ? end : ends;
	if (first < end) {
		area_zap(as, area, area->start + ((first - begins) << PAGE_SHIFT), area->start + ((end - begins) << PAGE_SHIFT), flush);
	}
}

static void space_cut(struct address_space *as, const struct inode *inode, uint64_t first, uint64_t end, bool shared)
{
	struct flush flush;
	flush_begin(&flush, as);
	mutex_lock(&as->lock);
	list_for_each(node, &as->areas.list) {
		struct area *area = container_of(node, struct area, link);
		if (area->file && area->file->inode == inode && (!shared || (area->flags & MAP_SHARED))) {
			area_cut(as, area, first, end, &flush);
		}
	}
	flush_finish(&flush);
	mutex_unlock(&as->lock);
}

static void spaces_cut(const struct inode *inode, uint64_t first, uint64_t end, bool shared)
{
	struct address_space *as = address_space_next(NULL);
	while (as) {
		space_cut(as, inode, first, end, shared);
		struct address_space *next = address_space_next(as);
		address_space_put(as);
		as = next;
	}
}

void address_spaces_cut(const struct inode *inode, uint64_t first_page)
{
	spaces_cut(inode, first_page, UINT64_MAX, false);
}

void address_spaces_drop(const struct inode *inode, uint64_t first, uint64_t end)
{
	spaces_cut(inode, first, end, true);
}
