/* SPDX-License-Identifier: MIT */
/* ACPI tables in an arena that stands for firmware memory: what is sound is found, what is not is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "hv/acpi/acpi_internal.h"
#include "hv/cpu/madt.h"
#include "hv/log.h"
#include "hv/mem/mem_internal.h"

static _Alignas(4096) uint8_t arena[16384];
static size_t arena_used;
static char last_line[256];

void log_line(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(last_line, sizeof(last_line), format, arguments);
	va_end(arguments);
}

void *host_map(hpa_t at, size_t bytes, unsigned prot)
{
	const uint8_t *start = (const uint8_t *)at.value;
	assert_int_equal(prot, MAP_READ);
	return start >= arena && start < arena + sizeof(arena) && bytes <= (size_t)(arena + sizeof(arena) - start) ? (void *)start : NULL;
}

static void checksum_set(void *at, size_t bytes, uint8_t *field)
{
	uint8_t sum = 0;
	*field = 0;
	for (size_t i = 0; i < bytes; i++) {
		sum = (uint8_t)(sum + ((uint8_t *)at)[i]);
	}
	*field = (uint8_t)-sum;
}

static struct acpi_header *table_make(const char *signature, const void *body, size_t bytes)
{
	struct acpi_header *table = (void *)(arena + arena_used);
	arena_used += (sizeof(*table) + bytes + 15) & ~15ul;
	assert_in_range(arena_used, 0, sizeof(arena));
	memset(table, 0, sizeof(*table));
	memcpy(table->signature, signature, 4);
	table->length = (uint32_t)(sizeof(*table) + bytes);
	memcpy(table + 1, body, bytes);
	checksum_set(table, table->length, &table->checksum);
	return table;
}

static bool root_make(const void *const *list, size_t count)
{
	uint8_t rsdp[36] = "RSD PTR ";
	uint64_t xsdt = (uint64_t)table_make("XSDT", list, count * 8);
	uint32_t length = 36;
	rsdp[15] = 2;
	memcpy(rsdp + 20, &length, 4);
	memcpy(rsdp + 24, &xsdt, 8);
	checksum_set(rsdp, 20, &rsdp[8]);
	checksum_set(rsdp, 36, &rsdp[32]);
	return acpi_root_take(rsdp);
}

static int start(void **state)
{
	arena_used = 0;
	memset(arena, 0xff, sizeof(arena));
	return 0;
}

static void sound_tables_are_found_by_signature_and_index(void **state)
{
	const void *list[] = { table_make("SSDT", "a", 1), table_make("APIC", "bb", 2), table_make("SSDT", "c", 1) };
	assert_true(root_make(list, 3));
	acpi_init();
	assert_ptr_equal(acpi_table("SSDT", 0), list[0]);
	assert_ptr_equal(acpi_table("SSDT", 1), list[2]);
	assert_ptr_equal(acpi_table("APIC", 0), list[1]);
	assert_null(acpi_table("SSDT", 2));
	assert_null(acpi_table("IVRS", 0));
}

static void unsound_tables_are_refused(void **state)
{
	struct acpi_header *wrong = table_make("BAD1", "x", 1), *is_long = table_make("BAD2", "x", 1), *is_short = table_make("BAD3", "x", 1);
	wrong->checksum++;
	is_long->length = sizeof(arena);
	is_short->length = 35;
	const void *list[] = { wrong, is_long, is_short, (void *)0x1000, NULL, table_make("GOOD", "x", 1) };
	assert_true(root_make(list, 6));
	acpi_init();
	assert_null(acpi_table("BAD1", 0));
	assert_null(acpi_table("BAD2", 0));
	assert_null(acpi_table("BAD3", 0));
	assert_non_null(acpi_table("GOOD", 0));
}

static void root_with_a_wrong_checksum_is_refused(void **state)
{
	uint8_t rsdp[36] = "RSD PTR ";
	uint32_t rsdt = 0x1000;
	memcpy(rsdp + 16, &rsdt, 4);
	checksum_set(rsdp, 20, &rsdp[8]);
	assert_true(acpi_root_take(rsdp));
	rsdp[8]++;
	assert_false(acpi_root_take(rsdp));
	rsdp[8]--;
	rsdp[0] = 'r';
	assert_false(acpi_root_take(rsdp));
}

static void fields_behind_a_short_fadt_read_zero(void **state)
{
	uint8_t body[60] = { 0 };
	body[FADT_PM_TIMER - sizeof(struct acpi_header)] = 8;
	const void *list[] = { table_make("FACP", body, sizeof(body)) };
	assert_true(root_make(list, 1));
	acpi_init();
	assert_int_equal(acpi_fadt(FADT_PM_TIMER, 4), 8);
	assert_int_equal(acpi_fadt(FADT_X_DSDT, 8), 0);
	assert_null(acpi_table("DSDT", 0));
}

static void madt_walk_stays_inside_the_table(void **state)
{
	const uint8_t body[] = {
		0, 0, 0, 0, 0, 0, 0, 0, /* local APIC's address, flags */
		MADT_LAPIC, 8, 0, 7, 1, 0, 0, 0, MADT_IOAPIC, 4, 1, 1, /* too short for its type */
		MADT_LAPIC, 8, 1, 9, 1, 0, 0, 0, MADT_LAPIC, 200, 0, 0, /* reaches past the end */
	};
	const void *list[] = { table_make("APIC", body, sizeof(body)) };
	assert_true(root_make(list, 1));
	acpi_init();
	const struct madt_lapic *e = madt_next(NULL, MADT_LAPIC, sizeof(*e));
	assert_int_equal(e->apic_id, 7);
	e = madt_next(e, MADT_LAPIC, sizeof(*e));
	assert_int_equal(e->apic_id, 9);
	assert_null(madt_next(e, MADT_LAPIC, sizeof(*e)));
	assert_null(madt_next(NULL, MADT_IOAPIC, sizeof(struct madt_ioapic)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(sound_tables_are_found_by_signature_and_index, start),
		cmocka_unit_test_setup(unsound_tables_are_refused, start),
		cmocka_unit_test_setup(root_with_a_wrong_checksum_is_refused, start),
		cmocka_unit_test_setup(fields_behind_a_short_fadt_read_zero, start),
		cmocka_unit_test_setup(madt_walk_stays_inside_the_table, start),
	};
	return cmocka_run_group_tests_name("acpi", tests, NULL, NULL);
}
