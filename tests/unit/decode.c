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
	uint8_t length, width, reg, reg_width;
	bool write, immediate, high, only_32;
	uint64_t value;
};

static const struct expected table[] = {
	{ "mov [rax], ecx", { 0x89, 0x08 }, 2, 4, 1, 4, .write = true },
	{ "mov [rdi + 0x50], esi", { 0x89, 0x77, 0x50 }, 3, 4, 6, 4, .write = true },
	{ "mov ecx, [rax]", { 0x8b, 0x08 }, 2, 4, 1, 4, .write = false },
	{ "mov r9d, [r10 + r11 * 4 + 0x12345678]", { 0x47, 0x8b, 0x8c, 0x9a, 0x78, 0x56, 0x34, 0x12 }, 8, 4, 9, 4, .write = false },
	{ "mov rax, [rip + 0x10]", { 0x48, 0x8b, 0x05, 0x10, 0, 0, 0 }, 7, 8, 0, 8, .write = false },
	{ "mov rax, [0x1000] (sib, no base)", { 0x48, 0x8b, 0x04, 0x25, 0, 0x10, 0, 0 }, 8, 8, 0, 8, .write = false },
	{ "mov ax, [rbx]", { 0x66, 0x8b, 0x03 }, 3, 2, 0, 2, .write = false },
	{ "mov [rbx], ah", { 0x88, 0x23 }, 2, 1, 0, 1, .write = true, .high = true },
	{ "mov [rbx], spl", { 0x40, 0x88, 0x23 }, 3, 1, 4, 1, .write = true },
	{ "mov bl, [rsp + 8]", { 0x8a, 0x5c, 0x24, 0x08 }, 4, 1, 3, 1, .write = false },
	{ "mov dword [rax + 4], 0x11223344", { 0xc7, 0x40, 0x04, 0x44, 0x33, 0x22, 0x11 }, 7, 4, 0, 4, .write = true, .immediate = true, .value = 0x11223344 },
	{ "mov word [rax], 0x1122", { 0x66, 0xc7, 0x00, 0x22, 0x11 }, 5, 2, 0, 2, .write = true, .immediate = true, .value = 0x1122 },
	{ "mov byte [rax], 5", { 0xc6, 0x00, 0x05 }, 3, 1, 0, 1, .write = true, .immediate = true, .value = 5 },
	{ "mov qword [rax], -1", { 0x48, 0xc7, 0x00, 0xff, 0xff, 0xff, 0xff }, 7, 8, 0, 8, .write = true, .immediate = true, .value = ~0ull },
	{ "movzx eax, byte [rcx]", { 0x0f, 0xb6, 0x01 }, 3, 1, 0, 4, .write = false },
	{ "movzx r8, word [rcx]", { 0x4c, 0x0f, 0xb7, 0x01 }, 4, 2, 8, 8, .write = false },
	{ "mov ds:[eax], ecx", { 0x3e, 0x89, 0x08 }, 3, 4, 1, 4, .write = true },
	{ "mov [0xfed80050], ecx (32-bit code)", { 0x89, 0x0d, 0x50, 0, 0xd8, 0xfe }, 6, 4, 1, 4, .write = true, .only_32 = true },
};

static void check(const struct expected *e, bool long_mode)
{
	struct mmio_access a;
	if (mmio_decode(e->code, sizeof(e->code), long_mode, &a) != 0) {
		fail_msg("%s is refused", e->text);
	}
	if (a.length != e->length || a.width != e->width || a.reg_width != e->reg_width || a.write != e->write ||
	    a.immediate != e->immediate || (!e->immediate && (a.reg != e->reg || a.high != e->high)) ||
	    (e->immediate && a.value != e->value)) {
		fail_msg("%s: length %u width %u reg %u value %llx", e->text, a.length, a.width, a.reg, (unsigned long long)a.value);
	}
	for (size_t cut = 0; cut < e->length; cut++) {
		uint8_t *exact = malloc(cut + 1); /* the sanitizer sees a byte too many */
		memcpy(exact, e->code, cut);
		exact = realloc(exact, cut ? cut : 1);
		assert_int_equal(mmio_decode(exact, cut, long_mode, &a), -EAGAIN);
		free(exact);
	}
}

static void moves_are_understood(void **state)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		check(&table[i], !table[i].only_32);
	}
	check(&table[0], false);
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
		{ 0x48, 0x66, 0x89, 0x08 }, /* REX before a prefix is none of ours */
	};
	struct mmio_access a;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		uint8_t code[15] = { 0 };
		memcpy(code, refused[i], sizeof(refused[i]));
		assert_int_equal(mmio_decode(code, sizeof(code), true, &a), -EINVAL);
	}
	const uint8_t prefixes[15] = { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66 };
	assert_int_equal(mmio_decode(prefixes, sizeof(prefixes), true, &a), -EINVAL);
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
		if (mmio_decode(code, sizeof(code), i & 1, &a) == 0) {
			assert_in_range(a.length, 2, 15);
			assert_in_range(a.reg, 0, 15);
			assert_true(a.width == 1 || a.width == 2 || a.width == 4 || a.width == 8);
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
