/* SPDX-License-Identifier: MIT */
/*
 * What a TLB (of one ASID, VPID or IOMMU domain) may hold: everything that a walk at any moment since the last
 * invalidation could have brought in. Two rules are judged:
 *
 *   1. While a change is under way, each address leads, for a walker that reads memory now or goes on from an upper
 *      level that it cached, where the old mapping leads it or where the new one does, with that mapping's protection:
 *      never elsewhere, never with another protection, never nowhere unless one of the two says so.
 *   2. When the change has returned, nothing that may still be cached leads anywhere but where the mapping now says,
 *      or allows more than it allows. Where absence is cached (walk.h), there is none of an address that is mapped.
 *
 * And a page that a walker may still read as a table is not handed out again. The first breach is kept as words.
 */
#ifndef MODEL_TLB_H
#define MODEL_TLB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ideal.h"
#include "walk.h"

#define TLB_TABLES 1024u

struct tlb_table { /* a page that may be walked as a table, for [base, ...) */
	const uint64_t *page;
	unsigned level;
	uint64_t base;
	unsigned prot; /* of the levels above */
};

struct tlb_leaf {
	uint64_t from, bytes, to;
	unsigned prot; /* 0: a cached absence */
};

struct tlb {
	const struct walk_format *format;
	const uint64_t *root;
	const struct ideal *old, *new; /* the same, when no change is under way */
	unsigned prot; /* what stands above the root lets through (a device table entry); all ones otherwise */
	struct tlb_table tables[TLB_TABLES];
	unsigned table_count;
	struct tlb_leaf *leaves; /* may be cached, and absences where those are */
	size_t leaf_count, leaf_room;
	char broken[200]; /* the first breach, "" while there is none */
};

void tlb_init(struct tlb *tlb, const struct walk_format *format, const uint64_t *root, const struct ideal *now);
void tlb_free(struct tlb *tlb);
/** A store to memory took place: walk what it changed. */
void tlb_stored(struct tlb *tlb, const void *at, unsigned bytes);
/** All is invalidated, upper levels too; and at once walked again. */
void tlb_invalidate(struct tlb *tlb);
/** A change begins, a change returned (rule 2). */
void tlb_change(struct tlb *tlb, const struct ideal *old, const struct ideal *new);
void tlb_settled(struct tlb *tlb, const struct ideal *now);
/** Is nothing cached that the mapping does not give? Rule 2's question, with no verdict. */
bool tlb_is_fresh(const struct tlb *tlb, const struct ideal *now, struct tlb_leaf *stale);
/** A page is about to be used for something else. */
void tlb_page_reused(struct tlb *tlb, const void *page);
/** May a cached translation lead into [to, to + bytes)? */
bool tlb_reaches(const struct tlb *tlb, uint64_t to, uint64_t bytes);

#endif
