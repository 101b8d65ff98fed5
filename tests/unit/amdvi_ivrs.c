/* SPDX-License-Identifier: MIT */
/*
 * The IVRS parser: a table as firmware makes it, then broken ones. Each is copied to a heap block of exactly its length, so that
 * the address sanitizer sees a read beyond it. AMD 48882, 5.2.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "hv/iommu/described.h"

static struct {
	uint8_t bytes[512];
	size_t length;
} table;
static struct iommu_described ivrs;
static const char *why;

static void add(const void *bytes, size_t length)
{
	assert_true(table.length + length <= sizeof(table.bytes));
	memcpy(table.bytes + table.length, bytes, length);
	table.length += length;
}

/* A block's header, its entries, and the length put in. */
static void unit(uint8_t type, uint16_t bdf, uint64_t registers, const uint8_t *entries, size_t length)
{
	uint8_t head[40] = { type, 0x20, 0, 0, (uint8_t)bdf, (uint8_t)(bdf >> 8), 0x40 };
	size_t size = (type == 0x10 ? 24 : 40) + length;
	head[2] = (uint8_t)size;
	head[3] = (uint8_t)(size >> 8);
	memcpy(head + 8, &registers, 8);
	add(head, size - length);
	add(entries, length);
}

static int parse(void)
{
	uint8_t *copy = malloc(table.length);
	memcpy(copy, table.bytes, table.length);
	int error = ivrs_parse(copy, table.length, &ivrs, &why);
	free(copy);
	return error;
}

static unsigned translated_count(void)
{
	unsigned count = 0;
	for (unsigned id = 0; id < 0x10000; id++) {
		count += ivrs.standing[id] == STANDING_TRANSLATED;
	}
	return count;
}

static int fresh(void **state)
{
	memset(&table, 0, sizeof(table));
	table.length = 48;
	return 0;
}

#define REGISTERS 0xfed80000ull

static const uint8_t typical[] = {
	2, 0x08, 0x00, 0, /* select 00:01.0 */
	3, 0x10, 0x00, 0, 4, 0xff, 0x00, 0, /* 00:02.0 to 00:1f.7 */
	67, 0x00, 0x01, 0, 0, 0xf0, 0x00, 0, 4, 0xff, 0x01, 0, /* bus 1 comes as 00:1e.0 */
	0, 0, 0, 0, /* padding */
	72, 0, 0, 0xd7, 0, 0xa0, 0x00, 1, /* I/O APIC 0 is 00:14.0 */
	72, 0, 0, 0, 0, 0xa1, 0x00, 2, /* HPET */
};

static void a_good_table(void **state)
{
	unit(0x10, 0x0010, REGISTERS, typical, sizeof(typical));
	assert_int_equal(parse(), 0);
	assert_int_equal(ivrs.unit_count, 1);
	assert_int_equal(ivrs.units[0].bdf, 0x10);
	assert_int_equal(ivrs.units[0].registers, REGISTERS);
	assert_int_equal(ivrs.units[0].flags, 0x20);
	assert_int_equal(ivrs.standing[0x00fa], STANDING_TRANSLATED);
	assert_int_equal(ivrs.standing[0x0008], STANDING_TRANSLATED);
	assert_int_equal(ivrs.standing[0x0000], STANDING_UNKNOWN);
	assert_int_equal(ivrs.standing[0x0108], STANDING_TRANSLATED);
	assert_int_equal(ivrs.alias_count, 1);
	assert_int_equal(ivrs.aliases[0].first, 0x0100);
	assert_int_equal(ivrs.aliases[0].last, 0x01ff);
	assert_int_equal(ivrs.aliases[0].to, 0x00f0);
	assert_int_equal(ivrs.standing[0x0200], STANDING_UNKNOWN);
	assert_int_equal(ivrs.ioapic_count, 1);
	assert_int_equal(ivrs.ioapics[0].bdf, 0xa0);
}

static void the_highest_type_counts(void **state)
{
	const uint8_t all[] = { 1, 0, 0, 0 }, one[] = { 2, 0x08, 0, 0 };
	const uint8_t acpi[] = { 240, 0x18, 0, 0, 'A', 'M', 'D', 'I', '0', '0', '2', '0', 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 'U', 'I', 'D',
				 2, 0x18, 0, 0 };
	unit(0x40, 0x0010, REGISTERS, acpi, sizeof(acpi));
	unit(0x10, 0x0010, REGISTERS, all, sizeof(all));
	unit(0x11, 0x0010, REGISTERS, all, sizeof(all));
	unit(0x40, 0x0110, REGISTERS + 0x4000, one, sizeof(one));
	assert_int_equal(parse(), 0);
	assert_int_equal(ivrs.unit_count, 2);
	assert_int_equal(ivrs.units[1].bdf, 0x0110);
	assert_int_equal(translated_count(), 2);
	assert_int_equal(ivrs.standing[0x0008], STANDING_TRANSLATED);
	assert_int_equal(ivrs.standing[0x0018], STANDING_TRANSLATED);
	assert_int_equal(ivrs.standing[0x0010], STANDING_UNKNOWN);
}

static void memory_demands_are_noticed(void **state)
{
	const uint8_t all[] = { 1, 0, 0, 0 };
	uint8_t range[32] = { 0x22, 0, 32, 0, 0x10, 0, 0x17, 0 }, one[32] = { 0x21, 0, 32, 0, 0xfa, 0 };
	add(range, sizeof(range));
	unit(0x11, 0x0010, REGISTERS, all, sizeof(all));
	add(one, sizeof(one));
	assert_int_equal(parse(), 0);
	assert_int_equal(ivrs.standing[0x0014], STANDING_MEMORY);
	assert_int_equal(ivrs.standing[0x00fa], STANDING_MEMORY);
	assert_int_equal(ivrs.standing[0x00fb], STANDING_TRANSLATED);
}

