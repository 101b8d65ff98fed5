/* SPDX-License-Identifier: MIT */
/*
 * Boot loaders' structures, sound and malformed, in an arena that stands for physical memory from 4 KiB on. Every byte of a
 * sound structure is also replaced by a few others: the parser must stay inside the arena (AddressSanitizer watches).
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "abi/pvh.h"
#include "hv/boot/boot_internal.h"

#define ARENA_START 0x1000ull
#define MIB (1ull << 20)

static uint8_t *arena; /* from malloc, so that one byte too far is seen */
static size_t arena_size;
static struct boot_info info;
static const char *why;

static const void *at(uint64_t address, uint64_t bytes)
{
	return address >= ARENA_START && address - ARENA_START < arena_size && bytes <= arena_size - (address - ARENA_START) ?
		       arena + (address - ARENA_START) : NULL;
}

static void arena_set(const void *bytes, size_t size)
{
	free(arena);
	arena = malloc(size);
	memcpy(arena, bytes, size);
	arena_size = size;
	memset(&info, 0, sizeof(info));
	why = NULL;
}

static int stop(void **state)
{
	free(arena);
	arena = NULL;
	return 0;
}

static void ram_is(unsigned i, uint64_t start, uint64_t size)
{
	assert_in_range(info.ram.count, i + 1, RAM_RANGES);
	assert_int_equal(info.ram.ranges[i].start, start);
	assert_int_equal(info.ram.ranges[i].end - info.ram.ranges[i].start, size);
}

static void ram_is_sound(void)
{
	for (unsigned i = 0; i < info.ram.count; i++) {
		assert_int_equal((info.ram.ranges[i].start | info.ram.ranges[i].end) % PAGE_SIZE, 0);
		assert_true(info.ram.ranges[i].end > info.ram.ranges[i].start);
		assert_true(i == 0 || info.ram.ranges[i - 1].end < info.ram.ranges[i].start);
	}
}

static bool ram_has(uint64_t page)
{
	for (unsigned i = 0; i < info.ram.count; i++) {
		if (page >= info.ram.ranges[i].start && page < info.ram.ranges[i].end) {
			return true;
		}
	}
	return false;
}

/* PVH */

struct pvh_image {
	struct pvh_start_info start;
	struct pvh_memmap map[3];
	struct pvh_module module;
	char cmdline[8];
};

#define IMAGE_AT(member) (ARENA_START + offsetof(struct pvh_image, member))

static const struct pvh_image pvh_sound = {
	.start = { .magic = PVH_MAGIC, .version = 1, .nr_modules = 1, .modlist_paddr = IMAGE_AT(module), .cmdline_paddr = IMAGE_AT(cmdline),
		   .rsdp_paddr = 0xf0000, .memmap_paddr = IMAGE_AT(map), .memmap_entries = 3 },
	.map = { { 4 * MIB, 4 * MIB, PVH_MEM_RAM, 0 }, { 0, 4 * MIB, PVH_MEM_RAM, 0 }, { 5 * MIB + 1, 1, PVH_MEM_RESERVED, 0 } },
	.module = { .paddr = 6 * MIB, .size = 5000 },
	.cmdline = "a=b",
};

static int pvh_parse(const struct pvh_image *image)
{
	arena_set(image, sizeof(*image));
	why = boot_parse_pvh(&info, ARENA_START, at);
	return why ? -1 : 0;
}

static void pvh_sound_is_taken(void **state)
{
	assert_int_equal(pvh_parse(&pvh_sound), 0);
	assert_string_equal(info.loader, "PVH");
	assert_int_equal(info.rsdp.value, 0xf0000);
	assert_ptr_equal(info.bundle, (void *)(6 * MIB));
	assert_int_equal(info.bundle_size, 5000);
	assert_int_equal(info.ram.count, 2); /* joined, sorted, and the reserved byte's page taken out */
	ram_is(0, 0, 5 * MIB);
	ram_is(1, 5 * MIB + PAGE_SIZE, 3 * MIB - PAGE_SIZE);
}

static void pvh_refused(struct pvh_image image)
{
	assert_true(pvh_parse(&image) < 0);
	assert_non_null(why);
}

static void pvh_malformed_is_refused(void **state)
{
	struct pvh_image image = pvh_sound;
	image.start.magic++;
	pvh_refused(image);
	image = pvh_sound;
	image.start.version = 0;
	pvh_refused(image);
	image = pvh_sound;
	image.start.memmap_entries = 0;
	pvh_refused(image);
	image.start.memmap_entries = UINT32_MAX;
	pvh_refused(image);
	image = pvh_sound;
	image.start.memmap_paddr = UINT64_MAX - 8;
	pvh_refused(image);
	image = pvh_sound;
	image.start.modlist_paddr = 0;
	pvh_refused(image);
	image = pvh_sound;
	image.module.size = 0;
	pvh_refused(image);
	image.module.size = UINT64_MAX - 4096;
	pvh_refused(image);
	arena_set(&pvh_sound, sizeof(pvh_sound.start) - 1);
	assert_non_null(boot_parse_pvh(&info, ARENA_START, at));
}

