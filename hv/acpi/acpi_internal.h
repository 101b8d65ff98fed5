/* SPDX-License-Identifier: MIT */
/* Shared by the files of acpi/ and boot/main.c. */
#ifndef HV_ACPI_INTERNAL_H
#define HV_ACPI_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include "hv/acpi.h"
#include "hv/addr.h"

/** Find the root table's address while the loader's memory is still reachable: from an RSDP there (0: search the BIOS areas). */
void acpi_root_find(hpa_t rsdp);
/** Take the root from these 36 bytes if they are a sound RSDP. */
bool acpi_rsdp_take(const void *at);
/** Map and check all tables. Without a root there are none. */
void acpi_init(void);
/** Sum of the bytes is 0 (mod 256)? */
bool acpi_checksum_ok(const void *table, size_t bytes);

/* Fixed hardware (the FADT), read by name. 0 where the table is too short for the field. */
enum acpi_fadt_field {
	FADT_DSDT = 40, FADT_SMI_COMMAND = 48, FADT_ACPI_ENABLE = 52, FADT_PM1A_CONTROL = 64, FADT_PM1B_CONTROL = 68, FADT_PM_TIMER = 76,
	FADT_CENTURY = 108, FADT_FLAGS = 112, FADT_RESET_REGISTER = 116, FADT_RESET_VALUE = 128, FADT_X_DSDT = 140,
};
#define FADT_FLAG_TIMER_32 (1u << 8)
#define FADT_FLAG_RESET (1u << 10)
uint64_t acpi_fadt(enum acpi_fadt_field field, unsigned bytes);
/** The DSDT, or NULL. */
const struct acpi_header *acpi_dsdt(void);
/** SLP_TYP values of \_S5 in an AML table, by its bytes. -ENOENT. */
int acpi_s5_find(const struct acpi_header *dsdt, uint8_t *type_a, uint8_t *type_b);

#endif
