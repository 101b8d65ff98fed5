/* SPDX-License-Identifier: MIT */
/*
 * Walking the user half of page tables: 4 levels, leaves of 4 KiB and 2 MiB. AMD64 APM vol. 2, 5.3. A table's page remembers in `index`
 * which slots were ever set, the first and one behind the last, so that fork and exit look at no others. Its `private` is, of a table
 * of small leaves, the number of faults that have set one; of a directory, the tables that are kept for its large leaves, each
 * linked to the next by its own `private`. Its `owner` has, but in tables of leaves, a bit for each group of eight slots of which one was ever
 * set: a program's tables lie at the two ends of its addresses. The `private` of the topmost is how many tables there are.
 */
#include "mm/user_table.h"
#include "base/string.h"
#include "kernel/memory.h"

#define TABLE_FLAGS (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED)
#define USER_SLOTS 256
#define SLOTS 512u
#define NOTHING_SET 512 /* first 512, end 0 */
#define LEAF_TABLE_SPAN (512 * PAGE_SIZE)

static struct page *table_page(const uint64_t *table)
{
	return page_from_phys((uint64_t)table - PHYSMAP);
}

static unsigned table_first(const uint64_t *table)
{
	return table_page(table)->index & 0xffff;
}

/** One behind the last. */
static unsigned table_end(const uint64_t *table)
{
	return table_page(table)->index >> 16;
}

static void table_note(const uint64_t *table, unsigned first, unsigned end)
{
	struct page *page = table_page(table);
	unsigned old_first = page->index & 0xffff, old_end = page->index >> 16;
	page->index = (first < old_first ? first : old_first) | (end > old_end ? end : old_end) << 16;
}

/** Of a table of tables. */
static void table_note_above(const uint64_t *table, unsigned slot)
{
	struct page *page = table_page(table);
	table_note(table, slot, slot + 1);
	page->owner = (void *)((uintptr_t)page->owner | 1ul << slot / 8);
}

/** The slots of a table that were ever set, or whose neighbours were: from the first on, from one to the next, up to one behind the last. */
struct slots {
	uint64_t groups; /* of a table of leaves: all */
	unsigned slot, end;
};

static struct slots slots_of(const uint64_t *table, unsigned level)
{
	const struct page *page = table_page(table);
	return (struct slots){ level > 0 ? (uintptr_t)page->owner : ~0ull, page->index & 0xffff, page->index >> 16 };
}

static inline bool slots_any(struct slots *s)
{
	if (s->slot < s->end && !(s->groups >> s->slot / 8 & 1)) {
		s->slot = (s->slot / 8 + (unsigned)__builtin_ctzll(s->groups >> s->slot / 8)) * 8;
	}
	return s->slot < s->end;
}

static void count_change(uint64_t cr3, intptr_t by)
{
	struct page *top = page_from_phys(cr3);
	__atomic_store_n(&top->private, (void *)((intptr_t)top->private + by), __ATOMIC_RELAXED);
}

static struct page *table_alloc(void)
{
	struct page *page = page_alloc(ALLOC_ZERO | ALLOC_KIND(PAGE_TABLE));
	if (page) {
		page->index = NOTHING_SET;
	}
	return page;
}

uint64_t user_table_create(void)
{
	struct page *page = table_alloc();
	if (!page) {
		return 0;
	}
	uint64_t *table = page_data(page);
	memcpy(table + USER_SLOTS, kernel_pml4 + USER_SLOTS, PAGE_SIZE / 2);
	count_change(page_phys(page), 1);
	return page_phys(page);
}

static void table_destroy(uint64_t phys, unsigned level)
{
	const uint64_t *table = phys_to_virt(phys);
	for (struct slots s = slots_of(table, level); level > 0 && slots_any(&s); s.slot++) {
		if (table[s.slot] & PTE_PRESENT) {
			table_destroy(table[s.slot] & PTE_ADDRESS, level - 1);
		}
	}
	page_put(page_from_phys(phys));
}

uint64_t user_table_count(uint64_t cr3)
{
	return (uint64_t)__atomic_load_n(&page_from_phys(cr3)->private, __ATOMIC_RELAXED);
}

void user_table_destroy(uint64_t cr3)
{
	table_destroy(cr3, 3);
}

uint64_t *user_leaf_find(uint64_t cr3, uint64_t address)
{
	uint64_t *table = phys_to_virt(cr3);
	for (unsigned level = 3; level > 0; level--) {
		unsigned slot = address >> (12 + 9 * level) & 511;
		if (leaf_is_large(table[slot])) {
			return &table[slot];
		}
		if (!(table[slot] & PTE_PRESENT)) {
			return NULL;
		}
		table = phys_to_virt(table[slot] & PTE_ADDRESS);
	}
	return &table[address >> 12 & 511];
}

