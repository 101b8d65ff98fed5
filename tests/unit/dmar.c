/* SPDX-License-Identifier: MIT */
/*
 * The DMAR parser: tables as firmware makes them, then broken ones. Each is copied to a heap block of exactly its length, so that the
 * address sanitizer sees a read beyond it. Intel VT-d, chapter 8.
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
#include "hv/pci.h"

#define REGISTERS 0xfed90000ull

static struct {
	uint8_t bytes[1024];
	size_t length;
} table;
static struct iommu_described found;
static const char *why;

/* 00:1c.0 leads to bus 2, whose 02:03.0 leads to buses 5 to 7. */
static struct pci_function bridges[] = {
	{ .bdf = 0x00e0, .secondary = 2, .subordinate = 7 },
	{ .bdf = 0x0218, .secondary = 5, .subordinate = 7 },
	{ .bdf = 0x00fa },
};

struct pci_function *pci_find(uint16_t bdf)
{
	for (size_t i = 0; i < sizeof(bridges) / sizeof(bridges[0]); i++) {
		if (bridges[i].bdf == bdf) {
			return &bridges[i];
		}
	}
	return NULL;
}

static void add(const void *bytes, size_t length)
{
	assert_true(table.length + length <= sizeof(table.bytes));
	for (size_t i = 0; i < length; i++) {
		table.bytes[table.length++] = ((const uint8_t *)bytes)[i];
	}
}

/* A structure's header and its scopes. */
static void structure(uint16_t type, uint8_t flags, uint16_t segment, uint64_t address, const uint8_t *scopes, size_t length)
{
	uint8_t head[24] = { (uint8_t)type, (uint8_t)(type >> 8), 0, 0, type ? 0 : flags, 0, (uint8_t)segment };
	size_t size = (type == 0 ? 16 : 24) + length;
	head[2] = (uint8_t)size;
	head[3] = (uint8_t)(size >> 8);
	memcpy(head + 8, &address, 8);
	add(head, size - length);
	add(scopes, length);
}

static int parse(void)
{
	uint8_t *copy = malloc(table.length ? table.length : 1);
	memcpy(copy, table.bytes, table.length);
	int error = dmar_parse(copy, table.length, &found, &why);
	free(copy);
	return error;
}

static int fresh(void **state)
{
	memset(&table, 0, sizeof(table));
	table.bytes[36] = 38;
	table.bytes[37] = 1; /* interrupts can be remapped */
	table.length = 48;
	return 0;
}

static unsigned count(enum iommu_standing standing)
{
	unsigned n = 0;
	for (unsigned id = 0; id < 0x10000; id++) {
		n += found.standing[id] == standing;
	}
	return n;
}

static const uint8_t ioapic[] = { 3, 8, 0, 0, 2, 0xf0, 0x1f, 0 };
static const uint8_t graphics[] = { 1, 8, 0, 0, 0, 0, 2, 0 };

static void a_typical_table(void **state)
{
	const uint8_t both[] = { 3, 8, 0, 0, 2, 0xf0, 0x1f, 0, 4, 8, 0, 0, 1, 0xf0, 0x0f, 0 };
	const uint8_t usb[] = { 1, 8, 0, 0, 0, 0, 0x1d, 0, 1, 8, 0, 0, 0, 0, 0x1a, 0 };
	structure(0, 0, 0, REGISTERS, graphics, sizeof(graphics));
	structure(0, 1, 0, REGISTERS + 0x1000, both, sizeof(both));
	structure(1, 0, 0, 0x7e000000, usb, sizeof(usb));
	structure(3, 0, 0, 0, NULL, 0); /* RHSA */
	assert_int_equal(parse(), 0);
	assert_int_equal(found.unit_count, 2);
	assert_int_equal(found.units[0].registers, REGISTERS);
	assert_int_equal(found.units[1].registers, REGISTERS + 0x1000);
	assert_int_equal(found.ioapic_count, 1);
	assert_int_equal(found.ioapics[0].id, 2);
	assert_int_equal(found.ioapics[0].bdf, 0xf0f8);
	assert_int_equal(found.standing[0x0010], STANDING_TRANSLATED);
	assert_int_equal(found.standing[0x00fa], STANDING_TRANSLATED);
	assert_int_equal(found.standing[0x00e8], STANDING_MEMORY);
	assert_int_equal(found.standing[0x00d0], STANDING_MEMORY);
	assert_int_equal(count(STANDING_MEMORY), 2);
	assert_int_equal(count(STANDING_UNKNOWN), 0);
}

