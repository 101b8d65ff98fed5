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
/** Look for it where a BIOS puts it; `at` makes physical memory readable, or returns NULL. */
bool acpi_root_search(const void *(*at)(uint64_t address, uint64_t bytes));
/** Map and check all tables. Without a root there are none. */
void acpi_init(void);
/** Find out how the machine is switched off, and say so if it is not known. After acpi_init. */
void acpi_power_init(void);

/* Fixed hardware (the FADT), read by name. 0 where the table is too short for the field. */
enum acpi_fadt_field {
	FADT_DSDT = 40, FADT_SMI_COMMAND = 48, FADT_ACPI_ENABLE = 52, FADT_PM1A_CONTROL = 64, FADT_PM1B_CONTROL = 68,
	FADT_PM_TIMER = 76, FADT_FLAGS = 112, FADT_RESET_REGISTER = 116, FADT_RESET_VALUE = 128, FADT_X_DSDT = 140,
	FADT_X_PM1A_CONTROL = 172, FADT_X_PM1B_CONTROL = 184, FADT_X_PM_TIMER = 208, FADT_SLEEP_CONTROL = 244,
};
#define FADT_FLAG_TIMER_32 (1u << 8)
#define FADT_FLAG_RESET (1u << 10)
#define FADT_FLAG_REDUCED (1u << 20) /* no fixed hardware: no PM registers, no PM timer */
enum acpi_space { ACPI_SPACE_MEMORY, ACPI_SPACE_PORT };
/** The address of a register that the FADT names by a generic address structure (5.2.3.2). 0: it is not in this space. */
uint64_t acpi_register(enum acpi_fadt_field field, enum acpi_space space);
/** A register block of fixed hardware: its port by the old field, or by the new one. 0: the machine has none. */
uint16_t acpi_port(enum acpi_fadt_field field, enum acpi_fadt_field extended);
uint64_t acpi_fadt(enum acpi_fadt_field field, unsigned bytes);

#endif
