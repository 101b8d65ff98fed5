/* SPDX-License-Identifier: MIT */
/*
 * madvise(MADV_REMOVE): a hole in what a shared mapping maps. A file's is made without the address space's lock, which lies below the
 * inode's; the mapping may be another by then, but the file that was asked for is the one that gets the hole. Memory that has no
 * file is zeroed where it is.
 */
#include "abi/errno.h"
#include "base/string.h"
#include "kernel/file.h"
#include "kernel/memory.h"
#include "kernel/reserve.h"
#include "mm/address_space.h"
#include "mm/shared.h"

/* What lies at *at: its file, referenced, or its shared memory; 0, or why not. */
static int target_find(struct address_space *as, uint64_t *at, uint64_t end, struct file **file, struct shared_memory **shared, uint64_t *offset,
		       uint64_t *bytes, bool *gap)
{
	int error = 0;
	*file = NULL;
	*shared = NULL;
	mutex_lock(&as->lock);
	const struct area *area = area_find(&as->areas, *at);
	if (!area || area->start >= end) {
		error = -ENOMEM;
	} else if ((area->flags & (AREA_LOCKED | MAP_KERNELS)) || (!area->file && !area->shared)) {
		error = -EINVAL;
	} else if (!(area->flags & MAP_SHARED) || !(area->prot & PROT_WRITE)) {
		error = -EACCES;
	} else {
		*gap = *gap || area->start > *at;
		*at = area->start > *at ? area->start : *at;
		*offset = area->offset + (*at - area->start);
		*bytes = (area->end < end ? area->end : end) - *at;
		*file = area->file;
		*shared = area->shared;
		if (*file) {
			file_get(*file);
		} else {
			shared_get(*shared);
		}
	}
	mutex_unlock(&as->lock);
	return error;
}

int memory_remove(struct address_space *as, uint64_t start, uint64_t end)
{
	bool gap = false;
	while (start < end) {
		struct file *file;
		struct shared_memory *shared;
		uint64_t offset, bytes;
		reserve_renew();
		int error = target_find(as, &start, end, &file, &shared, &offset, &bytes, &gap);
		if (error) {
			return error;
		}
		if (file) {
			error = file_punch(file, offset, bytes);
			file_put(file);
		} else {
			shared_zero(shared, offset >> PAGE_SHIFT, bytes >> PAGE_SHIFT);
			shared_put(shared);
		}
		if (error) {
			return error;
		}
		start += bytes;
	}
	return gap ? -ENOMEM : 0;
}
