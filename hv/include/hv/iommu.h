/* SPDX-License-Identifier: MIT */
/*
 * The IOMMU list: AMD-Vi (iommu/amdvi.c) and VT-d (iommu/vtd.c); no vendor word above it. Every function that no domain
 * owns is blocked. Functions that the bus does not keep apart (hv/pci.h, groups) are behind one fence: they are opened
 * and blocked together, and only one domain may own any of them. Spec: AMD I/O Virtualization Technology (IOMMU)
 * Specification, 48882; Intel Virtualization Technology for Directed I/O, D51397.
 */
#ifndef HV_IOMMU_H
#define HV_IOMMU_H

#include "hv/addr.h"
#include "hv/paging.h"
#include "hv/pci.h"

struct domain;

struct iommu_domain {
	struct paging paging;
	uint16_t id; /* the IOMMU's domain ID, from 1 */
};

struct iommu_fault {
	uint16_t bdf; /* a function of the owner's; of several that share an ID, the first */
	uint64_t address;
	bool write;
	struct domain *owner; /* of a function behind that fence; never NULL in machine_iommu_fault */
};

struct iommu_described;

/* Below the list. The lock of iommu.c is held in all but parse and start. An ID is a requester ID. */
struct iommu_ops {
	const char *name, *table; /* the ACPI table that describes it */
	int (*parse)(const void *table, size_t length, struct iommu_described *described, const char **why);
	/** Block everything and switch on. */
	int (*start)(const struct iommu_described *described, const char **why);
	const struct paging_format *format; /* final after start */
	/** This ID's DMA goes through the domain's tables from now on; NULL: blocked, and its interrupts too. Returns
	 *  when that is so. -ENOMEM at its first use only. */
	int (*attach)(uint16_t id, const struct iommu_domain *domain);
	int (*flush)(const struct iommu_domain *domain);
	int (*msi_route)(const struct pci_function *f, unsigned index, uint8_t vector, uint32_t apic_id,
			 uint64_t *address, uint32_t *data);
	/** Take one recorded fault. -ENOENT: none. */
	int (*fault_next)(struct iommu_fault *fault);
};
/* flush, attach: -ETIMEDOUT if the IOMMU did not complete; then nothing may be assumed about what the function can
 * still reach. */

extern const struct iommu_ops *iommu; /* NULL: this machine has none */
/** Look for one and switch it on; `iommu` is set on success. -ENODEV, or why it does not work. Also the reason in
 *  words. */
int iommu_init(const char **why);
int iommu_domain_init(struct iommu_domain *domain);
/** Both return when no device can use an old translation of the range any more. -ENOMEM, -EINVAL: nothing has
 *  changed. */
int iommu_map(struct iommu_domain *domain, uint64_t iova, hpa_t to, uint64_t bytes, unsigned prot);
/** The first address that tables of this machine's IOMMU cannot map. */
uint64_t iommu_reach(void);

/** May the domain have the function, and with it all that is behind its fence? The log says what that is. -EBUSY:
 *  another domain owns some of it; -EOPNOTSUPP: not all of it can be blocked; the reason is in the log. */
int iommu_fence_check(const struct pci_function *f, const struct domain *d, const char *name);
/** All that is behind the function's fence goes through this domain's tables from now on; NULL: is blocked. Returns
 *  when that is so; of an error when opening, blocked again. */
int iommu_attach(struct pci_function *f, struct iommu_domain *domain);
/** Interrupt remapping: the MSI address and data that make this function deliver `vector` on apic_id. 0: off. */
int iommu_msi_route(struct pci_function *f, unsigned index, uint8_t vector, uint32_t apic_id, uint64_t *address, uint32_t *data);

/** Take all recorded faults. One that comes through an open fence closes it, takes the bus from the functions behind
 *  it and is handed to machine_iommu_fault(); one of a function that is blocked already is dropped. The IOMMU's own
 *  interrupt does this; elsewhere it is called at need, no lock held. */
void iommu_faults_take(void);
/** A device tried what its domain's tables do not allow. Called with no lock held. Defined by domain/. */
void machine_iommu_fault(const struct iommu_fault *fault);

#endif
