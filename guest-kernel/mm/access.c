/* SPDX-License-Identifier: MIT */
/*
 * Looking into another process's memory (ptrace, /proc/PID/mem, process_vm_readv): page by page through the kernel's own map of the
 * page. A tracer may also write to what its tracee may not (breakpoints in text): such a page becomes the tracee's own copy first,
 * and stays read-only there, so no file changes by it.
 */
#include "abi/errno.h"
#include "base/string.h"
#include "kernel/memory.h"
#include "mm/address_space.h"
#include "mm/large_leaf.h"
#include "mm/pages.h"
#include "mm/user_table.h"

static bool may_write(const struct area *area, unsigned how)
{
	return (area->prot & PROT_WRITE) || ((how & ACCESS_FORCE) && !(area->flags & MAP_SHARED));
}

static bool may_touch(const struct area *area, unsigned how)
{
	return how & ACCESS_WRITE ? may_write(area, how) : (area->prot & PROT_READ) || (how & ACCESS_FORCE);
}

/** Make the page behind a read-only leaf the process's own. 0, or -ENOMEM. */
static int leaf_own(struct address_space *as, const struct area *area, uint64_t address, uint64_t *leaf)
{
	bool zero = (*leaf & PTE_ADDRESS) == zero_page_phys();
	struct page *old = zero ? NULL : page_from_phys(*leaf & PTE_ADDRESS);
	if (old && page_is_own(old)) {
		return 0;
	}
	struct page *copy = page_alloc(ALLOC_KIND(PAGE_ANONYMOUS) | (zero ? ALLOC_ZERO : 0));
	if (!copy) {
		return -ENOMEM;
	}
	if (old) {
		page_copy(page_data(copy), page_data(old));
	}
	struct flush flush;
	flush_begin(&flush, as);
	*leaf = page_phys(copy) | (area_leaf_flags(area, false) & ~PTE_PRESENT) | (*leaf & (PTE_PRESENT | PTE_HELD));
	flush_page(&flush, address & ~(PAGE_SIZE - 1));
	if (old) {
		flush_put(&flush, old);
	}
	as->resident += zero;
	flush_finish(&flush);
	return 0;
}

/** One page's part. 0; -EAGAIN: the page has to come first; -EFAULT, -ENOMEM. */
static int access_locked(struct address_space *as, uint64_t address, uint8_t *buffer, size_t bytes, unsigned how)
{
	struct area *area = area_find(&as->areas, address);
	if (!area || area->start > address || !may_touch(area, how)) {
		return -EFAULT;
	}
	uint64_t *leaf = user_leaf_find(as->cr3, address);
	bool write = how & ACCESS_WRITE;
	if (!leaf || !leaf_holds_page(*leaf) || (write && !(*leaf & PTE_WRITE) && (area->prot & PROT_WRITE))) {
		return -EAGAIN;
	}
	if (leaf_is_large(*leaf) && write && !(*leaf & PTE_WRITE)) {
		large_leaf_break(as, address | PAGE_SIZE);
		leaf = user_leaf_find(as->cr3, address);
	}
	int error = write && !(*leaf & PTE_WRITE) ? leaf_own(as, area, address, leaf) : 0;
	if (!error) {
		uint8_t *at = (uint8_t *)phys_to_virt(leaf_phys(*leaf, address)) + (address & (PAGE_SIZE - 1));
		memcpy(write ? at : buffer, write ? buffer : at, bytes);
	}
	return error;
}

static int access_page(struct address_space *as, uint64_t address, uint8_t *buffer, size_t bytes, unsigned how)
{
	for (;;) {
		mutex_lock(&as->lock);
		int error = access_locked(as, address, buffer, bytes, how);
		struct area *area = area_find(&as->areas, address);
		bool write = (how & ACCESS_WRITE) && area && (area->prot & PROT_WRITE);
		mutex_unlock(&as->lock);
		if (error != -EAGAIN) {
			return error;
		}
		error = address_space_fault(as, address, write, 0);
		if (error) {
			return error;
		}
	}
}

long address_space_access(struct address_space *as, uint64_t address, void *buffer, size_t bytes, unsigned how)
{
	size_t done = 0;
	while (done < bytes) {
		uint64_t at = address + done, room = PAGE_SIZE - (at & (PAGE_SIZE - 1));
		size_t part = bytes - done < room ? bytes - done : room;
		int error = at < USER_END && at >= address ? access_page(as, at, (uint8_t *)buffer + done, part, how) : -EFAULT;
		if (error) {
			return done ? (long)done : error;
		}
		done += part;
	}
	return (long)done;
}
