/* SPDX-License-Identifier: MIT */
/*
 * Ranges of the kernel's addresses. Those of 2^order pages come back, each to its order's list, and are taken again from there, with the tables
 * that they have: of each order there are never more than were in use at once. Where a range lies on a list, the entry of the unmapped page
 * before it, which is never present, tells what comes next there and of what order it is: lists take no memory.
 * Other processors may remember what was mapped. Their ranges wait, `given`, until they are worth it; then all processors are asked to forget
 * every translation, nobody waits for the answers (so it goes in any context), and when all have come these ranges are `free`.
 */
#include "mm/vmap.h"

#include "arch/cpu.h"
#include "arch/ipi.h"
#include "kernel/lock.h"
#include "kernel/platform.h"

#define FORGET_PAGES 1024u /* given back, before processors are asked to forget them */
#define SETTLE_MOST 32u /* ranges that become free at a time */

/* The entry of a listed range's first page. */
#define ENTRY_NEXT_SHIFT 1 /* number of the next one's first page, 0: none; bit 0 stays 0, not present */
#define ENTRY_ORDER_SHIFT 32

static spinlock_t lock = SPINLOCK_INIT("kernel addresses");
static uint64_t next = VMAP_BASE; /* lock: nothing behind it was ever used */
static uint64_t free_ranges[VMAP_ORDERS]; /* lock, as all lists: number of the first one's first page */
static uint64_t given, forgetting; /* of all orders: nobody was asked yet; all were */
static uint64_t given_pages, listed_bytes; /* lock; of all lists */
static uint64_t asked; /* lock: how often they were */
static unsigned asked_count; /* lock: of these processors; who starts later has nothing to forget */
static uint64_t answered[CPU_MAX]; /* the last one that it has answered; written by the processor itself */

static uint64_t number_of(uint64_t address)
{
	return (address - VMAP_BASE) / PAGE_SIZE + 1;
}

static uint64_t bytes_of(unsigned order)
{
	return ((1ull << order) + 1) * PAGE_SIZE;
}

static void push_locked(uint64_t *list, uint64_t at, unsigned order)
{
	uint64_t *entry = kernel_leaf(at); /* its table is there */
	*entry = *list << ENTRY_NEXT_SHIFT | (uint64_t)order << ENTRY_ORDER_SHIFT;
	*list = number_of(at);
	listed_bytes += bytes_of(order);
}

static uint64_t pop_locked(uint64_t *list, unsigned *order)
{
	uint64_t at = VMAP_BASE + (*list - 1) * PAGE_SIZE, *entry = kernel_leaf(at);
	*list = (uint32_t)*entry >> ENTRY_NEXT_SHIFT;
	*order = (unsigned)(*entry >> ENTRY_ORDER_SHIFT);
	*entry = 0;
	listed_bytes -= bytes_of(*order);
	return at;
}

static bool all_answered_locked(void)
{
	for (unsigned i = 0; i < asked_count; i++) {
		if (__atomic_load_n(&answered[i], __ATOMIC_ACQUIRE) != asked) {
			return false;
		}
	}
	return true;
}

/** What all have forgotten is free, as many ranges at a time as do not keep interrupts off for long. */
static void settle_locked(void)
{
	unsigned order;
	for (unsigned i = 0; forgetting && i < SETTLE_MOST && (i || all_answered_locked()); i++) {
		uint64_t at = pop_locked(&forgetting, &order);
		push_locked(&free_ranges[order], at, order);
	}
}

void vmap_serve(void)
{
	uint64_t now = __atomic_load_n(&asked, __ATOMIC_ACQUIRE);
	tlb_flush_all();
	__atomic_store_n(&answered[cpu_current()->index], now, __ATOMIC_RELEASE);
}

static void ask_locked(void)
{
	forgetting = given;
	given = given_pages = 0;
	asked_count = cpu_count;
	__atomic_store_n(&asked, asked + 1, __ATOMIC_RELEASE);
	vmap_serve();
	ipi_send(((1ull << asked_count) - 1) & ~cpu_bit(cpu_current()), IPI_VMAP);
}

static uint64_t fresh_locked(uint64_t bytes)
{
	uint64_t at = next;
	if (bytes > VMAP_END - at) {
		return 0;
	}
	next += bytes;
	return at;
}

uint64_t kernel_vmap_reserve(uint64_t bytes)
{
	spin_lock(&lock);
	uint64_t at = fresh_locked((bytes + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1));
	spin_unlock(&lock);
	return at;
}

void kernel_vmap_usage(uint64_t *used, uint64_t *untouched)
{
	spin_lock(&lock);
	*used = next - VMAP_BASE - listed_bytes;
	*untouched = VMAP_END - next;
	spin_unlock(&lock);
}

uint64_t vmap_take(unsigned order)
{
	uint64_t at = 0;
	kassert(order < VMAP_ORDERS);
	spin_lock(&lock);
	settle_locked();
	if (free_ranges[order]) {
		at = pop_locked(&free_ranges[order], &order);
	} else if (bytes_of(order) <= VMAP_END - next && kernel_leaf_make(next)) { /* the table that vmap_give() needs */
		at = fresh_locked(bytes_of(order));
	}
	spin_unlock(&lock);
	return at ? at + PAGE_SIZE : 0;
}

void vmap_give(uint64_t at, unsigned order)
{
	spin_lock(&lock);
	if (cpu_count == 1) {
		push_locked(&free_ranges[order], at - PAGE_SIZE, order);
	} else {
		push_locked(&given, at - PAGE_SIZE, order);
		given_pages += 1ull << order;
		settle_locked();
		if (!forgetting && given_pages >= FORGET_PAGES) {
			ask_locked();
		}
	}
	spin_unlock(&lock);
}
