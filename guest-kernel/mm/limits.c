/* SPDX-License-Identifier: MIT */
/*
 * Limits of memory, as Linux counts (getrlimit(2)): the address space is all areas, data is what is private, writable and no stack.
 * The sizes are known; only data has to be counted, and only where it is limited.
 */
#include "mm/limits.h"
#include "kernel/capability.h"
#include "kernel/process.h"


static uint64_t limit_of(unsigned which)
{
	const struct process *p = process_current();
	return p ? __atomic_load_n(&p->rlimits[which].soft, __ATOMIC_RELAXED) : UINT64_MAX;
}

uint64_t areas_count(struct address_space *as, uint64_t start, uint64_t end, unsigned flags)
{
	uint64_t pages = 0;
	for (struct area *a = area_find(&as->areas, start); a && a->start < end; a = area_next(&as->areas, a)) {
		uint64_t from = a->start > start ? a->start : start, to = a->end < end ? a->end : end;
		pages += !flags || (a->flags & flags) ? (to - from) >> PAGE_SHIFT : 0;
	}
	return pages;
}

static bool data_allows(struct address_space *as, uint64_t pages)
{
	uint64_t limit = limit_of(RLIMIT_DATA);
	if (limit == UINT64_MAX) {
		return true;
	}
	list_for_each(node, &as->areas.list) {
		const struct area *a = container_of(node, struct area, link);
		pages += area_is_data(a->prot, a->flags) ? (a->end - a->start) >> PAGE_SHIFT : 0;
	}
	return pages <= limit >> PAGE_SHIFT;
}

bool limit_allows(struct address_space *as, unsigned prot, unsigned flags, uint64_t pages, uint64_t gone)
{
	uint64_t limit = limit_of(RLIMIT_AS);
	return as->areas.pages - gone + pages <= limit >> PAGE_SHIFT && (!area_is_data(prot, flags) || data_allows(as, pages));
}

bool limit_allows_stack(uint64_t bytes)
{
	return bytes <= limit_of(RLIMIT_STACK);
}

bool limit_allows_heap(uint64_t bytes)
{
	return bytes <= limit_of(RLIMIT_DATA);
}

bool limit_may_lock(void)
{
	return limit_of(RLIMIT_MEMLOCK) || capable(CAP_IPC_LOCK);
}

bool limit_allows_locked(uint64_t pages)
{
	return pages <= limit_of(RLIMIT_MEMLOCK) >> PAGE_SHIFT || capable(CAP_IPC_LOCK);
}
