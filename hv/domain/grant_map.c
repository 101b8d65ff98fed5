/* SPDX-License-Identifier: MIT */
/*
 * Grants in page tables: the back end's nested table for its processors, its IOMMU domain for its devices, both at
 * BH_LINK_WINDOW(slot) + gpa. Table pages come from a reserve that is filled while domains are built; decode counts what
 * a call can need at most, so commit cannot fail. Tables stay when ranges go, so a range given again costs nothing.
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

/* One view of [gpa, gpa+len): a level-2 table or two, level-1 tables for each GiB, page tables at the ends. */
static unsigned tables_needed(uint64_t len)
{
	return 2 + (unsigned)(len >> 30) + 2 + 2;
}

int grant_reserve(const struct link *l)
{
	unsigned pages = 2 * (tables_needed(domain_memory(l->front)) + SCATTERED);
	for (unsigned i = 0; i < pages; i++) {
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

int grant_decode(struct domain *d, uint32_t slot, uint64_t gpa, uint64_t len, uint32_t prot)
{
	if (slot >= BH_MAX_LINKS || !d->links[slot] || d->link_roles[slot] != BH_LINK_FRONT) {
		return -EINVAL;
	}
	int error = grant_check(d->links[slot]->grants, gpa, len, prot, domain_memory(d));
	if (error) {
		return error;
	}
	for (uint64_t at = gpa; at < gpa + len;) {
		hpa_t to;
		uint64_t piece = domain_ram_piece(d, GPA(at), gpa + len - at, &to);
		if (piece == 0) {
			return -EFAULT;
		}
		at += piece;
	}
	return 2 * tables_needed(len) <= reserve_count ? 0 : -ENOMEM;
}

static unsigned cpu_prot(uint32_t prot)
{
	return (prot & BH_GRANT_CPU_READ ? MAP_READ : 0) | (prot & BH_GRANT_CPU_WRITE ? MAP_READ | MAP_WRITE : 0);
}

static unsigned dma_prot(uint32_t prot)
{
	return (prot & BH_GRANT_DMA_READ ? MAP_READ : 0) | (prot & BH_GRANT_DMA_WRITE ? MAP_WRITE : 0);
}

static void map_piece(struct domain *back, uint64_t at, hpa_t to, uint64_t bytes, uint32_t prot, uint32_t before)
{
	int error = 0;
	if (cpu_prot(prot)) {
		error = paging_map(&back->npt, at, to, bytes, cpu_prot(prot));
	} else if (cpu_prot(before)) {
		error = paging_unmap(&back->npt, at, bytes);
	}
	hv_assert(error == 0);
	if (!back->has_device || !iommu) {
		return;
	}
	if (dma_prot(prot)) {
		error = iommu_map(&back->iommu, at, to, bytes, dma_prot(prot));
	} else if (dma_prot(before)) {
		error = iommu_unmap(&back->iommu, at, bytes);
	}
	hv_assert(error == 0);
}

static void grant_apply(struct link *l, uint64_t gpa, uint64_t len, uint32_t prot, uint32_t before)
{
	struct domain *back = l->back;
	uint64_t window = BH_LINK_WINDOW(l->back_slot);
	hpa_t to;
	for (uint64_t at = gpa, piece; at < gpa + len; at += piece) {
		piece = domain_ram_piece(l->front, GPA(at), gpa + len - at, &to);
		map_piece(back, window + at, to, piece, prot, before);
	}
	if (back->has_device && iommu && dma_prot(prot)) {
		(void)iommu->flush(&back->iommu);
	}
	if (cpu_prot(before)) {
		for (unsigned i = 0; i < back->vcpu_count; i++) {
			vcpu_flush(back->vcpu[i]);
		}
	}
}

void grant_commit(struct domain *d, uint32_t slot, uint64_t gpa, uint64_t len, uint32_t prot)
{
	struct link *l = d->links[slot];
	reserve_used = true;
	uint32_t before = grant_set(l->grants, gpa, len, prot);
	grant_apply(l, gpa, len, prot, before);
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
