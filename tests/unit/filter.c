/* SPDX-License-Identifier: MIT */
/*
 * Socket filters: programs as libpcap makes them, what the check refuses, and random programs. A random program that passes the check is run
 * beside a second machine, written another way, that ends the test where a program leaves itself, reads a word that it has not written, or goes on
 * for longer than it is; reads behind the packet are found by the packet's own reader and by the sanitizer.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "guest-kernel/socket/filter.h"
#include "kernel/random.h"

#define CODE(...) ((const struct filter_instruction[]){ __VA_ARGS__ })
#define LENGTH(code) (sizeof(code) / sizeof((code)[0]))
#define OWN 0xfffff000u
#define NETWORK 0xfff00000u
#define LINK 0xffe00000u

static const uint8_t *packet_data; /* malloc'ed, so that it ends where it ends */
static uint32_t packet_bytes;
static uint64_t state = 88172645463325252u;

void random_bytes(void *buffer, size_t bytes)
{
	memset(buffer, 0x5a, bytes);
}

static uint32_t any(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

static void packet_read(const void *from, uint32_t at, void *to, uint32_t bytes)
{
	assert_true(bytes && at < packet_bytes && bytes <= packet_bytes - at);
	memcpy(to, (const uint8_t *)from + at, bytes);
}

static struct filter_packet packet_of(uint32_t base)
{
	return (struct filter_packet){ .read = packet_read, .from = packet_data, .base = base, .end = packet_bytes, .network = 14, .protocol = 0x800,
		.hardware = 1, .kind = 4, .interface = 2, .mark = 7 };
}

static int check(const struct filter_instruction *code, uint32_t length)
{
	uint16_t *written = malloc((length ? length : 1) * sizeof(*written));
	int error = filter_check(code, length, written);
	free(written);
	return error;
}

static void packet_set(const void *data, uint32_t bytes)
{
	uint8_t *copy = malloc(bytes ? bytes : 1);
	memcpy(copy, data, bytes);
	free((void *)(uintptr_t)packet_data);
	packet_data = copy;
	packet_bytes = bytes;
}

static uint32_t run(const struct filter_instruction *code, uint32_t length)
{
	struct filter_packet p = packet_of(0);
	assert_int_equal(check(code, length), 0);
	return filter_run(code, &p);
}
#define RUN(...) run(CODE(__VA_ARGS__), LENGTH(CODE(__VA_ARGS__)))

/* ---- programs that are known ---- */

/* "udp dst port 53", as libpcap makes it for Ethernet. */
static const struct filter_instruction port_53[] = {
	{ 0x28, 0, 0, 12 }, { 0x15, 0, 4, 0x86dd }, { 0x30, 0, 0, 20 }, { 0x15, 0, 11, 17 }, { 0x28, 0, 0, 56 }, { 0x15, 8, 9, 53 }, { 0x15, 0, 8, 0x800 },
	{ 0x30, 0, 0, 23 }, { 0x15, 0, 6, 17 }, { 0x28, 0, 0, 20 }, { 0x45, 4, 0, 0x1fff }, { 0xb1, 0, 0, 14 }, { 0x48, 0, 0, 16 }, { 0x15, 0, 1, 53 },
	{ 6, 0, 0, 262144 }, { 6, 0, 0, 0 },
};

static void a_port_is_found(void **unused)
{
	uint8_t frame[64] = { [12] = 8, [14] = 0x46, [23] = 17, [14 + 24 + 3] = 53 }; /* an IPv4 header with 4 bytes of options */
	packet_set(frame, sizeof(frame));
	assert_int_equal(run(port_53, LENGTH(port_53)), 262144);
	frame[14 + 24 + 3] = 54;
	packet_set(frame, sizeof(frame));
	assert_int_equal(run(port_53, LENGTH(port_53)), 0);
	frame[14 + 24 + 3] = 53;
	frame[21] = 1; /* a fragment */
	packet_set(frame, sizeof(frame));
	assert_int_equal(run(port_53, LENGTH(port_53)), 0);
	frame[21] = 0;
	packet_set(frame, 41); /* cut before the port's end */
	assert_int_equal(run(port_53, LENGTH(port_53)), 0);
	uint8_t six[64] = { [12] = 0x86, [13] = 0xdd, [20] = 17, [57] = 53 };
	packet_set(six, sizeof(six));
	assert_int_equal(run(port_53, LENGTH(port_53)), 262144);
}

static void each_operation(void **unused)
{
	packet_set("\x01\x02\x03\x04\x85\xff", 6);
	assert_int_equal(RUN({ 0x20, 0, 0, 0 }, { 0x16, 0, 0, 0 }), 0x01020304);
	assert_int_equal(RUN({ 0x28, 0, 0, 1 }, { 0x16, 0, 0, 0 }), 0x0203);
	assert_int_equal(RUN({ 0x30, 0, 0, 5 }, { 0x16, 0, 0, 0 }), 0xff);
	assert_int_equal(RUN({ 0x30, 0, 0, 6 }, { 6, 0, 0, 1 }), 0);
	assert_int_equal(RUN({ 0x20, 0, 0, 3 }, { 6, 0, 0, 1 }), 0);
	assert_int_equal(RUN({ 0x80, 0, 0, 0 }, { 0x16, 0, 0, 0 }), 6);
	assert_int_equal(RUN({ 0x81, 0, 0, 0 }, { 0x87, 0, 0, 0 }, { 0x16, 0, 0, 0 }), 6);
	assert_int_equal(RUN({ 0xb1, 0, 0, 4 }, { 0x87, 0, 0, 0 }, { 0x16, 0, 0, 0 }), 20);
	assert_int_equal(RUN({ 1, 0, 0, 3 }, { 0x50, 0, 0, 1 }, { 0x16, 0, 0, 0 }), 0x85);
	assert_int_equal(RUN({ 1, 0, 0, 0xfffffffe }, { 0x50, 0, 0, 3 }, { 0x16, 0, 0, 0 }), 2);
	assert_int_equal(RUN({ 1, 0, 0, 0xffffffff }, { 0x50, 0, 0, 0 }, { 6, 0, 0, 1 }), 0);
	assert_int_equal(RUN({ 0, 0, 0, 9 }, { 2, 0, 0, 15 }, { 0, 0, 0, 1 }, { 0x60, 0, 0, 15 }, { 0x16, 0, 0, 0 }), 9);
	assert_int_equal(RUN({ 1, 0, 0, 9 }, { 3, 0, 0, 0 }, { 0x61, 0, 0, 0 }, { 0x87, 0, 0, 0 }, { 0x16, 0, 0, 0 }), 9);
	assert_int_equal(RUN({ 0, 0, 0, 5 }, { 0x84, 0, 0, 0 }, { 0x16, 0, 0, 0 }), (uint32_t)-5);
	assert_int_equal(RUN({ 0, 0, 0, 17 }, { 0x94, 0, 0, 5 }, { 0xa4, 0, 0, 8 }, { 0x16, 0, 0, 0 }), 10);
	assert_int_equal(RUN({ 0, 0, 0, 17 }, { 0x3c, 0, 0, 0 }, { 6, 0, 0, 1 }), 0); /* divided by X, which is nothing */
	assert_int_equal(RUN({ 0, 0, 0, 17 }, { 0x9c, 0, 0, 0 }, { 6, 0, 0, 1 }), 0);
	assert_int_equal(RUN({ 1, 0, 0, 33 }, { 0, 0, 0, 1 }, { 0x6c, 0, 0, 0 }, { 0x16, 0, 0, 0 }), 2);
	assert_int_equal(RUN({ 5, 0, 0, 1 }, { 6, 0, 0, 1 }, { 6, 0, 0, 2 }), 2);
}

static void what_is_not_in_the_packet(void **unused)
{
	packet_set("ddddddssssss\x08\0abcdef", 20);
	assert_int_equal(RUN({ 0x28, 0, 0, OWN }, { 0x16, 0, 0, 0 }), 0x800);
	assert_int_equal(RUN({ 0x20, 0, 0, OWN + 4 }, { 0x16, 0, 0, 0 }), 4);
	assert_int_equal(RUN({ 0x20, 0, 0, OWN + 8 }, { 0x16, 0, 0, 0 }), 2);
	assert_int_equal(RUN({ 0x20, 0, 0, OWN + 20 }, { 0x16, 0, 0, 0 }), 7);
	assert_int_equal(RUN({ 0x20, 0, 0, OWN + 28 }, { 0x16, 0, 0, 0 }), 1);
	assert_int_equal(RUN({ 0x30, 0, 0, OWN + 48 }, { 6, 0, 0, 1 }), 1);
	assert_int_equal(RUN({ 0, 0, 0, 6 }, { 1, 0, 0, 3 }, { 0x20, 0, 0, OWN + 40 }, { 0x16, 0, 0, 0 }), 5);
	assert_int_equal(RUN({ 0x20, 0, 0, OWN + 56 }, { 0x16, 0, 0, 0 }), 0x5a5a5a5a);
	assert_int_equal(RUN({ 0x30, 0, 0, NETWORK }, { 0x16, 0, 0, 0 }), 'a');
	assert_int_equal(RUN({ 0x30, 0, 0, LINK + 6 }, { 0x16, 0, 0, 0 }), 's');
	assert_int_equal(RUN({ 0x30, 0, 0, NETWORK + 6 }, { 6, 0, 0, 1 }), 0);
	assert_int_equal(RUN({ 0x30, 0, 0, LINK - 1 }, { 6, 0, 0, 1 }), 0);
	/* At the network header, as a socket of SOCK_DGRAM sees it: the link header is still there. */
	struct filter_packet p = packet_of(14);
	assert_int_equal(filter_run(CODE({ 0x30, 0, 0, 1 }, { 0x16, 0, 0, 0 }), &p), 'b');
	assert_int_equal(filter_run(CODE({ 0x80, 0, 0, 0 }, { 0x16, 0, 0, 0 }), &p), 6);
	assert_int_equal(filter_run(CODE({ 0x30, 0, 0, LINK + 0 }, { 0x16, 0, 0, 0 }), &p), 'd');
	p.network = p.link = UINT32_MAX; /* there is none */
	assert_int_equal(filter_run(CODE({ 0x30, 0, 0, LINK }, { 6, 0, 0, 1 }), &p), 0);
	assert_int_equal(filter_run(CODE({ 0x30, 0, 0, NETWORK + 4 }, { 6, 0, 0, 1 }), &p), 0);
}

static void what_the_check_refuses(void **unused)
{
	static const struct filter_instruction wrong[] = {
		{ 7 | 0x10, 0, 0, 0 }, { 6 | 8, 0, 0, 0 }, { 0x100, 0, 0, 0 }, { 0x106, 0, 0, 0 }, { 0x38, 0, 0, 0 }, { 0x60, 0, 0, 16 }, { 0x61, 0, 0, 16 },
		{ 2, 0, 0, 16 }, { 3, 0, 0, 0xffffffff }, { 0x0a, 0, 0, 0 }, { 0x34, 0, 0, 0 }, { 0x94, 0, 0, 0 }, { 0x64, 0, 0, 32 }, { 0x74, 0, 0, 32 },
		{ 0xb4, 0, 0, 1 }, { 0x8c, 0, 0, 1 }, { 0x20, 0, 0, OWN + 1 }, { 0x20, 0, 0, OWN + 12 }, { 0x20, 0, 0, 0xffffffff }, { 0xa0, 0, 0, 0 },
		{ 0xa1, 0, 0, 0 }, { 0x21, 0, 0, 0 }, { 0x51, 0, 0, 0 }, { 0x08, 0, 0, 0 }, { 5, 0, 0, 1 }, { 5, 0, 0, 0xffffffff }, { 0x15, 1, 0, 0 },
		{ 0x15, 0, 1, 0 }, { 0x55, 0, 0, 0 }, { 0x60, 0, 0, 0 }, { 0x61, 0, 0, 15 }, { 0xc0, 0, 0, 0 }, { 0xe0, 0, 0, 0 },
	};
	for (unsigned i = 0; i < LENGTH(wrong); i++) {
		const struct filter_instruction code[] = { wrong[i], { 6, 0, 0, 0 } };
		if (check(code, 2) != -EINVAL) {
			fail_msg("instruction %x, %u is taken", wrong[i].code, i);
		}
	}
	assert_int_equal(check(CODE({ 6, 0, 0, 0 }), 0), -EINVAL);
	assert_int_equal(check(CODE({ 0, 0, 0, 0 }), 1), -EINVAL); /* it does not return */
	assert_int_equal(check(CODE({ 5, 0, 0, 0 }, { 5, 0, 0, 0 }), 2), -EINVAL);
	/* Memory that only one of two ways has written. */
	assert_int_equal(check(CODE({ 0x15, 1, 0, 0 }, { 2, 0, 0, 3 }, { 0x60, 0, 0, 3 }, { 6, 0, 0, 0 }), 4), -EINVAL);
	assert_int_equal(check(CODE({ 0x15, 1, 0, 0 }, { 5, 0, 0, 1 }, { 2, 0, 0, 3 }, { 2, 0, 0, 3 }, { 0x60, 0, 0, 3 }, { 6, 0, 0, 0 }), 6), 0);
	assert_int_equal(check(CODE({ 5, 0, 0, 1 }, { 2, 0, 0, 3 }, { 0x60, 0, 0, 3 }, { 6, 0, 0, 0 }), 4), -EINVAL);
	/* The longest one. */
	struct filter_instruction *longest = calloc(FILTER_LENGTH_MAX + 1, sizeof(*longest));
	longest[FILTER_LENGTH_MAX - 1].code = longest[FILTER_LENGTH_MAX].code = 6;
	assert_int_equal(check(longest, FILTER_LENGTH_MAX), 0);
	assert_int_equal(check(longest, FILTER_LENGTH_MAX + 1), -EINVAL);
	free(longest);
}

/* ---- random ones, beside another machine ---- */

struct reference {
	uint64_t a, x, words[16];
	bool written[16];
};

/* A number of `bytes` at an offset as Linux counts them; false: outside. */
static bool reference_load(uint32_t base, uint32_t offset, unsigned bytes, uint64_t *out)
{
	int64_t at = (int32_t)offset, from = at >= 0 ? base + at : at >= -0x100000 ? 14 + at + 0x100000 : at >= -0x200000 ? at + 0x200000 : -1;
	if (from < 0 || from + bytes > packet_bytes) {
		return false;
	}
	for (*out = 0; bytes--; from++) {
		*out = *out << 8 | packet_data[from];
	}
	return true;
}

static uint64_t reference_own(const struct reference *r, uint32_t what)
{
	static const uint32_t told[16] = { [0] = 0x800, [1] = 4, [2] = 2, [5] = 7, [7] = 1, [14] = 0x5a5a5a5a };
	return what == 40 ? r->a ^ r->x : told[what / 4];
}

static uint32_t reference_operate(uint32_t a, unsigned operation, uint32_t by)
{
	switch (operation >> 4) {
	case 0: return a + by;
	case 1: return a - by;
	case 2: return a * by;
	case 3: return a / by;
	case 4: return a | by;
	case 5: return a & by;
	case 6: return a << (by % 32);
	case 7: return a >> (by % 32);
	case 8: return -a;
	case 9: return a % by;
	default: return a ^ by;
	}
}

static uint32_t reference_run(const struct filter_instruction *code, uint32_t length, uint32_t base)
{
	struct reference r = { 0 };
	uint32_t at = 0;
	for (uint32_t steps = 0;; steps++) {
		assert_true(at < length && steps < length);
		struct filter_instruction i = code[at++];
		unsigned bytes = (i.code & 0x18) == 0 ? 4 : (i.code & 0x18) == 8 ? 2 : 1;
		uint64_t value = 0, by = i.code & 8 ? r.x : i.k;
		switch (i.code) {
		case 0x20: case 0x28: case 0x30:
			if (i.k >= OWN) {
				r.a = reference_own(&r, i.k - OWN);
			} else if (!reference_load(base, i.k, bytes, &r.a)) {
				return 0;
			}
			break;
		case 0x40: case 0x48: case 0x50:
			if (!reference_load(base, (uint32_t)(r.x + i.k), bytes, &r.a)) {
				return 0;
			}
			break;
		case 0xb1:
			if (!reference_load(base, i.k, 1, &value)) {
				return 0;
			}
			r.x = value % 16 * 4;
			break;
		case 0x00: r.a = i.k; break;
		case 0x01: r.x = i.k; break;
		case 0x80: r.a = packet_bytes - base; break;
		case 0x81: r.x = packet_bytes - base; break;
		case 0x60: case 0x61:
			assert_true(i.k < 16 && r.written[i.k]);
			*(i.code & 1 ? &r.x : &r.a) = r.words[i.k];
			break;
		case 0x02: case 0x03:
			assert_true(i.k < 16);
			r.words[i.k] = i.code & 1 ? r.x : r.a;
			r.written[i.k] = true;
			break;
		case 0x05: at += i.k; break;
		case 0x15: case 0x1d: at += r.a == by ? i.if_true : i.if_false; break;
		case 0x25: case 0x2d: at += r.a > by ? i.if_true : i.if_false; break;
		case 0x35: case 0x3d: at += r.a >= by ? i.if_true : i.if_false; break;
		case 0x45: case 0x4d: at += r.a & by ? i.if_true : i.if_false; break;
		case 0x06: return i.k;
		case 0x16: return (uint32_t)r.a;
		case 0x07: r.x = r.a; break;
		case 0x87: r.a = r.x; break;
		default:
			assert_int_equal(i.code & 7, 4);
			if (((i.code & 0xf0) == 0x30 || (i.code & 0xf0) == 0x90) && !by) {
				assert_true(i.code & 8); /* nothing but X may be 0 */
				return 0;
			}
			r.a = reference_operate((uint32_t)r.a, i.code & 0xf0, (uint32_t)by);
			break;
		}
	}
}

/* A number as programs have them: small, at an edge, of Linux's own offsets, or any. */
static uint32_t some_number(void)
{
	static const uint32_t edges[] = { 0, 15, 16, 31, 32, 0x7fffffff, 0x80000000, LINK - 1, LINK, LINK + 13, NETWORK - 1, NETWORK, OWN - 1, OWN, OWN + 4,
		OWN + 8, OWN + 40, OWN + 44, OWN + 60, OWN + 64, 0xffffffff };
	unsigned which = any() % 8;
	return which < 5 ? any() % 24 : which < 7 ? edges[any() % LENGTH(edges)] : any();
}

static void some_program(struct filter_instruction *code, uint32_t length, bool wild)
{
	static const uint16_t codes[] = { 0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0xb1, 0, 1, 0x80, 0x81, 0x60, 0x61, 2, 3, 2, 3, 2, 3, 5, 0x15, 0x1d, 0x25, 0x2d,
		0x35, 0x3d, 0x45, 0x4d, 0x07, 0x87, 0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x64, 0x6c, 0x74, 0x7c, 0x84,
		0x94, 0x9c, 0xa4, 0xac, 6, 0x16 };
	for (uint32_t at = 0; at < length; at++) {
		struct filter_instruction *i = &code[at];
		*i = (struct filter_instruction){ codes[any() % LENGTH(codes)], (uint8_t)(any() % 4), (uint8_t)(any() % 4), some_number() };
		if (wild && any() % 8 == 0) {
			*i = (struct filter_instruction){ (uint16_t)(any() % (any() % 4 ? 256 : 65536)), (uint8_t)any(), (uint8_t)any(), any() };
		}
		if (!wild && i->code == 5) {
			i->k %= 4;
		}
	}
	if (!wild || any() % 4) {
		code[length - 1].code = any() % 2 ? 6 : 0x16;
	}
}

static void random_programs(void **unused)
{
	struct filter_instruction code[64];
	uint8_t data[64];
	unsigned taken = 0, refused = 0, wanted = 0;
	for (unsigned round = 0; round < 400000; round++) {
		uint32_t length = 1 + any() % (round % 8 ? 12 : 64), bytes = 14 + any() % 50, base = any() % 2 ? 14 : 0;
		some_program(code, length, round % 2);
		if (check(code, length)) {
			refused++;
			continue;
		}
		for (uint32_t b = 0; b < bytes; b++) {
			data[b] = (uint8_t)(any() % 4 ? any() % 20 : any());
		}
		packet_set(data, bytes);
		struct filter_packet p = packet_of(base);
		uint32_t result = filter_run(code, &p);
		assert_int_equal(result, reference_run(code, length, base));
		taken++;
		wanted += result != 0;
	}
	assert_true(taken > 20000 && refused > 20000 && wanted > 5000);
}

/* Whatever is in the instructions, the check reads nothing behind them and writes nothing behind its words. */
static void rubbish(void **unused)
{
	for (unsigned round = 0; round < 50000; round++) {
		uint32_t length = 1 + any() % 20;
		struct filter_instruction *code = malloc(length * sizeof(*code));
		for (uint32_t at = 0; at < length; at++) {
			code[at] = (struct filter_instruction){ (uint16_t)any(), (uint8_t)any(), (uint8_t)any(), any() };
		}
		code[length - 1].code = 6;
		(void)check(code, length);
		free(code);
	}
}

static int end(void **unused)
{
	free((void *)(uintptr_t)packet_data);
	packet_data = NULL;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_port_is_found, end),
		cmocka_unit_test_teardown(each_operation, end),
		cmocka_unit_test_teardown(what_is_not_in_the_packet, end),
		cmocka_unit_test(what_the_check_refuses),
		cmocka_unit_test_teardown(random_programs, end),
		cmocka_unit_test(rubbish),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
