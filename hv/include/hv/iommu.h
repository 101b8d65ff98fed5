/* SPDX-License-Identifier: MIT */
/*
 * The IOMMU list: AMD-Vi (iommu/amdvi.c) now, VT-d later; no vendor word above it. Every function that no domain owns
 * is blocked. Spec: AMD I/O Virtualization Technology (IOMMU) Specification, 48882.
 */
#ifndef HV_IOMMU_H
#define HV_IOMMU_H

#include "hv/addr.h"
#include "hv/paging.h"
#include "hv/pci.h"

struct iommu_domain {
	struct paging paging;
	uint16_t id; /* the IOMMU's domain ID, from 1 */
};

struct iommu_fault {
	uint16_t bdf;
	uint64_t address;
	bool write;
};

struct iommu_ops {
	const char *name;
	int (*init)(const char **why); /* finds, blocks everything, switches on. -ENODEV: none; why in words */
	const struct paging_format *format;
	/** The function's DMA goes through this domain from now on; NULL: blocked. Returns when that is so. */
	int (*attach)(struct pci_function *f, struct iommu_domain *domain);
	/** Drop cached translations of the domain after its tables changed, and wait for that. */
	int (*flush)(struct iommu_domain *domain);
	/** Interrupt remapping: the MSI address and data that make this function deliver `vector` on apic_id. */
	int (*msi_route)(struct pci_function *f, unsigned index, uint8_t vector, uint32_t apic_id,
			 uint64_t *address, uint32_t *data);
	/** Take one recorded fault. -ENOENT: none. */
	int (*fault_next)(struct iommu_fault *fault);
};
/* attach: -EOPNOTSUPP if no IOMMU can stand in this function's way (logged in words), -ENOMEM at its first use only.
 * flush, attach: -ETIMEDOUT if the IOMMU did not complete; then nothing may be assumed about what the function can
 * still reach. */

extern const struct iommu_ops *iommu; /* NULL: this machine has none */
/** Look for one and switch it on; `iommu` is set on success. -ENODEV, or why it does not work. Also the reason in
 *  words. */
int iommu_init(const char **why);
int iommu_domain_init(struct iommu_domain *domain);
/** Both return when no device can use an old translation of the range any more. -ENOMEM, -EINVAL: nothing has
 *  changed. */
int iommu_map(struct iommu_domain *domain, uint64_t iova, hpa_t to, uint64_t bytes, unsigned prot);

/** Hand all recorded faults to machine_iommu_fault(). The IOMMU's own interrupt does this; elsewhere it is called
 *  at need, no lock held. */
void iommu_faults_take(void);
/** A device tried what its domain's tables do not allow. Called with no lock held. Defined by domain/. */
void machine_iommu_fault(const struct iommu_fault *fault);

#endif
