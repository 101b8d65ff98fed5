/* SPDX-License-Identifier: MIT */
/*
 * Address spaces: making, copying on fork, activating, ending, and the bookkeeping of map, unmap and protect.
 * Invariant: a leaf is writable only if a write needs no further thought: a private page that nobody else has, or a shared
 * page already marked dirty. Everything else is decided at the fault (fault.c).
 */
#include "mm/address_space.h"
#include "abi/errno.h"
#include "arch/cpu.h"
#include "base/format.h"
#include "base/string.h"
#include "kernel/file.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/reserve.h"
#include "mm/large_leaf.h"
#include "mm/limits.h"
#include "mm/shared.h"
#include "mm/user_table.h"

uint64_t area_leaf_flags(const struct area *area, bool write)
{
	return PTE_LEAF_FLAGS | (write ? PTE_WRITE | PTE_DIRTY : 0) | (area->prot & PROT_EXEC ? 0 : PTE_NX);
}

struct address_space *address_space_create(void)
{
	struct address_space *as = kzalloc(sizeof(*as));
	if (!as) {
		return NULL;
	}
	as->cr3 = user_table_create();
	if (!as->cr3) {
		kfree(as);
		return NULL;
	}
	static uint64_t numbers; /* atomic */
	as->number = __atomic_add_fetch(&numbers, 1, __ATOMIC_RELAXED);
	mutex_init(&as->lock, "address space");
	as->references = 1;
	area_list_init(&as->areas);
	as->map_top = MAP_TOP;
	address_space_list(as);
	return as;
}

void address_space_get(struct address_space *as)
{
	__atomic_fetch_add(&as->references, 1, __ATOMIC_RELAXED);
}

uint64_t address_space_number(const struct address_space *as)
{
	return as->number;
}

void address_space_activate(struct address_space *as)
{
	uint64_t flags = interrupts_save();
	struct cpu *cpu = cpu_current();
	struct address_space *old = cpu->active;
	if (old != as) {
		if (as && cpu_count > 1) {
			__atomic_fetch_or(&as->cpus, cpu_bit(cpu), __ATOMIC_SEQ_CST);
		}
		cpu->active = as;
		cr3_write(as ? as->cr3 : kernel_cr3);
		if (old && cpu_count > 1) {
			__atomic_fetch_and(&old->cpus, ~cpu_bit(cpu), __ATOMIC_SEQ_CST);
		}
	}
	interrupts_restore(flags);
}

bool address_space_shared_place(struct address_space *as, uint64_t address, uint64_t *object, uint64_t *offset)
{
	mutex_lock(&as->lock);
	struct area *area = area_find(&as->areas, address);
	bool shared = area && area->start <= address && (area->flags & MAP_SHARED);
	if (shared) {
		*object = area->file ? file_identity(area->file) << 1 | 1 : shared_identity(area->shared) << 1;
		*offset = area->offset + (address - area->start);
	}
	mutex_unlock(&as->lock);
	return shared;
}

static bool holds_written_page(uint64_t leaf)
{
	return leaf_holds_page(leaf) && (leaf & PTE_DIRTY);
}

void area_sync(struct address_space *as, struct area *area, uint64_t from, uint64_t to)
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

void area_zap(struct address_space *as, struct area *area, uint64_t start, uint64_t end, struct flush *flush)
{
	uint64_t zero = zero_page_phys(), *leaf;
	bool shared_file = area->file && (area->flags & MAP_SHARED);
	unsigned count;
	as->resident_most = as->resident > as->resident_most ? as->resident : as->resident_most;
	if (as->large_count) {
		large_leaf_break(as, start);
		large_leaf_break(as, end);
	}
	if (shared_file && as->references) {
		area_sync(as, area, start, end);
	}
	for (uint64_t at = start; (leaf = user_leaves_next(as->cr3, &at, end, &count)); at += count * PAGE_SIZE) {
		if (leaf_is_large(*leaf)) {
			large_leaf_zap(as, leaf, at, flush);
			continue;
		}
		for (unsigned i = 0; i < count; i++) {
			uint64_t entry = leaf[i];
			if (!leaf_holds_page(entry)) {
				continue;
			}
			leaf[i] = 0;
			flush_page(flush, at + i * PAGE_SIZE);
			if ((entry & PTE_ADDRESS) == zero) {
				continue;
			}
			struct page *page = page_from_phys(entry & PTE_ADDRESS);
			if (shared_file && (entry & PTE_DIRTY)) {
				file_page_dirty(area->file, page);
			}
			as->resident--;
			flush_put(flush, page);
		}
	}
}

void address_space_set_program(struct address_space *as, struct file *program)
{
	int error = file_run_begin(program);
	kassert(!error); /* it is being run already */
	file_get(program);
	as->program = program;
	__atomic_store_n(&as->program_identity, file_identity(program), __ATOMIC_RELAXED);
}

