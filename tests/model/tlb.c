/* SPDX-License-Identifier: MIT */
/* See tlb.h. Tables are learned by walking from the root; one that was learned counts until an invalidation. */
#include "tlb.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/paging.h"

#define RIGHTS (MAP_READ | MAP_WRITE | MAP_EXEC | MAP_USER)
#define ENTRIES 512u

static void breach(struct tlb *tlb, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void breach(struct tlb *tlb, const char *format, ...)
{
	va_list args;
	if (tlb->broken[0]) {
		return;
	}
	va_start(args, format);
	vsnprintf(tlb->broken, sizeof(tlb->broken), format, args);
	va_end(args);
}

static uint64_t span(unsigned level)
{
	return PAGE_SIZE << 9 * level;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Rule 1 for [from, from + bytes), which leads to `to` with `prot`, or nowhere. */
static void judge(struct tlb *tlb, uint64_t from, uint64_t bytes, uint64_t to, unsigned prot)
{
	for (uint64_t done = 0, run; done < bytes; done += run) {
		struct ideal_place old = ideal_at(tlb->old, from + done), new = ideal_at(tlb->new, from + done);
		run = least(bytes - done, least(old.run, new.run));
		bool as_old = prot == old.prot && (!prot || to + done == old.to);
		bool as_new = prot == new.prot && (!prot || to + done == new.to);
		if (!as_old && !as_new) {
			breach(tlb,
			       "%s: %" PRIx64 " leads to %" PRIx64 " prot %x, neither old (%" PRIx64 " prot %x) nor new (%" PRIx64
			       " prot %x)",
			       tlb->format->name, from + done, to + done, prot, old.to, old.prot, new.to, new.prot);
			return;
		}
	}
}

static void remember(struct tlb *tlb, uint64_t from, uint64_t bytes, uint64_t to, unsigned prot)
{
	if (tlb->leaf_count == tlb->leaf_room) {
		tlb->leaf_room = tlb->leaf_room ? 2 * tlb->leaf_room : 1024;
		tlb->leaves = realloc(tlb->leaves, tlb->leaf_room * sizeof(*tlb->leaves));
	}
	tlb->leaves[tlb->leaf_count++] = (struct tlb_leaf){ from, bytes, to, prot };
}

static void walk_table(struct tlb *tlb, struct tlb_table table);

static bool is_absent(const struct tlb *tlb, const struct tlb_table *t, unsigned index)
{
	return tlb->format->entry(t->page[index], t->level).kind == WALK_ABSENT;
}

/* One entry, or as many as are absent in a row; returns how many. */
static unsigned walk_entry(struct tlb *tlb, const struct tlb_table *t, unsigned index, unsigned end)
{
	unsigned count = 1;
	uint64_t from = t->base + index * span(t->level);
	struct walk_entry e = tlb->format->entry(t->page[index], t->level);
	unsigned rights = e.prot & t->prot & RIGHTS;
	switch (e.kind) {
	case WALK_ABSENT:
		while (index + count < end && is_absent(tlb, t, index + count)) {
			count++;
		}
		judge(tlb, from, count * span(t->level), 0, 0);
		if (tlb->format->absence_is_cached) {
			remember(tlb, from, count * span(t->level), 0, 0);
		}
		break;
	case WALK_BAD:
		breach(tlb, "%s: entry %016" PRIx64 " at level %u has reserved bits or is misaligned", tlb->format->name,
		       t->page[index], t->level);
		break;
	case WALK_LEAF:
		judge(tlb, from, span(t->level), e.to, rights | (e.prot & MAP_UNCACHED));
		remember(tlb, from, span(t->level), e.to, rights | (e.prot & MAP_UNCACHED));
		break;
	case WALK_TABLE:
		walk_table(tlb, (struct tlb_table){ (const uint64_t *)e.to, t->level - 1, from, rights });
		break;
	}
	return count;
}

static void walk_table(struct tlb *tlb, struct tlb_table table)
{
	for (unsigned i = 0; i < tlb->table_count; i++) {
		const struct tlb_table *t = &tlb->tables[i];
		if (t->page == table.page && t->level == table.level && t->base == table.base && t->prot == table.prot) {
			return;
		}
		if (t->page == table.page) {
			breach(tlb, "%s: one page is a table in two places", tlb->format->name);
			return;
		}
	}
	if (tlb->table_count == TLB_TABLES) {
		breach(tlb, "%s: more tables than the model holds", tlb->format->name);
		return;
	}
	tlb->tables[tlb->table_count++] = table;
	for (unsigned i = 0; i < ENTRIES && !tlb->broken[0];) {
		i += walk_entry(tlb, &table, i, ENTRIES);
	}
}

void tlb_init(struct tlb *tlb, const struct walk_format *format, const uint64_t *root, const struct ideal *now)
{
	*tlb = (struct tlb){ .format = format, .root = root, .old = now, .new = now, .prot = ~0u };
	tlb_invalidate(tlb);
}

void tlb_free(struct tlb *tlb)
{
	free(tlb->leaves);
	tlb->leaves = NULL;
	tlb->leaf_count = tlb->leaf_room = 0;
}

void tlb_stored(struct tlb *tlb, const void *at, unsigned bytes)
{
	for (unsigned i = 0, known = tlb->table_count; i < known; i++) {
		const struct tlb_table table = tlb->tables[i];
		size_t offset = (size_t)((const char *)at - (const char *)table.page);
		if (offset >= PAGE_SIZE) {
			continue;
		}
		for (size_t entry = offset / 8; entry <= (offset + bytes - 1) / 8 && entry < ENTRIES; entry++) {
			(void)walk_entry(tlb, &table, (unsigned)entry, (unsigned)entry + 1);
		}
	}
}

void tlb_invalidate(struct tlb *tlb)
{
	tlb->leaf_count = 0;
	tlb->table_count = 0;
	walk_table(tlb, (struct tlb_table){ tlb->root, tlb->format->levels - 1, 0, tlb->prot });
}

void tlb_change(struct tlb *tlb, const struct ideal *old, const struct ideal *new)
{
	tlb->old = old;
	tlb->new = new;
}

static bool leaf_is_fresh(const struct tlb_leaf *leaf, const struct ideal *now)
{
	for (uint64_t done = 0, run; done < leaf->bytes; done += run) {
		struct ideal_place place = ideal_at(now, leaf->from + done);
		run = least(leaf->bytes - done, place.run);
		bool more = leaf->prot & RIGHTS & ~place.prot, elsewhere = place.to != leaf->to + done;
		if (leaf->prot ? elsewhere || more || (leaf->prot ^ place.prot) & MAP_UNCACHED : place.prot) {
			return false;
		}
	}
	return true;
}

bool tlb_is_fresh(const struct tlb *tlb, const struct ideal *now, struct tlb_leaf *stale)
{
	for (size_t i = 0; i < tlb->leaf_count; i++) {
		if (!leaf_is_fresh(&tlb->leaves[i], now)) {
			*stale = tlb->leaves[i];
			return false;
		}
	}
	return true;
}

void tlb_settled(struct tlb *tlb, const struct ideal *now)
{
	struct tlb_leaf stale;
	tlb->old = tlb->new = now;
	if (!tlb_is_fresh(tlb, now, &stale)) {
		breach(tlb, "%s: stale: %" PRIx64 " may still lead %s%" PRIx64 " with prot %x", tlb->format->name, stale.from,
		       stale.prot ? "to " : "nowhere ", stale.to, stale.prot);
	}
}

void tlb_page_reused(struct tlb *tlb, const void *page)
{
	for (unsigned i = 0; i < tlb->table_count; i++) {
		if (tlb->tables[i].page == page) {
			breach(tlb, "%s: a table that may still be walked is used again", tlb->format->name);
		}
	}
}

bool tlb_reaches(const struct tlb *tlb, uint64_t to, uint64_t bytes)
{
	for (size_t i = 0; i < tlb->leaf_count; i++) {
		const struct tlb_leaf *leaf = &tlb->leaves[i];
		if (leaf->prot && leaf->to < to + bytes && to < leaf->to + leaf->bytes) {
			return true;
		}
	}
	return false;
}
