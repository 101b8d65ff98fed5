/* SPDX-License-Identifier: MIT */
/* See ideal.h. A change cuts what it overlaps and inserts itself; the list stays sorted and without overlap. */
#include "ideal.h"

#include <assert.h>
#include <string.h>

static void insert(struct ideal *ideal, unsigned at, struct ideal_range range)
{
	assert(ideal->count < IDEAL_RANGES);
	memmove(&ideal->ranges[at + 1], &ideal->ranges[at], (ideal->count - at) * sizeof(range));
	ideal->ranges[at] = range;
	ideal->count++;
}

static void cut(struct ideal *ideal, uint64_t at)
{
	for (unsigned i = 0; i < ideal->count; i++) {
		struct ideal_range *r = &ideal->ranges[i];
		if (r->from < at && at < r->end) {
			struct ideal_range rest = { at, r->end, r->to + (at - r->from), r->prot };
			r->end = at;
			insert(ideal, i + 1, rest);
			return;
		}
	}
}

void ideal_map(struct ideal *ideal, uint64_t from, uint64_t to, uint64_t bytes, unsigned prot)
{
	unsigned kept = 0, at = 0;
	cut(ideal, from);
	cut(ideal, from + bytes);
	for (unsigned i = 0; i < ideal->count; i++) {
		struct ideal_range r = ideal->ranges[i];
		if (r.from >= from && r.end <= from + bytes) {
			continue;
		}
		ideal->ranges[kept++] = r;
		at = r.from < from ? kept : at;
	}
	ideal->count = kept;
	if (prot && bytes) {
		insert(ideal, at, (struct ideal_range){ from, from + bytes, to, prot });
	}
}

struct ideal_place ideal_at(const struct ideal *ideal, uint64_t address)
{
	for (unsigned i = 0; i < ideal->count; i++) {
		const struct ideal_range *r = &ideal->ranges[i];
		if (address < r->from) {
			return (struct ideal_place){ .run = r->from - address };
		}
		if (address < r->end) {
			return (struct ideal_place){ r->to + (address - r->from), r->prot, r->end - address };
		}
	}
	return (struct ideal_place){ .run = UINT64_MAX - address };
}
