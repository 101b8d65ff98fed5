/* SPDX-License-Identifier: MIT */
/*
 * Off (ACPI 6.4, 4.8.3.2 and 7.4.2): SLP_TYP of the soft-off state, which AML alone knows, is read from the bytes of
 * the DSDT: Name(_S5_, Package() { a, b, ... }) has one encoding (20.2). Where switching off fails, the machine is
 * reset.
 */
#include "acpi_internal.h"

#include "base/string.h"
#include "hv/port.h"

#define AML_BYTE_PREFIX 0x0a
#define AML_PACKAGE 0x12
#define PM1_SCI_ENABLE 1u
#define PM1_SLEEP_TYPE_SHIFT 10
#define PM1_SLEEP_TYPE_MASK (7u << PM1_SLEEP_TYPE_SHIFT)
#define PM1_SLEEP_ENABLE (1u << 13)
#define RESET_CONTROL_PORT 0xcf9
#define RESET_CONTROL_HARD 0x06
#define POLLS 1000000

/* SLP_TYP for PM1A and PM1B. An element is Zero or One, which stand for themselves, or BytePrefix and a byte. */
static bool s5_find(const struct acpi_header *dsdt, uint8_t type[2])
{
	const uint8_t *bytes = (const uint8_t *)dsdt;
	size_t at = sizeof(*dsdt);
	while (at + 6 <= dsdt->length && (memcmp(bytes + at, "_S5_", 4) != 0 || bytes[at + 4] != AML_PACKAGE)) {
		at++;
	}
	if (at + 6 > dsdt->length) {
		return false;
	}
	at += 5 + 1 + (bytes[at + 5] >> 6) + 1; /* PkgLength of 1 to 4 bytes, NumElements */
	for (unsigned i = 0; i < 2; i++, at++) {
		at += at < dsdt->length && bytes[at] == AML_BYTE_PREFIX;
		type[i] = at < dsdt->length ? bytes[at] : 0;
	}
	return true;
}

static void sleep_enter(uint16_t port, uint8_t type)
{
	if (port) {
		uint16_t control = (uint16_t)(port_read16(port) & ~PM1_SLEEP_TYPE_MASK);
		port_write16(port, (uint16_t)(control | (type & 7u) << PM1_SLEEP_TYPE_SHIFT | PM1_SLEEP_ENABLE));
	}
}

static void acpi_mode_enter(uint16_t pm1a)
{
	uint16_t smi = (uint16_t)acpi_fadt(FADT_SMI_COMMAND, 4);
	if (smi && !(port_read16(pm1a) & PM1_SCI_ENABLE)) {
		port_write8(smi, (uint8_t)acpi_fadt(FADT_ACPI_ENABLE, 1));
		for (unsigned i = 0; i < POLLS && !(port_read16(pm1a) & PM1_SCI_ENABLE); i++) {
		}
	}
}

void acpi_power_off(void)
{
	uint8_t type[2];
	uint16_t pm1a = (uint16_t)acpi_fadt(FADT_PM1A_CONTROL, 4);
	const struct acpi_header *dsdt = acpi_table("DSDT", 0);
	if (pm1a && dsdt && s5_find(dsdt, type)) {
		acpi_mode_enter(pm1a);
		sleep_enter(pm1a, type[0]);
		sleep_enter((uint16_t)acpi_fadt(FADT_PM1B_CONTROL, 4), type[1]);
		for (unsigned i = 0; i < POLLS; i++) {
			(void)port_read16(pm1a); /* the machine takes a moment to go */
		}
	}
	port_write8(RESET_CONTROL_PORT, RESET_CONTROL_HARD);
	for (;;) {
		__asm__ volatile("cli; hlt");
	}
}
