/* SPDX-License-Identifier: MIT */
/* What the bare machine's kernel reads of ACPI 6.4: interrupt controllers (5.2.12) and how to switch off (4.8.3, 7.4.2). */
#ifndef PLATFORM_ACPI_H
#define PLATFORM_ACPI_H

#include <stdint.h>

#define ACPI_CPUS 64

struct acpi_interrupts {
	uint64_t lapic, ioapic; /* ioapic 0: none */
	uint32_t ioapic_base; /* first GSI */
	uint32_t isa_gsi[16];
	unsigned cpu_count; /* usable ones, at most ACPI_CPUS */
	uint32_t apic_ids[ACPI_CPUS];
};
struct acpi_interrupts acpi_interrupts(void);

/** Enter S5. Returns if the tables do not say how. */
void acpi_power_off(void);

#endif
