/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables, found by the RSDP that PVH hands over. A table counts only if its checksum is right. AML is not interpreted: the
 * value for S5 is read out of \_S5's package, a fixed pattern of bytes (ACPI 6.4, 20.2.5.4).
 */
#include "platform/acpi.h"
#include "arch/cpu.h"
#include "base/string.h"
#include "kernel/memory.h"
#include "kernel/platform.h"

struct header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum, oem[6], oem_table[8];
	uint32_t oem_revision, creator, creator_revision;
} __attribute__((packed));

#define FADT_DSDT 40 /* offsets in the FADT, 5.2.9 */
#define FADT_PM1A_CONTROL 64
#define FADT_PM1B_CONTROL 68
#define SLEEP_ENABLE (1u << 13)

#define MADT_ENTRIES 44
enum { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_X2APIC = 9 };
#define MADT_CPU_ENABLED 1u

#define MAPPED_END (4ull << 30) /* tables lie below 4 GiB, where the physmap covers what is between RAM ranges */

static uint32_t read32(const void *at, unsigned offset)
{
	uint32_t value;
	memcpy(&value, (const char *)at + offset, sizeof(value));
	return value;
}

static const struct header *table_check(uint64_t phys)
{
	if (!phys || phys >= MAPPED_END) {
		return NULL;
	}
	const struct header *h = phys_to_virt(phys);
	uint8_t sum = 0;
	for (uint32_t i = 0; i < h->length; i++) {
		sum = (uint8_t)(sum + ((const uint8_t *)h)[i]);
	}
	return h->length >= sizeof(*h) && sum == 0 ? h : NULL;
}

static const struct header *table_find(const char signature[4])
{
	uint64_t rsdp = platform_rsdp();
	if (!rsdp || rsdp >= MAPPED_END || memcmp(phys_to_virt(rsdp), "RSD PTR ", 8)) {
		return NULL;
	}
	const struct header *rsdt = table_check(read32(phys_to_virt(rsdp), 16));
	if (!rsdt) {
		return NULL;
	}
	for (uint32_t at = sizeof(*rsdt); at + 4 <= rsdt->length; at += 4) {
		const struct header *h = table_check(read32(rsdt, at));
		if (h && memcmp(h->signature, signature, 4) == 0) {
			return h;
		}
	}
	return NULL;
}

static void cpu_add(struct acpi_interrupts *found, uint32_t apic_id, uint32_t flags)
{
	if ((flags & MADT_CPU_ENABLED) && found->cpu_count < ACPI_CPUS) {
		found->apic_ids[found->cpu_count++] = apic_id;
	}
}

struct acpi_interrupts acpi_interrupts(void)
{
	struct acpi_interrupts found = { .lapic = 0xfee00000, .ioapic = 0xfec00000 };
	for (unsigned i = 0; i < 16; i++) {
		found.isa_gsi[i] = i;
	}
	const struct header *madt = table_find("APIC");
	if (!madt) {
		return found;
	}
	found.lapic = read32(madt, sizeof(*madt));
	for (uint32_t at = MADT_ENTRIES; at + 2 <= madt->length;) {
		const uint8_t *e = (const uint8_t *)madt + at;
		if (e[1] < 2 || at + e[1] > madt->length) {
			break;
		}
		if (e[0] == MADT_IOAPIC && e[1] >= 12) {
			found.ioapic = read32(e, 4);
			found.ioapic_base = read32(e, 8);
		} else if (e[0] == MADT_OVERRIDE && e[1] >= 10 && e[3] < 16) {
			found.isa_gsi[e[3]] = read32(e, 4);
		} else if (e[0] == MADT_LAPIC && e[1] >= 8) {
			cpu_add(&found, e[3], read32(e, 4));
		} else if (e[0] == MADT_X2APIC && e[1] >= 16) {
			cpu_add(&found, read32(e, 4), read32(e, 8));
		}
		at += e[1];
	}
	return found;
}

/** SLP_TYPa and SLP_TYPb of \_S5: NameOp "_S5_" PackageOp length count value value. -1: not found. */
static int s5_values(const struct header *dsdt, unsigned values[2])
{
	const uint8_t *p = (const uint8_t *)dsdt;
	for (uint32_t i = sizeof(*dsdt); i + 16 < dsdt->length; i++) {
		if (memcmp(p + i, "_S5_", 4) || p[i + 4] != 0x12) {
			continue;
		}
		const uint8_t *at = p + i + 5;
		at += (*at >> 6) + 2; /* package length, element count */
		for (unsigned k = 0; k < 2; k++) {
			at += *at == 0x0a; /* BytePrefix */
			values[k] = *at++ & 7;
		}
		return 0;
	}
	return -1;
}

void acpi_power_off(void)
{
	const struct header *fadt = table_find("FACP");
	const struct header *dsdt = fadt ? table_check(read32(fadt, FADT_DSDT)) : NULL;
	unsigned values[2];
	if (!dsdt || s5_values(dsdt, values)) {
		return;
	}
	uint16_t a = (uint16_t)read32(fadt, FADT_PM1A_CONTROL), b = (uint16_t)read32(fadt, FADT_PM1B_CONTROL);
	port_write16(a, (uint16_t)(values[0] << 10 | SLEEP_ENABLE));
	if (b) {
		port_write16(b, (uint16_t)(values[1] << 10 | SLEEP_ENABLE));
	}
}
