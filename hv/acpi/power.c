/* SPDX-License-Identifier: MIT */
/*
 * Off (ACPI 6.4, 4.8.3.2 and 7.4.2; without fixed hardware 4.8.3.7): SLP_TYP of the soft-off state, which AML alone
 * knows, is read from the bytes of the DSDT: Name(_S5_, Package() { a, b, ... }) has one encoding (20.2). Where
 * switching off fails, the machine is reset: by the FADT's register (4.8.3.6), the chipset's port, a triple fault.
 */
#include "acpi_internal.h"

#include "base/string.h"
#include "hv/log.h"
#include "hv/mmio.h"
#include "hv/port.h"

#define AML_BYTE_PREFIX 0x0a
#define AML_PACKAGE 0x12
#define PM1_SCI_ENABLE 1u
#define PM1_SLEEP_TYPE_SHIFT 10
#define PM1_SLEEP_TYPE_MASK (7u << PM1_SLEEP_TYPE_SHIFT)
#define PM1_SLEEP_ENABLE (1u << 13)
#define SLEEP_CONTROL_TYPE_SHIFT 2
#define SLEEP_CONTROL_ENABLE (1u << 5)
#define DELAY_PORT 0x80 /* the BIOS's progress codes: reading it takes about a microsecond and changes nothing */
#define RESET_CONTROL_PORT 0xcf9
#define RESET_CONTROL_HARD 0x06
#define POLLS 1000000

static bool mapped;

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

static bool soft_off_find(uint8_t type[2])
{
	const struct acpi_header *dsdt = acpi_table("DSDT", 0);
	return dsdt && s5_find(dsdt, type) && (acpi_port(FADT_PM1A_CONTROL, FADT_X_PM1A_CONTROL) || acpi_fadt(FADT_SLEEP_CONTROL + 4, 8));
}

/* Registers in memory are mapped beforehand: who panics can map nothing. */
void acpi_power_init(void)
{
	uint8_t type[2];
	uint64_t sleep = acpi_register(FADT_SLEEP_CONTROL, ACPI_SPACE_MEMORY);
	uint64_t reset = acpi_register(FADT_RESET_REGISTER, ACPI_SPACE_MEMORY);
	mapped = (!sleep || mmio_map(HPA(sleep), 1)) && (!reset || mmio_map(HPA(reset), 1));
	if (!soft_off_find(type)) {
		log_line("preflight: ACPI tells no way to switch this machine off: it will be reset instead");
	}
}

static void register_write(enum acpi_fadt_field field, uint8_t value)
{
	uint64_t port = acpi_register(field, ACPI_SPACE_PORT), memory = acpi_register(field, ACPI_SPACE_MEMORY);
	if (port) {
		port_write8((uint16_t)port, value);
	} else if (memory && mapped) {
		mmio_write8((void *)memory, 0, value);
	}
}

void acpi_power_off(void)
{
	static const uint64_t no_gates[2]; /* an interrupt table of one gate that is not present */
	uint16_t pm1a = acpi_port(FADT_PM1A_CONTROL, FADT_X_PM1A_CONTROL);
	uint8_t type[2];
	bool known = soft_off_find(type);
	if (known && pm1a) {
		acpi_mode_enter(pm1a);
		sleep_enter(pm1a, type[0]);
		sleep_enter(acpi_port(FADT_PM1B_CONTROL, FADT_X_PM1B_CONTROL), type[1]);
	} else if (known) {
		register_write(FADT_SLEEP_CONTROL, (uint8_t)((type[0] & 7u) << SLEEP_CONTROL_TYPE_SHIFT | SLEEP_CONTROL_ENABLE));
	}
	for (unsigned i = 0; i < POLLS && known; i++) {
		(void)port_read8(DELAY_PORT); /* the machine takes a moment to go */
	}
	if (acpi_fadt(FADT_FLAGS, 4) & FADT_FLAG_RESET) {
		register_write(FADT_RESET_REGISTER, (uint8_t)acpi_fadt(FADT_RESET_VALUE, 1));
	}
	port_write8(RESET_CONTROL_PORT, RESET_CONTROL_HARD);
	__asm__ volatile("lidt %0; int3" : : "m"(no_gates));
	__builtin_unreachable();
}
