/* SPDX-License-Identifier: MIT */
/* The MMIO decoder against encodings as an assembler writes them, every cut, and noise. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "abi/errno.h"
#include "hv/decode.h"

struct expected {
	const char *text;
	uint8_t code[15];
	uint8_t length, width, reg;
	bool write, immediate;
	uint32_t value;
};

static const struct expected table[] = {
	{ "mov [rax], ecx", { 0x89, 0x08 }, 2, 4, 1, .write = true },
	{ "mov [rdi + 0x50], esi", { 0x89, 0x77, 0x50 }, 3, 4, 6, .write = true },
	{ "mov ecx, [rax]", { 0x8b, 0x08 }, 2, 4, 1, .write = false },
	{ "mov r9d, [r10 + r11 * 4 + 0x12345678]", { 0x47, 0x8b, 0x8c, 0x9a, 0x78, 0x56, 0x34, 0x12 }, 8, 4, 9, .write = false },
	{ "mov eax, [rip + 0x10]", { 0x8b, 0x05, 0x10, 0, 0, 0 }, 6, 4, 0, .write = false },
	{ "mov eax, [0x1000] (sib, no base)", { 0x8b, 0x04, 0x25, 0, 0x10, 0, 0 }, 7, 4, 0, .write = false },
	{ "mov ebx, [rsp + 8]", { 0x8b, 0x5c, 0x24, 0x08 }, 4, 4, 3, .write = false },
	{ "mov [rbp], r15d", { 0x44, 0x89, 0x7d, 0x00 }, 4, 4, 15, .write = true },
	{ "mov dword [rax + 4], 0x11223344", { 0xc7, 0x40, 0x04, 0x44, 0x33, 0x22, 0x11 }, 7, 4, 0, .write = true, .immediate = true,
	  .value = 0x11223344 },
	{ "mov dword [r8 + r9 + 0x100], -1", { 0x43, 0xc7, 0x84, 0x08, 0, 1, 0, 0, 0xff, 0xff, 0xff, 0xff }, 12, 4, 0, .write = true,
	  .immediate = true, .value = ~0u },
	{ "movzx eax, byte [rcx]", { 0x0f, 0xb6, 0x01 }, 3, 1, 0, .write = false },
	{ "movzx r8d, byte [rcx]", { 0x44, 0x0f, 0xb6, 0x01 }, 4, 1, 8, .write = false },
};

static void check(const struct expected *e)
{
	struct mmio_access a;
	if (mmio_decode(e->code, sizeof(e->code), &a) != 0) {
		fail_msg("%s is refused", e->text);
	}
	if (a.length != e->length || a.width != e->width || a.write != e->write || a.immediate != e->immediate ||
	    (!e->immediate && a.reg != e->reg) || (e->immediate && a.value != e->value)) {
		fail_msg("%s: length %u width %u reg %u value %x", e->text, a.length, a.width, a.reg, a.value);
	}
	for (size_t cut = 0; cut < e->length; cut++) {
		uint8_t *exact = malloc(cut + 1); /* the sanitizer sees a byte too many */
		memcpy(exact, e->code, cut);
		exact = realloc(exact, cut ? cut : 1);
		assert_int_equal(mmio_decode(exact, cut, &a), -EINVAL);
		free(exact);
	}
}

static void moves_are_understood(void **state)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		check(&table[i]);
	}
}

static void the_rest_is_refused(void **state)
{
	static const uint8_t refused[][4] = {
		{ 0x01, 0x08 }, /* add [rax], ecx */
		{ 0x89, 0xc8 }, /* mov eax, ecx: no memory */
		{ 0xc7, 0x48, 0x00, 0x00 }, /* C7 /1 */
		{ 0x0f, 0xbe, 0x01 }, /* movsx */
		{ 0xf3, 0xa5 }, /* rep movsd */
		{ 0x0f, 0x89 }, /* a two-byte 89 is a jump */
		{ 0x48, 0x8b, 0x08 }, /* 64 bits */
		{ 0x66, 0x8b, 0x08 }, /* 16 bits */
		{ 0x88, 0x08 }, /* a byte's write */
		{ 0x48, 0x66, 0x89, 0x08 }, /* REX before a prefix is none of ours */
	};
	struct mmio_access a;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		uint8_t code[15] = { 0 };
		memcpy(code, refused[i], sizeof(refused[i]));
		assert_int_equal(mmio_decode(code, sizeof(code), &a), -EINVAL);
	}
	const uint8_t prefixes[15] = { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66 };
	assert_int_equal(mmio_decode(prefixes, sizeof(prefixes), &a), -EINVAL);
}

static void noise_stays_inside(void **state)
{
	struct mmio_access a;
	srand(11);
	for (unsigned i = 0; i < 300000; i++) {
		uint8_t code[15];
		for (unsigned b = 0; b < sizeof(code); b++) {
			code[b] = (uint8_t)rand();
		}
		if (mmio_decode(code, sizeof(code), &a) == 0) {
			assert_in_range(a.length, 2, 15);
			assert_in_range(a.reg, 0, 15);
			assert_true(a.width == 1 || a.width == 4);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moves_are_understood), cmocka_unit_test(the_rest_is_refused), cmocka_unit_test(noise_stays_inside),
	};
	return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}