static void aliases_of_themselves_are_none(void **state)
{
	const uint8_t entries[] = { 66, 0x18, 0, 0, 0, 0x18, 0, 0, 66, 0x20, 0, 0, 0, 0x18, 0, 0 };
	unit(0x11, 0x0010, REGISTERS, entries, sizeof(entries));
	assert_int_equal(parse(), 0);
	assert_int_equal(ivrs.alias_count, 1);
	assert_int_equal(ivrs.aliases[0].first, 0x20);
	assert_int_equal(ivrs.aliases[0].to, 0x18);
	assert_int_equal(translated_count(), 2);
}

static void refused(void)
{
	assert_int_equal(parse(), -EBADMSG);
	assert_true(strlen(why) > 10);
}

static void broken_blocks_are_refused(void **state)
{
	refused(); /* no IOMMU at all */
	table.length = 20;
	refused();
	fresh(NULL);
	add("\x10\x00\x03\x00", 4); /* shorter than any block */
	refused();
	fresh(NULL);
	add("\x10\x00\xff\x00", 4); /* longer than the table */
	refused();
	fresh(NULL);
	add("\x10\x00", 2); /* ends in a header */
	refused();
	fresh(NULL);
	add("\x10\x00\x08\x00\x10\x00\x40\x00", 8); /* shorter than an IVHD */
	refused();
	fresh(NULL);
	unit(0x10, 0x10, REGISTERS + 0x100, typical, 4); /* registers out of line */
	refused();
	fresh(NULL);
	unit(0x10, 0x10, 0, typical, 4);
	refused();
	fresh(NULL);
	add("\x20\x00\x08\x00\x00\x00\x00\x00", 8); /* short IVMD */
	unit(0x10, 0x10, REGISTERS, typical, sizeof(typical));
	refused();
}

static void broken_entries_are_refused(void **state)
{
	static const struct { uint8_t bytes[12]; size_t length; } broken[] = {
		{ { 2, 8 }, 2 }, /* cut */
		{ { 72, 0, 0, 0 }, 4 }, /* an 8-byte entry in 4 */
		{ { 3, 0x10, 0, 0 }, 4 }, /* begun, not ended */
		{ { 3, 0x10, 0, 0, 2, 8, 0, 0 }, 8 },
		{ { 4, 0x10, 0, 0 }, 4 }, /* ended, not begun */
		{ { 3, 0x10, 0, 0, 4, 0x08, 0, 0 }, 8 }, /* backwards */
		{ { 240, 0, 0, 0, 1, 2, 3, 4 }, 8 }, /* an ACPI device with no room for its length */
		{ { 250, 0, 0, 0, 0, 0, 0, 0 }, 8 }, /* a type whose length nobody knows */
		{ { 130, 0, 0, 0, 0, 0, 0, 0 }, 8 }, /* 16 bytes in 8 */
	};
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		fresh(NULL);
		unit(0x11, 0x10, REGISTERS, broken[i].bytes, broken[i].length);
		refused();
	}
}

static void any_cut_or_flipped_byte_is_survived(void **state)
{
	unit(0x10, 0x0010, REGISTERS, typical, sizeof(typical));
	size_t whole = table.length;
	for (size_t length = 0; length < whole; length++) {
		table.length = length;
		assert_true(parse() < 0);
	}
	table.length = whole;
	for (size_t at = 48; at < whole; at++) {
		uint8_t old = table.bytes[at];
		for (unsigned value = 0; value < 256; value++) {
			table.bytes[at] = (uint8_t)value;
			(void)parse();
			assert_true(ivrs.unit_count <= IOMMU_MAX_UNITS && ivrs.ioapic_count <= IOMMU_MAX_IOAPICS);
		}
		table.bytes[at] = old;
	}
}

static void too_many_are_refused_not_dropped(void **state)
{
	uint8_t entries[4 * 100];
	for (size_t i = 0; i < 100; i++) {
		memcpy(entries + 4 * i, (uint8_t[]){ 2, (uint8_t)i, 0, 0 }, 4);
	}
	for (unsigned i = 0; i < IOMMU_MAX_UNITS + 1; i++) {
		unit(0x10, (uint16_t)(0x10 + i), REGISTERS, entries, 4);
	}
	refused();
	fresh(NULL);
	unit(0x10, 0x10, REGISTERS, entries, sizeof(entries));
	assert_int_equal(parse(), 0);
	assert_int_equal(translated_count(), 100);
	fresh(NULL);
	for (unsigned i = 0; i < IOMMU_MAX_ALIASES + 1; i++) {
		memcpy(entries + 8 * i, (uint8_t[]){ 66, (uint8_t)(8 + i), 0, 0, 0, 0xf0, 0, 0 }, 8);
	}
	unit(0x10, 0x10, REGISTERS, entries, 8 * (IOMMU_MAX_ALIASES + 1));
	refused();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_good_table, fresh),
		cmocka_unit_test_setup(the_highest_type_counts, fresh),
		cmocka_unit_test_setup(memory_demands_are_noticed, fresh),
		cmocka_unit_test_setup(aliases_of_themselves_are_none, fresh),
		cmocka_unit_test_setup(broken_blocks_are_refused, fresh),
		cmocka_unit_test_setup(broken_entries_are_refused, fresh),
		cmocka_unit_test_setup(any_cut_or_flipped_byte_is_survived, fresh),
		cmocka_unit_test_setup(too_many_are_refused_not_dropped, fresh),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
