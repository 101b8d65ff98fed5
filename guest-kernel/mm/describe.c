/* SPDX-License-Identifier: MIT */
/* What /proc tells about a process's memory: sizes, and the lines of /proc/PID/maps (proc(5)). */
#include "base/format.h"
#include "base/string.h"
#include "kernel/file.h"
#include "kernel/memory.h"
#include "mm/address_space.h"

void address_space_usage(struct address_space *as, uint64_t *total_pages, uint64_t *resident_pages)
{
	*total_pages = 0;
	mutex_lock(&as->lock);
	list_for_each(node, &as->areas.list) {
		const struct area *area = container_of(node, struct area, link);
		*total_pages += (area->end - area->start) >> PAGE_SHIFT;
	}
	*resident_pages = address_space_resident(as);
	mutex_unlock(&as->lock);
}

void address_space_kinds(struct address_space *as, struct memory_kinds *kinds)
{
	*kinds = (struct memory_kinds){ 0 };
	mutex_lock(&as->lock);
	list_for_each(node, &as->areas.list) {
		const struct area *area = container_of(node, struct area, link);
		uint64_t pages = (area->end - area->start) >> PAGE_SHIFT;
		bool private_writable = (area->prot & PROT_WRITE) && !(area->flags & MAP_SHARED);
		if (area->flags & MAP_GROWSDOWN) {
			kinds->stack += pages;
		} else if (private_writable) {
			kinds->data += pages;
		} else if ((area->prot & PROT_EXEC) && area->file) {
			kinds->text += pages;
		}
	}
	mutex_unlock(&as->lock);
}

uint64_t address_space_resident(const struct address_space *as)
{
	return __atomic_load_n(&as->resident, __ATOMIC_RELAXED);
}

static void area_name(const struct address_space *as, const struct area *area, char *name, unsigned long size)
{
	if (area->file) {
		file_path(area->file, name, size);
	} else if (area->start >= as->brk_start && area->end <= ((as->brk + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1))) {
		string_copy(name, "[heap]", size);
	} else if (area->flags & MAP_KERNELS) {
		string_copy(name, "[vdso]", size);
	} else if (area->flags & MAP_GROWSDOWN) {
		string_copy(name, "[stack]", size);
	} else {
		name[0] = '\0';
	}
}

long address_space_describe(struct address_space *as, char *text, unsigned long size)
{
	unsigned long length = 0;
	char *name = kmalloc(PAGE_SIZE);
	if (!name) {
		return 0;
	}
	mutex_lock(&as->lock);
	list_for_each(node, &as->areas.list) {
		const struct area *a = container_of(node, struct area, link);
		area_name(as, a, name, PAGE_SIZE);
		int n = format_text(text + length, size - length, "%08lx-%08lx %c%c%c%c %08lx 00:00 %lu %s%s\n", a->start, a->end,
				    a->prot & PROT_READ ? 'r' : '-', a->prot & PROT_WRITE ? 'w' : '-',
				    a->prot & PROT_EXEC ? 'x' : '-', a->flags & MAP_SHARED ? 's' : 'p', a->offset,
				    a->file ? file_inode_number(a->file) : 0, name[0] ? "\t" : "", name);
		if ((unsigned long)n >= size - length) {
			break; /* only whole lines */
		}
		length += (unsigned long)n;
	}
	mutex_unlock(&as->lock);
	kfree(name);
	return (long)length;
}
