/* SPDX-License-Identifier: MIT */
/*
 * The firmware's description of AMD I/O virtualization (ACPI table IVRS). AMD 48882, 5.2. Parsed once into fixed arrays; a table
 * that does not hold together is refused as a whole, since a requester that it forgot would be one that nothing blocks.
 */
#ifndef HV_IVRS_H
#define HV_IVRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IVRS_MAX_UNITS 8u
#define IVRS_MAX_RANGES 128u
#define IVRS_MAX_IOAPICS 16u

struct ivrs_unit {
	uint16_t bdf; /* the IOMMU's own function */
	uint8_t flags; /* IVHD flags, the wanted bits of the control register */
	uint64_t registers; /* host-physical */
};

/* Requester IDs [first, last]. */
struct ivrs_range {
	uint16_t first, last;
	bool aliased; /* these functions' requests arrive under another ID */
	bool memory; /* the firmware demands memory of its own for them (IVMD) */
};

struct ivrs {
	struct ivrs_unit units[IVRS_MAX_UNITS];
	struct ivrs_range ranges[IVRS_MAX_RANGES];
	uint16_t ioapics[IVRS_MAX_IOAPICS]; /* requester IDs of the I/O APICs */
	unsigned unit_count, range_count, ioapic_count;
};

/** Parse `length` bytes of table, header included. 0, or -EBADMSG with *why in words. */
int ivrs_parse(const void *table, size_t length, struct ivrs *ivrs, const char **why);

enum ivrs_standing { /* the strongest that applies */
	IVRS_UNKNOWN, /* no IOMMU is said to stand between this function and memory */
	IVRS_TRANSLATED, /* one does */
	IVRS_ALIASED, /* but the function shares a requester ID with others */
	IVRS_MEMORY, /* but the firmware wants to keep memory open for it */
};
enum ivrs_standing ivrs_look_up(const struct ivrs *ivrs, uint16_t bdf);

#endif
