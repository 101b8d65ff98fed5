/* SPDX-License-Identifier: MIT */
/*
 * When memory is short, programs lose pages of files that they map: the next touch finds them in the cache, or reads them again. Only what
 * goes beyond a share of the I/O zone is taken, so that programs that run keep their text, and hogs are ended rather than everybody
 * slowed down for them. A page that was touched since the last look stays: the processor notes that in the leaf. Of what was written to, a first
 * look takes the permission; when no processor can write any longer, it is marked dirty, and gone when it has been written. Locked memory stays.
 */
#include "kernel/file.h"
#include "kernel/memory.h"
#include "kernel/reserve.h"
#include "mm/address_space.h"
#include "mm/pages.h"
#include "mm/reserve.h"
#include "mm/user_table.h"

#define LEFT_SHARE 4u /* of the I/O zone, that stays mapped */
#define PASSES 2u /* the first may only find out what is not touched, and end writing */

static void leaf_look(struct address_space *as, const struct area *area, uint64_t *leaf, uint64_t address, struct flush *flush, uint64_t *wanted)
{
	uint64_t entry = *leaf;
	if (!leaf_holds_page(entry) || (entry & PTE_ADDRESS) == zero_page_phys()) {
		return;
	}
	struct page *page = page_from_phys(entry & PTE_ADDRESS);
	if (page_kind(page) != PAGE_FILE) {
		return;
	}
	flush_page(flush, address);
	bool written = (area->flags & MAP_SHARED) && (entry & PTE_DIRTY);
	if ((entry & PTE_ACCESSED) || (written && (entry & PTE_WRITE))) {
		__atomic_fetch_and(leaf, ~(PTE_ACCESSED | (written ? PTE_WRITE : 0)), __ATOMIC_RELAXED);
		return;
	}
	*leaf = 0;
	as->resident--;
	if (written) {
		file_page_dirty(area->file, page);
	}
	flush_put(flush, page);
	(*wanted)--;
}

static void area_evict(struct address_space *as, const struct area *area, struct flush *flush, uint64_t *wanted)
{
	uint64_t *leaf;
	unsigned count;
	for (uint64_t at = area->start; *wanted && (leaf = user_leaves_next(as->cr3, &at, area->end, &count)); at += count * PAGE_SIZE) {
		for (unsigned i = 0; i < count && *wanted && !leaf_is_large(leaf[i]); i++) {
			leaf_look(as, area, &leaf[i], at + i * PAGE_SIZE, flush, wanted);
		}
	}
}

static void space_evict(struct address_space *as, uint64_t *wanted)
{
	struct flush flush;
	mutex_lock(&as->lock);
	flush_begin(&flush, as);
	as->resident_most = as->resident > as->resident_most ? as->resident : as->resident_most;
	for (struct list *node = as->areas.list.next; node != &as->areas.list && *wanted; node = node->next) {
		const struct area *area = container_of(node, struct area, link);
		if (area->file && !(area->flags & AREA_LOCKED)) {
			area_evict(as, area, &flush, wanted);
		}
	}
	flush_finish(&flush);
	mutex_unlock(&as->lock);
}

uint64_t mapped_files_give_up(uint64_t most)
{
	uint64_t start, bytes, mapped = memory_mapped_files();
	memory_io_zone(&start, &bytes);
	uint64_t stays = bytes / PAGE_SIZE / LEFT_SHARE, more = mapped > stays ? mapped - stays : 0;
	uint64_t wanted = most < more ? most : more, left = wanted;
	for (unsigned i = 0; i < PASSES && left; i++) {
		for (struct address_space *as = address_space_next(NULL), *next; as; as = next) {
			if (left) {
				space_evict(as, &left);
			}
			next = address_space_next(as);
			address_space_put(as);
			reserve_renew();
		}
	}
	return wanted - left;
}
