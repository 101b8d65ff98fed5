/* SPDX-License-Identifier: MIT */
/* The I/O APIC: interrupts of the ISA devices that the hypervisor itself drives. ACPI 6.4, 5.2.12.3. */
#ifndef HV_IOAPIC_H
#define HV_IOAPIC_H

#include <stdbool.h>
#include <stdint.h>

#define IOAPIC_LEVEL (1u << 15) /* in the lower half of an entry */

/** Deliver ISA interrupt `irq` (through the MADT's overrides) as host `vector` on processor `cpu`. -ENODEV. */
int ioapic_route_isa(unsigned irq, uint8_t vector, uint32_t cpu);

/** Interrupts are remapped from now on: `route` gives the upper half of the entry that raises `low`'s vector, level or
 *  edge as it says, on apic_id. Entries in use are changed at once; an interrupt that was lost meanwhile is made up
 *  for. */
typedef int (*ioapic_route_t)(uint8_t ioapic, uint32_t low, uint32_t apic_id, uint32_t *high);
void ioapic_remap(ioapic_route_t route);

#endif