uint64_t address_space_program(const struct address_space *as)
{
	return __atomic_load_n(&as->program_identity, __ATOMIC_RELAXED);
}

/** The last reference is gone: it is loaded only where no thread of it runs, and these processors drop it first. */
static void address_space_destroy(struct address_space *as)
{
	struct flush *flush = &as->last_flush;
	address_space_unlist(as);
	flush_begin(flush, as);
	flush_all(flush);
	flush_finish(flush);
	while (!list_empty(&as->areas.list)) {
		struct area *area = container_of(as->areas.list.next, struct area, link);
		area_zap(as, area, area->start, area->end, flush);
		area_remove(&as->areas, area);
	}
	user_table_destroy(as->cr3);
	if (as->program) {
		file_run_end(as->program);
		file_put(as->program);
	}
	kfree(as);
}

void address_space_reap(struct address_space *as)
{
	struct flush flush;
	mutex_lock(&as->lock);
	as->reaped = true;
	flush_begin(&flush, as);
	list_for_each(node, &as->areas.list) {
		struct area *area = container_of(node, struct area, link);
		area_zap(as, area, area->start, area->end, &flush);
	}
	flush_finish(&flush);
	mutex_unlock(&as->lock);
}

void address_space_put(struct address_space *as)
{
	if (as && __atomic_sub_fetch(&as->references, 1, __ATOMIC_ACQ_REL) == 0) {
		address_space_destroy(as);
	}
}

/** Share the private pages of one area, read-only on both sides. */
static int area_fork(struct address_space *from, struct address_space *to, const struct area *area)
{
	uint64_t zero = zero_page_phys(), *leaf;
	unsigned count;
	if (area->flags & (MAP_SHARED | AREA_WIPE)) {
		return 0; /* the faults find the same pages, or none */
	}
	for (uint64_t at = area->start; (leaf = user_leaves_next(from->cr3, &at, area->end, &count)); at += count * PAGE_SIZE) {
		if (leaf_is_large(*leaf)) {
			int error = large_leaf_fork(to, leaf, at);
			if (error) {
				return error;
			}
			continue;
		}
		uint64_t *copy = user_leaves_make(to->cr3, at, count);
		if (!copy) {
			return -ENOMEM;
		}
		for (unsigned i = 0; i < count; i++) {
			uint64_t entry = leaf[i];
			if (!leaf_holds_page(entry)) {
				continue;
			}
			if (entry & PTE_WRITE) {
				entry &= ~(PTE_WRITE | PTE_DIRTY);
				leaf[i] = entry;
			}
			copy[i] = entry;
			if ((entry & PTE_ADDRESS) != zero) {
				page_get(page_from_phys(entry & PTE_ADDRESS));
				to->resident++;
			}
		}
	}
	return 0;
}

static int fork_locked(struct address_space *from, struct address_space *to)
{
	list_for_each(node, &from->areas.list) {
		struct area *area = container_of(node, struct area, link);
		struct area *copy = area->flags & AREA_NO_FORK ? NULL : area_copy(area);
		if (area->flags & AREA_NO_FORK) {
			continue;
		}
		if (!copy) {
			return -ENOMEM;
		}
		copy->flags &= ~(unsigned)AREA_LOCKED;
		area_append(&to->areas, copy);
		int error = area_fork(from, to, area);
		if (error) {
			return error;
		}
	}
	return 0;
}

bool address_space_lock_reserved(struct address_space *from)
{
	uint64_t reserved = 0;
	for (;;) {
		mutex_lock(&from->lock);
		uint64_t need = user_table_count(from->cr3) + from->areas.count * sizeof(struct area) / (PAGE_SIZE / 2) + 1;
		if (need <= reserved) {
			return true;
		}
		mutex_unlock(&from->lock);
		if (!reserve_more((uint32_t)(need - reserved))) {
			return false;
		}
		reserved = need;
	}
}

struct address_space *address_space_fork(struct address_space *from)
{
	struct address_space *to = address_space_create();
	if (!to) {
		return NULL;
	}
	if (!address_space_lock_reserved(from)) {
		address_space_put(to);
		return NULL;
	}
	mutex_lock(&to->lock); /* a truncation finds it on the list already */
	to->brk_start = from->brk_start;
	to->brk = from->brk;
	to->map_top = from->map_top;
	if (from->program) {
		address_space_set_program(to, from->program);
	}
	int error = fork_locked(from, to);
	struct flush all;
	flush_begin(&all, from);
	flush_all(&all);
	flush_finish(&all);
	mutex_unlock(&to->lock);
	mutex_unlock(&from->lock);
	if (error) {
		address_space_put(to);
		return NULL;
	}
	return to;
}

