/* SPDX-License-Identifier: MIT */
/*
 * The IOMMU list and what is common to all: domain IDs, mapping, message routes. A change to the tables is followed by
 * a flush in the same call, so what was unmapped is out of every device's reach when the call returns. The walker keeps
 * every table page until its domain is destroyed: the IOMMU never walks a page that has another use.
 */
#include "iommu_internal.h"

#include <stddef.h>

#include "abi/errno.h"
#include "hv/acpi.h"
#include "hv/log.h"

static const struct iommu_ops *const list[] = { &amdvi_ops, &vtd_ops };

const struct iommu_ops *iommu;
struct iommu_described iommu_described;
spinlock_t iommu_lock;

static uint16_t last_id; /* iommu_lock */

int iommu_init(const char **why)
{
	const struct acpi_header *table = NULL;
	const struct iommu_ops *found = NULL;
	for (unsigned i = 0; i < sizeof(list) / sizeof(list[0]) && !table; i++) {
		found = list[i];
		table = acpi_table(found->table, 0);
	}
	*why = "the firmware describes no IOMMU (no ACPI table IVRS or DMAR)";
	int error = table ? found->parse(table, table->length, &iommu_described, why) : -ENODEV;
	error = error ? error : found->start(&iommu_described, why);
	for (unsigned i = 0; !error && i < iommu_described.alias_count; i++) {
		const struct iommu_described_alias *alias = &iommu_described.aliases[i];
		pci_group_alias(alias->first, alias->last, alias->to);
	}
	if (error == 0) {
		iommu = found;
		log_line("iommu: %s, %u units: every function is blocked until a domain owns it", iommu->name, iommu_described.unit_count);
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
	error = error ? error : iommu->flush(domain); /* an older translation of the range, or a cached absence */
	spin_unlock(&iommu_lock);
	return error;
}

uint64_t iommu_reach(void)
{
	return PAGE_SIZE << 9 * iommu->format->levels;
}

int iommu_msi_route(struct pci_function *f, unsigned index, uint8_t vector, uint32_t apic_id, uint64_t *address,
		    uint32_t *data)
{
	spin_lock(&iommu_lock);
	int error = iommu->msi_route(f, index, vector, apic_id, address, data);
	spin_unlock(&iommu_lock);
	return error;
}
