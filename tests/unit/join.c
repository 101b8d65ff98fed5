/* SPDX-License-Identifier: MIT */
/* Joining TCP segments: which may be, which may not, and the joined frame's headers with their lengths and checksum. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/big_endian.h"
#include "guest-kernel/net/join.h"

unsigned short net_checksum(const void *data, int bytes);

/* Headers of a segment of so many bytes of data; the frame's length. */
static uint32_t make(uint8_t *f, bool v6, uint32_t sequence, unsigned data, unsigned options)
{
	unsigned at = v6 ? 54 : 34, tcp = 20 + options;
	memset(f, 0, 128);
	memset(f, 0x11, 12);
	put16(f + 12, v6 ? 0x86dd : 0x0800);
	if (v6) {
		f[14] = 0x60;
		put16(f + 18, tcp + data);
		f[20] = 6;
		f[21] = 64;
		memset(f + 22, 0xfd, 32);
	} else {
		f[14] = 0x45;
		put16(f + 16, 20 + tcp + data);
		put16(f + 18, sequence); /* identification: differs */
		put16(f + 20, 0x4000);
		f[22] = 64;
		f[23] = 6;
		put16(f + 24, sequence * 3); /* checksum: differs */
		memset(f + 26, 0x0a, 8);
	}
	put16(f + at, 80);
	put16(f + at + 2, 40000);
	put16(f + at + 4, sequence >> 16);
	put16(f + at + 6, sequence);
	f[at + 12] = (uint8_t)(tcp / 4 << 4);
	f[at + 13] = 0x10;
	put16(f + at + 14, 500);
	return at + tcp + data;
}

static struct segment parse(const uint8_t *f, uint32_t bytes)
{
	return segment_read(f, bytes < 128 ? bytes : 128, bytes);
}

static void those_that_follow_are_joined(void **state)
{
	for (unsigned kind = 0; kind < 4; kind++) {
		bool v6 = kind & 1;
		unsigned options = kind & 2 ? 12 : 0;
		uint8_t first[128], next[128];
		struct segment all = parse(first, make(first, v6, 0xfffffff0, 1000, options)), one;
		uint32_t bytes = all.header_bytes + 1000;
		assert_int_equal(all.tcp_at, v6 ? 54 : 34);
		assert_int_equal(all.header_bytes, all.tcp_at + 20 + options);
		for (unsigned n = 1; n < 5; n++) {
			one = parse(next, make(next, v6, 0xfffffff0 + n * 1000, n < 4 ? 1000 : 77, options));
			next[one.tcp_at + 13] |= n == 4 ? 8 : 0;
			one.flags = next[one.tcp_at + 13];
			assert_true(segment_follows(&all, first, &one, next));
			segment_join(&all, first, &one);
			bytes += one.payload;
		}
		assert_int_equal(all.count, 5);
		assert_int_equal(all.piece, 1000);
		assert_int_equal(first[all.tcp_at + 13], 0x18);
		one = parse(next, make(next, v6, all.next, 77, options)); /* behind a shorter one */
		assert_false(segment_follows(&all, first, &one, next));
		assert_int_equal(segment_finish(&all, first, bytes, false), bytes - all.tcp_at);
		if (v6) {
			assert_int_equal(first[18] << 8 | first[19], bytes - 54);
		} else {
			assert_int_equal(first[16] << 8 | first[17], bytes - 14);
			assert_int_equal(net_checksum(first + 14, 20), 0xffff);
		}
		assert_int_equal(segment_finish(&all, first, bytes, true), 0);
		assert_int_equal(first[v6 ? 18 : 16] | first[v6 ? 19 : 17], 0);
	}
}

