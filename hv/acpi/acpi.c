/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables (ACPI 6.4, 5.2). The root pointer is found while the loader's memory is in reach; acpi_init then maps every
 * table that the XSDT or RSDT names, checks length and checksum, and keeps a list of the good ones, so later look-ups map nothing.
 */
#include "acpi_internal.h"

#include "abi/errno.h"
#include "base/string.h"
#include "hv/log.h"
#include "mem/mem_internal.h"

#define TABLES_MAX 64
#define TABLE_BYTES_MAX (16u << 20)
#define BIOS_AREA_START 0xe0000ull
#define BIOS_AREA_END 0x100000ull
#define EBDA_SEGMENT_AT 0x40eull
#define RSDP_V1_BYTES 20
#define RSDP_V2_BYTES 36

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
static const struct acpi_header *tables[TABLES_MAX], *dsdt;
static unsigned table_count;

bool acpi_checksum_ok(const void *table, size_t bytes)
{
	uint8_t sum = 0;
	for (size_t i = 0; i < bytes; i++) {
		sum = (uint8_t)(sum + ((const uint8_t *)table)[i]);
	}
	return sum == 0;
}

bool acpi_rsdp_take(const void *at)
{
	const struct rsdp *rsdp = at;
	if (memcmp(rsdp->signature, "RSD PTR ", 8) != 0 || !acpi_checksum_ok(rsdp, RSDP_V1_BYTES)) {
		return false;
	}
	root_is_xsdt = rsdp->revision >= 2 && rsdp->xsdt != 0 && acpi_checksum_ok(rsdp, RSDP_V2_BYTES);
	root = root_is_xsdt ? rsdp->xsdt : rsdp->rsdt;
	return root != 0;
}

static bool rsdp_search(uint64_t start, uint64_t end)
{
	for (uint64_t at = start; at + RSDP_V2_BYTES <= end; at += 16) {
		if (acpi_rsdp_take((const void *)at)) {
			return true;
		}
	}
	return false;
}

void acpi_root_find(hpa_t rsdp)
{
	if (rsdp.value && acpi_rsdp_take((const void *)rsdp.value)) {
		return;
	}
	uint64_t ebda_at = EBDA_SEGMENT_AT;
	__asm__("" : "+r"(ebda_at)); /* a plain address, whatever the compiler thinks of low ones */
	uint64_t ebda = (uint64_t)*(const uint16_t *)ebda_at << 4;
	if (!(ebda >= 0x80000 && ebda < 0xa0000 && rsdp_search(ebda, ebda + 1024))) {
		(void)rsdp_search(BIOS_AREA_START, BIOS_AREA_END);
	}
}

/* Map one table, first its header, then the whole; NULL and a line in the log if it is not sound. */
static const struct acpi_header *table_open(uint64_t at)
{
	const struct acpi_header *table = host_map(HPA(at), sizeof(*table), MAP_READ);
	if (!table || table->length < sizeof(*table) || table->length > TABLE_BYTES_MAX) {
		log_line("ACPI: no table at %lx", (unsigned long)at);
		return NULL;
	}
	if (!host_map(HPA(at), table->length, MAP_READ) || !acpi_checksum_ok(table, table->length)) {
		log_line("ACPI: table %.4s has a wrong checksum or lies in RAM; ignored", table->signature);
		return NULL;
	}
	return table;
}

void acpi_init(void)
{
	table_count = 0;
	dsdt = NULL;
	const struct acpi_header *list = root ? table_open(root) : NULL;
	if (!list || memcmp(list->signature, root_is_xsdt ? "XSDT" : "RSDT", 4) != 0) {
		log_line("ACPI: the firmware has no tables");
		return;
	}
	size_t width = root_is_xsdt ? 8 : 4;
	for (size_t offset = sizeof(*list); offset + width <= list->length && table_count < TABLES_MAX; offset += width) {
		uint64_t at = 0;
		memcpy(&at, (const char *)list + offset, width);
		const struct acpi_header *table = at ? table_open(at) : NULL;
		if (table) {
			tables[table_count++] = table;
		}
	}
	uint64_t dsdt_at = acpi_fadt(FADT_X_DSDT, 8);
	dsdt_at = dsdt_at ? dsdt_at : acpi_fadt(FADT_DSDT, 4);
	dsdt = dsdt_at ? table_open(dsdt_at) : NULL;
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

const struct acpi_header *acpi_dsdt(void)
{
	return dsdt;
}
