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

/* Physical memory from 0 to 1 MiB. */
static uint8_t *low;

static const void *low_at(uint64_t address, uint64_t bytes)
{
	return address != 0 && address < (1 << 20) && bytes <= (1 << 20) - address ? low + address : NULL;
}

static void root_is_searched_where_a_bios_puts_it(void **state)
{
	const size_t places[] = { 0x80000, 0x9fc00, 0x9fff0, 0xe0000, 0xfffd0 }, elsewhere[] = { 0x7fff0, 0xa0000, 0xdfff0, 0xf0008 };
	uint8_t rsdp[36] = "RSD PTR ";
	uint32_t rsdt = 0x1000;
	memcpy(rsdp + 16, &rsdt, 4);
	checksum_set(rsdp, 20, &rsdp[8]);
	low = test_malloc(1 << 20);
	for (size_t i = 0; i < 5; i++) {
		memset(low, 0, 1 << 20);
		memcpy(low + places[i], rsdp, 36);
		assert_true(acpi_root_search(low_at));
	}
	for (size_t i = 0; i < 4; i++) {
		memset(low, 0, 1 << 20);
		memcpy(low + elsewhere[i], rsdp, 36);
		assert_false(acpi_root_search(low_at));
	}
	test_free(low);
}

static void fadt_make(uint8_t body[240], uint32_t flags)
{
	memcpy(body + FADT_FLAGS - sizeof(struct acpi_header), &flags, 4);
	const void *list[] = { table_make("FACP", body, 240) };
	arena_used = (arena_used + 63) & ~63ul;
	assert_true(root_make(list, 1));
	acpi_init();
}

static void fixed_hardware_by_old_and_new_fields(void **state)
{
	uint8_t body[240] = { 0 }, *x_timer = body + FADT_X_PM_TIMER - sizeof(struct acpi_header);
	x_timer[0] = ACPI_SPACE_PORT;
	x_timer[4] = 0x08;
	x_timer[5] = 0x18;
	fadt_make(body, 0);
	assert_int_equal(acpi_port(FADT_PM_TIMER, FADT_X_PM_TIMER), 0x1808);
	assert_int_equal(acpi_register(FADT_X_PM_TIMER, ACPI_SPACE_PORT), 0x1808);
	assert_int_equal(acpi_register(FADT_X_PM_TIMER, ACPI_SPACE_MEMORY), 0);
	body[FADT_PM_TIMER + 1 - sizeof(struct acpi_header)] = 6;
	fadt_make(body, 0);
	assert_int_equal(acpi_port(FADT_PM_TIMER, FADT_X_PM_TIMER), 0x600);
	fadt_make(body, FADT_FLAG_REDUCED); /* the fields mean nothing then */
	assert_int_equal(acpi_port(FADT_PM_TIMER, FADT_X_PM_TIMER), 0);
	body[FADT_PM_TIMER + 1 - sizeof(struct acpi_header)] = 0;
	x_timer[0] = ACPI_SPACE_MEMORY;
	fadt_make(body, 0);
	assert_int_equal(acpi_port(FADT_PM_TIMER, FADT_X_PM_TIMER), 0);
}

static void processors_are_listed_once_in_either_form(void **state)
{
	const uint8_t body[] = {
		0, 0, 0, 0, 0, 0, 0, 0,
		MADT_X2APIC, 16, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, /* ID 256 */
		MADT_LAPIC, 8, 0, 2, 1, 0, 0, 0, MADT_LAPIC, 8, 1, 3, 0, 0, 0, 0, /* 3 is off */
		MADT_X2APIC, 16, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, /* 2 again */
		MADT_X2APIC, 16, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, /* may be plugged in some day */
		MADT_LAPIC, 8, 2, 2, 1, 0, 0, 0, MADT_LAPIC, 8, 3, 7, 1, 0, 0, 0, /* 2 once more */
	};
	const void *list[] = { table_make("APIC", body, sizeof(body)) };
	uint32_t ids[4] = { 99, 99, 99, 99 };
	assert_true(root_make(list, 1));
	acpi_init();
	assert_int_equal(madt_processors(ids, 4), 3);
	assert_int_equal(ids[0], 2);
	assert_int_equal(ids[1], 7);
	assert_int_equal(ids[2], 256);
	ids[2] = 99;
	assert_int_equal(madt_processors(ids, 2), 2);
	assert_int_equal(ids[2], 99);
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
		cmocka_unit_test_setup(root_is_searched_where_a_bios_puts_it, start),
		cmocka_unit_test_setup(fixed_hardware_by_old_and_new_fields, start),
		cmocka_unit_test_setup(processors_are_listed_once_in_either_form, start),
		cmocka_unit_test_setup(madt_walk_stays_inside_the_table, start),
	};
	return cmocka_run_group_tests_name("acpi", tests, NULL, NULL);
}
