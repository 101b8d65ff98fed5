/* SPDX-License-Identifier: MIT */
/*
 * A link's range table. Ranges are whole pages inside the front end's memory and never overlap; a range is taken
 * back or changed exactly as it was given. So every byte has one protection, and a table entry says all about it.
 */
#include <stddef.h>

#include "abi/errno.h"
#include "hv/addr.h"
#include "hv/link.h"

#define GRANT_ALL (BH_GRANT_CPU_READ | BH_GRANT_CPU_WRITE | BH_GRANT_DMA_READ | BH_GRANT_DMA_WRITE)

int grant_check(const struct bh_grant *grants, uint64_t gpa, uint64_t len, uint32_t prot, uint64_t front_memory)
{
	bool same = false, room = false;
	if (((gpa | len) & (PAGE_SIZE - 1)) != 0 || len == 0 || len > front_memory || gpa > front_memory - len ||
	    (prot & ~GRANT_ALL)) {
		return -EINVAL;
	}
	for (unsigned i = 0; i < BH_MAX_GRANTS; i++) {
		const struct bh_grant *g = &grants[i];
		if (g->len == 0) {
			room = true;
		} else if (g->gpa == gpa && g->len == len) {
			same = true;
		} else if (g->gpa < gpa + len && gpa < g->gpa + g->len) {
			return -EINVAL;
		}
	}
	if (same) {
		return 0;
	}
	return prot == 0 ? -ENOENT : room ? 0 : -ENOSPC;
}

uint32_t grant_set(struct bh_grant *grants, uint64_t gpa, uint64_t len, uint32_t prot)
{
	struct bh_grant *slot = NULL;
	for (unsigned i = 0; i < BH_MAX_GRANTS; i++) {
		struct bh_grant *g = &grants[i];
		if (g->len != 0 && g->gpa == gpa && g->len == len) {
			slot = g;
			break;
		}
		if (g->len == 0 && !slot) {
			slot = g;
		}
	}
	uint32_t before = slot->len ? slot->prot : 0;
	*slot = prot ? (struct bh_grant){ .gpa = gpa, .len = len, .prot = prot } : (struct bh_grant){ 0 };
	return before;
}
