/* SPDX-License-Identifier: MIT */
/*
 * What the firmware says of the machine's IOMMUs, by whichever ACPI table. Parsed once into fixed arrays; a table that
 * does not hold together is refused as a whole, since a requester that it forgot would be one that nothing blocks.
 */
#ifndef HV_DESCRIBED_H
#define HV_DESCRIBED_H

#include <stddef.h>
#include <stdint.h>

#define IOMMU_MAX_UNITS 8u
#define IOMMU_MAX_IOAPICS 16u
#define IOMMU_MAX_ALIASES 32u

enum iommu_standing { /* of a requester ID; the strongest that applies */
	STANDING_UNKNOWN, /* no IOMMU is said to stand between it and memory */
	STANDING_TRANSLATED, /* one does */
	STANDING_MEMORY, /* but the firmware wants to keep memory open for it (IVMD, RMRR) */
};

struct iommu_described {
	struct iommu_described_unit {
		uint64_t registers; /* host-physical */
		uint16_t bdf; /* the IOMMU's own function, if it is one */
		uint8_t flags; /* IVHD flags, the wanted bits of the control register */
	} units[IOMMU_MAX_UNITS];
	struct iommu_described_ioapic {
		uint16_t bdf; /* the requester ID of its interrupts */
		uint8_t id;
	} ioapics[IOMMU_MAX_IOAPICS];
	struct iommu_described_alias {
		uint16_t first, last, to; /* the requests of these IDs arrive under another */
	} aliases[IOMMU_MAX_ALIASES];
	unsigned unit_count, ioapic_count, alias_count;
	uint8_t standing[0x10000]; /* enum iommu_standing, by requester ID */
};

/** Parse `length` bytes of table, header included. 0, or -EBADMSG with *why in words. */
int ivrs_parse(const void *table, size_t length, struct iommu_described *described, const char **why);
/** Likewise; paths through bridges, and what is below them, are taken from the PCI scan. */
int dmar_parse(const void *table, size_t length, struct iommu_described *described, const char **why);

/* Notes that both tables make; each returns what is wrong, or NULL. */
const char *described_stand(struct iommu_described *d, unsigned first, unsigned last, enum iommu_standing standing);
const char *described_unit(struct iommu_described *d, uint64_t registers, uint16_t bdf, uint8_t flags);
const char *described_ioapic(struct iommu_described *d, uint8_t id, uint16_t bdf);

/* The tables' fields are little-endian at odd places. */
static inline uint16_t described_read16(const uint8_t *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}

#endif
