/* SPDX-License-Identifier: MIT */
/*
 * The page-table walker. A change is made in two passes over the same range: the first makes (or splits) every table
 * that the change needs, which alters no translation; the second stores the leaves and cannot fail. So -ENOMEM leaves
 * everything as it was. A table, once there, stays: nothing that a processor or device may still be walking is freed
 * or reused, and mapping a range again after it was unmapped needs no memory.
 */
#include "hv/paging.h"

#include "abi/errno.h"
#include "base/string.h"
#include "hv/pool.h"

#define ENTRIES 512u

struct change {
	uint64_t offset; /* to - from, modulo 2^64 */
	unsigned prot; /* 0: unmap */
	bool commit; /* second pass */
};

static void *pool_table_alloc(void)
{
	return pool_alloc(1, 1);
}

/* Bytes that an entry at this level maps. */
static uint64_t level_span(unsigned level)
{
	return PAGE_SIZE << 9 * level;
}

static uint64_t *entry_at(uint64_t *table, uint64_t from, unsigned level)
{
	return &table[from / level_span(level) % ENTRIES];
}

static bool entry_is_leaf(const struct paging *paging, uint64_t entry, unsigned level)
{
	return level == 0 || paging->format->is_leaf(entry, level);
}

static void written(const struct paging *paging, const void *at, size_t bytes)
{
	if (paging->format->written) {
		paging->format->written(at, bytes);
	}
}

static void entry_set(const struct paging *paging, uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
	written(paging, entry, sizeof(*entry));
}

/* The table below a non-leaf entry; made empty, or with the same translation as the large leaf that stood there. */
static uint64_t *table_below(struct paging *paging, uint64_t *entry, unsigned level)
{
	const struct paging_format *format = paging->format;
	uint64_t old = *entry;
	if (old && !entry_is_leaf(paging, old, level)) {
		return (uint64_t *)format->address(old, level).value;
	}
	uint64_t *table = paging->table_alloc();
	if (!table) {
		return NULL;
	}
	for (unsigned i = 0; old && i < ENTRIES; i++) {
		hpa_t part = HPA(format->address(old, level).value + i * level_span(level - 1));
		table[i] = format->leaf(part, format->prot(old), level - 1);
	}
	written(paging, table, PAGE_SIZE);
	entry_set(paging, entry, format->table(pool_hpa(table), level));
	return table;
}

/* May this entry, wholly inside the range, be changed as it is? */
static bool entry_fits(const struct paging *paging, uint64_t entry, unsigned level, uint64_t from,
		       const struct change *c)
{
	if (level == 0) {
		return true;
	}
	if (entry && !entry_is_leaf(paging, entry, level)) {
		return false;
	}
	return !c->prot || (level <= paging->format->max_leaf_level && (from + c->offset) % level_span(level) == 0);
}

static int change_table(struct paging *paging, uint64_t *table, unsigned level, uint64_t from, uint64_t end,
			const struct change *c)
{
	uint64_t span = level_span(level);
	for (uint64_t next; from < end; from = next) {
		uint64_t *entry = entry_at(table, from, level);
		next = (from & ~(span - 1)) + span;
		next = next < end ? next : end;
		if (!c->prot && !*entry) {
			continue;
		}
		if (next - from == span && entry_fits(paging, *entry, level, from, c)) {
			if (c->commit) {
				hpa_t to = HPA(from + c->offset);
				entry_set(paging, entry, c->prot ? paging->format->leaf(to, c->prot, level) : 0);
			}
			continue;
		}
		uint64_t *below = table_below(paging, entry, level);
		int error = below ? change_table(paging, below, level - 1, from, next, c) : -ENOMEM;
		if (error) {
			return error;
		}
	}
	return 0;
}

int paging_map(struct paging *paging, uint64_t from, hpa_t to, uint64_t bytes, unsigned prot)
{
	struct change c = { .offset = to.value - from, .prot = prot };
	unsigned top = paging->format->levels - 1;
	uint64_t limit = level_span(top + 1);
	if ((from | to.value | bytes) % PAGE_SIZE || from >= limit || bytes > limit - from || to.value + bytes < to.value) {
		return -EINVAL;
	}
	int error = change_table(paging, paging->root, top, from, from + bytes, &c);
	c.commit = true;
	return error ? error : change_table(paging, paging->root, top, from, from + bytes, &c);
}

int paging_init(struct paging *paging, const struct paging_format *format)
{
	paging->format = format;
	paging->table_alloc = pool_table_alloc;
	paging->root = paging->table_alloc();
	if (!paging->root) {
		return -ENOMEM;
	}
	written(paging, paging->root, PAGE_SIZE);
	return 0;
}

int paging_lookup(const struct paging *paging, uint64_t from, hpa_t *to, unsigned *prot, uint64_t *leaf_size)
{
	unsigned level = paging->format->levels - 1;
	uint64_t *table = paging->root;
	if (from >= level_span(level + 1)) {
		return -EFAULT;
	}
	for (;; level--) {
		uint64_t entry = *entry_at(table, from, level);
		if (!entry) {
			return -EFAULT;
		}
		uint64_t address = paging->format->address(entry, level).value;
		if (entry_is_leaf(paging, entry, level)) {
			*leaf_size = level_span(level);
			*prot = paging->format->prot(entry);
			*to = HPA(address + from % *leaf_size);
			return 0;
		}
		table = (uint64_t *)address;
	}
}

uint64_t *paging_entry(struct paging *paging, uint64_t from, unsigned level)
{
	uint64_t *table = paging->root;
	for (unsigned at = paging->format->levels - 1; table && at > level; at--) {
		table = table_below(paging, entry_at(table, from, at), at);
	}
	return table ? entry_at(table, from, level) : NULL;
}
