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

/** Is [gpa, gpa + bytes) within one grant that allows all of `prot`? */
static inline bool link_granted(const struct bh_link *link, uint64_t gpa, uint64_t bytes, uint32_t prot)
{
	if (bytes == 0 || gpa > link->front_memory || bytes > link->front_memory - gpa) {
		return false;
	}
	for (unsigned i = 0; i < BH_MAX_GRANTS; i++) {
		const struct bh_grant *g = &link->grants[i];
		if ((g->prot & prot) == prot && gpa >= g->gpa && gpa - g->gpa < g->len && bytes <= g->len - (gpa - g->gpa)) {
			return true;
		}
	}
	return false;
}

/** struct ring_access's cpu(): `owner` is the link. */
static inline void *link_cpu(void *owner, uint64_t gpa, uint64_t bytes, bool write)
{
	const struct bh_link *link = owner;
	uint32_t prot = BH_GRANT_CPU_READ | (write ? BH_GRANT_CPU_WRITE : 0);
	return link_granted(link, gpa, bytes, prot) ? (void *)(uintptr_t)(link->window + gpa) : NULL;
}

#endif
