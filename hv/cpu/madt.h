/* SPDX-License-Identifier: MIT */
/* The MADT's entries: processors and interrupt controllers (ACPI 6.4, 5.2.12). */
#ifndef HV_MADT_H
#define HV_MADT_H

#include <stddef.h>
#include <stdint.h>

enum madt_type { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_X2APIC = 9 };

struct madt_entry {
	uint8_t type, length;
} __attribute__((packed));

struct madt_lapic {
	struct madt_entry entry;
	uint8_t processor, apic_id;
	uint32_t flags;
} __attribute__((packed));

struct madt_x2apic {
	struct madt_entry entry;
	uint16_t reserved;
	uint32_t apic_id, flags, processor;
} __attribute__((packed));

struct madt_ioapic {
	struct madt_entry entry;
	uint8_t id, reserved;
	uint32_t address, gsi;
} __attribute__((packed));

struct madt_override {
	struct madt_entry entry;
	uint8_t bus, irq;
	uint32_t gsi;
	uint16_t flags;
} __attribute__((packed));

#define MADT_ENABLED 1u

/** The next entry of this type behind `entry` (NULL: the first), at least `size` bytes, in the table. NULL: none. */
const void *madt_next(const void *entry, enum madt_type type, size_t size);
/** The APIC IDs of the processors that may be used, each once, though the table may have it in both its forms. Returns
 *  how many, at most `max`. */
unsigned madt_processors(uint32_t *ids, unsigned max);

#endif
