/* SPDX-License-Identifier: MIT */
/*
 * Physical pages: two buddy zones, and in front of each a short stack of single pages for every processor (page_stack.c), so that the
 * common case neither splits nor joins blocks, nor meets other processors. The stacks have a lock of their own, for others take
 * them back when memory is short. A page is taken on credit (reserve.c), which the caller's operation has waited for, or which is to be had at once.
 * An ordinary request falls back on the I/O zone; an I/O request never leaves it, for the rest is not granted to devices.
 */
#include "base/string.h"
#include "arch/cpu.h"
#include "kernel/lock.h"
#include "kernel/memory.h"
#include "kernel/platform.h"
#include "kernel/thread.h"
#include "mm/boot_memory.h"
#include "mm/page_stack.h"
#include "mm/page_table.h"
#include "mm/pages.h"
#include "mm/reserve.h"

#define SPARE_SHARE 8 /* of memory, that ALLOC_SPARE leaves */
#define SCARCE_SHARE 16 /* of the I/O zone: with less of it free, what processors keep is looked through first */
#define TRIES_MOST 1000000
#define ALLOC_ANYWHERE 8u /* an ordinary request may use the last of the I/O zone */
#define SIZE_2M (1ull << 21)
#define LOW_END (4ull << 30)

struct zone {
	spinlock_t lock;
	struct buddy buddy;
};

enum { ZONE_NORMAL, ZONE_IO, ZONE_COUNT };
static struct zone zones[ZONE_COUNT];

/* What a processor has of its own; any may use it, for a thread can be moved on the way to the lock. */
static struct processor_pages {
	spinlock_t lock; /* before a zone's */
	struct page_stack stacks[ZONE_COUNT];
	int64_t used[PAGE_KINDS]; /* taken less given back, here: only the sum over all processors means something */
} __attribute__((aligned(64))) processors[CPU_MAX];

static struct page *pages; /* by page number */
static uint64_t page_count;
static uint64_t io_start, io_end;
static size_t (*reclaim_hook)(size_t pages);

uint64_t page_phys(const struct page *page)
{
	return (uint64_t)(page - pages) << PAGE_SHIFT;
}

struct page *page_from_phys(uint64_t phys)
{
	return &pages[phys >> PAGE_SHIFT];
}

uint64_t virt_to_phys(const void *virt)
{
	uint64_t v = (uint64_t)virt;
	if (v >= KERNEL_BASE) {
		return v - KERNEL_BASE;
	}
	if (v >= VMAP_BASE && v < VMAP_END) {
		/* A thread's stack: physically contiguous, mapped by 4 KiB pages. */
		uint64_t *table = kernel_pml4;
		for (unsigned l = 3; l > 0; l--) {
			table = phys_to_virt(table[v >> (12 + 9 * l) & 511] & PTE_ADDRESS);
		}
		return (table[v >> 12 & 511] & PTE_ADDRESS) | (v & (PAGE_SIZE - 1));
	}
	return v - PHYSMAP;
}

static unsigned zone_of(const struct page *page)
{
	return page->flags & PAGE_IO ? ZONE_IO : ZONE_NORMAL;
}

static inline struct page *single_take_locked(struct processor_pages *own, unsigned zone)
{
	struct page_stack *stack = &own->stacks[zone];
	if (!stack->count && zones[zone].buddy.free_count) {
		spin_lock(&zones[zone].lock);
		page_stack_fill(stack, &zones[zone].buddy);
		spin_unlock(&zones[zone].lock);
	}
	return page_stack_pop(stack);
}

static struct page *block_take(unsigned zone, unsigned order, unsigned flags)
{
	struct page *page = NULL;
	spin_lock(&zones[zone].lock);
	uint64_t left = flags & ALLOC_SPARE ? zones[zone].buddy.total_count / SPARE_SHARE : 0;
	if (zones[zone].buddy.free_count >= left + (1ull << order)) {
		page = buddy_alloc(&zones[zone].buddy, order);
	}
	spin_unlock(&zones[zone].lock);
	return page;
}

static inline struct page *alloc_try(unsigned order, unsigned flags)
{
	struct processor_pages *own = &processors[cpu_read(index)];
	struct page *page = NULL;
	spin_lock(&own->lock);
	if (!(flags & ALLOC_IO)) {
		page = order ? block_take(ZONE_NORMAL, order, flags) : single_take_locked(own, ZONE_NORMAL);
	}
	bool scarce = zones[ZONE_IO].buddy.free_count < zones[ZONE_IO].buddy.total_count / SCARCE_SHARE;
	if (!page && (!scarce || (flags & (ALLOC_IO | ALLOC_ANYWHERE)))) {
		page = order ? block_take(ZONE_IO, order, flags) : single_take_locked(own, ZONE_IO);
	}
	if (page) {
		own->used[(flags & PAGE_KIND_MASK) >> PAGE_KIND_SHIFT] += 1ll << order;
	}
	spin_unlock(&own->lock);
	return page;
}

