/* SPDX-License-Identifier: MIT */
/*
 * What programs say of ranges of their memory: madvise(2) and mlock(2). Advice that lasts is a flag of areas, for which they are split.
 * Memory is never swapped: locking touches the pages, counts them against RLIMIT_MEMLOCK, and keeps them from MADV_DONTNEED.
 */
#include "abi/errno.h"
#include "kernel/memory.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "mm/address_space.h"
#include "mm/large_leaf.h"
#include "mm/limits.h"

#define PAGE_UP(x) (((x) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1))
enum {
	MADV_WILLNEED = 3, MADV_DONTNEED, MADV_FREE = 8, MADV_REMOVE, MADV_DONTFORK, MADV_DOFORK, MADV_HUGEPAGE = 14, MADV_NOHUGEPAGE,
	MADV_DODUMP = 17, MADV_WIPEONFORK, MADV_KEEPONFORK, MADV_COLD, MADV_PAGEOUT, MADV_POPULATE_READ, MADV_POPULATE_WRITE,
	MADV_DONTNEED_LOCKED
};
enum { MCL_CURRENT = 1, MCL_FUTURE = 2, MCL_ONFAULT = 4, MLOCK_ONFAULT = 1 };

/** Set and clear flags of all areas in the range. -ENOMEM: some of it is not mapped (the rest is done), or no memory. */
static int range_mark(struct address_space *as, uint64_t start, uint64_t end, unsigned set, unsigned clear)
{
	uint64_t covered = start;
	int error = address_space_split(as, start, end);
	if (error) {
		return error;
	}
	struct area *area;
	for (uint64_t at = start; at < end && (area = area_find(&as->areas, at)) && area->start < end; at = area->end) {
		bool goes_on = area->start <= covered;
		if (((area->flags | set) & ~clear) != area->flags) {
			area_detach(&as->areas, area);
			area->flags = (area->flags | set) & ~clear;
			area = area_insert(&as->areas, area);
		}
		covered = goes_on ? area->end : covered;
	}
	return covered < end ? -ENOMEM : 0;
}

/** Let go of the pages. -EINVAL at what is locked, or (`lazily`) is not private and anonymous; -ENOMEM for holes, once the rest is done. */
static int range_drop(struct address_space *as, uint64_t start, uint64_t end, bool lazily, bool locked_too)
{
	struct flush flush;
	uint64_t covered = start;
	int error = 0;
	flush_begin(&flush, as);
	for (struct area *a = area_find(&as->areas, start); a && a->start < end && !error; a = area_next(&as->areas, a)) {
		uint64_t from = a->start > start ? a->start : start, to = a->end < end ? a->end : end;
		covered = from == covered ? to : covered;
		if (((a->flags & AREA_LOCKED) && !locked_too) || (lazily && (a->file || (a->flags & MAP_SHARED)))) {
			error = -EINVAL;
		} else {
			area_zap(as, a, from, to, &flush);
		}
	}
	flush_finish(&flush);
	return error ? error : covered < end ? -ENOMEM : 0;
}

/** For advice that nothing is done about: -EINVAL if an area in the range has one of `not` or, if `private`, is no private anonymous one. */
static int range_check(struct address_space *as, uint64_t start, uint64_t end, unsigned not, bool private)
{
	uint64_t covered = start;
	for (struct area *a = area_find(&as->areas, start); a && a->start < end; a = area_next(&as->areas, a)) {
		if ((a->flags & not) || (private && (a->file || (a->flags & MAP_SHARED)))) {
			return -EINVAL;
		}
		covered = a->start <= covered ? a->end : covered;
	}
	return covered < end ? -ENOMEM : 0;
}

static int advise_locked(struct address_space *as, uint64_t start, uint64_t end, uint64_t advice)
{
	int error;
	switch (advice) {
	case MADV_DONTNEED:
	case MADV_DONTNEED_LOCKED:
	case MADV_FREE:
		return range_drop(as, start, end, advice == MADV_FREE, advice == MADV_DONTNEED_LOCKED);
	case MADV_DONTFORK:
		return range_mark(as, start, end, AREA_NO_FORK, 0);
	case MADV_DOFORK:
		return range_mark(as, start, end, 0, AREA_NO_FORK);
	case MADV_HUGEPAGE:
		return range_mark(as, start, end, AREA_LARGE, AREA_SMALL);
	case MADV_NOHUGEPAGE:
		return range_mark(as, start, end, AREA_SMALL, AREA_LARGE);
	case MADV_WIPEONFORK:
		error = range_check(as, start, end, 0, true);
		return error == -EINVAL ? error : range_mark(as, start, end, AREA_WIPE, 0);
	case MADV_KEEPONFORK:
		return range_mark(as, start, end, 0, AREA_WIPE);
	case MADV_COLD:
	case MADV_PAGEOUT:
		return range_check(as, start, end, AREA_LOCKED, false);
	default:
		return range_check(as, start, end, 0, false);
	}
}

/** MADV_POPULATE_*: unlike populating, a page that cannot be had is an error. */
static int touch_all(struct address_space *as, uint64_t start, uint64_t end, bool write)
{
	for (uint64_t at = start; at < end; at += PAGE_SIZE) {
		int error = signal_pending() ? -EINTR : address_space_fault(as, at, write, 0);
		if (error) {
			return error == -EACCES ? -EINVAL : error == -EFAULT ? -ENOMEM : error == -EIO ? -EFAULT : error;
		}
	}
	return 0;
}

