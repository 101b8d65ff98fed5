/* SPDX-License-Identifier: MIT */
/*
 * Grants in page tables: the back end's nested table for its processors, its IOMMU domain for its devices, both at
 * BH_LINK_WINDOW(slot) + gpa. Table pages come from a reserve that is filled while domains are built, of which each link
 * has its own number; decode counts what a call can need at most, so commit cannot fail. Tables stay when ranges go, so a
 * range given again costs nothing.
 */
#include <stddef.h>

#include "abi/errno.h"
#include "hv/domain.h"
#include "hv/log.h"
#include "hv/pool.h"

#define SCATTERED 64 /* 2 MiB areas with 4 KiB leaves that one link can count on */

static void *reserve; /* a list through the pages' first words */
static unsigned reserve_count;
static bool reserve_used;

/* One view of [gpa, gpa+len): a level-2 table or two, level-1 tables for each GiB, page tables at the ends, or for all of it
 * where there are no larger leaves. */
static unsigned view_needs(const struct paging *view, uint64_t len)
{
	return 2 + (unsigned)(len >> 30) + 2 + 2 + (view->format->max_leaf_level ? 0 : (unsigned)(len >> 21));
}

static unsigned tables_needed(const struct domain *back, uint64_t len)
{
	return view_needs(&back->nested, len) + (back->fenced ? view_needs(&back->iommu.paging, len) : 0);
}

int grant_reserve(struct link *l)
{
	l->tables = tables_needed(l->back, l->front->config->memory) + 2 * SCATTERED;
	for (unsigned i = 0; i < l->tables; i++) {
		void **page = pool_alloc(1, 1);
		if (!page) {
			return -ENOMEM;
		}
		*page = reserve;
		reserve = page;
		reserve_count++;
	}
	return 0;
}

/* Before the first grant tables are the build's own and come from the pool. machine_lock is held after it. */
void *grant_table_alloc(void)
{
	if (!reserve_used) {
		return pool_alloc(1, 1);
	}
	void **page = reserve;
	if (page) {
		reserve = *page;
		*page = NULL;
		reserve_count--;
	}
	return page;
}

int grant_decode(const struct link *l, uint64_t gpa, uint64_t len, uint32_t prot)
{
	int error = grant_check(l->grants, gpa, len, prot, l->front->config->memory);
	if (error) {
		return error;
	}
	return prot == 0 || tables_needed(l->back, len) <= l->tables ? 0 : -ENOMEM; /* what was given has its tables */
}

static unsigned cpu_prot(uint32_t prot)
{
	return (prot & BH_GRANT_CPU_READ ? MAP_READ : 0) | (prot & BH_GRANT_CPU_WRITE ? MAP_READ | MAP_WRITE : 0);
}

static unsigned dma_prot(uint32_t prot)
{
	return (prot & BH_GRANT_DMA_READ ? MAP_READ : 0) | (prot & BH_GRANT_DMA_WRITE ? MAP_WRITE : 0);
}

/* What a view had before decides whether there is anything to take back: no protection unmaps. */
static void grant_apply(struct link *l, uint64_t gpa, uint64_t len, uint32_t prot, uint32_t before)
{
	struct domain *back = l->back;
	uint64_t at = BH_LINK_WINDOW(l->back_slot) + gpa;
	hpa_t to = domain_ram(l->front, gpa);
	int error = 0;
	if (cpu_prot(prot | before)) {
		error = paging_map(&back->nested, at, to, len, cpu_prot(prot));
	}
	if (!error && back->fenced && dma_prot(prot | before)) {
		error = iommu_map(&back->iommu, at, to, len, dma_prot(prot));
	}
	hv_assert(error == 0);
	if (cpu_prot(before)) {
		domain_flush(back);
	}
}

void grant_commit(struct link *l, uint64_t gpa, uint64_t len, uint32_t prot)
{
	unsigned had = reserve_count;
	reserve_used = true;
	grant_apply(l, gpa, len, prot, grant_set(l->grants, gpa, len, prot));
	l->tables -= had - reserve_count;
	link_publish_both(l);
}

void grant_revoke_all(struct link *l)
{
	for (unsigned i = 0; i < BH_MAX_GRANTS; i++) {
		struct bh_grant g = l->grants[i];
		if (g.len) {
			l->grants[i] = (struct bh_grant){ 0 };
			grant_apply(l, g.gpa, g.len, 0, g.prot);
		}
	}
}