static void scopes_count_without_include_all(void **state)
{
	const uint8_t scopes[] = {
		3, 8, 0, 0, 2, 0xf0, 0x1f, 0, /* I/O APIC */
		2, 8, 0, 0, 0, 0, 0x1c, 0, /* bridge: itself and buses 2 to 7 */
		1, 8, 0, 0, 0, 0, 0x1f, 2,
		1, 8, 0, 0, 0, 0, 0x05, 0, /* a device that is not there */
		1, 10, 0, 0, 0, 0, 0x09, 0, 0x00, 0, /* below a bridge that is not there */
		1, 10, 0, 0, 0, 0, 0x1f, 2, 0x00, 0, /* below a function that is no bridge */
		9, 8, 0, 0, 0, 0, 0x11, 0, /* a type to come */
	};
	structure(0, 0, 0, REGISTERS, scopes, sizeof(scopes));
	assert_int_equal(parse(), 0);
	assert_int_equal(count(STANDING_TRANSLATED), 1 + 6 * 256 + 1 + 1);
	assert_int_equal(found.standing[0x0200], STANDING_TRANSLATED);
	assert_int_equal(found.standing[0x07ff], STANDING_TRANSLATED);
	assert_int_equal(found.standing[0x0800], STANDING_UNKNOWN);
	assert_int_equal(found.standing[0x0088], STANDING_UNKNOWN);
}

static void paths_lead_through_bridges(void **state)
{
	const uint8_t scopes[] = {
		3, 8, 0, 0, 2, 0xf0, 0x1f, 0,
		1, 12, 0, 0, 0, 0, 0x1c, 0, 0x03, 0, 0x01, 2, /* 00:1c.0, 02:03.0, 05:01.2 */
		2, 10, 0, 0, 0, 0, 0x1c, 0, 0x03, 0, /* the bridge 02:03.0 and buses 5 to 7 */
	};
	const uint8_t memory[] = { 1, 10, 0, 0, 0, 0, 0x1c, 0, 0x00, 1 };
	structure(0, 0, 0, REGISTERS, scopes, sizeof(scopes));
	structure(1, 0, 0, 0, memory, sizeof(memory));
	assert_int_equal(parse(), 0);
	assert_int_equal(found.standing[0x050a], STANDING_TRANSLATED);
	assert_int_equal(found.standing[0x0218], STANDING_TRANSLATED);
	assert_int_equal(found.standing[0x00e0], STANDING_UNKNOWN);
	assert_int_equal(found.standing[0x0201], STANDING_MEMORY);
	assert_int_equal(count(STANDING_TRANSLATED), 1 + 3 * 256);
}

static void refused(void)
{
	assert_int_equal(parse(), -EBADMSG);
	assert_true(strlen(why) > 10);
}

static void interrupts_must_be_remapped(void **state)
{
	structure(0, 1, 0, REGISTERS, NULL, 0); /* no I/O APIC */
	refused();
	fresh(NULL);
	structure(0, 1, 0, REGISTERS, ioapic, sizeof(ioapic));
	table.bytes[37] = 2;
	refused();
	table.bytes[37] = 3;
	assert_int_equal(parse(), 0);
}

