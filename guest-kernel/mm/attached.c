/* SPDX-License-Identifier: MIT */
/* What a program has attached somewhere, as shmdt(2) asks: the file of a shared mapping that begins there, with the file's begin. */
#include "kernel/file.h"
#include "mm/address_space.h"

struct file *address_space_attached(struct address_space *as, uint64_t address)
{
	struct file *file = NULL;
	mutex_lock(&as->lock);
	struct area *area = area_find(&as->areas, address);
	if (area && area->start == address && area->file && !area->offset && (area->flags & MAP_SHARED)) {
		file = area->file;
		file_get(file);
	}
	mutex_unlock(&as->lock);
	return file;
}
