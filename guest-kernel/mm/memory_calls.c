/* SPDX-License-Identifier: MIT */
/* System calls on memory: mmap(2), munmap, mprotect, brk, msync, mincore. mremap is in remap.c, madvise and mlock in advise.c. */
#include "abi/errno.h"
#include "kernel/file.h"
#include "kernel/memory.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "kernel/user.h"
#include "mm/address_space.h"
#include "mm/limits.h"
#include "mm/user_table.h"

#define PAGE_UP(x) (((x) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1))
#define O_ACCMODE 3u
#define O_WRONLY 1u
#define O_RDWR 2u
enum { MS_ASYNC = 1, MS_INVALIDATE = 2, MS_SYNC = 4 };

static struct address_space *memory(void)
{
	return process_current()->memory;
}

static long map_file(const uint64_t a[6])
{
	struct file *file = file_from_fd((int)a[4]);
	if (!file) {
		return -EBADF;
	}
	unsigned access = file->flags & O_ACCMODE;
	long at;
	if (access == O_WRONLY || (access != O_RDWR && (a[3] & MAP_SHARED) && (a[2] & PROT_WRITE) && (a[3] & 3) != MAP_PRIVATE)) {
		at = -EACCES;
	} else if (file->ops->map) {
		struct file *in_place;
		at = file->ops->map(file, a[5], a[1], &in_place);
		if (!at) {
			at = address_space_map(memory(), a[0], a[1], (unsigned)a[2], (unsigned)a[3], in_place, a[5]);
			file_put(in_place);
		}
	} else if (file_is_zeros(file)) {
		at = address_space_map(memory(), a[0], a[1], (unsigned)a[2], (unsigned)a[3] | MAP_ANONYMOUS, NULL, 0);
	} else if (!file_is_mappable(file)) {
		at = -ENODEV;
	} else {
		at = address_space_map(memory(), a[0], a[1], (unsigned)a[2], (unsigned)a[3], file, a[5]);
	}
	file_put(file);
	return at;
}

long sys_mmap(const uint64_t a[6])
{
	long at;
	if (a[3] & MAP_ANONYMOUS) {
		at = address_space_map(memory(), a[0], a[1], (unsigned)a[2], (unsigned)a[3], NULL, 0);
	} else {
		at = map_file(a);
	}
	bool failed = at < 0 && at > -4096;
	bool locked = (a[3] & MAP_LOCKED) || memory()->map_locked;
	if (!failed && ((a[3] & MAP_POPULATE) || locked)) {
		memory_populate(memory(), (uint64_t)at, (uint64_t)at + PAGE_UP(a[1]));
	}
	return at;
}

long sys_munmap(const uint64_t a[6])
{
	return address_space_unmap(memory(), a[0], a[1]);
}

long sys_mprotect(const uint64_t a[6])
{
	return a[2] & ~(uint64_t)15 ? -EINVAL : address_space_protect(memory(), a[0], a[1], (unsigned)a[2]);
}

/** Move the heap's end; it stays where it is if that does not work, as the caller sees from the answer. */
static void brk_set_locked(struct address_space *as, uint64_t to)
{
	uint64_t old_end = PAGE_UP(as->brk), new_end = PAGE_UP(to);
	if (new_end < old_end) {
		if (unmap_locked(as, new_end, old_end)) {
			return;
		}
	} else if (new_end > old_end) {
		struct area model = { .start = old_end, .end = new_end, .prot = PROT_READ | PROT_WRITE };
		uint64_t pages = (new_end - old_end) >> PAGE_SHIFT;
		model.flags = as->map_locked;
		bool allowed = area_is_clear(&as->areas, old_end, new_end + PAGE_SIZE) && limit_allows_heap(to - as->brk_start) &&
			       limit_allows(as, model.prot, model.flags, pages, 0) &&
			       (!model.flags || limit_allows_locked(pages + areas_count(as, 0, USER_END, AREA_LOCKED)));
		struct area *area = allowed ? area_copy(&model) : NULL;
		if (!area) {
			return;
		}
		area_insert(&as->areas, area);
	}
	as->brk = to;
}

long sys_brk(const uint64_t a[6])
{
	struct address_space *as = memory();
	mutex_lock(&as->lock);
	if (a[0] >= as->brk_start && a[0] < as->map_top) {
		brk_set_locked(as, a[0]);
	}
	long brk = (long)as->brk;
	mutex_unlock(&as->lock);
	return brk;
}

/** Call visit for the part of each area inside [start, end). -ENOMEM if part of the range is not mapped. */
static int range_visit(struct address_space *as, uint64_t start, uint64_t end,
		       void (*visit)(struct address_space *as, struct area *area, uint64_t from, uint64_t to))
{
	uint64_t covered = start;
	for (struct area *a = area_find(&as->areas, start); a && a->start < end; a = area_next(&as->areas, a)) {
		uint64_t from = a->start > start ? a->start : start, to = a->end < end ? a->end : end;
		covered = from == covered ? to : covered;
		visit(as, a, from, to);
	}
	return covered < end ? -ENOMEM : 0;
}

long sys_msync(const uint64_t a[6])
{
	uint64_t length = PAGE_UP(a[1]);
	if ((a[0] & (PAGE_SIZE - 1)) || (a[2] & ~7ull) || (a[2] & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC)) {
		return -EINVAL;
	}
	if (a[0] >= USER_END || length > USER_END - a[0]) {
		return -ENOMEM;
	}
	struct address_space *as = memory();
	mutex_lock(&as->lock);
	int error = range_visit(as, a[0], a[0] + length, area_sync);
	mutex_unlock(&as->lock);
	if (!error && (a[2] & MS_SYNC)) {
		fs_sync_all();
	}
	return error;
}

long sys_mincore(const uint64_t a[6])
{
	struct address_space *as = memory();
	uint64_t length = PAGE_UP(a[1]);
	if ((a[0] & (PAGE_SIZE - 1)) || a[0] >= USER_END || length > USER_END - a[0]) {
		return a[0] & (PAGE_SIZE - 1) ? -EINVAL : -ENOMEM;
	}
	for (uint64_t done = 0; done < length; done += PAGE_SIZE) {
		mutex_lock(&as->lock);
		struct area *area = area_find(&as->areas, a[0] + done);
		const uint64_t *leaf = user_leaf_find(as->cr3, a[0] + done);
		uint8_t here = leaf && leaf_holds_page(*leaf);
		bool mapped = area && area->start <= a[0] + done;
		mutex_unlock(&as->lock);
		if (!mapped) {
			return -ENOMEM;
		}
		if (user_write(a[2] + done / PAGE_SIZE, &here, 1)) {
			return -EFAULT;
		}
	}
	return 0;
}
