/* SPDX-License-Identifier: MIT */
/* See described.h: what the parsers of both tables note. */
#include "described.h"

#include "hv/addr.h"

const char *described_stand(struct iommu_described *d, unsigned first, unsigned last, enum iommu_standing standing)
{
	for (unsigned id = first; id <= last; id++) {
		if (d->standing[id] < standing) {
			d->standing[id] = (uint8_t)standing;
		}
	}
	return first > last ? "ACPI IVRS or DMAR: a range of devices ends before it begins" : NULL;
}

const char *described_unit(struct iommu_described *d, uint64_t registers, uint16_t bdf, uint8_t flags)
{
	if (registers == 0 || registers % PAGE_SIZE != 0 || d->unit_count == IOMMU_MAX_UNITS) {
		return "ACPI IVRS or DMAR: an IOMMU has no valid register address, or is one too many";
	}
	d->units[d->unit_count++] = (struct iommu_described_unit){ registers, bdf, flags };
	return NULL;
}

const char *described_ioapic(struct iommu_described *d, uint8_t id, uint16_t bdf)
{
	if (d->ioapic_count == IOMMU_MAX_IOAPICS) {
		return "ACPI IVRS or DMAR: too many I/O APICs";
	}
	d->ioapics[d->ioapic_count++] = (struct iommu_described_ioapic){ bdf, id };
	return NULL;
}
