/* SPDX-License-Identifier: MIT */
/*
 * The IOMMU list and what is common to all: domain IDs and mapping. A change to the tables is followed by a flush in
 * the same call, so what was unmapped is out of every device's reach when the call returns. The walker keeps every
 * table page until its domain is destroyed: the IOMMU never walks a page that has another use. Lock order: iommu,
 * then the IOMMU's own.
 */
#include "hv/iommu.h"

#include <stddef.h>

#include "abi/errno.h"
#include "amdvi.h"
#include "hv/cpu.h"
#include "hv/log.h"

#define FAULTS_AT_ONCE 512u

const struct iommu_ops *iommu;

static spinlock_t iommu_lock; /* last_id, and every domain's tables */
static uint16_t last_id;

int iommu_init(const char **why)
{
	int error = amdvi_ops.init(why);
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
	}
	spin_unlock(&iommu_lock);
	return error;
}

int iommu_map(struct iommu_domain *domain, uint64_t iova, hpa_t to, uint64_t bytes, unsigned prot)
{
	spin_lock(&iommu_lock);
	int error = paging_map(&domain->paging, iova, to, bytes, prot);
	spin_unlock(&iommu_lock);
	return error < 0 ? error : iommu->flush(domain); /* an older translation of the range, or a cached absence */
}

void iommu_faults_take(void)
{
	struct iommu_fault fault;
	for (unsigned n = 0; n < FAULTS_AT_ONCE && iommu && iommu->fault_next(&fault) == 0; n++) {
		machine_iommu_fault(&fault);
	}
}