static void pvh_any_byte_may_be_wrong(void **state)
{
	const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff };
	for (size_t i = 0; i < sizeof(pvh_sound); i++) {
		for (size_t v = 0; v < sizeof(values); v++) {
			struct pvh_image image = pvh_sound;
			((uint8_t *)&image)[i] = values[v];
			(void)pvh_parse(&image);
			ram_is_sound();
		}
	}
}

/* Multiboot2 */

struct mb_memory {
	uint64_t address, size;
	uint32_t type, reserved;
};

struct mb_image {
	uint32_t total, reserved;
	struct { uint32_t type, size; char text[8]; } cmdline;
	struct { uint32_t type, size, start, end; char text[8]; } module;
	struct { uint32_t type, size; uint8_t rsdp[24]; } rsdp_old;
	struct { uint32_t type, size; uint8_t rsdp[40]; } rsdp_new;
	struct { uint32_t type, size, entry_size, version; struct mb_memory entries[2]; } map;
	struct { uint32_t type, size; } end;
};

static const struct mb_image mb_sound = {
	.total = sizeof(struct mb_image),
	.cmdline = { 1, 8 + 4, "c=d" },
	.module = { 3, 16 + 2, 6 * MIB, 7 * MIB, "m" },
	.rsdp_old = { 14, 8 + 20, "RSD PTR " },
	.rsdp_new = { 15, 8 + 36, "RSD PTR " },
	.map = { 6, 16 + 48, 24, 0, { { 1 * MIB, 9 * MIB, 1, 0 }, { 2 * MIB, 1 * MIB, 5, 0 } } },
	.end = { 0, 8 },
};

static int mb_parse(const void *image, size_t size)
{
	arena_set(image, size);
	why = boot_parse_multiboot2(&info, ARENA_START, at);
	return why ? -1 : 0;
}

static void mb_sound_is_taken(void **state)
{
	assert_int_equal(mb_parse(&mb_sound, sizeof(mb_sound)), 0);
	assert_string_equal(info.loader, "Multiboot2");
	assert_int_equal(info.rsdp.value, ARENA_START + offsetof(struct mb_image, rsdp_new.rsdp));
	assert_ptr_equal(info.bundle, (void *)(6 * MIB));
	assert_int_equal(info.bundle_size, MIB);
	assert_int_equal(info.ram.count, 2);
	ram_is(0, 1 * MIB, 1 * MIB);
	ram_is(1, 3 * MIB, 7 * MIB);
}

static void mb_refused(struct mb_image image)
{
	assert_true(mb_parse(&image, sizeof(image)) < 0);
	assert_non_null(why);
}

static void mb_malformed_is_refused(void **state)
{
	struct mb_image image = mb_sound;
	image.total = 4;
	mb_refused(image);
	image.total = sizeof(image) + 1;
	mb_refused(image);
	image.total = sizeof(image) - 8; /* no end tag */
	mb_refused(image);
	image = mb_sound;
	image.cmdline.size = 7;
	mb_refused(image);
	image.cmdline.size = 0;
	mb_refused(image);
	image.cmdline.size = UINT32_MAX;
	mb_refused(image);
	image = mb_sound;
	image.module.size = 12;
	mb_refused(image);
	image = mb_sound;
	image.module.end = image.module.start - 1;
	mb_refused(image);
	image = mb_sound;
	image.map.entry_size = 0;
	mb_refused(image);
	image.map.entry_size = 20;
	mb_refused(image);
	image = mb_sound;
	image.map.type = 99;
	mb_refused(image);
}

static void mb_any_byte_may_be_wrong(void **state)
{
	const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff };
	for (size_t i = 0; i < sizeof(mb_sound); i++) {
		for (size_t v = 0; v < sizeof(values); v++) {
			struct mb_image image = mb_sound;
			((uint8_t *)&image)[i] = values[v];
			(void)mb_parse(&image, sizeof(image));
			ram_is_sound();
		}
	}
}

/* Maps as firmware has them: unsorted, overlapping, with holes at odd addresses. */

