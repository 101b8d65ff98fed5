/* SPDX-License-Identifier: MIT */
/* Walks the MADT. An entry that reaches past the table's end, or is shorter than its own header, ends the walk. */
#include "madt.h"

#include "hv/acpi.h"

#define MADT_FIRST 44 /* behind the header, the local APIC's address and flags */

const void *madt_next(const void *entry, enum madt_type type, size_t size)
{
	const struct acpi_header *madt = acpi_table("APIC", 0);
	if (!madt) {
		return NULL;
	}
	const char *end = (const char *)madt + madt->length;
	const struct madt_entry *last = entry;
	const char *at = last ? (const char *)last + last->length : (const char *)madt + MADT_FIRST;
	while (at < end && (size_t)(end - at) >= sizeof(struct madt_entry)) {
		const struct madt_entry *e = (const struct madt_entry *)at;
		if (e->length < sizeof(*e) || e->length > end - at) {
			return NULL;
		}
		if (e->type == type && e->length >= size) {
			return e;
		}
		at += e->length;
	}
	return NULL;
}

unsigned madt_processors(uint32_t *ids, unsigned max)
{
	const struct madt_lapic *lapic = madt_next(NULL, MADT_LAPIC, sizeof(*lapic));
	const struct madt_x2apic *x2apic = madt_next(NULL, MADT_X2APIC, sizeof(*x2apic));
	unsigned count = 0;
	while ((lapic || x2apic) && count < max) {
		uint32_t id = lapic ? lapic->apic_id : x2apic->apic_id;
		ids[count] = id;
		unsigned known = 0;
		while (ids[known] != id) {
			known++;
		}
		count += known == count && (lapic ? lapic->flags : x2apic->flags) & MADT_ENABLED;
		x2apic = lapic ? x2apic : madt_next(x2apic, MADT_X2APIC, sizeof(*x2apic));
		lapic = lapic ? madt_next(lapic, MADT_LAPIC, sizeof(*lapic)) : NULL;
	}
	return count;
}