/* One that is to be cut itself: the urgent pointer says into what. */
static void long_ones_are_joined(void **state)
{
	uint8_t first[128], next[128];
	struct segment all = parse(first, make(first, false, 1000, 500, 0)), one;
	uint32_t bytes = make(next, false, 1500, 1500, 0);
	put16(next + 34 + 18, 500);
	one = parse(next, bytes);
	assert_int_equal(one.count, 3);
	assert_int_equal(one.last, 500);
	assert_true(segment_follows(&all, first, &one, next));
	segment_join(&all, first, &one);
	assert_int_equal(all.count, 4);
	assert_int_equal(all.next, 3000);
	bytes = make(next, false, 3000, 1100, 0);
	put16(next + 34 + 18, 400);
	one = parse(next, bytes);
	assert_false(segment_follows(&all, first, &one, next)); /* other pieces */
	put16(next + 34 + 18, 500);
	one = parse(next, bytes);
	assert_int_equal(one.last, 100);
	assert_true(segment_follows(&all, first, &one, next));
	segment_join(&all, first, &one);
	assert_int_equal(all.count, 7);
	one = parse(next, make(next, false, 4100, 100, 0)); /* behind a shorter piece */
	assert_false(segment_follows(&all, first, &one, next));
	put16(next + 34 + 18, 100); /* not less than all of it: no long one */
	assert_int_equal(parse(next, 154).count, 1);
}

/* A byte that differs in any field but those that may. */
static void others_are_not(void **state)
{
	for (unsigned kind = 0; kind < 2; kind++) {
		uint8_t first[128], next[128];
		struct segment a = parse(first, make(first, kind, 1000, 500, 4)), b;
		unsigned joined = 0;
		for (unsigned at = 0; at < a.header_bytes; at++) {
			uint32_t bytes = make(next, kind, 1500, 500, 4);
			next[at] ^= 1;
			b = parse(next, bytes);
			bool may = b.tcp_at && segment_follows(&a, first, &b, next), checksum = at == a.tcp_at + 16u || at == a.tcp_at + 17u;
			bool free4 = !kind && (at == 18 || at == 19 || at == 24 || at == 25);
			bool reserved = at == a.tcp_at + 12u; /* of the header's length in words of four bytes only the high half counts */
			assert_int_equal(may, checksum || free4 || reserved);
			joined += may;
		}
		assert_true(joined >= 3);
		b = parse(next, make(next, kind, 1501, 500, 4)); /* a gap */
		assert_false(segment_follows(&a, first, &b, next));
		b = parse(next, make(next, kind, 1500, 501, 4)); /* larger than the pieces */
		assert_false(segment_follows(&a, first, &b, next));
		b = parse(next, make(next, !kind, 1500, 500, 4));
		assert_false(segment_follows(&a, first, &b, next));
	}
}

static void what_is_no_plain_segment(void **state)
{
	uint8_t f[128];
	static const uint8_t flags[] = { 0x00, 0x02, 0x11, 0x12, 0x14, 0x30 };
	for (unsigned i = 0; i < sizeof(flags); i++) {
		uint32_t bytes = make(f, false, 1, 100, 0);
		f[47] = flags[i];
		assert_int_equal(parse(f, bytes).tcp_at, 0);
	}
	uint32_t bytes = make(f, false, 1, 100, 0);
	assert_int_equal(segment_read(f, 53, bytes).tcp_at, 0); /* the headers are not whole */
	assert_int_equal(segment_read(f, 10, bytes).tcp_at, 0);
	assert_int_equal(parse(f, bytes + 1).tcp_at, 0); /* padding */
	assert_int_equal(parse(f, make(f, false, 1, 0, 0)).tcp_at, 0); /* no data */
	make(f, false, 1, 100, 0);
	f[46] = 0x40; /* a header shorter than there is */
	assert_int_equal(parse(f, bytes).tcp_at, 0);
	f[46] = 0xf0; /* and one that is longer than what is at hand */
	assert_int_equal(segment_read(f, 60, bytes).tcp_at, 0);
	make(f, false, 1, 100, 0);
	put16(f + 20, 0x2000); /* a fragment */
	assert_int_equal(parse(f, bytes).tcp_at, 0);
	make(f, false, 1, 100, 0);
	f[14] = 0x46; /* IP's options */
	assert_int_equal(parse(f, bytes).tcp_at, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_that_follow_are_joined),
		cmocka_unit_test(long_ones_are_joined),
		cmocka_unit_test(others_are_not),
		cmocka_unit_test(what_is_no_plain_segment),
	};
	return cmocka_run_group_tests_name("join", tests, NULL, NULL);
}
