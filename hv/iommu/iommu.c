/* SPDX-License-Identifier: MIT */
/*
 * The IOMMU list and what is common to all: domain IDs and mapping. A page-table page that a change unlinks stays readable to the
 * IOMMU until the flush has completed: it waits on `retired`, and is freed after. One lock covers change, flush and freeing, so
 * `retired` is always the current change's. Lock order: iommu, then the IOMMU's own.
 */
#include "hv/iommu.h"

#include <stddef.h>

#include "abi/errno.h"
#include "amdvi.h"
#include "hv/cpu.h"
#include "hv/log.h"
#include "hv/pool.h"

#define FAULTS_AT_ONCE 512u

const struct iommu_ops *iommu;

static spinlock_t iommu_lock;
static uint16_t last_id; /* iommu_lock */
static uint64_t *retired; /* iommu_lock: linked by their first words, which read as "not present" since pages are aligned */

static void *table_alloc(void)
{
	return pool_alloc(1, 1);
}

static void table_retire(void *table)
{
	uint64_t *link = table;
	__atomic_store_n(link, (uint64_t)retired, __ATOMIC_RELEASE);
	retired = link;
}

static void retired_free(void)
{
	while (retired) {
		uint64_t *table = retired;
		retired = (uint64_t *)*table;
		pool_free(table, 1);
	}
}

int iommu_init(const char **why)
{
	int error = amdvi_probe(why);
	if (error == 0) {
		iommu = &amdvi_ops;
		log_line("iommu: %s: every function is blocked until a domain owns it", iommu->name);
	}
	return error;
}

int iommu_domain_init(struct iommu_domain *domain)
{
	if (!iommu) {
		return -ENODEV;
	}
	spin_lock(&iommu_lock);
	int error = last_id == UINT16_MAX ? -ENOSPC : paging_init(&domain->paging, iommu->format);
	if (error == 0) {
		domain->id = ++last_id;
		domain->paging.table_alloc = table_alloc;
		domain->paging.table_free = table_retire;
	}
	spin_unlock(&iommu_lock);
	return error;
}

/* Retired pages are lost rather than reused when the IOMMU did not answer: it may still read them. */
static int flush_and_free(struct iommu_domain *domain)
{
	int error = iommu->flush(domain);
	if (error < 0) {
		retired = NULL;
		return error;
	}
	retired_free();
	return 0;
}

int iommu_map(struct iommu_domain *domain, uint64_t iova, hpa_t to, uint64_t bytes, unsigned prot)
{
	spin_lock(&iommu_lock);
	int error = paging_map(&domain->paging, iova, to, bytes, prot);
	int flushed = flush_and_free(domain);
	spin_unlock(&iommu_lock);
	return error < 0 ? error : flushed;
}

int iommu_unmap(struct iommu_domain *domain, uint64_t iova, uint64_t bytes)
{
	spin_lock(&iommu_lock);
	int error = paging_unmap(&domain->paging, iova, bytes);
	int flushed = flush_and_free(domain);
	spin_unlock(&iommu_lock);
	return error < 0 ? error : flushed;
}

void iommu_faults_take(void)
{
	struct iommu_fault fault;
	for (unsigned n = 0; n < FAULTS_AT_ONCE && iommu && iommu->fault_next(&fault) == 0; n++) {
		machine_iommu_fault(&fault);
	}
}