int address_space_split(struct address_space *as, uint64_t start, uint64_t end)
{
	if (as->large_count) {
		large_leaf_break(as, start);
		large_leaf_break(as, end);
	}
	int error = area_split(&as->areas, start);
	return error ? error : area_split(&as->areas, end);
}

int unmap_locked(struct address_space *as, uint64_t start, uint64_t end)
{
	int error = address_space_split(as, start, end);
	if (error) {
		return error;
	}
	struct flush flush;
	flush_begin(&flush, as);
	struct area *area = area_find(&as->areas, start);
	while (area && area->start < end) {
		struct area *next = area_next(&as->areas, area);
		area_zap(as, area, area->start, area->end, &flush);
		area_remove(&as->areas, area);
		area = next;
	}
	flush_finish(&flush);
	return 0;
}

static bool range_valid(uint64_t address, uint64_t length)
{
	return !(address & (PAGE_SIZE - 1)) && length && length <= USER_END && address <= USER_END - length;
}

/** Where a mapping of `length` bytes goes: MAP_FIXED's place cleared, or the hint if free, or the highest gap. */
static long place_locked(struct address_space *as, uint64_t address, uint64_t length, unsigned flags)
{
	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		if (!range_valid(address, length) || address < PAGE_SIZE) {
			return address & (PAGE_SIZE - 1) ? -EINVAL : address < PAGE_SIZE ? -EPERM : -ENOMEM;
		}
		if (flags & MAP_FIXED_NOREPLACE) {
			return area_is_free(&as->areas, address, address + length) ? (long)address : -EEXIST;
		}
		int error = unmap_locked(as, address, address + length);
		return error ? error : (long)address;
	}
	address = (address + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	if (address >= MAP_LOWEST && range_valid(address, length) && area_is_clear(&as->areas, address, address + length)) {
		return (long)address;
	}
	uint64_t found = area_gap(&as->areas, length, MAP_LOWEST, as->map_top, length >= LARGE_SIZE ? LARGE_SIZE : PAGE_SIZE);
	return found ? (long)found : -ENOMEM;
}

static long map_locked(struct address_space *as, struct area *model, unsigned flags)
{
	uint64_t pages = (model->end - model->start) >> PAGE_SHIFT;
	if (as->areas.count >= AREAS_MOST) {
		return -ENOMEM;
	}
	uint64_t gone = flags & MAP_FIXED ? areas_count(as, model->start, model->end, 0) : 0;
	if (!limit_allows(as, model->prot, model->flags, pages, gone)) {
		return -ENOMEM;
	}
	model->flags |= as->map_locked;
	if ((model->flags & AREA_LOCKED) && !limit_allows_locked(pages + areas_count(as, 0, USER_END, AREA_LOCKED))) {
		return -EAGAIN;
	}
	struct area *area = area_copy(model);
	if (!area) {
		return -ENOMEM;
	}
	long at = place_locked(as, model->start, model->end - model->start, flags);
	if (at < 0) {
		area_free(area);
		return at;
	}
	area->end = (uint64_t)at + (model->end - model->start);
	area->start = (uint64_t)at;
	area_insert(&as->areas, area);
	return at;
}

