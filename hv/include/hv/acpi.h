/* SPDX-License-Identifier: MIT */
/* ACPI: finds tables; checks signature, length and checksum; copies nothing that it does not check. ACPI 6.4, 5.2. */
#ifndef HV_ACPI_H
#define HV_ACPI_H

#include <stdint.h>

struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem_id[6], oem_table_id[8];
	uint32_t oem_revision, creator_id, creator_revision;
} __attribute__((packed));

/** The index-th table with this signature, valid and mapped for reading, or NULL. */
const struct acpi_header *acpi_table(const char signature[4], unsigned index);

/** Switch the machine off (FADT PM1, \_S5 from the DSDT) or reset it if it cannot. */
_Noreturn void acpi_power_off(void);

#endif
