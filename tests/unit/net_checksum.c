/* SPDX-License-Identifier: MIT */
/* The Internet checksum against its definition, at every length and alignment; and the hash of initial sequence numbers by its authors' vector. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "guest-kernel/net/internal.h"
#include "guest-kernel/net/lwip/hooks.h"
#include "kernel/random.h"
#include "kernel/time.h"

#define MOST 700u

/* The key of the reference's vectors: 00 01 .. 0f. */
void random_bytes(void *buffer, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		((uint8_t *)buffer)[i] = (uint8_t)i;
	}
}

uint64_t time_ns(void)
{
	return 0;
}

/* RFC 1071: sixteen bits at a time, carries added at the end. */
static unsigned slow_sum(const uint8_t *data, unsigned bytes)
{
	uint32_t sum = 0;
	for (unsigned i = 0; i < bytes; i++) {
		sum += (uint32_t)data[i] << (i & 1 ? 8 : 0);
	}
	while (sum >> 16) {
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static void sums_are_the_definitions(void **state)
{
	static uint8_t data[MOST + 8];
	for (unsigned fill = 0; fill < 3; fill++) {
		for (unsigned i = 0; i < sizeof(data); i++) {
			data[i] = fill == 0 ? 0xff : fill == 1 ? (uint8_t)(i * 151 + 7) : (uint8_t)rand();
		}
		for (unsigned start = 0; start < 8; start++) {
			for (unsigned bytes = 0; bytes <= MOST; bytes++) {
				assert_int_equal(net_checksum(data + start, (int)bytes), slow_sum(data + start, bytes));
			}
		}
	}
}

static void nothing_is_zero(void **state)
{
	uint8_t zeros[64] = { 0 };
	assert_int_equal(net_checksum(zeros, 0), 0);
	assert_int_equal(net_checksum(zeros, 63), 0);
}

/* Aumasson and Bernstein, appendix A: 00 01 .. 0e. */
static void hash_is_siphash(void **state)
{
	uint8_t data[15];
	random_bytes(data, sizeof(data));
	isn_init();
	assert_true(net_hash(data, sizeof(data)) == 0xa129ca6149be45e5);
	assert_true(net_hash(data, 0) == 0x726fdb47dd0e0e31);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_the_definitions),
		cmocka_unit_test(nothing_is_zero),
		cmocka_unit_test(hash_is_siphash),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
