/* SPDX-License-Identifier: MIT */
/* What the files of iommu/ share above the list. */
#ifndef HV_IOMMU_INTERNAL_H
#define HV_IOMMU_INTERNAL_H

#include "described.h"
#include "hv/cpu.h"
#include "hv/iommu.h"

/* A function's interrupt entries: each has eight of its own. */
#define IOMMU_MESSAGES 1024u

static inline unsigned iommu_message(const struct pci_function *f, unsigned index)
{
	return f->index * 8u + index;
}

extern const struct iommu_ops amdvi_ops, vtd_ops;
extern struct iommu_described iommu_described; /* read-only after iommu_init */
extern spinlock_t iommu_lock; /* every domain's tables, the units' queues and tables, pci_function.open */

#endif
