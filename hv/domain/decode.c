/* SPDX-License-Identifier: MIT */
/*
 * See decode.h. REX, opcode, ModRM, SIB, displacement, immediate: APM vol. 3, 1.2 to 1.5. The effective address is
 * not computed: the nested fault has told it. What is behind the bytes given reads as zeroes, and the length then
 * gives the cut away.
 */
#include "hv/decode.h"

#include "abi/errno.h"
#include "base/string.h"

#define REX_W 8u
#define REX_R 4u

static const struct form {
	uint16_t opcode;
	struct mmio_access access;
} forms[] = {
	{ 0x89, { .width = 4, .write = true } },
	{ 0x8b, { .width = 4 } },
	{ 0xc7, { .width = 4, .write = true, .immediate = true } },
	{ 0x0fb6, { .width = 1 } },
};

/* Bytes of a memory operand's ModRM, SIB and displacement. 0: no memory operand. */
static unsigned operand_length(const uint8_t *modrm)
{
	unsigned mod = modrm[0] >> 6, rm = modrm[0] & 7;
	bool sib = rm == 4;
	bool wide = mod == 2 || (mod == 0 && (rm == 5 || (sib && (modrm[1] & 7) == 5)));
	return mod == 3 ? 0 : 1 + sib + (wide ? 4 : mod);
}

int mmio_decode(const uint8_t *code, size_t bytes, struct mmio_access *out)
{
	uint8_t all[DECODE_MAX + 1] = { 0 };
	memcpy(all, code, bytes < DECODE_MAX ? bytes : DECODE_MAX);
	const uint8_t *at = all;
	uint8_t rex = (*at & 0xf0) == 0x40 ? *at++ : 0;
	uint16_t opcode = *at++;
	if (opcode == 0x0f) {
		opcode = (uint16_t)(0x0f00 | *at++);
	}
	for (const struct form *f = forms; f < forms + sizeof(forms) / sizeof(forms[0]); f++) {
		unsigned operand = operand_length(at);
		if (f->opcode != opcode || operand == 0 || (rex & REX_W)) {
			continue;
		}
		*out = f->access;
		out->reg = (uint8_t)((*at >> 3 & 7) | (rex & REX_R ? 8 : 0));
		at += operand;
		if (out->immediate) {
			memcpy(&out->value, at, sizeof(out->value));
			at += sizeof(out->value);
		}
		out->length = (uint8_t)(at - all);
		return out->length > bytes || (out->immediate && (out->reg & 7)) ? -EINVAL : 0; /* C7 has /0 only */
	}
	return -EINVAL;
}
