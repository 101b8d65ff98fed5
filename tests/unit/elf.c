/* SPDX-License-Identifier: MIT */
/*
 * The ELF checker that hypervisor, guest kernel and vmctl share: a good file, each thing that can be wrong with one, and
 * damaged files at random, held in memory of exactly their size so that the sanitizers see every byte too far.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "abi/pvh.h"
#include "base/elf.h"
#include "base/string.h"

struct image {
	struct elf_header header;
	struct elf_segment load, note;
	uint32_t note_head[3];
	char note_name[4];
	uint64_t note_entry;
	char text[16];
};

static struct image good_image(void)
{
	struct image image = {
		.header = { .ident = "\177ELF\2\1\1", .type = ELF_ET_EXEC, .machine = 62, .version = 1, .entry = 0x100000,
			    .phoff = offsetof(struct image, load), .ehsize = 64, .phentsize = 56, .phnum = 2 },
		.load = { .type = ELF_PT_LOAD, .flags = ELF_PF_R | ELF_PF_X, .offset = offsetof(struct image, text),
			  .vaddr = 0x100000, .paddr = 0x100000, .filesz = 16, .memsz = 32, .align = 4096 },
		.note = { .type = ELF_PT_NOTE, .offset = offsetof(struct image, note_head), .filesz = 24, .memsz = 24 },
		.note_head = { 4, 8, PVH_NOTE_PHYS32_ENTRY },
		.note_name = PVH_NOTE_NAME,
		.note_entry = 0x100010,
	};
	return image;
}

/* What elf_pvh_entry says of the first `bytes` bytes, copied to memory of just that size. */
static int entry_of(const struct image *image, size_t bytes, uint32_t *entry)
{
	const char *why = NULL;
	void *copy = malloc(bytes ? bytes : 1);
	memcpy(copy, image, bytes);
	int error = elf_pvh_entry(copy, bytes, entry, &why);
	assert_true(error == 0 || (error == -ENOEXEC && why != NULL));
	free(copy);
	return error;
}

static void refused(const struct image *image)
{
	uint32_t entry;
	assert_int_equal(entry_of(image, sizeof(*image), &entry), -ENOEXEC);
}

static void a_good_file_tells_its_entry(void **state)
{
	struct image image = good_image();
	uint32_t entry = 0;
	assert_int_equal(entry_of(&image, sizeof(image), &entry), 0);
	assert_int_equal(entry, 0x100010);
}

#define REFUSED(change)                                                                            \
	do {                                                                                       \
		struct image image = good_image();                                                 \
		image.change;                                                                      \
		refused(&image);                                                                   \
	} while (0)

static void each_wrong_field_is_refused(void **state)
{
	REFUSED(header.ident[1] = 'F');
	REFUSED(header.ident[4] = 1); /* 32-bit */
	REFUSED(header.ident[5] = 2); /* big-endian */
	REFUSED(header.machine = 3);
	REFUSED(header.type = 1); /* relocatable */
	REFUSED(header.phnum = 0);
	REFUSED(header.phnum = 65);
	REFUSED(header.phentsize = 32);
	REFUSED(header.phoff = UINT64_MAX - 8);
	REFUSED(header.phoff = sizeof(struct image) - 56);
	REFUSED(load.filesz = 33); /* more than in memory */
	REFUSED(load.offset = UINT64_MAX);
	REFUSED(load.offset = sizeof(struct image) - 15);
	REFUSED(load.vaddr = UINT64_MAX - 4);
	REFUSED(load.paddr = UINT64_MAX - 4);
	REFUSED(note.filesz = sizeof(struct image));
	REFUSED(note.filesz = 20); /* the descriptor lies outside */
	REFUSED(note_head[0] = UINT32_MAX);
	REFUSED(note_head[1] = UINT32_MAX);
	REFUSED(note_head[1] = 2); /* no room for an address */
	REFUSED(note_head[2] = 1);
	REFUSED(note_name[0] = 'Y');
}

static void a_file_cut_anywhere_is_refused(void **state)
{
	struct image image = good_image();
	uint32_t entry;
	for (size_t bytes = 0; bytes < sizeof(image); bytes++) {
		assert_int_equal(entry_of(&image, bytes, &entry), -ENOEXEC);
	}
}

static void damage_is_survived(void **state)
{
	srand(1);
	for (unsigned round = 0; round < 20000; round++) {
		struct image image = good_image();
		uint32_t entry;
		for (int hits = 1 + rand() % 4; hits > 0; hits--) {
			((uint8_t *)&image)[(size_t)rand() % sizeof(image)] = (uint8_t)rand();
		}
		(void)entry_of(&image, sizeof(image), &entry);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_file_tells_its_entry),
		cmocka_unit_test(each_wrong_field_is_refused),
		cmocka_unit_test(a_file_cut_anywhere_is_refused),
		cmocka_unit_test(damage_is_survived),
	};
	return cmocka_run_group_tests_name("elf", tests, NULL, NULL);
}