long address_space_map(struct address_space *as, uint64_t address, uint64_t length, unsigned prot, unsigned flags,
		       struct file *file, uint64_t offset)
{
	if (!length || (offset & (PAGE_SIZE - 1)) || !(flags & (MAP_SHARED | MAP_PRIVATE)) || (flags & (MAP_ANONYMOUS | 3)) == (MAP_ANONYMOUS | 3)) {
		return -EINVAL;
	}
	if (length > USER_END || offset + length < offset) {
		return -ENOMEM;
	}
	if (flags & MAP_HUGETLB) {
		return flags & MAP_ANONYMOUS ? -ENOMEM : -EINVAL; /* none are set aside */
	}
	if ((flags & MAP_LOCKED) && !limit_may_lock()) {
		return -EPERM;
	}
	length = (length + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	bool shared = (flags & 3) != MAP_PRIVATE;
	struct area model = { .start = address, .end = address + length, .prot = prot & 7, .file = flags & MAP_ANONYMOUS ? NULL : file,
		.flags = (shared ? MAP_SHARED : 0) | (flags & (MAP_GROWSDOWN | MAP_STACK)) | (flags & MAP_LOCKED ? AREA_LOCKED : 0) };
	model.offset = model.file ? offset : 0;
	if (shared && !model.file) {
		model.shared = shared_create(length >> PAGE_SHIFT);
		if (!model.shared) {
			return -ENOMEM;
		}
	}
	bool writer = shared && model.file && file_writable(model.file);
	if (writer && !file_map_writable(model.file)) {
		model.flags |= AREA_WRITER;
	} else if (writer && (prot & PROT_WRITE)) {
		return -EPERM;
	}
	mutex_lock(&as->lock);
	long at = map_locked(as, &model, flags);
	mutex_unlock(&as->lock);
	if (model.flags & AREA_WRITER) {
		file_unmap_writable(model.file); /* the area has one of its own */
	}
	if (model.shared) {
		shared_put(model.shared);
	}
	return at;
}

long address_space_map_kernels(struct address_space *as, struct shared_memory *shared, uint64_t pages, unsigned prot)
{
	struct area model = { .end = pages << PAGE_SHIFT, .prot = prot, .flags = MAP_SHARED | MAP_KERNELS, .shared = shared };
	mutex_lock(&as->lock);
	long at = map_locked(as, &model, MAP_SHARED);
	mutex_unlock(&as->lock);
	return at;
}

int address_space_unmap(struct address_space *as, uint64_t address, uint64_t length)
{
	length = (length + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	if (!range_valid(address, length)) {
		return -EINVAL;
	}
	mutex_lock(&as->lock);
	int error = unmap_locked(as, address, address + length);
	mutex_unlock(&as->lock);
	return error;
}

/** New protection for the leaves of one area. Write permission is never given here: the fault does it. */
static void area_protect(struct address_space *as, const struct area *area, struct flush *flush)
{
	uint64_t *leaf;
	unsigned count;
	for (uint64_t at = area->start; (leaf = user_leaves_next(as->cr3, &at, area->end, &count)); at += count * PAGE_SIZE) {
		for (unsigned i = 0; i < (leaf_is_large(*leaf) ? 1 : count); i++) {
			uint64_t entry = leaf[i];
			if (!leaf_holds_page(entry)) {
				continue;
			}
			entry &= ~(PTE_PRESENT | PTE_HELD | PTE_NX);
			entry |= area->prot ? PTE_PRESENT : PTE_HELD;
			entry |= area->prot & PROT_EXEC ? 0 : PTE_NX;
			entry &= area->prot & PROT_WRITE ? ~0ull : ~PTE_WRITE;
			if (entry != leaf[i]) {
				leaf[i] = entry;
				flush_page(flush, at + i * PAGE_SIZE);
			}
		}
	}
}

static int protect_locked(struct address_space *as, uint64_t start, uint64_t end, unsigned prot)
{
	uint64_t covered = start, data = 0;
	for (struct area *a = area_find(&as->areas, start); a && a->start <= covered && covered < end; a = area_next(&as->areas, a)) {
		bool read_only = (a->flags & MAP_KERNELS) || (a->file && (a->flags & (MAP_SHARED | AREA_WRITER)) == MAP_SHARED);
		if ((prot & PROT_WRITE) && read_only) {
			return -EACCES;
		}
		uint64_t from = a->start > start ? a->start : start, to = a->end < end ? a->end : end;
		data += area_is_data(prot, a->flags) && !area_is_data(a->prot, a->flags) ? (to - from) >> PAGE_SHIFT : 0;
		covered = a->end;
	}
	if (covered < end || (data && !limit_allows(as, PROT_WRITE, 0, data, data))) {
		return -ENOMEM;
	}
	int error = address_space_split(as, start, end);
	if (error) {
		return error;
	}
	struct flush flush;
	flush_begin(&flush, as);
	for (uint64_t at = start; at < end;) {
		struct area *area = area_find(&as->areas, at);
		at = area->end;
		if (area->prot != prot) {
			area->prot = prot;
			area_protect(as, area, &flush);
			/* Out and in again, to join with neighbours that are now alike. */
			area_detach(&as->areas, area);
			area_insert(&as->areas, area);
		}
	}
	flush_finish(&flush);
	return 0;
}

int address_space_protect(struct address_space *as, uint64_t address, uint64_t length, unsigned prot)
{
	length = (length + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	if (!length && !(address & (PAGE_SIZE - 1))) {
		return 0;
	}
	if (!range_valid(address, length)) {
		return address & (PAGE_SIZE - 1) ? -EINVAL : -ENOMEM;
	}
	mutex_lock(&as->lock);
	int error = protect_locked(as, address, address + length, prot & 7);
	mutex_unlock(&as->lock);
	return error;
}

void address_space_set_stack_limit(struct address_space *as, uint64_t bytes)
{
	uint64_t usual = USER_END - MAP_TOP - 2 * STACK_GUARD, most = 1ull << 36;
	bytes = bytes < usual ? usual : bytes > most ? most : bytes;
	as->map_top = (USER_END - bytes - 2 * STACK_GUARD) & ~(LARGE_SIZE - 1);
}

void address_space_set_brk(struct address_space *as, uint64_t start)
{
	as->brk_start = as->brk = (start + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}
