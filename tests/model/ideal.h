/* SPDX-License-Identifier: MIT */
/*
 * A mapping as it is meant: what was asked for, as a sorted list of ranges, with no page table anywhere. Every byte
 * of the address space leads to one place with one protection, or nowhere.
 */
#ifndef MODEL_IDEAL_H
#define MODEL_IDEAL_H

#include <stdint.h>

#define IDEAL_RANGES 512u

struct ideal_range {
	uint64_t from, end, to;
	unsigned prot; /* MAP_* of hv/paging.h */
};

struct ideal {
	struct ideal_range ranges[IDEAL_RANGES];
	unsigned count;
};

struct ideal_place {
	uint64_t to;
	unsigned prot; /* 0: nowhere */
	uint64_t run; /* so many bytes from here on have an answer of the same kind: linear, or nowhere */
};

/** [from, from + bytes) leads to [to, ...) from now on; prot 0: nowhere. */
void ideal_map(struct ideal *ideal, uint64_t from, uint64_t to, uint64_t bytes, unsigned prot);
struct ideal_place ideal_at(const struct ideal *ideal, uint64_t address);

#endif
