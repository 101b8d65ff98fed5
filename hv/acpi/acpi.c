/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables (ACPI 6.4, 5.2). The loader's root pointer is taken while its memory is in reach; acpi_init then maps
 * every table that the XSDT or RSDT names, and the DSDT, checks length and checksum, and keeps a list of the good
 * ones, so later look-ups map nothing.
 */
#include "acpi_internal.h"

#include "base/string.h"
#include "hv/log.h"
#include "mem/mem_internal.h"

#define TABLES_MAX 64
#define TABLE_BYTES_MAX (16u << 20)
#define RSDP_V1_BYTES 20
/* Where a PC's firmware leaves the root pointer: in its extended data, or in its ROM (ACPI 6.4, 5.2.5.1). */
enum { EBDA_LOWEST = 0x80000, EBDA_END = 0xa0000, ROM_START = 0xe0000, ROM_END = 0x100000 };

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt, length;
	uint64_t xsdt;
	uint8_t checksum_all, reserved[3];
} __attribute__((packed));

static uint64_t root;
static bool root_is_xsdt;
static const struct acpi_header *tables[TABLES_MAX];
static unsigned table_count;

static bool checksum_ok(const void *table, size_t bytes)
{
	uint8_t sum = 0;
	for (size_t i = 0; i < bytes; i++) {
		sum = (uint8_t)(sum + ((const uint8_t *)table)[i]);
	}
	return sum == 0;
}

bool acpi_root_take(const void *at)
{
	const struct rsdp *rsdp = at;
	if (!rsdp || memcmp(rsdp->signature, "RSD PTR ", 8) != 0 || !checksum_ok(rsdp, RSDP_V1_BYTES)) {
		return false;
	}
	root_is_xsdt = rsdp->revision >= 2 && rsdp->xsdt != 0 && checksum_ok(rsdp, RSDP_BYTES);
	root = root_is_xsdt ? rsdp->xsdt : rsdp->rsdt;
	return root != 0;
}

bool acpi_root_search(const void *(*at)(uint64_t address, uint64_t bytes))
{
	bool found = false;
	for (uint64_t address = EBDA_LOWEST; address < ROM_END && !found; address += 16) {
		address = address == EBDA_END ? ROM_START : address;
		found = acpi_root_take(at(address, RSDP_BYTES));
	}
	return found;
}

/* Map one table, first its header, then the whole; NULL and a line in the log if it is not sound. */
static const struct acpi_header *table_open(uint64_t at)
{
	const struct acpi_header *table = host_map(HPA(at), sizeof(*table), MAP_READ);
	if (table && table->length >= sizeof(*table) && table->length <= TABLE_BYTES_MAX &&
	    host_map(HPA(at), table->length, MAP_READ) && checksum_ok(table, table->length)) {
		return table;
	}
	log_line("ACPI: no table at %lx, or it is malformed or lies in RAM", at);
	return NULL;
}

static void table_add(uint64_t at)
{
	const struct acpi_header *table = at && table_count < TABLES_MAX ? table_open(at) : NULL;
	if (table) {
		tables[table_count++] = table;
	}
}

void acpi_init(void)
{
	table_count = 0;
	const struct acpi_header *list = root ? table_open(root) : NULL;
	if (!list || memcmp(list->signature, root_is_xsdt ? "XSDT" : "RSDT", 4) != 0) {
		log_line("preflight: no ACPI tables: one processor, no devices, no input on the serial lines");
		return;
	}
	size_t width = root_is_xsdt ? 8 : 4;
	for (size_t offset = sizeof(*list); offset + width <= list->length; offset += width) {
		uint64_t at = 0;
		memcpy(&at, (const char *)list + offset, width);
		table_add(at);
	}
	uint64_t dsdt = acpi_fadt(FADT_X_DSDT, 8);
	table_add(dsdt ? dsdt : acpi_fadt(FADT_DSDT, 4));
}

const struct acpi_header *acpi_table(const char signature[4], unsigned index)
{
	for (unsigned i = 0; i < table_count; i++) {
		if (memcmp(tables[i]->signature, signature, 4) == 0 && index-- == 0) {
			return tables[i];
		}
	}
	return NULL;
}

uint64_t acpi_fadt(enum acpi_fadt_field field, unsigned bytes)
{
	const struct acpi_header *fadt = acpi_table("FACP", 0);
	uint64_t value = 0;
	if (fadt && field + bytes <= fadt->length) {
		memcpy(&value, (const char *)fadt + field, bytes);
	}
	return value;
}

uint64_t acpi_register(enum acpi_fadt_field field, enum acpi_space space)
{
	return acpi_fadt(field, 1) == space ? acpi_fadt(field + 4, 8) : 0;
}

uint16_t acpi_port(enum acpi_fadt_field field, enum acpi_fadt_field extended)
{
	bool reduced = acpi_fadt(FADT_FLAGS, 4) & FADT_FLAG_REDUCED;
	uint64_t port = acpi_fadt(field, 4);
	return reduced ? 0 : (uint16_t)(port ? port : acpi_register(extended, ACPI_SPACE_PORT));
}
