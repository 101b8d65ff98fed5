/* SPDX-License-Identifier: MIT */
/* The hypervisor's judge of bundles: each field out of its range is refused, and no flipped byte gets through or past the end. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/crc32.h"
#include "hv/bundle.h"

#define HEADER ((sizeof(struct bundle_header) + 4095) & ~4095ull)
#define SIZE (HEADER + 3 * 4096)

static void seal(struct bundle_header *h)
{
	h->crc32 = 0;
	h->crc32 = crc32_update(0, h, sizeof(*h));
}

static struct bundle_header *make(void)
{
	struct bundle_header *h = calloc(1, SIZE);
	*h = (struct bundle_header){
		.magic = BUNDLE_MAGIC, .version = BUNDLE_VERSION, .header_size = sizeof(*h), .total_size = SIZE,
		.domain_count = 2, .link_count = 1, .image_count = 2,
	};
	for (unsigned i = 0; i < 2; i++) {
		h->images[i] = (struct bundle_image){ .name = "image", .offset = HEADER + i * 8192, .size = i ? 100 : 5000 };
		memset((char *)h + h->images[i].offset, (int)i + 1, h->images[i].size);
		if (i == 0) {
			h->images[i].segment_count = 1;
			h->images[i].segments[0] = (struct bundle_segment){ .offset = 8, .bytes = 4992, .gpa = 0x100000, .memory = 8192 };
		}
		h->images[i].crc32 = crc32_update(0, (char *)h + h->images[i].offset, h->images[i].size);
		h->domains[i] = (struct bundle_domain){
			.name = "a", .image = 0, .module = i ? 1 : UINT32_MAX, .memory = 2 << 20, .vcpus = 1, .cpu_mask = ~0ull, .priority = 10,
		};
	}
	h->domains[0].flags = BUNDLE_MAIN;
	h->domains[1].name[0] = 'b';
	h->links[0] = (struct bundle_link){ .kind = 2, .front = 0, .back = 1 };
	seal(h);
	return h;
}

static int judge(const struct bundle_header *h, size_t bytes)
{
	const char *why = "unset";
	int error = bundle_check(h, bytes, &why);
	assert_true((error != 0) == (why != NULL));
	return error;
}

static void a_good_one_passes(void **state)
{
	struct bundle_header *h = make();
	assert_int_equal(judge(h, SIZE), 0);
	assert_int_equal(judge(h, SIZE + 4096), 0); /* the loader may have padded it */
	free(h);
}

#define REFUSED(change)                                                                            \
	do {                                                                                       \
		struct bundle_header *h = make();                                                  \
		change;                                                                            \
		seal(h);                                                                           \
		if (judge(h, SIZE) == 0) {                                                         \
			fail_msg("passes: %s", #change);                                           \
		}                                                                                  \
		free(h);                                                                           \
	} while (0)

static void each_field_is_judged(void **state)
{
	REFUSED(h->magic++);
	REFUSED(h->version++);
	REFUSED(h->header_size++);
	REFUSED(h->total_size = SIZE + 1);
	REFUSED(h->total_size = 10);
	REFUSED(h->domain_count = 0);
	REFUSED(h->domain_count = BUNDLE_MAX_DOMAINS + 1);
	REFUSED(h->link_count = BUNDLE_MAX_LINKS + 1);
	REFUSED(h->image_count = BUNDLE_MAX_IMAGES + 1);
	REFUSED(memset(h->images[1].name, 'x', sizeof(h->images[1].name)));
	REFUSED(h->images[1].offset++);
	REFUSED(h->images[1].offset = 0);
	REFUSED(h->images[1].offset = ~4095ull);
	REFUSED(h->images[1].size = ~0ull);
	REFUSED(h->images[1].size = 4097);
	REFUSED(h->images[1].offset = h->images[0].offset + 4096);
	REFUSED(h->images[1].crc32++);
	REFUSED(h->images[0].segment_count = BUNDLE_MAX_SEGMENTS + 1);
	REFUSED(h->images[0].segments[0].offset = 9);
	REFUSED(h->images[0].segments[0].offset = ~0ull);
	REFUSED(h->images[0].segments[0].bytes = 5001);
	REFUSED(h->images[0].segments[0].memory = 4991);
	REFUSED(h->domains[1].image = 1);
	REFUSED(memset(h->domains[1].name, 'x', sizeof(h->domains[1].name)));
	REFUSED(h->domains[1].name[0] = '\0');
	REFUSED(h->domains[1].name[0] = 'a');
	REFUSED(memset(h->domains[1].cmdline, 'x', sizeof(h->domains[1].cmdline)));
	REFUSED(h->domains[1].image = 2);
	REFUSED(h->domains[1].module = 2);
	REFUSED(h->domains[1].memory = 0);
	REFUSED(h->domains[1].memory += 4096);
	REFUSED(h->domains[1].memory = 1ull << 63);
	REFUSED(h->domains[1].vcpus = 0);
	REFUSED(h->domains[1].vcpus = 17);
	REFUSED(h->domains[1].cpu_mask = 0);
	REFUSED(h->domains[1].priority = 256);
	REFUSED(h->domains[1].budget_us = 1);
	REFUSED(h->domains[1].device_count = 5);
	REFUSED(h->domains[1].device_count = 1);
	REFUSED(h->domains[1].flags = BUNDLE_MAIN);
	REFUSED(h->domains[0].flags = 0);
	REFUSED(h->links[0].front = 2);
	REFUSED(h->links[0].back = 0);
	REFUSED(h->domains[1].vcpus = 2);
	REFUSED(h->link_count = BUNDLE_MAX_LINKS; for (int i = 0; i < BUNDLE_MAX_LINKS; i++) { h->links[i] = h->links[0]; });
}

static void no_flipped_byte_passes(void **state)
{
	struct bundle_header *h = make();
	for (size_t at = 0; at < sizeof(*h); at += 3) {
		((uint8_t *)h)[at] ^= 0x20;
		assert_int_not_equal(judge(h, SIZE), 0);
		((uint8_t *)h)[at] ^= 0x20;
	}
	((uint8_t *)h)[HEADER + 4999] ^= 1;
	assert_int_not_equal(judge(h, SIZE), 0);
	free(h);
}

static void no_cut_is_read_past(void **state)
{
	struct bundle_header *h = make();
	for (size_t cut = 0; cut < SIZE; cut += 509) {
		void *part = malloc(cut ? cut : 1);
		memcpy(part, h, cut);
		assert_int_not_equal(judge(part, cut), 0);
		free(part);
	}
	free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_one_passes), cmocka_unit_test(each_field_is_judged),
		cmocka_unit_test(no_flipped_byte_passes), cmocka_unit_test(no_cut_is_read_past),
	};
	return cmocka_run_group_tests_name("bundle_check", tests, NULL, NULL);
}
