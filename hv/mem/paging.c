/* SPDX-License-Identifier: MIT */
/*
 * The page-table walker. A change is made in two passes over the same range: the first makes (or splits) every table that the
 * change needs, which alters no translation; the second stores the leaves and cannot fail. So -ENOMEM leaves everything as it
 * was. A table, once there, stays until paging_destroy: nothing that a processor or device may still be walking is freed or
 * reused, and mapping a range again after it was unmapped needs no memory.
 */
#include "hv/paging.h"

#include "abi/errno.h"
#include "base/string.h"
#include "hv/pool.h"

#define ENTRIES 512u

struct change {
	bool map; /* or unmap */
	bool commit; /* second pass */
	uint64_t offset; /* to - from, modulo 2^64 */
	unsigned prot;
};

static void *pool_table_alloc(void)
{
	return pool_alloc(1, 1);
}

static void pool_table_free(void *table)
{
	pool_free(table, 1);
}

static unsigned level_shift(unsigned level)
{
	return 12 + 9 * level;
}

static bool entry_is_leaf(const struct paging *paging, uint64_t entry, unsigned level)
{
	return level == 0 || paging->format->is_leaf(entry, level);
}

static void entry_set(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

static uint64_t *entry_table(const struct paging *paging, uint64_t entry, unsigned level)
{
	return (uint64_t *)paging->format->address(entry, level).value;
}

/* The table below a non-leaf entry; made empty, or with the same translation as the large leaf that stood there. */
static uint64_t *table_below(struct paging *paging, uint64_t *entry, unsigned level)
{
	const struct paging_format *format = paging->format;
	uint64_t old = *entry;
	if (format->present(old) && !entry_is_leaf(paging, old, level)) {
		return entry_table(paging, old, level);
	}
	uint64_t *table = paging->table_alloc();
	if (!table) {
		return NULL;
	}
	for (unsigned i = 0; format->present(old) && i < ENTRIES; i++) {
		hpa_t part = HPA(format->address(old, level).value + ((uint64_t)i << level_shift(level - 1)));
		table[i] = format->leaf(part, format->prot(old), level - 1);
	}
	entry_set(entry, format->table(pool_hpa(table), level));
	return table;
}

/* May this entry, wholly inside the range, be changed as it is? */
static bool entry_fits(const struct paging *paging, uint64_t entry, unsigned level, uint64_t from, const struct change *c)
{
	bool present = paging->format->present(entry);
	if (level == 0) {
		return true;
	}
	if (present && !entry_is_leaf(paging, entry, level)) {
		return false;
	}
	uint64_t to = from + c->offset;
	return !c->map || (level <= paging->format->max_leaf_level && (to & ((1ull << level_shift(level)) - 1)) == 0);
}

static int change_table(struct paging *paging, uint64_t *table, unsigned level, uint64_t from, uint64_t end, const struct change *c)
{
	uint64_t span = 1ull << level_shift(level);
	while (from < end) {
		uint64_t *entry = &table[from >> level_shift(level) & (ENTRIES - 1)];
		uint64_t next = (from & ~(span - 1)) + span;
		next = next < end ? next : end;
		if (!c->map && !paging->format->present(*entry)) {
			from = next;
			continue;
		}
		if (next - from == span && entry_fits(paging, *entry, level, from, c)) {
			if (c->commit) {
				entry_set(entry, c->map ? paging->format->leaf(HPA(from + c->offset), c->prot, level) : 0);
			}
		} else {
			uint64_t *below = table_below(paging, entry, level);
			int error = below ? change_table(paging, below, level - 1, from, next, c) : -ENOMEM;
			if (error) {
				return error;
			}
		}
		from = next;
	}
	return 0;
}

static int change_range(struct paging *paging, uint64_t from, uint64_t bytes, struct change *c)
{
	unsigned top = paging->format->levels - 1;
	uint64_t limit = 1ull << level_shift(top + 1);
	if ((from | bytes) & (PAGE_SIZE - 1) || from >= limit || bytes > limit - from) {
		return -EINVAL;
	}
	int error = change_table(paging, paging->root, top, from, from + bytes, c);
	if (error) {
		return error;
	}
	c->commit = true;
	return change_table(paging, paging->root, top, from, from + bytes, c);
}

int paging_init(struct paging *paging, const struct paging_format *format)
{
	paging->format = format;
	paging->table_alloc = pool_table_alloc;
	paging->table_free = pool_table_free;
	paging->root = paging->table_alloc();
	return paging->root ? 0 : -ENOMEM;
}

int paging_map(struct paging *paging, uint64_t from, hpa_t to, uint64_t bytes, unsigned prot)
{
	struct change c = { .map = true, .offset = to.value - from, .prot = prot };
	if (to.value & (PAGE_SIZE - 1) || to.value + bytes < to.value) {
		return -EINVAL;
	}
	return change_range(paging, from, bytes, &c);
}

int paging_unmap(struct paging *paging, uint64_t from, uint64_t bytes)
{
	struct change c = { .map = false };
	return change_range(paging, from, bytes, &c);
}

int paging_lookup(const struct paging *paging, uint64_t from, hpa_t *to, unsigned *prot, uint64_t *leaf_size)
{
	unsigned level = paging->format->levels - 1;
	const uint64_t *table = paging->root;
	if (from >> level_shift(level + 1)) {
		return -EFAULT;
	}
	for (;; level--) {
		uint64_t entry = table[from >> level_shift(level) & (ENTRIES - 1)];
		if (!paging->format->present(entry)) {
			return -EFAULT;
		}
		if (entry_is_leaf(paging, entry, level)) {
			*leaf_size = 1ull << level_shift(level);
			*prot = paging->format->prot(entry);
			*to = HPA(paging->format->address(entry, level).value + (from & (*leaf_size - 1)));
			return 0;
		}
		table = entry_table(paging, entry, level);
	}
}

uint64_t *paging_entry(struct paging *paging, uint64_t from, unsigned level)
{
	uint64_t *table = paging->root;
	for (unsigned at = paging->format->levels - 1; at > level; at--) {
		table = table_below(paging, &table[from >> level_shift(at) & (ENTRIES - 1)], at);
		if (!table) {
			return NULL;
		}
	}
	return &table[from >> level_shift(level) & (ENTRIES - 1)];
}

static void table_destroy(struct paging *paging, uint64_t *table, unsigned level)
{
	for (unsigned i = 0; level > 0 && i < ENTRIES; i++) {
		if (paging->format->present(table[i]) && !entry_is_leaf(paging, table[i], level)) {
			table_destroy(paging, entry_table(paging, table[i], level), level - 1);
		}
	}
	paging->table_free(table);
}

void paging_destroy(struct paging *paging)
{
	table_destroy(paging, paging->root, paging->format->levels - 1);
	paging->root = NULL;
}
