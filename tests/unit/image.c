/* SPDX-License-Identifier: MIT */
/* What `vmctl run --root IMAGE` says of an image ahead of the guest: no file system, one that is cut short, and sizes that nobody has. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <unistd.h>

#include "ext4/ext4_format.h"
#include "image.h"
#include "say.h" /* its fail() is a macro of CMocka, too */

#include <cmocka.h>

#define FILE_BYTES 65536

/* image_check() of a file of FILE_BYTES with this super block. */
static int check(const struct ext4_super *super)
{
	char path[] = "/tmp/unit-image.XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, super, sizeof(*super), EXT4_SUPER_OFFSET), sizeof(*super));
	assert_int_equal(ftruncate(fd, FILE_BYTES), 0);
	close(fd);
	int status = image_check(path);
	unlink(path);
	return status;
}

static void test_sizes(void **state)
{
	for (uint32_t log = 0; log <= 6; log++) {
		struct ext4_super super = { .magic = EXT4_MAGIC, .log_block_size = log, .blocks_count_lo = FILE_BYTES >> (10 + log) };
		assert_int_equal(check(&super), 0);
		super.blocks_count_lo++;
		assert_int_equal(check(&super), VMCTL_IMAGE);
	}
}

static void test_high_half_counts_where_there_is_one(void **state)
{
	struct ext4_super super = { .magic = EXT4_MAGIC, .blocks_count_lo = 1, .blocks_count_hi = 1 };
	assert_int_equal(check(&super), 0);
	super.incompat = EXT4_INCOMPAT_64BIT;
	assert_int_equal(check(&super), VMCTL_IMAGE);
}

static void test_block_size_of_nobody_is_left_to_the_guest(void **state)
{
	static const uint32_t logs[] = { 7, 53, 54, UINT32_MAX - 9, UINT32_MAX };
	for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
		struct ext4_super super = { .magic = EXT4_MAGIC, .log_block_size = logs[i], .blocks_count_lo = UINT32_MAX };
		assert_int_equal(check(&super), 0);
	}
}

static void test_no_file_system(void **state)
{
	struct ext4_super super = { .blocks_count_lo = 1 };
	assert_int_equal(check(&super), VMCTL_IMAGE);
	assert_int_equal(image_check("/no/such/file"), VMCTL_IMAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes), cmocka_unit_test(test_high_half_counts_where_there_is_one),
		cmocka_unit_test(test_block_size_of_nobody_is_left_to_the_guest), cmocka_unit_test(test_no_file_system),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
