/* SPDX-License-Identifier: MIT */
/* mremap(2): shrink, grow in place, or move the pages to another address. */
#include "abi/errno.h"
#include "kernel/memory.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "mm/address_space.h"
#include "mm/large_leaf.h"

enum { MREMAP_MAYMOVE = 1, MREMAP_FIXED = 2 };

/** Move [address, +old) of `area` to `to`, which is free, and make it `size` long. */
static long move_locked(struct address_space *as, struct area *area, uint64_t address, uint64_t old, uint64_t to, uint64_t size)
{
	struct area *copy = area_copy(area);
	if (!copy) {
		return -ENOMEM;
	}
	copy->offset += address - area->start;
	copy->start = to;
	copy->end = to + size;
	uint64_t moved = old < size ? old : size;
	int error = area_split(&as->areas, address);
	error = error ? error : area_split(&as->areas, address + old);
	error = error ? error : leaves_move_prepare(as, address, to, moved);
	if (error) {
		area_free(copy);
		return error;
	}
	leaves_move(as, address, to, moved);
	unmap_locked(as, address, address + old);
	area_insert(&as->areas, copy);
	return (long)to;
}

static long grow_locked(struct address_space *as, struct area *area, uint64_t address, uint64_t old, uint64_t size, bool may_move)
{
	if (area->end == address + old && area_is_free(&as->areas, area->end, address + size) && address + size <= MAP_TOP &&
	    !area->shared) {
		area->end = address + size;
		return (long)address;
	}
	uint64_t to = may_move ? area_gap(&as->areas, size, MAP_LOWEST, MAP_TOP, size >= LARGE_SIZE ? LARGE_SIZE : PAGE_SIZE) : 0;
	return to ? move_locked(as, area, address, old, to, size) : -ENOMEM;
}

static long remap_locked(struct address_space *as, uint64_t address, uint64_t old, uint64_t size, unsigned flags, uint64_t to)
{
	struct area *area = area_find(&as->areas, address);
	if (!area || area->start > address || area->end < address + old) {
		return -EFAULT;
	}
	if (flags & MREMAP_FIXED) {
		bool overlap = to < address + old && address < to + size;
		if ((to & (PAGE_SIZE - 1)) || to < MAP_LOWEST || to > USER_END - size || overlap) {
			return -EINVAL;
		}
		int error = unmap_locked(as, to, to + size);
		/* Clearing the target may have joined or freed nothing of the source, but look it up again all the same. */
		return error ? error : move_locked(as, area_find(&as->areas, address), address, old, to, size);
	}
	if (size <= old) {
		int error = size < old ? unmap_locked(as, address + size, address + old) : 0;
		return error ? error : (long)address;
	}
	return grow_locked(as, area, address, old, size, flags & MREMAP_MAYMOVE);
}

long sys_mremap(const uint64_t a[6])
{
	struct address_space *as = process_current()->memory;
	uint64_t old = (a[1] + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1), size = (a[2] + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	bool fixed = a[3] & MREMAP_FIXED;
	if ((a[0] & (PAGE_SIZE - 1)) || !old || !size || a[0] >= USER_END || old > USER_END - a[0] || size > MAP_TOP ||
	    (a[3] & ~3ull) || (fixed && !(a[3] & MREMAP_MAYMOVE))) {
		return -EINVAL;
	}
	mutex_lock(&as->lock);
	long result = remap_locked(as, a[0], old, size, (unsigned)a[3], a[4]);
	mutex_unlock(&as->lock);
	return result;
}
