/* SPDX-License-Identifier: MIT */
/* Capsules on the host: fetched from a machine's memory, written as a core, read back, told; and damaged ones, which are refused. */
#include "capsule.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "machine.h"

#define RING BH_LINK_WINDOW(0)

static struct {
	struct bh_capsule header;
	uint8_t ram[8192];
	uint8_t pages[BH_DOMAIN_PAGES * 4096];
	uint8_t ring[4096];
} memory;
static struct bh_domain_page *page = (struct bh_domain_page *)(memory.pages + BH_DOMAIN_PAGE_OFFSET);
static unsigned peeks, dies_at;
static char path[] = "/tmp/capsule-XXXXXX";

static int peek(struct machine *machine, uint64_t at, void *to, size_t bytes)
{
	if (++peeks == dies_at) {
		memory.header.epoch++;
	}
	assert_true(at >= 4096 && at - 4096 + bytes <= sizeof(memory));
	memcpy(to, (char *)&memory + (at - 4096), bytes);
	return 0;
}

static const struct machine_kind kind = { .name = "test", .peek = peek };
static struct machine machine = { .kind = &kind };
static const char pairs[] = "domain=ahci epoch=3 at=4096 bytes=0 us=1";

static void part(uint32_t index, uint64_t gpa, const void *from, uint64_t bytes)
{
	memory.header.parts[index] = (struct bh_capsule_part){ gpa, bytes, (uint64_t)((const char *)from - (const char *)&memory) };
	memory.header.part_count = index + 1;
}

/* Two of a queue's 8 requests are in flight: 7 were made available, 5 used. */
static int setup(void **state)
{
	memset(&memory, 0, sizeof(memory));
	memory.header = (struct bh_capsule){ .magic = BH_CAPSULE_MAGIC, .version = BH_CAPSULE_VERSION, .header_size = sizeof(memory.header),
					     .bytes = sizeof(memory), .domain = "ahci", .cause = "crash", .reason = "test", .epoch = 3,
					     .vcpu_count = 1, .tsc_khz = 1000000 };
	memory.header.vcpus[0].regs[16] = 0x12345;
	memory.header.vcpus[0].exit_count = 1;
	part(0, 0, memory.ram, sizeof(memory.ram));
	part(1, 0x200000, memory.pages, sizeof(memory.pages));
	part(2, RING + 0x5010, memory.ring, sizeof(memory.ring));
	page->links[2] = (struct bh_link){ .role = BH_LINK_BACK, .kind = 2, .state = BH_LINK_UP, .window = RING, .peer = "guest" };
	page->links[2].queues[0] = (struct bh_queue){ .size = 8, .ready = 1, .desc = 0x5010, .driver = 0x5110, .device = 0x5210 };
	memory.ring[0x102] = 7;
	memory.ring[0x202] = 5;
	memory.ring[0x104 + 5 * 2] = 3; /* entry 5 */
	memory.ring[0x104 + 6 * 2] = 9; /* entry 6: there is no such descriptor */
	memory.ring[3 * 16 + 8] = 48;
	peeks = dies_at = 0;
	return 0;
}

static void told(const char *what, bool is)
{
	static struct capsule c;
	const char *why;
	char *text = NULL;
	size_t size;
	assert_int_equal(capsule_fetch(&c, &machine, pairs, &why), 0);
	FILE *out = open_memstream(&text, &size);
	capsule_show(&c, out);
	fclose(out);
	if ((strstr(text, what) != NULL) != is) {
		print_error("%s\n", text);
		fail();
	}
	free(text);
	capsule_free(&c);
}

static void what_is_in_flight_follows_from_the_rings(void **state)
{
	told("available 7, used 5, in flight 2\n", true);
	told("entry 5: descriptor 3, 48 bytes at 0", true);
	told("entry 6 is not plausible", true);
	memory.ring[0x202] = 250; /* wraps to more than the queue has */
	told("not plausible\n", true);
	told("entry", false);
}

static void a_domain_page_may_say_anything(void **state)
{
	memset(page->links, 0xff, sizeof(page->links));
	page->links[0].role = BH_LINK_BACK;
	told("link 0: back end", true);
	page->links[0].queues[0].size = 0;
	told("not in the capsule", true);
}

static void a_core_is_read_back_as_it_was(void **state)
{
	static struct capsule c, back;
	const char *why;
	assert_int_equal(capsule_fetch(&c, &machine, pairs, &why), 0);
	assert_int_equal(capsule_write(&c, path), 0);
	assert_int_equal(capsule_load(&back, path, &why), 0);
	assert_memory_equal(&back.header, &memory.header, sizeof(back.header));
	assert_memory_equal(back.parts[2], memory.ring, sizeof(memory.ring));
	capsule_free(&back);
	FILE *file = fopen(path, "r");
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	long size = ftell(file);
	fclose(file);
	for (long cut = 0; cut < size; cut += cut < 2048 ? 7 : 613) {
		assert_int_equal(truncate(path, size - 1 - cut), 0);
		assert_int_not_equal(capsule_load(&back, path, &why), 0);
		assert_int_equal(capsule_write(&c, path), 0);
	}
	capsule_free(&c);
}

static void a_broken_header_is_refused(void **state)
{
	static struct capsule c;
	const char *why;
	struct bh_capsule *h = &memory.header;
	uint64_t magic = h->magic;
	h->magic = 0;
	assert_int_equal(capsule_fetch(&c, &machine, pairs, &why), -EBADMSG);
	h->magic = magic;
	h->parts[1].offset = UINT64_MAX - 4096;
	assert_int_equal(capsule_fetch(&c, &machine, pairs, &why), -EBADMSG);
	h->parts[1].offset = sizeof(*h);
	h->part_count = BH_CAPSULE_PARTS + 1;
	assert_int_equal(capsule_fetch(&c, &machine, pairs, &why), -EBADMSG);
	h->part_count = 3;
	h->vcpu_count = BH_MAX_VCPUS + 1;
	assert_int_equal(capsule_fetch(&c, &machine, pairs, &why), -EBADMSG);
	h->vcpu_count = 1;
	memset(h->reason, 'x', sizeof(h->reason));
	assert_int_equal(capsule_fetch(&c, &machine, pairs, &why), -EBADMSG);
}

static void one_that_is_overwritten_meanwhile_is_refused(void **state)
{
	static struct capsule c;
	const char *why;
	dies_at = 3;
	assert_int_equal(capsule_fetch(&c, &machine, pairs, &why), -EAGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_in_flight_follows_from_the_rings, setup),
		cmocka_unit_test_setup(a_domain_page_may_say_anything, setup),
		cmocka_unit_test_setup(a_core_is_read_back_as_it_was, setup),
		cmocka_unit_test_setup(a_broken_header_is_refused, setup),
		cmocka_unit_test_setup(one_that_is_overwritten_meanwhile_is_refused, setup),
	};
	int fd = mkstemp(path);
	close(fd);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
