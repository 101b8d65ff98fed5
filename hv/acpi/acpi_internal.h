/* SPDX-License-Identifier: MIT */
/* Shared by the files of acpi/ and boot/main.c. */
#ifndef HV_ACPI_INTERNAL_H
#define HV_ACPI_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include "hv/acpi.h"

#define RSDP_BYTES 36

/** Take the root table's address from these RSDP_BYTES, or NULL, if they are a sound RSDP. */
bool acpi_root_take(const void *rsdp);
/** Map and check all tables. Without a root there are none. */
void acpi_init(void);

/* Fixed hardware (the FADT), read by name. 0 where the table is too short for the field. */
enum acpi_fadt_field {
	FADT_DSDT = 40, FADT_SMI_COMMAND = 48, FADT_ACPI_ENABLE = 52, FADT_PM1A_CONTROL = 64, FADT_PM1B_CONTROL = 68,
	FADT_PM_TIMER = 76, FADT_FLAGS = 112, FADT_X_DSDT = 140,
};
#define FADT_FLAG_TIMER_32 (1u << 8)
uint64_t acpi_fadt(enum acpi_fadt_field field, unsigned bytes);

#endif
