/* SPDX-License-Identifier: MIT */
/* mremap(2): shrink, grow in place, or move the pages to another address. */
#include "abi/errno.h"
#include "kernel/memory.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "mm/address_space.h"
#include "mm/large_leaf.h"
#include "mm/limits.h"

enum { MREMAP_MAYMOVE = 1, MREMAP_FIXED = 2, MREMAP_DONTUNMAP = 4 };

/* A call's arguments, in whole pages. */
struct remap {
	uint64_t address, old, size, to;
	unsigned flags;
};

/** The new mapping goes to `to`, which is free: with what the old one has in its pages, or (old 0) beside it. */
static long move_locked(struct address_space *as, struct area *area, const struct remap *r, uint64_t to)
{
	struct area *copy = area_copy(area);
	if (!copy) {
		return -ENOMEM;
	}
	copy->offset += r->address - area->start;
	copy->start = to;
	copy->end = to + r->size;
	uint64_t moved = r->old < r->size ? r->old : r->size;
	int error = address_space_split(as, r->address, r->address + r->old);
	error = error ? error : leaves_move_prepare(as, r->address, to, moved);
	if (error) {
		area_free(copy);
		return error;
	}
	leaves_move(as, r->address, to, moved);
	if (r->old && !(r->flags & MREMAP_DONTUNMAP)) {
		unmap_locked(as, r->address, r->address + r->old);
	}
	area_insert(&as->areas, copy);
	return (long)to;
}

/** Whether the limits allow what comes to be. */
static int allowed_locked(struct address_space *as, const struct area *area, const struct remap *r)
{
	uint64_t kept = r->flags & MREMAP_DONTUNMAP ? 0 : r->old, more = r->size > kept ? (r->size - kept) >> PAGE_SHIFT : 0;
	if ((area->flags & AREA_LOCKED) && !limit_allows_locked(areas_count(as, 0, USER_END, AREA_LOCKED) + more)) {
		return -EAGAIN;
	}
	return limit_allows(as, area->prot, area->flags, more, 0) ? 0 : -ENOMEM;
}

static bool may_grow_here(struct address_space *as, const struct area *area, const struct remap *r)
{
	return r->old && !(r->flags & MREMAP_DONTUNMAP) && area->end == r->address + r->old && r->address + r->size <= as->map_top &&
	       area_is_clear(&as->areas, area->end, r->address + r->size);
}

static long remap_fixed_locked(struct address_space *as, const struct remap *r)
{
	if ((r->to & (PAGE_SIZE - 1)) || r->to > USER_END - r->size || r->to < MAP_LOWEST || (r->to < r->address + r->old && r->address < r->to + r->size)) {
		return -EINVAL;
	}
	int error = unmap_locked(as, r->to, r->to + r->size);
	if (!error && r->size < r->old) {
		error = unmap_locked(as, r->address + r->size, r->address + r->old);
	}
	struct remap rest = *r;
	rest.old = r->old < r->size ? r->old : r->size;
	/* An empty source overlaps with nothing, but may lie in the target, which has just been cleared. */
	struct area *area = area_find(&as->areas, r->address);
	bool gone = !area || area->start > r->address || area->end < r->address + rest.old;
	return error ? error : gone ? -EFAULT : move_locked(as, area, &rest, r->to);
}

static long remap_locked(struct address_space *as, const struct remap *r)
{
	struct area *area = area_find(&as->areas, r->address);
	if (!area || area->start > r->address) {
		return -EFAULT;
	}
	if (!r->old && !(area->flags & MAP_SHARED)) {
		return -EINVAL; /* only what is shared can be mapped a second time */
	}
	bool shrinks = !(r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && r->old >= r->size;
	if (shrinks) {
		int error = r->size < r->old ? unmap_locked(as, r->address + r->size, r->address + r->old) : 0;
		return error ? error : (long)r->address;
	}
	if (area->end < r->address + r->old) {
		return -EFAULT;
	}
	int error = allowed_locked(as, area, r);
	if (error) {
		return error;
	}
	if (r->flags & MREMAP_FIXED) {
		return remap_fixed_locked(as, r);
	}
	if (may_grow_here(as, area, r)) {
		area_grow(&as->areas, area, area->start, r->address + r->size);
		return (long)r->address;
	}
	uint64_t align = r->size >= LARGE_SIZE ? LARGE_SIZE : PAGE_SIZE;
	uint64_t to = r->flags & MREMAP_MAYMOVE ? area_gap(&as->areas, r->size, MAP_LOWEST, as->map_top, align) : 0;
	return to ? move_locked(as, area, r, to) : -ENOMEM;
}

long sys_mremap(const uint64_t a[6])
{
	struct address_space *as = process_current()->memory;
	struct remap r = { a[0], (a[1] + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1), (a[2] + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1), a[4], (unsigned)a[3] };
	bool moves = a[3] & (MREMAP_FIXED | MREMAP_DONTUNMAP);
	if ((a[0] & (PAGE_SIZE - 1)) || !r.size || a[0] >= USER_END || r.old > USER_END - a[0] || r.size > MAP_TOP || (a[3] & ~7ull) ||
	    (moves && !(a[3] & MREMAP_MAYMOVE)) || ((a[3] & MREMAP_DONTUNMAP) && r.old != r.size)) {
		return -EINVAL;
	}
	if (r.old < LARGE_SIZE) {
		mutex_lock(&as->lock);
	} else if (!address_space_lock_reserved(as)) {
		return -ENOMEM;
	}
	long result = remap_locked(as, &r);
	const struct area *area = result > 0 ? area_find(&as->areas, (uint64_t)result) : NULL;
	bool locked = area && (area->flags & AREA_LOCKED) && r.size > r.old;
	mutex_unlock(&as->lock);
	if (locked) {
		memory_populate(as, (uint64_t)result + r.old, (uint64_t)result + r.size);
	}
	return result;
}
