/* SPDX-License-Identifier: MIT */
/*
 * The firmware's description of AMD I/O virtualization (ACPI table IVRS). AMD 48882, 5.2. Parsed once into fixed
 * arrays; a table that does not hold together is refused as a whole, since a requester that it forgot would be one
 * that nothing blocks.
 */
#ifndef HV_IVRS_H
#define HV_IVRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IVRS_MAX_UNITS 8u
#define IVRS_MAX_IOAPICS 16u

enum ivrs_standing { /* of a function; the strongest that applies */
	IVRS_UNKNOWN, /* no IOMMU is said to stand between it and memory */
	IVRS_TRANSLATED, /* one does */
	IVRS_ALIASED, /* but its requests arrive under another ID */
	IVRS_MEMORY, /* but the firmware wants to keep memory open for it (IVMD) */
};

struct ivrs_unit {
	uint16_t bdf; /* the IOMMU's own function */
	uint8_t flags; /* IVHD flags, the wanted bits of the control register */
	uint64_t registers; /* host-physical */
};

struct ivrs {
	struct ivrs_unit units[IVRS_MAX_UNITS];
	uint16_t ioapics[IVRS_MAX_IOAPICS]; /* requester IDs of the I/O APICs */
	unsigned unit_count, ioapic_count;
	uint8_t standing[0x10000]; /* enum ivrs_standing, by requester ID */
};

/** Parse `length` bytes of table, header included. 0, or -EBADMSG with *why in words. */
int ivrs_parse(const void *table, size_t length, struct ivrs *ivrs, const char **why);

#endif