uint64_t *user_leaves_make(uint64_t cr3, uint64_t address, unsigned count)
{
	uint64_t *table = phys_to_virt(cr3);
	for (unsigned level = 3; level > 0; level--) {
		unsigned slot = address >> (12 + 9 * level) & 511;
		if (leaf_is_large(table[slot])) {
			return &table[slot];
		}
		if (!(table[slot] & PTE_PRESENT)) {
			struct page *page = table_alloc();
			if (!page) {
				return NULL;
			}
			table[slot] = page_phys(page) | TABLE_FLAGS;
			table_note_above(table, slot);
			count_change(cr3, 1);
		}
		table = phys_to_virt(table[slot] & PTE_ADDRESS);
	}
	unsigned slot = address >> 12 & 511;
	table_note(table, slot, slot + count);
	return &table[slot];
}

/** The leaf table of an address; or NULL, and *large; or NULL, and the address behind what has none. */
static uint64_t *leaf_table_find(uint64_t cr3, uint64_t *address, uint64_t **large)
{
	uint64_t *table = phys_to_virt(cr3);
	for (unsigned level = 3; level > 0; level--) {
		unsigned slot = *address >> (12 + 9 * level) & 511;
		uint64_t entry = table[slot];
		if (leaf_is_large(entry)) {
			*large = &table[slot];
			return NULL;
		}
		if (!(entry & PTE_PRESENT)) {
			uint64_t span = 1ull << (12 + 9 * level);
			*address = (*address & ~(span - 1)) + span;
			return NULL;
		}
		table = phys_to_virt(entry & PTE_ADDRESS);
	}
	return table;
}

uint64_t *user_leaves_next(uint64_t cr3, uint64_t *address, uint64_t end, unsigned *count)
{
	while (*address < end) {
		uint64_t *large = NULL, *table = leaf_table_find(cr3, address, &large);
		if (large) {
			*count = SLOTS;
			return large;
		}
		if (!table) {
			continue;
		}
		uint64_t base = *address & ~(LEAF_TABLE_SPAN - 1);
		unsigned slot = *address >> PAGE_SHIFT & 511, stop = table_end(table);
		slot = slot > table_first(table) ? slot : table_first(table);
		stop = end - base < (uint64_t)stop << PAGE_SHIFT ? (unsigned)((end - base) >> PAGE_SHIFT) : stop;
		if (slot < stop) {
			*address = base + ((uint64_t)slot << PAGE_SHIFT);
			*count = stop - slot;
			return &table[slot];
		}
		*address = base + LEAF_TABLE_SPAN;
	}
	return NULL;
}

uint64_t *user_large_slot(uint64_t cr3, uint64_t address)
{
	uint64_t *table = phys_to_virt(cr3);
	for (unsigned level = 3; level > 1; level--) {
		uint64_t entry = table[address >> (12 + 9 * level) & 511];
		if (!(entry & PTE_PRESENT)) {
			return NULL;
		}
		table = phys_to_virt(entry & PTE_ADDRESS);
	}
	return &table[address >> 21 & 511];
}

uint64_t *user_large_make(uint64_t cr3, uint64_t address)
{
	if (!user_leaves_make(cr3, address, 1)) {
		return NULL;
	}
	uint64_t *slot = user_large_slot(cr3, address);
	user_large_keep(slot);
	return slot;
}

void user_large_keep(uint64_t *slot)
{
	struct page *directory = table_page(slot), *table = page_from_phys(*slot & PTE_ADDRESS);
	table->private = directory->private;
	directory->private = table;
	*slot = 0;
}

static struct page *kept_take(uint64_t *slot)
{
	struct page *directory = table_page(slot), *table = directory->private;
	directory->private = table->private;
	table->private = NULL;
	return table;
}

void user_large_fill(uint64_t *slot, uint64_t entry)
{
	struct page *page = kept_take(slot);
	uint64_t *table = page_data(page);
	entry &= ~PTE_LARGE;
	for (unsigned i = 0; i < SLOTS; i++) {
		table[i] = entry + i * PAGE_SIZE;
	}
	page->index = SLOTS << 16;
	*slot = page_phys(page) | TABLE_FLAGS;
}

void user_large_drop(uint64_t cr3, uint64_t *slot)
{
	*slot = 0;
	count_change(cr3, -1);
	page_put(kept_take(slot));
}

uintptr_t user_leaf_touch(uint64_t *leaf)
{
	struct page *page = table_page(leaf);
	uintptr_t touches = (uintptr_t)page->private + 1;
	page->private = (void *)touches;
	return touches;
}

void user_leaf_untouch(uint64_t *leaf)
{
	table_page(leaf)->private = NULL;
}
