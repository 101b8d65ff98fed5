/* SPDX-License-Identifier: MIT */
/* The I/O APIC: interrupts of the ISA devices that the hypervisor itself drives. ACPI 6.4, 5.2.12.3. */
#ifndef HV_IOAPIC_H
#define HV_IOAPIC_H

#include <stdint.h>

/** Deliver ISA interrupt `irq` (through the MADT's overrides) as host `vector` on processor `cpu`. -ENODEV. */
int ioapic_route_isa(unsigned irq, uint8_t vector, uint32_t cpu);

#endif
