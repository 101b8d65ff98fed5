/* SPDX-License-Identifier: MIT */
/*
 * Partition tables read back by byte offsets of the UEFI specification (2.10, tables 5.3 to 5.6), with a CRC of the test's own: the bit by
 * bit definition.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "vmtools/gpt.h"

static struct gpt_tables tables;

static const struct gpt_partition partitions[] = {
	{ .type = GPT_BIOS_BOOT, .name = "first", .first = 6144, .last = 8191, .guid = { 1, 2, 3 } },
	{ .type = GPT_ESP, .name = "a name of more than thirty-six letters, cut", .first = 8192, .last = 81919, .guid = { 4, 5, 6 } },
};
static const struct gpt_disk sound = { .sectors = 83968, .entries = 4096, .first_usable = 6144, .guid = { 7, 8, 9 },
				       .partitions = partitions, .partition_count = 2 };

static uint32_t crc(const uint8_t *bytes, size_t size)
{
	uint32_t rest = ~0u;
	for (size_t i = 0; i < size * 8; i++) {
		bool one = (rest ^ (bytes[i / 8] >> i % 8)) & 1;
		rest = rest >> 1 ^ (one ? 0xedb88320 : 0);
	}
	return ~rest;
}

static uint64_t number(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;
	while (bytes-- > 0) {
		value = value << 8 | at[bytes];
	}
	return value;
}

static bool header_is_sound(const uint8_t *header)
{
	uint8_t copy[92];
	memcpy(copy, header, sizeof(copy));
	memset(copy + 16, 0, 4);
	return memcmp(header, "EFI PART", 8) == 0 && number(header + 8, 4) == 0x10000 && number(header + 12, 4) == 92 &&
	       number(header + 16, 4) == crc(copy, 92) && number(header + 88, 4) == crc(tables.entries, sizeof(tables.entries));
}

static void both_headers_lead_to_the_same_entries(void **state)
{
	gpt_make(&sound, &tables);
	const uint8_t *h = tables.header, *c = tables.copy;
	assert_true(header_is_sound(h));
	assert_true(header_is_sound(c));
	assert_int_equal(number(h + 24, 8), 1);
	assert_int_equal(number(h + 32, 8), 83967);
	assert_int_equal(number(c + 24, 8), 83967);
	assert_int_equal(number(c + 32, 8), 1);
	assert_int_equal(number(h + 72, 8), 4096);
	assert_int_equal(number(c + 72, 8), 83967 - 32);
	assert_memory_equal(h + 40, c + 40, 32); /* what may be used, the disk's GUID */
	assert_int_equal(number(h + 40, 8), 6144);
	assert_int_equal(number(h + 48, 8), 83967 - 33);
	assert_memory_equal(h + 56, sound.guid, 16);
	assert_int_equal(number(h + 80, 4), 128);
	assert_int_equal(number(h + 84, 4), 128);
	tables.entries[130] ^= 1;
	assert_false(header_is_sound(h));
}

static void entries_are_as_given(void **state)
{
	static const uint8_t esp[] = { 0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b };
	gpt_make(&sound, &tables);
	for (unsigned i = 0; i < 2; i++) {
		const uint8_t *entry = tables.entries + i * 128;
		assert_memory_equal(entry, i == 0 ? (const uint8_t *)"Hah!IdontNeedEFI" : esp, 16);
		assert_memory_equal(entry + 16, partitions[i].guid, 16);
		assert_int_equal(number(entry + 32, 8), partitions[i].first);
		assert_int_equal(number(entry + 40, 8), partitions[i].last);
		assert_int_equal(number(entry + 48, 8), 0);
		for (unsigned k = 0; k < 36; k++) {
			assert_int_equal(number(entry + 56 + 2 * k, 2), k < strlen(partitions[i].name) ? partitions[i].name[k] : 0);
		}
	}
	for (size_t i = 256; i < sizeof(tables.entries); i++) {
		assert_int_equal(tables.entries[i], 0);
	}
}

static void the_mbr_protects_the_whole_disk(void **state)
{
	struct gpt_disk large = sound;
	gpt_make(&sound, &tables);
	assert_int_equal(tables.protective[0], 0);
	assert_int_equal(tables.protective[4], 0xee);
	assert_int_equal(number(tables.protective + 8, 4), 1);
	assert_int_equal(number(tables.protective + 12, 4), 83967);
	for (unsigned i = 16; i < 64; i++) {
		assert_int_equal(tables.protective[i], 0);
	}
	large.sectors = (1ull << 32) + 5000;
	gpt_make(&large, &tables);
	assert_int_equal(number(tables.protective + 12, 4), UINT32_MAX);
	assert_int_equal(number(tables.header + 32, 8), (1ull << 32) + 4999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_headers_lead_to_the_same_entries),
		cmocka_unit_test(entries_are_as_given),
		cmocka_unit_test(the_mbr_protects_the_whole_disk),
	};
	return cmocka_run_group_tests_name("gpt", tests, NULL, NULL);
}
