/* SPDX-License-Identifier: MIT */
/* Writing bundles: read back what was written as the hypervisor would, and refuse images that could not work. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>

#include "abi/pvh.h"
#include "base/crc32.h"
#include "base/elf.h"
#include "bundle.h"

static char dir[64], reports[4096];
static struct manifest m;

static void collect(void *to, const char *text)
{
	size_t used = strlen(reports);
	snprintf(reports + used, sizeof(reports) - used, "%s\n", text);
}

static void write_file(const char *name, const void *data, size_t size)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, size, f), size);
	fclose(f);
}

struct small_elf {
	struct elf_header header;
	struct elf_segment load, note;
	struct { uint32_t name_size, desc_size, type; char name[4]; uint32_t entry; } pvh;
};

/* An ELF with one segment that ends at `end` and a PVH note, or without the note. */
static void write_elf(const char *name, uint64_t end, bool note)
{
	struct small_elf e = {
		.header = { .ident = "\177ELF\2\1\1", .type = ELF_ET_EXEC, .machine = 62, .version = 1, .phoff = 64, .ehsize = 64,
			    .phentsize = 56, .phnum = note ? 2 : 1 },
		.load = { .type = ELF_PT_LOAD, .paddr = 0x100000, .vaddr = 0x100000, .memsz = end - 0x100000 },
		.note = { .type = ELF_PT_NOTE, .offset = offsetof(struct small_elf, pvh), .filesz = sizeof(e.pvh),
			  .memsz = sizeof(e.pvh) },
		.pvh = { 4, 4, PVH_NOTE_PHYS32_ENTRY, "Xen", 0x100000 },
	};
	write_file(name, &e, sizeof(e));
}

static int setup(void **state)
{
	strcpy(dir, "/tmp/bundle-test-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

static int parse_and_check(const char *text)
{
	reports[0] = '\0';
	m.report = collect;
	assert_int_equal(manifest_parse(&m, "t", text), 0);
	return bundle_check_images(&m, dir);
}

#define TEXT "domain g\n main\n image g.elf\n module text\n memory 64M\ndomain d\n image d.elf\n memory 2M\nlink block g d\n"

static void what_is_written_can_be_read(void **state)
{
	write_elf("g.elf", 0x200000, true);
	write_elf("d.elf", 0x110000, true);
	write_file("text", "echo hello", 10);
	assert_int_equal(parse_and_check(TEXT), 0);
	char path[128];
	uint64_t bytes;
	snprintf(path, sizeof(path), "%s/bundle", dir);
	assert_int_equal(bundle_write(&m, dir, path, &bytes), 0);

	uint8_t *data = calloc(1, bytes + 1);
	int fd = open(path, O_RDONLY);
	assert_int_equal(read(fd, data, bytes + 1), bytes);
	close(fd);
	struct bundle_header *h = (void *)data;
	assert_true(h->magic == BUNDLE_MAGIC);
	assert_int_equal(h->header_size, sizeof(*h));
	assert_int_equal(h->total_size, bytes);
	assert_int_equal(h->domain_count, 2);
	assert_int_equal(h->link_count, 1);
	assert_int_equal(h->image_count, 3);
	for (uint32_t i = 0; i < h->image_count; i++) {
		assert_int_equal(h->images[i].offset % 4096, 0);
		assert_true(h->images[i].offset + h->images[i].size <= bytes);
		assert_int_equal(crc32_update(0, data + h->images[i].offset, h->images[i].size), h->images[i].crc32);
	}
	const struct bundle_image *guest = &h->images[h->domains[0].image];
	assert_int_equal(guest->entry, 0x100000);
	assert_int_equal(guest->segment_count, 1);
	assert_int_equal(guest->segments[0].gpa, 0x100000);
	assert_int_equal(guest->segments[0].memory, 0x100000);
	const struct bundle_image *text = &h->images[h->domains[0].module];
	assert_int_equal(text->size, 10);
	assert_memory_equal(data + text->offset, "echo hello", 10);
	uint32_t crc = h->crc32;
	h->crc32 = 0;
	assert_int_equal(crc32_update(0, h, sizeof(*h)), crc);
	free(data);
}

static void refuses(const char *text, const char *where, const char *what)
{
	assert_int_not_equal(parse_and_check(text), 0);
	if (strncmp(reports, where, strlen(where)) != 0 || !strstr(reports, what) || m.error_count != 1) {
		fail_msg("expected \"%s... %s...\" once, got: %s", where, what, reports);
	}
}

static void images_that_can_not_work(void **state)
{
	write_elf("g.elf", 0x200000, true);
	write_elf("no-note.elf", 0x200000, false);
	write_elf("big.elf", 0x300000, true);
	write_file("text", "not an ELF file, but long enough to be taken for one at first sight, is it", 70);
	write_file("empty", "", 0);
#define GUEST "domain g\n main\n image g.elf\n memory 64M\ndomain d\n memory 2M\n"
	refuses(GUEST " image nowhere.elf\n", "t:7: ", "can't be read");
	refuses(GUEST " image no-note.elf\n", "t:7: ", "no PVH entry");
	refuses(GUEST " image text\n", "t:7: ", "not an ELF file");
	refuses(GUEST " image empty\n", "t:7: ", "it is empty");
	refuses(GUEST " image big.elf\n", "t:7: ", "reaches to 3072K but domain \"d\" has 2048K");
	refuses(GUEST " image .\n", "t:7: ", "can't be read");
}

static void a_module_must_fit(void **state)
{
	static char big[1 << 20];
	write_elf("g.elf", 0x200000, true);
	write_file("big", big, sizeof(big));
	write_elf("s.elf", 0x100000, true);
	refuses("domain g\n main\n image g.elf\n memory 64M\ndomain d\n image s.elf\n module big\n memory 1M\n", "t:7: ",
		"module \"big\" has 1024K");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_can_be_read),
		cmocka_unit_test(images_that_can_not_work),
		cmocka_unit_test(a_module_must_fit),
	};
	return cmocka_run_group_tests_name("bundle", tests, setup, teardown);
}
