/* SPDX-License-Identifier: MIT */
/*
 * How the hardware reads one page-table entry, in each format: written from the manuals, and sharing no line with the
 * hypervisor's own descriptions of the formats (struct paging_format). Reserved bits are judged as the processor or
 * IOMMU judges them.
 */
#ifndef MODEL_WALK_H
#define MODEL_WALK_H

#include <stdbool.h>
#include <stdint.h>

enum walk_kind { WALK_ABSENT, WALK_LEAF, WALK_TABLE, WALK_BAD };

struct walk_entry {
	enum walk_kind kind;
	uint64_t to; /* of the page, or of the next table */
	unsigned prot; /* MAP_*; of a table: what it lets through */
};

struct walk_format {
	const char *name;
	unsigned levels;
	bool absence_is_cached; /* by some of this kind: what was not there must be invalidated too */
	/** Level 0 maps 4 KiB. */
	struct walk_entry (*entry)(uint64_t entry, unsigned level);
};

extern const struct walk_format walk_host; /* APM vol. 2, 5.3; SDM vol. 3, 4.5 */
extern const struct walk_format walk_npt; /* APM vol. 2, 15.25.5: each access is a user's */
extern const struct walk_format walk_ept; /* SDM vol. 3, 29.3.2 */
extern const struct walk_format walk_amdvi; /* AMD 48882, 2.2.3 */
extern const struct walk_format walk_vtd; /* VT-d specification, 3.7 and 9.8 (second-stage), 48 bits */

#endif