static void broken_structures_are_refused(void **state)
{
	static const struct { uint8_t bytes[32]; size_t length; } broken[] = {
		{ { 0 }, 1 }, /* ends in a header */
		{ { 0, 0, 0, 0 }, 4 }, /* no length */
		{ { 0, 0, 3, 0 }, 4 },
		{ { 7, 0, 0xff, 0xff }, 4 }, /* of a type nobody knows, longer than the table */
		{ { 0, 0, 12, 0, 1, 0, 0, 0, 0, 0, 0xd9, 0xfe }, 12 }, /* too short for its type */
		{ { 1, 0, 20, 0 }, 20 },
		{ { 0, 0, 16, 0, 1, 0, 0, 0, 0, 0x08, 0xd9, 0xfe }, 16 }, /* registers out of line */
		{ { 0, 0, 16, 0, 1, 0, 0, 0 }, 16 }, /* no registers */
		{ { 0, 0, 16, 0, 1, 0, 1, 0, 0, 0, 0xd9, 0xfe }, 16 }, /* another segment */
	};
	refused(); /* none */
	table.length = 40;
	refused();
	table.length = 0;
	refused();
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		fresh(NULL);
		structure(0, 1, 0, REGISTERS, ioapic, sizeof(ioapic));
		add(broken[i].bytes, broken[i].length);
		refused();
	}
}

static void broken_scopes_are_refused(void **state)
{
	static const struct { uint8_t bytes[12]; size_t length; } broken[] = {
		{ { 1 }, 1 }, { { 1, 0, 0, 0, 0, 0, 2, 0 }, 8 }, { { 1, 6, 0, 0, 0, 0 }, 6 }, /* no path */
		{ { 1, 9, 0, 0, 0, 0, 2, 0, 0 }, 9 }, /* half a hop */
		{ { 1, 10, 0, 0, 0, 0, 2, 0 }, 8 }, /* beyond the structure */
		{ { 99, 0xff, 0, 0, 0, 0, 2, 0 }, 8 },
	};
	for (unsigned type = 0; type < 2; type++) {
		for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
			fresh(NULL);
			structure(0, 1, 0, REGISTERS, ioapic, sizeof(ioapic));
			structure((uint16_t)type, 0, 0, REGISTERS + 0x1000, broken[i].bytes, broken[i].length);
			refused();
		}
	}
}

static void too_many_are_refused_not_dropped(void **state)
{
	for (unsigned i = 0; i < IOMMU_MAX_UNITS; i++) {
		structure(0, 0, 0, REGISTERS + 0x1000 * i, ioapic, sizeof(ioapic));
	}
	assert_int_equal(parse(), 0);
	structure(0, 0, 0, REGISTERS + 0x10000, NULL, 0);
	refused();
	fresh(NULL);
	uint8_t many[8 * (IOMMU_MAX_IOAPICS + 1)];
	for (unsigned i = 0; i < IOMMU_MAX_IOAPICS + 1; i++) {
		memcpy(many + 8 * i, ioapic, 8);
	}
	structure(0, 1, 0, REGISTERS, many, sizeof(many));
	refused();
}

static void any_cut_or_flipped_byte_is_survived(void **state)
{
	const uint8_t scopes[] = { 3, 8, 0, 0, 2, 0xf0, 0x1f, 0, 1, 12, 0, 0, 0, 0, 0x1c, 0, 0x03, 0, 0x01, 2 };
	structure(0, 1, 0, REGISTERS, scopes, sizeof(scopes));
	structure(1, 0, 0, 0, graphics, sizeof(graphics));
	size_t whole = table.length;
	assert_int_equal(parse(), 0);
	for (size_t length = 0; length < whole; length++) {
		table.length = length;
		assert_true(parse() < 0 || length == whole - 32);
	}
	table.length = whole;
	for (size_t at = 36; at < whole; at++) {
		uint8_t old = table.bytes[at];
		for (unsigned value = 0; value < 256; value++) {
			table.bytes[at] = (uint8_t)value;
			(void)parse();
			assert_true(found.unit_count <= IOMMU_MAX_UNITS && found.ioapic_count <= IOMMU_MAX_IOAPICS);
		}
		table.bytes[at] = old;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_typical_table, fresh),
		cmocka_unit_test_setup(scopes_count_without_include_all, fresh),
		cmocka_unit_test_setup(paths_lead_through_bridges, fresh),
		cmocka_unit_test_setup(interrupts_must_be_remapped, fresh),
		cmocka_unit_test_setup(broken_structures_are_refused, fresh),
		cmocka_unit_test_setup(broken_scopes_are_refused, fresh),
		cmocka_unit_test_setup(too_many_are_refused_not_dropped, fresh),
		cmocka_unit_test_setup(any_cut_or_flipped_byte_is_survived, fresh),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
