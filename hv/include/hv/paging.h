/* SPDX-License-Identifier: MIT */
/*
 * One page-table walker over a constant description per format (host, NPT, EPT, AMD-Vi, VT-d, a fake for
 * tests). Tables live in pool memory. Mapping an existing range replaces it; large leaves are split on need.
 * map/unmap never leave an intermediate state other than old or new (each entry is one 8-byte store).
 */
#ifndef HV_PAGING_H
#define HV_PAGING_H

#include <stdbool.h>
#include <stddef.h>
#include "hv/addr.h"

#define MAP_READ 1u
#define MAP_WRITE 2u
#define MAP_EXEC 4u
#define MAP_USER 8u /* host format only */
#define MAP_UNCACHED 16u

struct paging_format {
	unsigned levels; /* 3 or 4 (host, NPT: 4) */
	unsigned max_leaf_level; /* 0: 4 KiB only, 1: 2 MiB, 2: 1 GiB */
	/** Entry at `level` (0 = 4 KiB): a leaf with MAP_* protection, or a pointer to the table of level - 1. Neither
	 *  is 0; a cleared entry, the only one that is not present, is. At level 0 every present entry is a leaf, and
	 *  is_leaf() is not asked. */
	uint64_t (*leaf)(hpa_t hpa, unsigned prot, unsigned level);
	uint64_t (*table)(hpa_t next, unsigned level);
	bool (*is_leaf)(uint64_t entry, unsigned level);
	hpa_t (*address)(uint64_t entry, unsigned level);
	unsigned (*prot)(uint64_t entry);
	/** If not NULL: called behind each store to tables, for a walker that does not see the processor's caches. */
	void (*written)(const void *at, size_t bytes);
};

extern const struct paging_format host_format;

struct paging {
	const struct paging_format *format;
	uint64_t *root; /* pool page */
	void *(*table_alloc)(void); /* a zeroed page: from the pool, unless the owner says otherwise */
};

int paging_init(struct paging *paging, const struct paging_format *format); /* -ENOMEM */
/** Map [from, from+bytes) to [to, ...), 4 KiB aligned, with the largest leaves that alignment allows. No protection:
 *  unmap; holes are fine. -ENOMEM (also of an unmap: a split needs a table), -EINVAL; nothing is changed then. */
int paging_map(struct paging *paging, uint64_t from, hpa_t to, uint64_t bytes, unsigned prot);
/** Where `from` leads: *to, *prot, *leaf_size. -EFAULT if nowhere. */
int paging_lookup(const struct paging *paging, uint64_t from, hpa_t *to, unsigned *prot, uint64_t *leaf_size);
/** The entry for `from` at `level`, with all tables above it made; a large leaf there is split. NULL: no memory. */
uint64_t *paging_entry(struct paging *paging, uint64_t from, unsigned level);

#endif
