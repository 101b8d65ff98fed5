/* SPDX-License-Identifier: MIT */
/* System calls on memory: mmap(2), munmap, mprotect, brk, madvise, msync, mincore, mlock. mremap is in remap.c. */
#include "abi/errno.h"
#include "kernel/file.h"
#include "kernel/memory.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "kernel/user.h"
#include "mm/address_space.h"
#include "mm/user_table.h"

#define PAGE_UP(x) (((x) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1))
#define O_ACCMODE 3u
#define O_WRONLY 1u
#define O_RDWR 2u
#define S_IFMT 0170000u
enum { MADV_DONTNEED = 4, MADV_FREE = 8 };
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
	for (uint64_t done = 0; !failed && (a[3] & MAP_POPULATE) && (a[2] & 7) && done < a[1]; done += PAGE_SIZE) {
		if (signal_pending() || address_space_fault(memory(), (uint64_t)at + done, !!(a[2] & PROT_WRITE), 0)) {
			break;
		}
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
		struct area *area = area_is_free(&as->areas, old_end, new_end + PAGE_SIZE) ? area_copy(&model) : NULL;
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
	if (a[0] >= as->brk_start && a[0] < MAP_TOP) {
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

static void visit_drop(struct address_space *as, struct area *area, uint64_t from, uint64_t to)
{
	struct flush flush;
	flush_begin(&flush, as);
	area_zap(as, area, from, to, &flush);
	flush_finish(&flush);
}

static void visit_nothing(struct address_space *as, struct area *area, uint64_t from, uint64_t to)
{
}

/* Advice that is not acted on only asks whether all of the range is mapped. */
long sys_madvise(const uint64_t a[6])
{
	uint64_t length = PAGE_UP(a[1]);
	if ((a[0] & (PAGE_SIZE - 1)) || (a[1] && !length) || a[0] >= USER_END || length > USER_END - a[0]) {
		return -EINVAL;
	}
	if (a[2] > 25) {
		return -EINVAL;
	}
	struct address_space *as = memory();
	mutex_lock(&as->lock);
	int error = range_visit(as, a[0], a[0] + length, a[2] == MADV_DONTNEED ? visit_drop : visit_nothing);
	mutex_unlock(&as->lock);
	return error;
}

static bool holds_written_page(uint64_t leaf)
{
	return leaf_holds_page(leaf) && (leaf & PTE_DIRTY);
}

/**
 * Tell the file system what was written through a shared mapping, and notice the next write again: first no processor can write any
 * longer, then the page is marked, so that no write falls behind the mark unseen.
 */
static void visit_sync(struct address_space *as, struct area *area, uint64_t from, uint64_t to)
{
	struct flush flush;
	uint64_t *leaf;
	unsigned count;
	if (!area->file || !(area->flags & MAP_SHARED)) {
		return;
	}
	flush_begin(&flush, as);
	for (uint64_t at = from; (leaf = user_leaves_next(as->cr3, &at, to, &count)); at += count * PAGE_SIZE) {
		for (unsigned i = 0; i < count; i++) {
			if (holds_written_page(leaf[i]) && (leaf[i] & PTE_WRITE)) {
				leaf[i] &= ~PTE_WRITE;
				flush_page(&flush, at + i * PAGE_SIZE);
			}
		}
	}
	flush_finish(&flush);
	for (uint64_t at = from; (leaf = user_leaves_next(as->cr3, &at, to, &count)); at += count * PAGE_SIZE) {
		for (unsigned i = 0; i < count; i++) {
			if (holds_written_page(leaf[i])) {
				file_page_dirty(area->file, page_from_phys(leaf[i] & PTE_ADDRESS));
				leaf[i] &= ~PTE_DIRTY;
			}
		}
	}
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
	int error = range_visit(as, a[0], a[0] + length, visit_sync);
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

/* Pages of programs are never written out, so they are locked in memory as they are. */
static long lock_range(const uint64_t a[6])
{
	uint64_t start = a[0] & ~(uint64_t)(PAGE_SIZE - 1), end = PAGE_UP(a[0] + a[1]);
	if (end < start) {
		return -EINVAL;
	}
	if (end > USER_END || start >= USER_END) {
		return -ENOMEM;
	}
	struct address_space *as = memory();
	mutex_lock(&as->lock);
	int error = range_visit(as, start, end, visit_nothing);
	mutex_unlock(&as->lock);
	return error;
}

long sys_mlock(const uint64_t a[6])
{
	return lock_range(a);
}

long sys_munlock(const uint64_t a[6])
{
	return lock_range(a);
}

long sys_mlockall(const uint64_t a[6])
{
	return a[0] && a[0] < 8 ? 0 : -EINVAL;
}

long sys_munlockall(const uint64_t a[6])
{
	return 0;
}