static void map_is_taken_in_any_order(void **state)
{
	const struct mb_memory map[] = {
		{ 0x100000000, 0x80000000, 1, 0 }, /* above 4 GiB, first */
		{ 0x9fc00, 0x400, 2, 0 },
		{ 0x100000, 0x7ff00000, 1, 0 },
		{ 0x7f000000, 0x2000000, 3, 0 }, /* over the end of the RAM before it, and beyond it */
		{ 0, 0x9fc00, 1, 0 }, /* ends inside a page */
		{ 0x200000, 0x10000, 1, 0 }, /* once more what was there */
		{ 0x500123, 0x10, 4, 0 }, /* a hole inside a page */
		{ 0x600fff, 2, 7, 0 }, /* one over a border of pages */
		{ 0xfffffffffffff000, 0x2000, 1, 0 }, /* past the end of all addresses */
		{ 0x700000, 0, 2, 0 }, /* of no size */
	};
	const uint64_t ranges[][2] = { { 0, 0x9f000 }, { 0x100000, 0x500000 }, { 0x501000, 0x600000 }, { 0x602000, 0x7f000000 },
				       { 0x100000000, 0x180000000 } };
	for (unsigned first = 0; first < 10; first++) {
		struct mb_memory turned[10];
		for (unsigned i = 0; i < 10; i++) {
			turned[i] = map[(first + i) % 10];
		}
		memset(&info, 0, sizeof(info));
		ram_map_take(&info.ram, (const char *)turned, 10, sizeof(turned[0]));
		assert_int_equal(info.ram.count, 5);
		for (unsigned i = 0; i < 5; i++) {
			ram_is(i, ranges[i][0], ranges[i][1] - ranges[i][0]);
		}
	}
}

/* Ranges of RAM */

static void ram_never_overflows_its_table(void **state)
{
	memset(&info, 0, sizeof(info));
	for (uint64_t i = 0; i < 2 * RAM_RANGES; i++) {
		ram_add(&info.ram, 2 * i * MIB, (2 * i + 1) * MIB);
	}
	assert_int_equal(info.ram.count, RAM_RANGES);
	ram_remove(&info.ram, MIB / 2, MIB / 2 + 1); /* a split with no room for the second half */
	assert_int_equal(info.ram.count, RAM_RANGES);
	ram_is_sound();
	assert_false(ram_has(MIB / 2));
	ram_remove(&info.ram, 0, UINT64_MAX);
	assert_int_equal(info.ram.count, 0);
}

static void ram_matches_a_model(void **state)
{
	static bool model[256];
	srand(1);
	memset(&info, 0, sizeof(info));
	memset(model, 0, sizeof(model));
	for (unsigned round = 0; round < 2000; round++) {
		unsigned a = (unsigned)rand() % 256, b = a + (unsigned)rand() % (257 - a) / (1 + (unsigned)rand() % 8);
		bool add = rand() % 2;
		(add ? ram_add : ram_remove)(&info.ram, a * PAGE_SIZE, b * PAGE_SIZE);
		for (unsigned i = a; i < b; i++) {
			model[i] = add;
		}
		ram_is_sound();
		for (unsigned i = 0; i < 256 && info.ram.count < RAM_RANGES; i++) {
			assert_int_equal(ram_has(i * PAGE_SIZE), model[i]);
		}
	}
}

static void ram_is_found_aligned_below_a_limit(void **state)
{
	memset(&info, 0, sizeof(info));
	ram_add(&info.ram, MIB + 1, 3 * MIB - 1);
	ram_is(0, MIB + PAGE_SIZE, 2 * MIB - 2 * PAGE_SIZE);
	ram_add(&info.ram, 16 * MIB, 32 * MIB);
	assert_int_equal(ram_find(&info.ram, MIB, MIB, UINT64_MAX), 16 * MIB);
	assert_int_equal(ram_find(&info.ram, MIB, PAGE_SIZE, UINT64_MAX), MIB + PAGE_SIZE);
	assert_int_equal(ram_find(&info.ram, 4 * MIB, MIB, 20 * MIB), 16 * MIB);
	assert_int_equal(ram_find(&info.ram, 4 * MIB, MIB, 20 * MIB - 1), 0);
	assert_int_equal(ram_find(&info.ram, 17 * MIB, MIB, UINT64_MAX), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(pvh_sound_is_taken, stop),
		cmocka_unit_test_teardown(pvh_malformed_is_refused, stop),
		cmocka_unit_test_teardown(pvh_any_byte_may_be_wrong, stop),
		cmocka_unit_test_teardown(mb_sound_is_taken, stop),
		cmocka_unit_test_teardown(mb_malformed_is_refused, stop),
		cmocka_unit_test_teardown(mb_any_byte_may_be_wrong, stop),
		cmocka_unit_test(map_is_taken_in_any_order),
		cmocka_unit_test(ram_never_overflows_its_table),
		cmocka_unit_test(ram_matches_a_model),
		cmocka_unit_test(ram_is_found_aligned_below_a_limit),
	};
	return cmocka_run_group_tests_name("boot", tests, NULL, NULL);
}