/** Take what all processors keep back, so that it can join to larger blocks, or be had at all. Whether there was any. */
static bool processors_drain(void)
{
	bool any = false;
	for (unsigned i = 0; i < CPU_MAX; i++) {
		struct processor_pages *p = &processors[i];
		spin_lock(&p->lock);
		for (unsigned zone = 0; zone < ZONE_COUNT; zone++) {
			any |= p->stacks[zone].count != 0;
			spin_lock(&zones[zone].lock);
			page_stack_spill(&p->stacks[zone], &zones[zone].buddy, p->stacks[zone].count);
			spin_unlock(&zones[zone].lock);
		}
		spin_unlock(&p->lock);
	}
	return any;
}

size_t page_reclaim(size_t wanted)
{
	return reclaim_hook ? reclaim_hook(wanted) : 0;
}

/** Whoever has credit for a page finds one, at worst among what others keep at hand; a larger block may not be there in one piece. */
static struct page *alloc_credited(unsigned order, unsigned flags)
{
	struct page *page = alloc_try(order, flags);
	for (unsigned tries = 0; !page && !(flags & ALLOC_SPARE); tries++) {
		bool drained = processors_drain();
		if (order > 0 && !drained && tries) {
			return NULL;
		}
		kassert(tries < TRIES_MOST); /* the books are wrong */
		page = alloc_try(order, flags | ALLOC_ANYWHERE);
	}
	return page;
}

struct page *page_alloc_order(unsigned order, unsigned flags)
{
	uint32_t count = 1u << order;
	bool io = flags & ALLOC_IO;
	if (!reserve_take(count, io, flags & ALLOC_SPARE)) {
		return NULL;
	}
	struct page *page = alloc_credited(order, flags);
	if (!page) {
		reserve_return(count, io, flags & ALLOC_SPARE);
		return NULL;
	}
	if (!io && (page->flags & PAGE_IO)) {
		reserve_moved(count);
	}
	page->references = 1;
	page->flags = (page->flags & PAGE_IO) | (flags & PAGE_KIND_MASK);
	page->owner = NULL;
	page->private = NULL;
	if (flags & ALLOC_ZERO) {
		for (uint64_t i = 0; i < 1ull << order; i++) {
			page_clear((char *)page_data(page) + i * PAGE_SIZE);
		}
	}
	return page;
}

struct page *page_alloc(unsigned flags)
{
	return page_alloc_order(0, flags);
}

void page_free_order(struct page *page, unsigned order)
{
	unsigned zone = zone_of(page);
	struct processor_pages *own = &processors[cpu_read(index)];
	page->references = 0;
	page->owner = NULL;
	spin_lock(&own->lock);
	own->used[page_kind(page)] -= 1ll << order;
	page->flags &= PAGE_IO;
	bool full = order == 0 && page_stack_push(&own->stacks[zone], page);
	if (order || full) {
		spin_lock(&zones[zone].lock);
		if (order) {
			buddy_free(&zones[zone].buddy, page, order);
		} else {
			page_stack_spill(&own->stacks[zone], &zones[zone].buddy, PAGE_STACK_MOST / 2);
		}
		spin_unlock(&zones[zone].lock);
	}
	spin_unlock(&own->lock);
	reserve_give(1u << order, zone == ZONE_IO);
}

void page_get(struct page *page)
{
	__atomic_fetch_add(&page->references, 1, __ATOMIC_RELAXED);
}

void page_put(struct page *page)
{
	uint32_t left = __atomic_sub_fetch(&page->references, 1, __ATOMIC_ACQ_REL);
	if (CONFIG_DEBUG) {
		kassert(left != UINT32_MAX);
	}
	if (left == 0) {
		page_free_order(page, 0);
	}
}

void memory_io_zone(uint64_t *phys, uint64_t *bytes)
{
	*phys = io_start;
	*bytes = io_end - io_start;
}

static uint64_t zone_free(unsigned zone)
{
	uint64_t free = zones[zone].buddy.free_count;
	for (unsigned i = 0; i < CPU_MAX; i++) {
		free += processors[i].stacks[zone].count;
	}
	return free;
}

void memory_usage(uint64_t *total_pages, uint64_t *free_pages)
{
	*total_pages = zones[ZONE_NORMAL].buddy.total_count + zones[ZONE_IO].buddy.total_count;
	*free_pages = zone_free(ZONE_NORMAL) + zone_free(ZONE_IO);
}

uint64_t memory_io_free(void)
{
	return zone_free(ZONE_IO);
}