long sys_madvise(const uint64_t a[6])
{
	uint64_t length = PAGE_UP(a[1]), advice = a[2];
	struct address_space *as = process_current()->memory;
	if ((a[0] & (PAGE_SIZE - 1)) || (a[1] && !length) || a[0] >= USER_END || length > USER_END - a[0] || advice > MADV_DONTNEED_LOCKED ||
	    (advice > MADV_DONTNEED && advice < MADV_FREE)) {
		return -EINVAL;
	}
	if (!length) {
		return 0;
	}
	if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE) {
		return touch_all(as, a[0], a[0] + length, advice == MADV_POPULATE_WRITE);
	}
	if (advice == MADV_REMOVE) {
		return memory_remove(as, a[0], a[0] + length);
	}
	mutex_lock(&as->lock);
	int error = advise_locked(as, a[0], a[0] + length, advice);
	mutex_unlock(&as->lock);
	return error;
}

/** The protection of an address's area, or -ENOMEM. */
static int protection_of(struct address_space *as, uint64_t address, bool *shared)
{
	mutex_lock(&as->lock);
	const struct area *area = area_find(&as->areas, address);
	int prot = area && area->start <= address ? (int)area->prot : -ENOMEM;
	*shared = prot >= 0 && (area->flags & MAP_SHARED);
	mutex_unlock(&as->lock);
	return prot;
}

int memory_populate(struct address_space *as, uint64_t start, uint64_t end)
{
	for (uint64_t at = start; at < end; at += PAGE_SIZE) {
		bool shared;
		int prot = protection_of(as, at, &shared);
		if (prot <= 0 || signal_pending()) {
			return prot <= 0 ? -ENOMEM : -EINTR;
		}
		if (address_space_fault(as, at, (prot & PROT_WRITE) && !shared, 0)) {
			return -ENOMEM;
		}
	}
	return 0;
}

static long lock_range(uint64_t address, uint64_t length, bool on_fault)
{
	uint64_t start = address & ~(uint64_t)(PAGE_SIZE - 1), end = PAGE_UP(address + length);
	struct address_space *as = process_current()->memory;
	if (!limit_may_lock()) {
		return -EPERM;
	}
	if (end < start) {
		return -EINVAL;
	}
	mutex_lock(&as->lock);
	uint64_t others = areas_count(as, 0, USER_END, AREA_LOCKED) - areas_count(as, start, end, AREA_LOCKED);
	int error = limit_allows_locked(others + ((end - start) >> PAGE_SHIFT)) ? 0 : -ENOMEM;
	error = error ? error : end > USER_END || start >= USER_END ? -ENOMEM : range_mark(as, start, end, AREA_LOCKED, 0);
	mutex_unlock(&as->lock);
	return error || on_fault ? error : memory_populate(as, start, end);
}

long sys_mlock(const uint64_t a[6])
{
	return lock_range(a[0], a[1], false);
}

long sys_mlock2(const uint64_t a[6])
{
	return a[2] & ~(uint64_t)MLOCK_ONFAULT ? -EINVAL : lock_range(a[0], a[1], a[2] & MLOCK_ONFAULT);
}

long sys_munlock(const uint64_t a[6])
{
	uint64_t start = a[0] & ~(uint64_t)(PAGE_SIZE - 1), end = PAGE_UP(a[0] + a[1]);
	struct address_space *as = process_current()->memory;
	if (end < start) {
		return -EINVAL;
	}
	if (end > USER_END || start >= USER_END) {
		return -ENOMEM;
	}
	mutex_lock(&as->lock);
	int error = range_mark(as, start, end, 0, AREA_LOCKED);
	mutex_unlock(&as->lock);
	return error;
}

/** Mark every area there is; holes do not matter. */
static void mark_all(struct address_space *as, unsigned set, unsigned clear)
{
	(void)range_mark(as, 0, USER_END, set, clear);
}

long sys_mlockall(const uint64_t a[6])
{
	struct address_space *as = process_current()->memory;
	if (!a[0] || a[0] > 7 || a[0] == MCL_ONFAULT) {
		return -EINVAL;
	}
	if (!limit_may_lock()) {
		return -EPERM;
	}
	mutex_lock(&as->lock);
	bool allowed = !(a[0] & MCL_CURRENT) || limit_allows_locked(as->areas.pages);
	if (allowed) {
		as->map_locked = a[0] & MCL_FUTURE ? AREA_LOCKED : 0;
	}
	if (allowed && (a[0] & MCL_CURRENT)) {
		mark_all(as, AREA_LOCKED, 0);
	}
	mutex_unlock(&as->lock);
	if (allowed && (a[0] & MCL_CURRENT) && !(a[0] & MCL_ONFAULT)) {
		uint64_t at = 0;
		while (at < USER_END) {
			mutex_lock(&as->lock);
			const struct area *area = area_find(&as->areas, at);
			uint64_t start = area ? area->start : USER_END, end = area ? area->end : USER_END;
			mutex_unlock(&as->lock);
			(void)memory_populate(as, start > at ? start : at, end);
			at = end;
		}
	}
	return allowed ? 0 : -ENOMEM;
}

long sys_munlockall(const uint64_t a[6])
{
	struct address_space *as = process_current()->memory;
	mutex_lock(&as->lock);
	as->map_locked = 0;
	mark_all(as, 0, AREA_LOCKED);
	mutex_unlock(&as->lock);
	return 0;
}
