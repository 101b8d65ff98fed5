/* SPDX-License-Identifier: MIT */
/*
 * The nested page table's format: the processor's own, walked as a user access (APM vol. 2, 15.25.5), so every leaf has U, and
 * with 1 GiB leaves, which every processor with nested paging has.
 */
#include "svm.h"

static uint64_t npt_leaf(hpa_t hpa, unsigned prot, unsigned level)
{
	return host_format.leaf(hpa, prot | MAP_USER, level);
}

struct paging_format npt_format; /* written once, by svm_probe */

void npt_format_init(void)
{
	npt_format = host_format;
	npt_format.max_leaf_level = 2;
	npt_format.leaf = npt_leaf;
}
