/* SPDX-License-Identifier: MIT */
/*
 * What a back end may reach of its front end's memory: what the grants in the domain page say, and nothing else. An address from the front end's rings
 * goes through here before it is used, so that a wrong one is that end's error and not a fault here.
 */
#ifndef LINK_ACCESS_H
#define LINK_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/hypercall.h"
#include "virtio/ring_back.h"

/* Is it something, and the front end's memory? */
static inline bool link_has(const struct bh_link *link, uint64_t gpa, uint64_t bytes)
{
	return bytes != 0 && gpa <= link->front_memory && bytes <= link->front_memory - gpa;
}

static inline bool grant_allows(const struct bh_grant *g, uint64_t gpa, uint64_t bytes, uint32_t prot)
{
	return (g->prot & prot) == prot && gpa >= g->gpa && gpa - g->gpa < g->len && bytes <= g->len - (gpa - g->gpa);
}

/** Is [gpa, gpa + bytes) within one grant that allows all of `prot`? */
static inline bool link_granted(const struct bh_link *link, uint64_t gpa, uint64_t bytes, uint32_t prot)
{
	if (!link_has(link, gpa, bytes)) {
		return false;
	}
	for (unsigned i = 0; i < BH_MAX_GRANTS; i++) {
		if (grant_allows(&link->grants[i], gpa, bytes, prot)) {
			return true;
		}
	}
	return false;
}

/** The same, where grant *first is asked first: the one that the last address like this was in. */
static inline bool link_granted_first(const struct bh_link *link, unsigned *first, uint64_t gpa, uint64_t bytes, uint32_t prot)
{
	if (!link_has(link, gpa, bytes)) {
		return false;
	}
	if (grant_allows(&link->grants[*first], gpa, bytes, prot)) {
		return true;
	}
	for (unsigned i = 0; i < BH_MAX_GRANTS; i++) {
		if (grant_allows(&link->grants[i], gpa, bytes, prot)) {
			*first = i;
			return true;
		}
	}
	return false;
}

/** The grant that [gpa, gpa + bytes) is in and that allows all of `prot`; of no bytes: there is none. */
static inline struct ring_span link_span(const struct bh_link *link, uint64_t gpa, uint64_t bytes, uint32_t prot)
{
	for (unsigned i = 0; i < BH_MAX_GRANTS; i++) {
		const struct bh_grant *g = &link->grants[i];
		if (grant_allows(g, gpa, bytes, prot) && link_has(link, g->gpa, g->len)) {
			return (struct ring_span){ .gpa = g->gpa, .bytes = g->len, .at = (void *)(uintptr_t)(link->window + g->gpa) };
		}
	}
	return (struct ring_span){ 0 };
}

/** Is [gpa, gpa + bytes) in *span, or else in another grant like it? That one is *span then. A span is for a batch: a grant can be taken back. */
static inline bool link_reaches(const struct bh_link *link, struct ring_span *span, uint64_t gpa, uint64_t bytes, uint32_t prot)
{
	if (ring_span_has(span, gpa, bytes)) {
		return true;
	}
	*span = link_span(link, gpa, bytes, prot);
	return span->bytes != 0;
}

/** struct ring_access's cpu(): `owner` is the link. */
static inline void *link_cpu(void *owner, uint64_t gpa, uint64_t bytes, bool write)
{
	const struct bh_link *link = owner;
	uint32_t prot = BH_GRANT_CPU_READ | (write ? BH_GRANT_CPU_WRITE : 0);
	return link_granted(link, gpa, bytes, prot) ? (void *)(uintptr_t)(link->window + gpa) : NULL;
}

#endif