void memory_used(uint64_t kinds[PAGE_KINDS])
{
	for (unsigned kind = 0; kind < PAGE_KINDS; kind++) {
		int64_t sum = 0;
		for (unsigned i = 0; i < CPU_MAX; i++) {
			sum += __atomic_load_n(&processors[i].used[kind], __ATOMIC_RELAXED);
		}
		kinds[kind] = sum > 0 ? (uint64_t)sum : 0;
	}
}

uint64_t memory_mapped_files(void)
{
	uint64_t count = 0;
	for (uint64_t i = io_start >> PAGE_SHIFT; i < io_end >> PAGE_SHIFT; i++) {
		count += page_kind(&pages[i]) == PAGE_FILE && pages[i].references > 1;
	}
	return count;
}

void memory_set_reclaim(size_t (*reclaim)(size_t pages))
{
	reclaim_hook = reclaim;
}

/** The largest stretch of a RAM range that boot has taken nothing of. */
static struct boot_range largest_gap(const struct boot_range *ram)
{
	struct boot_range best = { 0, 0 };
	for (uint64_t at = ram->start; at < ram->end;) {
		const struct boot_range *hit = boot_memory_reserved(at, ram->end);
		uint64_t end = hit ? hit->start : ram->end;
		if (end > at && end - at > best.end - best.start) {
			best = (struct boot_range){ at, end };
		}
		at = hit ? hit->end : ram->end;
	}
	return best;
}

/** Half of RAM, but not more than three quarters of the largest free stretch below 4 GiB (where every device can reach). */
static void io_zone_choose(void)
{
	struct boot_range best = { 0, 0 };
	uint64_t total = 0;
	for (unsigned i = 0; i < boot_memory.ram_count; i++) {
		const struct boot_range *r = &boot_memory.ram[i];
		total += r->end - r->start;
		struct boot_range gap = r->start < LOW_END ? largest_gap(r) : best;
		best = gap.end - gap.start > best.end - best.start ? gap : best;
	}
	io_start = (best.start + SIZE_2M - 1) & ~(SIZE_2M - 1);
	if (best.end < io_start + 2 * SIZE_2M) {
		kernel_panic("%lu KiB of memory are too few", total / 1024);
	}
	uint64_t most = (best.end - io_start) * 3 / 4;
	io_end = io_start + ((total / 2 < most ? total / 2 : most) & ~(SIZE_2M - 1));
}

/** Free what is RAM in [start, end) and not reserved. */
static void zone_add(struct zone *zone, uint64_t start, uint64_t end)
{
	while (start < end) {
		const struct boot_range *hit = boot_memory_reserved(start, end);
		uint64_t stop = hit ? (hit->start > start ? hit->start : start) : end;
		buddy_add(&zone->buddy, start >> PAGE_SHIFT, stop >> PAGE_SHIFT);
		start = hit ? hit->end : end;
	}
}

void pages_init(void)
{
	uint64_t end = 0;
	for (unsigned i = 0; i < boot_memory.ram_count; i++) {
		end = boot_memory.ram[i].end > end ? boot_memory.ram[i].end : end;
	}
	page_count = end >> PAGE_SHIFT;
	pages = phys_to_virt(boot_memory_alloc(page_count * sizeof(struct page), PAGE_SIZE));
	io_zone_choose();
	for (unsigned i = 0; i < ZONE_COUNT; i++) {
		spin_init(&zones[i].lock, "page zone");
	}
	for (unsigned i = 0; i < CPU_MAX; i++) {
		spin_init(&processors[i].lock, "processor's pages");
	}
	buddy_init(&zones[ZONE_NORMAL].buddy, pages, 0, page_count);
	buddy_init(&zones[ZONE_IO].buddy, pages, io_start >> PAGE_SHIFT, io_end >> PAGE_SHIFT);
	for (uint64_t i = 0; i < page_count; i++) {
		list_init(&pages[i].link);
		pages[i].flags = i << PAGE_SHIFT >= io_start && i << PAGE_SHIFT < io_end ? PAGE_IO : 0;
	}
	for (unsigned i = 0; i < boot_memory.ram_count; i++) {
		uint64_t from = boot_memory.ram[i].start, to = boot_memory.ram[i].end;
		zone_add(&zones[ZONE_NORMAL], from, to < io_start ? to : io_start < from ? from : io_start);
		if (from <= io_start && io_end <= to) {
			zone_add(&zones[ZONE_IO], io_start, io_end);
		}
		zone_add(&zones[ZONE_NORMAL], from > io_end ? from : io_end, to);
	}
	reserve_init(zones[ZONE_NORMAL].buddy.free_count + zones[ZONE_IO].buddy.free_count, zones[ZONE_IO].buddy.free_count);
	kernel_map_ready();
}
