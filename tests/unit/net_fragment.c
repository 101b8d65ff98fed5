/* SPDX-License-Identifier: MIT */
/* The numbers of fragments: the same for all of one packet, others to another destination, others after a restart; nothing else is changed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/big_endian.h"
#include "guest-kernel/net/internal.h"
#include "guest-kernel/net/lwip/hooks.h"
#include "kernel/random.h"
#include "kernel/time.h"

static uint8_t seed;

void random_bytes(void *buffer, size_t bytes)
{
	memset(buffer, seed, bytes);
}

uint64_t time_ns(void)
{
	return 0;
}

/* Of lwIP's making: with its number, to a host, at an offset; the checksum as it was to be. */
static void header4(uint8_t *h, uint16_t number, uint8_t host, uint16_t where)
{
	static const uint8_t usual[20] = { 0x45, 0, 0x05, 0xdc, 0, 0, 0, 0, 64, 17, 0, 0, 10, 9, 0, 2, 10, 9, 0, 0 };
	memcpy(h, usual, sizeof(usual));
	h[19] = host;
	put16(h + 4, number);
	put16(h + 6, where);
	unsigned short sum = (unsigned short)~net_checksum(h, 20);
	memcpy(h + 10, &sum, 2);
}

static void header6(uint8_t *h, uint32_t number, uint8_t host)
{
	memset(h, 0, 48);
	h[0] = 0x60;
	h[6] = 44;
	h[8] = h[24] = 0xfd;
	h[39] = host;
	h[40] = 17;
	put32(h + 44, number);
}

static uint16_t number4(uint16_t number, uint8_t host, uint16_t where)
{
	uint8_t h[20], before[20];
	header4(h, number, host, where);
	memcpy(before, h, 20);
	fragment_number4(h, 20);
	assert_int_equal(net_checksum(h, 20), 0xffff);
	uint16_t after = get16(h + 4);
	memcpy(h + 4, before + 4, 2);
	memcpy(h + 10, before + 10, 2);
	assert_memory_equal(h, before, 20);
	return after;
}

static uint32_t number6(uint32_t number, uint8_t host)
{
	uint8_t h[48], before[48];
	header6(h, number, host);
	memcpy(before, h, 48);
	fragment_number6(h, 48);
	uint32_t after = get32(h + 44);
	memcpy(h + 44, before + 44, 4);
	assert_memory_equal(h, before, 48);
	return after;
}

static void start(uint8_t with)
{
	seed = with;
	isn_init();
}

static void four(void **state)
{
	start(1);
	uint16_t first = number4(7, 1, 0x2000);
	assert_int_equal(number4(7, 1, 0x20b9), first);
	assert_int_equal(number4(7, 1, 0x0172), first);
	assert_int_equal(number4(8, 1, 0x2000), (uint16_t)(first + 1));
	assert_int_not_equal(number4(7, 2, 0x2000), first);
	for (unsigned n = 0; n < 0x10000; n++) {
		number4((uint16_t)n, (uint8_t)(n >> 8), 0x2000);
	}
	start(2);
	assert_int_not_equal(number4(7, 1, 0x2000), first);
}

static void six(void **state)
{
	start(1);
	uint32_t first = number6(7, 1);
	assert_int_equal(number6(7, 1), first);
	assert_int_equal(number6(8, 1), first + 1);
	assert_int_not_equal(number6(7, 2), first);
	start(2);
	assert_int_not_equal(number6(7, 1), first);
}

/* Whole packets, and those whose header a program has made: its payload is behind it. */
static void others_are_left_alone(void **state)
{
	uint8_t h[64] = { 0 }, before[64];
	start(1);
	header4(h, 7, 1, 0x4000);
	memcpy(before, h, 64);
	fragment_number4(h, 20);
	assert_memory_equal(h, before, 64);
	header4(h, 7, 1, 0x2000);
	memcpy(before, h, 64);
	fragment_number4(h, 64);
	assert_memory_equal(h, before, 64);
	header6(h, 7, 1);
	memcpy(before, h, 64);
	fragment_number6(h, 64);
	fragment_number6(h, 40);
	h[6] = before[6] = 17;
	fragment_number6(h, 48);
	assert_memory_equal(h, before, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(four), cmocka_unit_test(six), cmocka_unit_test(others_are_left_alone) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
